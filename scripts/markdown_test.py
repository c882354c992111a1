"""Tests that the links and paths in all Markdown files lead to something. Run by `./test scripts`.

Always: needs no network, because links to other sites are not followed.
"""

import os
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Folders whose files other projects or builds have written.
NOT_OURS = {".git", "node_modules", "target", "vendor"}
# [text](target), and the picture ![text](target).
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
# A path that begins at the top of the checkout; * and ? are patterns.
PATH = re.compile(r"(?<![\w./-])(?:crates|docs|scripts|tests)/[\w./*?-]+")


def markdown_files():
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        yield from (Path(folder) / name for name in files if name.endswith(".md"))


def relative_links(text):
    """Returns the targets of all links that stay within the repository."""
    outside_code = INLINE_CODE.sub("", FENCED.sub("", text))
    return [target for target in LINK.findall(outside_code) if "://" not in target and not target.startswith("mailto:")]


def code_paths(text):
    """Returns the paths that inline code and code blocks name."""
    code = FENCED.findall(text) + INLINE_CODE.findall(FENCED.sub("", text))
    return [path.rstrip(".") for part in code for path in PATH.findall(part)]


def anchors(text):
    """Returns the anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(target, file):
    path, _, anchor = target.partition("#")
    found = file.parent / path if path else file
    return found.exists() and (not anchor or anchor in anchors(found.read_text(encoding="utf-8")))


def exists(path):
    return any(ROOT.glob(path)) if re.search(r"[*?]", path) else (ROOT / path).exists()


class Markdown(unittest.TestCase):
    def check(self, find, is_good):
        for file in markdown_files():
            bad = [target for target in find(file.read_text(encoding="utf-8")) if not is_good(target, file)]
            self.assertEqual(bad, [], f"{file.relative_to(ROOT)} names what does not exist")

    def test_links_lead_to_files_and_headings(self):
        self.check(relative_links, leads_somewhere)

    def test_paths_in_code_exist(self):
        self.check(code_paths, lambda path, _: exists(path))

    def test_links_and_paths_are_found(self):
        text = "[a](docs/x.md#y) ![b](p.png) [c](https://d/) `node tests/t.js --url http://e/docs/f` `docs/g.md.`\n```\n[h](i)\ncrates/j/k\n```\n"
        self.assertEqual(relative_links(text), ["docs/x.md#y", "p.png"])
        self.assertEqual(sorted(code_paths(text)), ["crates/j/k", "docs/g.md", "tests/t.js"])
        self.assertEqual(anchors("# Client states: a, `b`\n## Two"), {"client-states-a-b", "two"})


if __name__ == "__main__":
    unittest.main()
