"""Serves releases as a mirror does: $BASE/latest/download/FILE and $BASE/download/vVERSION/FILE.

The release under test comes from RAA_DIST (target/dist). There is no older release yet, so "the release before" and "the next
one" are the same programs, packed again under another version; once there is a real older release, put it in its place.

Always: what is served has right sums, unless a test spoils a file afterwards.
"""

import atexit
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

DIST = Path(os.environ.get("RAA_DIST") or Path(__file__).resolve().parent.parent.parent / "target/dist").resolve()
PORT = 8080

# A release whose server damages the database, as a bad migration would, and ends. It still knows its version and reads the
# configuration, or install.sh would refuse it at once.
SPOILER = """#!/bin/sh
case "$*" in *--version* | *--check-config*) exec "$(dirname "$(readlink -f "$0")")/raa-server.good" "$@" ;; esac
echo "this version spoils the database" >&2
echo spoiled >"$STATE_DIRECTORY/raa.sqlite"
exit 1
"""

# A release whose server starts and never answers.
SLEEPER = """#!/bin/sh
case "$*" in *--version* | *--check-config*) exec "$(dirname "$(readlink -f "$0")")/raa-server.good" "$@" ;; esac
echo "this version never answers" >&2
exec sleep 1000
"""


def version_of(dist=DIST):
    """Returns the version of the release in this folder."""
    names = [file.name for file in dist.glob("raa-*-x86_64-linux.tar.gz")]
    if len(names) != 1:
        raise RuntimeError(f"{dist} must have one tarball, made by scripts/release; it has {names}")
    return names[0].removeprefix("raa-").removesuffix("-x86_64-linux.tar.gz")


def write_sums(folder):
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
             for file in sorted(folder.iterdir()) if file.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(lines))


def make_release(folder, version, broken=None):
    """Fills a folder with the files that install.sh needs of the release under test, packed as this version."""
    folder.mkdir(parents=True)
    own = version_of()
    if version == own and not broken:
        for file in DIST.iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["tar", "-C", scratch, "-xzf", DIST / f"raa-{own}-x86_64-linux.tar.gz"], check=True)
        top = Path(scratch) / f"raa-{own}-x86_64-linux"
        top = top.rename(Path(scratch) / f"raa-{version}-x86_64-linux")
        (top / "VERSION").write_text(f"{version}\n")
        if broken:
            server = top / "bin/raa-server"
            server.rename(top / "bin/raa-server.good")
            server.write_text(broken)
            server.chmod(0o755)
        with tarfile.open(folder / f"{top.name}.tar.gz", "w:gz", compresslevel=1) as tarball:
            tarball.add(top, top.name)
    shutil.copy(DIST / "install.sh", folder)
    write_sums(folder)


class Mirror:
    """A folder of releases, and a web server for it on the lan."""

    def __init__(self, lan):
        self.lan = lan
        self.folder = Path(tempfile.mkdtemp(prefix="raa-mirror-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.base = f"http://{lan.address}:{PORT}"
        self.server = subprocess.Popen(
            ["ip", "netns", "exec", lan.name, "python3", "-m", "http.server", "--bind", lan.address, "-d", self.folder, str(PORT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.stop)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if lan.inside("sh", "-c", f"ss -ltn 'sport = :{PORT}' | grep -c LISTEN || true").stdout.strip() == "1":
                return
            time.sleep(0.1)
        raise RuntimeError("the web server of the mirror does not start")

    def stop(self):
        if self.server.poll() is None:
            self.server.kill()
            self.server.wait()

    def release(self, version):
        return self.folder / "download" / f"v{version}"

    def add(self, version, broken=None, newest=True):
        """Offers the release under test as this version; `broken` is a script in place of its server."""
        ready = Path(os.environ.get("RAA_RELEASES", "/nonexistent")) / f"v{version}"
        if ready.is_dir():
            shutil.copytree(ready, self.release(version))
        else:
            make_release(self.release(version), version, broken)
        if newest:
            self.newest(version)

    def newest(self, version):
        latest = self.folder / "latest"
        latest.mkdir(exist_ok=True)
        new = latest / "download.new"
        new.symlink_to(f"../download/v{version}")
        new.rename(latest / "download")

    def tarball(self, version):
        return self.release(version) / f"raa-{version}-x86_64-linux.tar.gz"
