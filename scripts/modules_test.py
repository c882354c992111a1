"""Tests of scripts/modules: it finds circles, and the project has none."""

import importlib.machinery
import importlib.util
import tempfile
import unittest
from pathlib import Path

LOADER = importlib.machinery.SourceFileLoader("modules", str(Path(__file__).parent / "modules"))
modules = importlib.util.module_from_spec(importlib.util.spec_from_loader("modules", LOADER))
LOADER.exec_module(modules)


class ModulesTest(unittest.TestCase):
    def arrows(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
            pairs = modules.arrows(modules.modules(Path(folder, "lib.rs")))
        return {("::".join(source), "::".join(target)) for source, target in pairs}, modules.circles(pairs)

    def test_every_form_of_import_is_an_arrow(self):
        lib = "mod a;\nmod b;\nmod c;\n"
        for imported in ("use crate::b::X;", "use crate::{b::{X, Y}, c};", "use super::b::X as Z;", "fn f() { crate::b::g(); }"):
            pairs, _ = self.arrows({"lib.rs": lib, "a.rs": imported, "b.rs": "", "c.rs": ""})
            self.assertIn(("a", "b"), pairs, imported)

    def test_a_reexport_leads_to_its_module(self):
        files = {"lib.rs": "mod a;\nmod b;\n", "a.rs": "use crate::b::X;", "b.rs": "mod c;\npub use self::c::X;", "b/c.rs": ""}
        self.assertEqual(self.arrows(files)[0], {("a", "b::c")})

    def test_comments_texts_and_tests_are_left_out(self):
        text = '// use crate::b::X;\nconst A: &str = "crate::b::X";\n#[cfg(test)]\nmod tests {\n    use crate::b::X;\n}\n'
        self.assertEqual(self.arrows({"lib.rs": "mod a;\nmod b;\n", "a.rs": text, "b.rs": ""})[0], set())

    def test_a_circle_through_three_files_is_found(self):
        files = {"lib.rs": "mod a;\nmod b;\nmod c;\n", "a.rs": "use crate::b::X;", "b.rs": "use super::c::X;", "c.rs": "use crate::a::X;"}
        self.assertEqual(self.arrows(files)[1], [[("a",), ("b",), ("c",)]])

    def test_a_child_may_use_its_parents(self):
        files = {"lib.rs": "mod a;\n", "a.rs": "mod b;\nuse b::X;\nconst N: u8 = 1;", "a/b.rs": "use super::N;"}
        self.assertEqual(self.arrows(files), ({("a", "a::b")}, []))

    def test_the_project_has_no_circles(self):
        names = []
        for name, root in modules.crates():
            names.append(name)
            self.assertEqual(modules.circles(modules.arrows(modules.modules(root))), [], name)
        self.assertIn("raa-core", names)


if __name__ == "__main__":
    unittest.main()
