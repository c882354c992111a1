"""Compares the page's types of the server's messages (crates/raa-server/web-types/api.d.ts) with the server's description.

Both directions: the page's types have nothing that the server does not describe, and leave nothing out but what UNREAD names.
RAA_SERVER is the server's program.
"""

import re
import unittest
from pathlib import Path

from conformance_test import Server

TYPES = Path(__file__).resolve().parents[2] / "crates/raa-server/web-types/api.d.ts"

# The schema of each shape. Shapes that the page sends may be narrower than what the server takes.
RECEIVED = {
    "By": "By", "ClientRow": "ClientRow", "GroupRow": "GroupRow", "WallRow": "WallRow", "RefusedRow": "RefusedRow", "ServerRow": "ServerRow",
    "WholeMessage": "WholeMessage", "ChangesMessage": "ChangesMessage", "LevelsMessage": "LevelsMessage", "LogMessage": "LogMessage",
    "AllPeaksMessage": "AllPeaksMessage", "PeaksMessage": "PeaksMessage", "EntryOf": "Entry", "LogBody": "LogBody", "Group": "GroupBody",
    "Groups": "GroupsBody", "Stats": "StatsBody", "ClientBody": "ClientBody", "ChangedClient": "ChangedClientBody", "ErrorBody": "ErrorBody",
    "ErrorDetail": "ErrorDetail",
}
SENT = {"PageMessage": "PageMessage", "GroupPut": "GroupPut", "ClientPatch": "ClientPatch"}
# Shapes that are part of others.
PARTS = {"ClientSettings", "MuteState"}
# Fields that the server sends and the page does not read.
UNREAD = {
    "ClientBody": {"capture_trouble", "conflict", "group", "last_sound", "last_sound_at", "last_sound_ms_ago", "level", "muted_by", "muted_since",
                   "muted_until", "place", "ssrc", "steady", "volume_by", "volume_since", "withheld"},
    "Stats": {"over_budget"},
}
UNREAD["ChangedClient"] = UNREAD["ClientBody"]
# How a field is written in a shape with parameters.
PARAMETERS = {"Value": "unknown", "G[]": "Group[]"}


class Types:
    """The interfaces and aliases of a declaration file, as far as api.d.ts uses the language."""

    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
        self.aliases = {name: " ".join(body.split()) for name, body in re.findall(r"^  type (\w+) =(.*?);$", text, re.M | re.S)}
        self.interfaces, self.parents = {}, {}
        for name, parent, body in re.findall(r"^  interface (\w+)(?:<[^>]*>)?(?: extends (\w+))? \{\n(.*?)^  \}", text, re.M | re.S):
            self.parents[name] = parent
            self.interfaces[name] = {field: (bool(mark), " ".join(kind.split())) for field, mark, kind in re.findall(r"^    (\w+)(\?)?: (.*?);$", body, re.M | re.S)}

    def fields(self, name):
        """Returns the fields of an interface with those that it inherits: name to (optional, type)."""
        parent = self.parents[name]
        return {**(self.fields(parent) if parent else {}), **self.interfaces[name]}

    def alternatives(self, kind):
        """Returns the alternatives of a type, in the form of Schemas.alternatives."""
        if kind == "Kind":
            return set(re.findall(r"'\w+'", self.aliases["Entry"]))
        if kind == "Entry":
            return {kind}
        kind = {**PARAMETERS, **self.aliases}.get(kind, kind)
        if kind.endswith("[]"):
            return {("array", frozenset(self.alternatives(kind[:-2].strip("()"))))}
        if found := re.fullmatch(r"\[(\w+), \1\]", kind):
            return {("array", frozenset(self.alternatives(found[1])))}
        if found := re.fullmatch(r"Record<string, (.*)>", kind):
            return {("map", frozenset(self.alternatives(found[1])))}
        if "Partial<" in kind or kind.startswith("{"):
            return {"object"}
        parts = [part.strip() for part in kind.split("|")]
        return set().union(*map(self.alternatives, parts)) if len(parts) > 1 else {kind}


class Schemas:
    """The schemas of a description."""

    def __init__(self, description):
        self.schemas = description["components"]["schemas"]

    def fields(self, name):
        """Returns the fields of an object: name to (required, schema)."""
        return self.own_fields(self.schemas[name])

    def own_fields(self, schema):
        found = {}
        for part in schema.get("allOf", []):
            found |= self.own_fields(self.schemas[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part)
        required = schema.get("required", [])
        return found | {name: (name in required, value) for name, value in schema.get("properties", {}).items()}

    def alternatives(self, schema):
        """Returns the alternatives of a schema, in the words of TypeScript; objects by their schema's name."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            target = self.schemas[name]
            return {f"#{name}"} if "properties" in target or "allOf" in target else self.alternatives(target)
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return set().union(*map(self.alternatives, schema[several]))
        if "enum" in schema:
            return {f"'{value}'" for value in schema["enum"]}
        kinds = schema.get("type", "unknown")
        return {self.one(kind, schema) for kind in ([kinds] if isinstance(kinds, str) else kinds)}

    def one(self, kind, schema):
        if kind == "array":
            return ("array", frozenset(self.alternatives(schema["items"])))
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return ("map", frozenset(self.alternatives(schema["additionalProperties"])))
        return {"integer": "number"}.get(kind, kind)


def without_literals(kinds):
    """Returns the alternatives with literals taken for their types, for where one of the two sides names no values."""
    words = {"true": "boolean", "false": "boolean"}
    return frozenset((kind[0], without_literals(kind[1])) if isinstance(kind, tuple) else "string" if kind.startswith("'") else words.get(kind, kind) for kind in kinds)


def literals(kinds):
    return {kind for kind in kinds if isinstance(kind, str) and kind.startswith("'")}


class Comparison:
    def __init__(self, types, schemas):
        self.types, self.schemas, self.found, self.compared = types, schemas, [], 0

    def shape(self, name, schema_name, is_sent):
        typed, described = self.types.fields(name), self.schemas.fields(schema_name)
        # An optional `false` tells a message without the field from another one that has it.
        typed = {field: value for field, value in typed.items() if field in described or value != (True, "false")}
        for field in sorted(typed.keys() - described.keys()):
            self.found.append(f"{name}.{field} is not in the server's {schema_name}")
        unread = UNREAD.get(name, set())
        for field in sorted(described.keys() - typed.keys() - unread):
            self.found.append(f"{name} lacks {field} of the server's {schema_name}")
        for field in sorted(unread - (described.keys() - typed.keys())):
            self.found.append(f"UNREAD names {name}.{field}, which the server does not send or the page reads")
        for field in sorted(typed.keys() & described.keys()):
            self.compared += 1
            self.field(f"{name}.{field}", *typed[field], *described[field], is_sent)

    def field(self, name, is_optional, kind, is_required, schema, is_sent):
        typed, described = self.types.alternatives(kind), self.schemas.alternatives(schema)
        typed = self.named(typed)
        if is_sent:
            if is_optional and is_required:
                self.found.append(f"{name} is optional; the server requires it")
        elif not (is_optional or is_required or "null" in described):
            self.found.append(f"{name} is always there; the server may leave it out")
        if "unknown" in typed or "unknown" in described or "object" in described:
            return
        narrow, wide = without_literals(typed), without_literals(described)
        if narrow != wide and not (is_sent and narrow < wide):
            self.found.append(f"{name} is {kind}; the server's is {sorted(map(str, described))}")
        elif literals(typed) and literals(described) and literals(typed) != literals(described):
            self.found.append(f"{name} differs in {sorted(literals(typed) ^ literals(described))}")

    def named(self, kinds):
        """Names the schemas of shapes, as Schemas.alternatives does."""
        shapes = {**RECEIVED, **SENT, "Entry": "Entry"}
        return {(kind[0], frozenset(self.named(kind[1]))) if isinstance(kind, tuple) else f"#{shapes[kind]}" if kind in shapes else kind for kind in kinds}


def differences(text, description):
    """Returns the differences, one line each, and how many fields were compared."""
    types = Types(text)
    comparison = Comparison(types, Schemas(description))
    for name in sorted(types.interfaces.keys() ^ ({*RECEIVED, *SENT} | PARTS)):
        comparison.found.append(f"{name} is {'not compared' if name in types.interfaces else 'gone'}")
    for shapes, is_sent in ((RECEIVED, False), (SENT, True)):
        for name in shapes.keys() & types.interfaces.keys():
            comparison.shape(name, shapes[name], is_sent)
    return comparison.found, comparison.compared


class PageTypes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = TYPES.read_text(encoding="utf-8")
        server = Server()
        cls.addClassCleanup(server.stop)
        cls.description = server.description()

    def test_types_are_those_of_the_description(self):
        found, compared = differences(self.text, self.description)
        self.assertEqual(found, [])
        self.assertGreater(compared, 130)

    def test_each_kind_of_difference_is_found(self):
        for before, after, complaint in [
            ("    volume: number;\n    muted", "    loudness: number;\n    muted", "ClientRow.loudness is not in the server's ClientRow"),
            ("    volume: number;\n    muted", "    loudness: number;\n    muted", "ClientRow lacks volume"),
            ("    udp_port?: number;", "    udp_port?: string;", "ServerRow.udp_port is string"),
            ("    group?: number | null;", "    group?: number;", "ClientRow.group is number"),
            ("'good' | 'fair' | 'bad'", "'good' | 'bad'", "quality differs in [\"'fair'\"]"),
            ("'server_stopped', null>", "'server_lost', null>", "EntryOf.kind differs in"),
            ("    gone?: string[];", "    gone: string[];", "ChangesMessage.gone is always there"),
            ("    entries: Entry[];\n    next", "    entries: Group[];\n    next", "LogBody.entries is Group[]"),
            ("    clients: string[];\n  }\n\n  interface Groups", "    clients?: string[];\n  }\n\n  interface Groups", "GroupPut.clients is optional"),
            ("  interface GroupPut {", "  interface NewShape {", "NewShape is not compared"),
            ("    repaired: number;", "    repaired: number;\n    over_budget: number;", "UNREAD names Stats.over_budget"),
        ]:
            with self.subTest(complaint):
                self.assertEqual(self.text.count(before), 1, before)
                found, _ = differences(self.text.replace(before, after), self.description)
                self.assertTrue(any(complaint in line for line in found), found)


if __name__ == "__main__":
    unittest.main()
