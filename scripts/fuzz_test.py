"""Tests that each fuzz target has its program, its entry point and its corpus, and that the corpora stay small."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
MAX_CORPORA_BYTES = 500_000


class FuzzTest(unittest.TestCase):
    def test_each_target_has_all_its_parts(self):
        programs = set(re.findall(r'^path = "fuzz_targets/(\w+)\.rs"$', (FUZZ / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE))
        sources = {file.stem for file in (FUZZ / "fuzz_targets").glob("*.rs")}
        entries = set()
        for file in ROOT.glob("crates/*/src/fuzzing.rs"):
            entries |= set(re.findall(r'^    \("(\w+)", [\w:]+\),$', file.read_text(encoding="utf-8"), re.MULTILINE))
        corpora = {folder.name for folder in (FUZZ / "corpus").iterdir() if any(folder.iterdir())}
        self.assertGreater(len(programs), 10)
        self.assertEqual(sources, programs)
        self.assertEqual(entries, programs)
        self.assertEqual(corpora, programs)
        for name in programs:
            self.assertIn(f'run("{name}", data)', (FUZZ / f"fuzz_targets/{name}.rs").read_text(encoding="utf-8"))

    def test_corpora_are_small(self):
        size = sum(file.stat().st_size for file in (FUZZ / "corpus").rglob("*") if file.is_file())
        self.assertLess(size, MAX_CORPORA_BYTES)


if __name__ == "__main__":
    unittest.main()
