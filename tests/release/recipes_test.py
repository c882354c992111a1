"""Tests the container and workflow files, which cannot run here: hadolint and actionlint judge them, the steps of the
Containerfile are taken as far as they need no container, and what they name must exist.

Always: each judge is also shown a file that it must refuse.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CONTAINERFILE = ROOT / "packaging/container/Containerfile"
COMPOSE = ROOT / "packaging/container/compose.yaml"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
DIST = Path(os.environ.get("RAA_DIST", ROOT / "target/dist"))
VERSION = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
BAD_CONTAINERFILE = "FROM debian\nRUN cd /tmp && apt-get install x\n"
BAD_WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ github.nonsense }}\n"


def judged(judge, path):
    done = subprocess.run([judge, path], cwd=ROOT, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Container(unittest.TestCase):
    def setUp(self):
        self.text = CONTAINERFILE.read_text(encoding="utf-8")
        self.folder = tempfile.TemporaryDirectory(prefix="raa-recipes-")
        self.addCleanup(self.folder.cleanup)
        self.scratch = Path(self.folder.name)

    def test_hadolint_accepts_the_containerfile(self):
        self.assertEqual(judged("hadolint", CONTAINERFILE), (0, ""))
        bad = self.scratch / "Containerfile"
        bad.write_text(BAD_CONTAINERFILE, encoding="utf-8")
        self.assertNotEqual(judged("hadolint", bad)[0], 0)

    def test_containerfile_has_the_workspaces_version(self):
        self.assertIn(f"ARG VERSION={VERSION}\n", self.text)

    def image(self):
        """Takes the steps of the first stage in a folder instead of a container, and returns the image's root."""
        for file in re.search(r"^COPY (.*) /release/$", self.text, re.MULTILINE)[1].split():
            name = file.replace("${VERSION}", VERSION)
            (self.scratch / name).write_bytes((DIST / name).read_bytes())
        root = self.scratch / "image"
        steps = re.search(r"^RUN ((?:.*\\\n)*.*)$", self.text, re.MULTILINE)[1].replace("\\\n", "").replace("/root-of-image", str(root))
        done = subprocess.run(["sh", "-ec", steps], cwd=self.scratch, env={**os.environ, "VERSION": VERSION}, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return root

    def test_steps_make_an_image_whose_programs_run(self):
        root = self.image()
        self.assertEqual((root / "var/lib/raa").stat().st_uid, 65532)
        program = re.search(r'^ENTRYPOINT \["(.*)"\]$', self.text, re.MULTILINE)[1]
        done = subprocess.run([root / program.lstrip("/"), "--check-config", "--config", root / "etc/raa/raa-server.toml"], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        health = re.search(r"^HEALTHCHECK .* CMD \[(.*)\]$", self.text, re.MULTILINE)[1]
        command = re.findall(r'"([^"]*)"', health)
        self.assertEqual(command[0], program, "there is no shell and no other program")
        help_text = subprocess.run([root / program.lstrip("/"), command[1], "--help"], text=True, capture_output=True, check=False)
        self.assertEqual(help_text.returncode, 0, help_text.stderr)
        for option in command[2:]:
            self.assertIn(option, help_text.stdout)

    def test_health_check_tells_a_hanging_server(self):
        root = self.image()
        program = root / "usr/bin/raa-server"
        # The base image has the C library, /proc and /tmp.
        for library in re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", program], text=True, capture_output=True, check=True).stdout):
            copy = root / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(Path(library).read_bytes())
            copy.chmod(0o755)
        (root / "proc").mkdir()
        root.chmod(0o755)
        self.scratch.chmod(0o755)
        command = re.search(r"^HEALTHCHECK .* CMD \[(.*)\]$", self.text, re.MULTILINE)[1].replace('"', "").replace(",", "")
        user = re.search(r"^USER (\S+)$", self.text, re.MULTILINE)[1]
        script = f"""
            mount -t proc proc {root}/proc && ip link set lo up || exit 9
            inside() {{ chroot --userspec={user} {root} "$@"; }}
            inside {command} && exit 3
            STATE_DIRECTORY=/var/lib/raa chroot --userspec={user} {root} /usr/bin/raa-server >&2 &
            tries=0
            until inside {command}; do tries=$((tries + 1)); [ $tries -lt 300 ] || exit 4; sleep 0.1; done
            [ -s {root}/var/lib/raa/raa.sqlite ] || exit 5
            kill -STOP $!
            inside {command} && exit 6
            kill -KILL $!
            exit 0
        """
        done = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-c", script], text=True, capture_output=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Workflows(unittest.TestCase):
    def test_actionlint_accepts_the_workflows(self):
        self.assertEqual([path.name for path in WORKFLOWS], ["release.yml", "test.yml"])
        for path in WORKFLOWS:
            self.assertEqual(judged("actionlint", path), (0, ""))
        with tempfile.TemporaryDirectory() as folder:
            bad = Path(folder) / "bad.yml"
            bad.write_text(BAD_WORKFLOW, encoding="utf-8")
            self.assertNotEqual(judged("actionlint", bad)[0], 0)

    def test_workflows_run_only_scripts_that_exist(self):
        for path in WORKFLOWS:
            commands = re.findall(r"^ +(?:- )?run: (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
            self.assertNotEqual(commands, [])
            for command in commands:
                if "/" in command:
                    self.assertTrue(os.access(ROOT / command, os.X_OK), command)


if __name__ == "__main__":
    unittest.main()
