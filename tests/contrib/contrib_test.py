"""Tests of contrib: the alert rules by promtool, and the dashboard by Grafana's own types.

That each figure in them is one that the server has is tested by raa-server's tests/metrics.rs.
"""

import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

CONTRIB = Path(__file__).resolve().parent.parent.parent / "contrib"
RULES = CONTRIB / "prometheus"
DASHBOARD = CONTRIB / "grafana/raa.json"


def promtool(*words, cwd=RULES):
    done = subprocess.run(["promtool", *words], cwd=cwd, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


def lost(before, after, path="dashboard"):
    """Returns the places that a dashboard lost on its way through Grafana's types: those that the types do not know."""
    if isinstance(before, dict):
        missing = [f"{path}.{key}" for key in before if not isinstance(after, dict) or key not in after]
        return missing + [place for key in before if isinstance(after, dict) and key in after for place in lost(before[key], after[key], f"{path}.{key}")]
    if isinstance(before, list):
        if not isinstance(after, list) or len(after) != len(before):
            return [path]
        return [place for number, (one, other) in enumerate(zip(before, after)) for place in lost(one, other, f"{path}[{number}]")]
    return [] if before == after else [path]


def through_types(dashboard):
    return json.loads(json.dumps(Dashboard.from_json(dashboard).to_json(), cls=JSONEncoder))


class Alerts(unittest.TestCase):
    def test_promtool_accepts_the_rules(self):
        code, said = promtool("check", "rules", "raa-alerts.yml")
        self.assertEqual(code, 0, said)

    def test_alerts_open_and_stay_closed_as_they_should(self):
        code, said = promtool("test", "rules", "raa-alerts.test.yml")
        self.assertEqual(code, 0, said)


class GrafanaDashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        register_default_plugins()
        cls.dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        cls.panels = [panel for panel in cls.dashboard["panels"] if panel["type"] != "row"]

    def test_grafanas_types_know_every_field(self):
        self.assertEqual(lost(self.dashboard, through_types(self.dashboard)), [])

    def test_an_unknown_field_is_found(self):
        spoilt = json.loads(json.dumps(self.dashboard))
        spoilt["panels"][1]["titel"] = spoilt["panels"][1].pop("title")
        self.assertEqual(lost(spoilt, through_types(spoilt)), ["dashboard.panels[1].titel"])

    def test_panels_have_places_ids_and_queries_of_their_own(self):
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in self.dashboard["panels"]]
        self.assertEqual(len(places), len(set(places)))
        self.assertGreater(len(self.panels), 10)
        for panel in self.panels:
            self.assertTrue(panel["targets"], panel["title"])

    def test_promtool_understands_every_query(self):
        queries = [target["expr"] for panel in self.panels for target in panel["targets"]]
        queries = [query.replace("$__rate_interval", "5m").replace("$server", ".*") for query in queries]
        self.assertFalse([query for query in queries if "$" in query])
        rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
        with tempfile.TemporaryDirectory() as folder:
            # JSON is YAML.
            (Path(folder) / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
            code, said = promtool("check", "rules", "rules.yml", cwd=folder)
        self.assertEqual(code, 0, said)
        self.assertEqual(int(re.search(r"(\d+) rules found", said)[1]), len(queries))


if __name__ == "__main__":
    unittest.main()
