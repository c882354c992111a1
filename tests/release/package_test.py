"""The Debian packages in clean roots: they install without a network, start, upgrade and go, each leaving what it must.

"The next version" is the same package with another version number; there is no older release yet.
Always: apt has no archive to ask, so a dependency that a minimal system lacks is a fault.
"""

import shutil
import tempfile
import unittest
from pathlib import Path

import roots
import world
from mirror import DIST
from world import OWN, api, eventually, healthy, install


def next_version(package):
    """Packs a package again with a higher version. Returns the file's path."""
    folder = Path(tempfile.mkdtemp(prefix="raa-deb-"))
    try:
        roots.run(["dpkg-deb", "--raw-extract", DIST / f"{package}_{OWN}_amd64.deb", folder / "tree"])
        control = folder / "tree/DEBIAN/control"
        control.write_text(control.read_text().replace(f"Version: {OWN}\n", f"Version: {world.NEXT}\n"))
        file = Path(tempfile.gettempdir()) / f"{package}_{world.NEXT}_amd64.deb"
        roots.run(["dpkg-deb", "--build", "-Znone", folder / "tree", file])
        return file
    finally:
        shutil.rmtree(folder)


class Package:
    """The steps of a server's life, on one machine."""

    root = None

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine(cls.root, f"deb-{cls.root}")
        cls.addClassCleanup(cls.computer.stop)
        cls.untouched = cls.computer.files()
        cls.apt_install(DIST / f"raa-server_{OWN}_amd64.deb")

    @classmethod
    def apt_install(cls, *files):
        for file in files:
            shutil.copy(file, cls.computer.disk / "var/tmp")
        names = " ".join(f"/var/tmp/{Path(file).name}" for file in files)
        cls.computer.sh(f"DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {names}")

    def test_a_service_runs_after_the_installation(self):
        eventually("health", lambda: healthy(self.computer))
        self.assertEqual(self.computer.sh("systemctl is-enabled raa-server").stdout.strip(), "enabled")
        self.assertEqual(world.running(self.computer), "/usr/bin/raa-server")
        self.assertIn("/etc/raa/raa-server.toml", self.computer.sh("dpkg-query -W -f '${Conffiles}' raa-server").stdout)

    def test_b_upgrade_keeps_names_levels_and_configuration(self):
        row = world.play_tone(self.computer, self.client())
        eventually("the tone in the mix", lambda: abs(world.tone_in_mix(self.computer) + 12) < 1.5)
        self.computer.sh("systemctl stop tone; echo 'test_music = false' >>/etc/raa/raa-server.toml")
        api(self.computer, f"/api/clients/{row}", "PATCH", {"name": "Ward 3", "volume": 40})
        self.apt_install(next_version("raa-server"))
        eventually("health", lambda: healthy(self.computer))
        rows = {client["id"]: client for client in api(self.computer, "/api/clients")["clients"]}
        self.assertEqual((rows[row]["name"], rows[row]["volume"]), ("Ward 3", 40))
        self.assertNotIn("bgmtest0", {client["name"] for client in rows.values()})
        self.assertIn(world.NEXT, self.computer.sh("dpkg-query -W raa-server").stdout)

    def client(self):
        """The client's program, unpacked beside the packages, since only the server is installed here."""
        self.computer.sh("mkdir -p /run/client")
        shutil.copy(DIST / f"raa-client_{OWN}_amd64.deb", self.computer.disk / "var/tmp")
        self.computer.sh(f"dpkg-deb -x /var/tmp/raa-client_{OWN}_amd64.deb /run/client")
        return "/run/client/usr/bin/raa-client"

    def test_c_script_and_package_refuse_each_other(self):
        done = install(self.computer, check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("the Debian package raa-server is installed", done.stderr)

    def test_d_removal_keeps_state_and_purge_leaves_nothing(self):
        self.computer.sh("apt-get remove -y raa-server")
        self.assertFalse(healthy(self.computer))
        kept = self.computer.sh("ls /var/lib/raa/ /etc/raa").stdout
        self.assertIn("raa.sqlite", kept)
        self.assertIn("raa-server.toml", kept)
        self.computer.sh("apt-get purge -y raa-server")
        own = lambda path: path.startswith(("/var/lib/dpkg", "/var/lib/private", "/etc/.pwd.lock"))  # noqa: E731
        left = {path for path in self.computer.files() - self.untouched if not own(path)}
        self.assertEqual(left, set())
        self.assertEqual(self.computer.sh("ls -A /var/lib/private").stdout, "")


class Debian12(Package, unittest.TestCase):
    root = "debian12"


class Debian11(Package, unittest.TestCase):
    root = "debian11"


class Both(unittest.TestCase):
    def test_package_refuses_beside_the_script(self):
        computer = world.machine("debian12", "both")
        self.addCleanup(computer.stop)
        install(computer)
        shutil.copy(DIST / f"raa-server_{OWN}_amd64.deb", computer.disk / "var/tmp")
        done = computer.sh(f"dpkg -i /var/tmp/raa-server_{OWN}_amd64.deb", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("install.sh --uninstall", done.stderr + done.stdout)
        self.assertTrue(healthy(computer))

    def test_client_package_is_a_service_of_the_user(self):
        computer = world.machine("debian12", "client-deb")
        self.addCleanup(computer.stop)
        computer.sh("useradd --create-home --uid 1000 ann")
        install(computer)
        shutil.copy(DIST / f"raa-client_{OWN}_amd64.deb", computer.disk / "var/tmp")
        computer.sh(f"apt-get install -y --no-install-recommends /var/tmp/raa-client_{OWN}_amd64.deb")
        computer.sh("""su - ann -c 'mkdir -p ~/.config/raa; cat >~/.config/raa/raa-client.toml' <<'THE END'
server = "127.0.0.1"
name = "Ann"
source = "tone"
THE END
            loginctl enable-linger ann""")
        eventually("Ann's tone in the mix", lambda: abs(world.tone_in_mix(computer) + 12) < 1.5, 20)
        self.assertIn("Ann", {row["name"] for row in api(computer, "/api/clients")["clients"]})
