"""Tests the supply-chain check itself: it refuses what deny.toml refuses, and never calls a check passed that was not made.
Also checks the files of others that RAA contains. Run by `./test supply`.

Always: needs no network. Uses the real cargo-deny, whose path is in CARGO_DENY, on small workspaces made here.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VENDOR = ROOT / "crates/raa-server/web/vendor"
CARGO_DENY = os.environ["CARGO_DENY"]
# An advisory in the format of the RustSec database.
ADVISORY = """```toml
[advisory]
id = "RUSTSEC-2020-0001"
package = "PACKAGE"
date = "2020-01-01"

[versions]
patched = [">= 999.0.0"]
```

# A made-up weakness

Text.
"""


# Every folder made here is inside this one, which goes at the end.
SCRATCH = tempfile.TemporaryDirectory(prefix="raa-supply-")


def run(command, folder, **environment):
    return subprocess.run(command, cwd=folder, env=os.environ | environment, text=True, capture_output=True, check=False)


def git(folder, *arguments):
    identity = {f"GIT_{who}_{what}": text for who in ("AUTHOR", "COMMITTER") for what, text in (("NAME", "t"), ("EMAIL", "t@t"), ("DATE", "2020-02-03T00:00:00Z"))}
    done = run(["git", *arguments], folder, **identity)
    assert done.returncode == 0, done.stderr


class Workspace:
    """A package `whole` that depends on a package `part`, both without other dependencies."""

    def __init__(self, part_lines="", dependency='path = "../part"', dependency_name="part"):
        self.folder = Path(tempfile.mkdtemp(dir=SCRATCH.name))
        self.package("part", part_lines or 'license = "MIT"\npublish = false\n')
        self.package("whole", f'license = "MIT"\npublish = false\n[dependencies]\n{dependency_name} = {{ {dependency} }}\n')

    def package(self, name, lines):
        folder = self.folder / name
        (folder / "src").mkdir(parents=True, exist_ok=True)
        (folder / "src/lib.rs").write_text("", encoding="utf-8")
        (folder / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "1.0.0"\nedition = "2024"\n{lines}', encoding="utf-8")

    def deny(self, *checks):
        """Runs cargo-deny with RAA's deny.toml; entries that only RAA's own crates need are no errors here."""
        done = run([CARGO_DENY, "--offline", "--config", ROOT / "deny.toml", "check", "-A", "license-not-encountered", *checks], self.folder / "whole")
        return done.returncode, done.stdout + done.stderr


class Refusals(unittest.TestCase):
    def check(self, workspace, checks, reason):
        code, output = workspace.deny(*checks)
        if reason is None:
            self.assertEqual(code, 0, output)
        else:
            self.assertNotEqual(code, 0, output)
            self.assertIn(reason, output)

    def test_ordinary_workspace_passes(self):
        self.check(Workspace(), ["licenses", "bans", "sources"], None)

    def test_foreign_licence_is_refused(self):
        self.check(Workspace('license = "GPL-3.0-only"\npublish = false\n'), ["licenses"], "GPL-3.0-only")

    def test_missing_licence_is_refused(self):
        self.check(Workspace("publish = false\n"), ["licenses"], "unlicensed")

    def test_git_source_is_refused(self):
        workspace = Workspace()
        source = workspace.folder / "part"
        git(source, "init", "-q", "-b", "main")
        git(source, "add", ".")
        git(source, "commit", "-q", "-m", "part")
        workspace.package("whole", f'license = "MIT"\npublish = false\n[dependencies]\npart = {{ git = "file://{source}" }}\n')
        self.assertEqual(run(["cargo", "generate-lockfile"], workspace.folder / "whole", CARGO_HOME=str(workspace.folder / "home")).returncode, 0)
        done = run([CARGO_DENY, "--config", ROOT / "deny.toml", "check", "sources"], workspace.folder / "whole", CARGO_HOME=str(workspace.folder / "home"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("source-not-allowed", done.stdout + done.stderr)

    def test_banned_crate_is_refused(self):
        workspace = Workspace(dependency='path = "../openssl-sys"', dependency_name="openssl-sys")
        workspace.package("openssl-sys", 'license = "MIT"\npublish = false\n')
        self.check(workspace, ["bans"], "explicitly banned")


class Advisories(unittest.TestCase):
    """Runs check_advisories of scripts/lib/supply.sh, with a cargo home of its own and GitHub replaced by a folder."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(dir=SCRATCH.name))
        self.home = self.folder / "home"
        self.home.mkdir()
        # Crates that were fetched are not fetched again.
        registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry"
        (self.home / "registry").symlink_to(registry)
        self.lists = self.folder / "advisory-db"

    def publish_list(self, package):
        folder = self.lists / "crates" / package
        folder.mkdir(parents=True)
        (folder / "RUSTSEC-2020-0001.md").write_text(ADVISORY.replace("PACKAGE", package), encoding="utf-8")
        git(self.lists, "init", "-q", "-b", "main")
        git(self.lists, "add", ".")
        git(self.lists, "commit", "-q", "-m", "list")

    def check(self, reachable=True):
        """Checks RAA itself. Returns the exit code, the note for the summary and what was printed."""
        script = f'. "{ROOT}/scripts/lib/common.sh"; . "{ROOT}/scripts/lib/supply.sh"; CARGO_DENY={CARGO_DENY}; check_advisories >&2; code=$?; echo "$SUPPLY_NOTE"; exit $code'
        target = self.lists if reachable else self.folder / "nowhere"
        done = run(["bash", "-c", script], ROOT, ROOT=str(ROOT), CARGO_HOME=str(self.home),
                   GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0=f"url.{target}.insteadOf", GIT_CONFIG_VALUE_0="https://github.com/RustSec/advisory-db")
        return done.returncode, done.stdout.strip(), done.stderr

    def test_current_list_is_checked_and_dated(self):
        self.publish_list("another")
        self.assertEqual(self.check()[:2], (0, "advisories of 2020-02-03"))

    def test_advisory_that_applies_fails(self):
        self.publish_list("bytes")
        for reachable in (True, False):
            code, _, output = self.check(reachable)
            self.assertNotEqual(code, 0, output)
            self.assertIn("RUSTSEC-2020-0001", output)

    def test_advisory_about_the_fuzz_targets_fails(self):
        self.publish_list("libfuzzer-sys")
        for reachable in (True, False):
            code, _, output = self.check(reachable)
            self.assertNotEqual(code, 0, output)
            self.assertIn("RUSTSEC-2020-0001", output)

    def test_unreachable_list_is_not_checked(self):
        code, note, _ = self.check(reachable=False)
        self.assertEqual(code, 0)
        self.assertIn("NOT CHECKED", note)
        self.assertIn("newest list here: none", note)

    def test_old_list_is_dated_not_passed(self):
        self.publish_list("another")
        self.check()
        code, note, _ = self.check(reachable=False)
        self.assertEqual(code, 0)
        self.assertIn("NOT CHECKED", note)
        self.assertIn("newest list here: 2020-02-03", note)


class Contained(unittest.TestCase):
    """Files of others that are in the repository, and packages from npm."""

    def test_vendored_files_are_as_published(self):
        projects = [folder for folder in VENDOR.iterdir() if folder.is_dir()]
        self.assertNotEqual(projects, [])
        for folder in projects:
            readme = (folder / "README.md").read_text(encoding="utf-8")
            self.assertRegex(readme.splitlines()[0], r"^# \S+ \d+\.\d+\.\d+$", f"{folder.name}: the heading names the version")
            sums = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
            code = [file.name for file in folder.iterdir() if file.name != "README.md" and not file.name.startswith("LICENSE")]
            self.assertEqual(sorted(sums), sorted(code), f"{folder.name}/README.md lists each file")
            for name, expected in sums.items():
                self.assertEqual(hashlib.sha256((folder / name).read_bytes()).hexdigest(), expected, f"{folder.name}/{name} was changed")

    def test_vendored_projects_have_their_licences(self):
        for folder in VENDOR.iterdir():
            named = re.findall(r"\bLICENSE[\w-]*", (folder / "README.md").read_text(encoding="utf-8"))
            present = {file.name for file in folder.glob("LICENSE*") if file.stat().st_size > 500}
            self.assertTrue(present, f"{folder.name} has no licence")
            self.assertEqual(set(named), present, f"{folder.name}/README.md names its licences")

    def test_nothing_vendored_lies_outside_its_folder(self):
        loose = [file.name for file in VENDOR.iterdir() if file.is_file()]
        self.assertEqual(loose, [])

    def test_npm_packages_are_pinned_by_hash(self):
        for lock in ["tests/e2e/package-lock.json", "tests/web/package-lock.json"]:
            packages = json.loads((ROOT / lock).read_text(encoding="utf-8"))["packages"]
            packages = {name: package for name, package in packages.items() if name}
            self.assertGreater(len(packages), 10, lock)
            for name, package in packages.items():
                self.assertTrue(package.get("integrity", "").startswith("sha512-"), f"{lock}: {name} has no hash")
                self.assertNotIn("resolved", package, f"{lock}: {name} names a source of its own instead of npm's registry")


if __name__ == "__main__":
    unittest.main()
