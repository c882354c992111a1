"""Writes what a release contains by others: `sbom.py --zig FOLDER --licences FILE --sbom FILE`.

The licences are one text file, in which each text stands once under all components that have it. The SBOM is CycloneDX 1.5
as JSON. Always: both name the same components, and depend on the source alone, not on the time or the computer.
"""

import argparse
import datetime
import json
import os
import re
import uuid
from pathlib import Path

from components import ROOT, all_components

LINE = "=" * 100


def raa_version():
    text = (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    return re.search(r'^version = "([^"]+)"', text, re.MULTILINE)[1]


def licences(components):
    """Returns the file with all licences: a list of the components, then each text with the components that it is for."""
    others = [component for component in components if not component.own]
    users = {}
    for component in others:
        for name, text in component.texts.items():
            # Copies of one text differ in blanks at the ends of lines only.
            body = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
            users.setdefault(body, []).append(f"{component.name} {component.version} ({name})")
    lines = [f"RAA {raa_version()} contains the software listed here. RAA's own licences are in LICENSE-MIT and LICENSE-APACHE.", ""]
    width = max(len(f"{component.name} {component.version}") for component in others)
    for component in others:
        lines.append(f"{component.name} {component.version}".ljust(width) + f"  {component.licence}" + (f"  {component.source}" if component.source else ""))
    for body, names in sorted(users.items(), key=lambda entry: entry[1]):
        lines += ["", LINE, *names, LINE, "", body]
    return "\n".join(lines) + "\n"


def as_cyclonedx(component):
    """Returns a component as CycloneDX describes it."""
    entry = {"type": "library", "bom-ref": component.ref, "name": component.name, "version": component.version, "purl": component.purl, "licenses": [{"expression": component.licence}]}
    if component.licence == "blessing":
        entry["licenses"] = [{"license": {"id": "blessing"}}]
    if component.sha256:
        entry["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.source:
        entry["externalReferences"] = [{"type": "website", "url": component.source}]
    return entry


def sbom(components):
    """Returns the SBOM. Its programs are what RAA consists of; everything else is below them."""
    version = raa_version()
    programs = [component for component in components if component.name in ("raa-server", "raa-client")]
    date = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    top = f"pkg:generic/raa@{version}"
    # What the compilers add belongs to no crate, so it stands directly below RAA.
    needed = {need for component in components for need in component.needs}
    loose = [component.ref for component in components if not component.own and component.ref not in needed]
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": top, "name": "raa", "version": version, "licenses": [{"expression": "MIT OR Apache-2.0"}]},
        },
        "components": [as_cyclonedx(component) for component in components],
        "dependencies": [{"ref": top, "dependsOn": sorted([*(program.ref for program in programs), *loose])}]
        + [{"ref": component.ref, "dependsOn": sorted(component.needs)} for component in components],
    }
    body["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))}"
    return body


def main():
    parser = argparse.ArgumentParser()
    for name in ("zig", "licences", "sbom"):
        parser.add_argument(f"--{name}", required=True, type=Path)
    given = parser.parse_args()
    components = all_components(given.zig)
    given.licences.write_text(licences(components), encoding="utf-8")
    given.sbom.write_text(json.dumps(sbom(components), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{sum(not component.own for component in components)} components by others, all with their licences")


if __name__ == "__main__":
    main()
