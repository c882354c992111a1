"""install.sh for a person who is not root: the server and the client as services of that person, below the home folder.

Always: nothing outside the home folder changes, unless the test says that root helped.
"""

import unittest

import world
from world import BEFORE, OWN, eventually, healthy, install


class UserInstallation(unittest.TestCase):
    """In one go, because each step needs the one before."""

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "user")
        cls.addClassCleanup(cls.computer.stop)
        # ann is signed in, as far as systemd is concerned: her manager runs.
        cls.computer.sh("useradd --create-home --uid 1000 ann && systemctl start user@1000.service")
        cls.untouched = cls.computer.files()
        cls.first = install(cls.computer, f"--version {BEFORE}", user="ann")

    def as_ann(self, script, check=True):
        return self.computer.sh(f"export XDG_RUNTIME_DIR=/run/user/1000; {script}", user="ann", check=check)

    def test_a_service_of_the_user_is_healthy_and_all_is_below_home(self):
        self.assertTrue(healthy(self.computer))
        self.assertEqual(self.as_ann("systemctl --user is-active raa-server").stdout.strip(), "active")
        pid = self.as_ann("systemctl --user show -p MainPID --value raa-server").stdout.strip()
        self.assertEqual(self.computer.sh(f"readlink /proc/{pid}/exe; stat -c %U /proc/{pid}").stdout.split(),
                         [f"/home/ann/.local/opt/raa/{BEFORE}/bin/raa-server", "ann"])
        changed = {line.split()[0] for line in self.computer.files() - self.untouched}
        self.assertEqual({path for path in changed if not path.startswith("/home/ann/")}, set())

    def test_b_linger_is_explained_and_nothing_is_done_about_it_unasked(self):
        self.assertIn("ends when you sign out", self.first.stdout)
        self.assertIn("loginctl enable-linger ann", self.first.stdout)
        self.assertEqual(self.computer.sh("ls -A /var/lib/systemd/linger 2>/dev/null || true").stdout, "")

    def test_c_upgrade_by_the_user_goes_well(self):
        install(self.computer, "--yes", user="ann")
        pid = self.as_ann("systemctl --user show -p MainPID --value raa-server").stdout.strip()
        self.assertEqual(self.computer.sh(f"readlink /proc/{pid}/exe").stdout.strip(), f"/home/ann/.local/opt/raa/{OWN}/bin/raa-server")

    def test_d_broken_version_goes_back(self):
        done = install(self.computer, f"--version {world.SPOILED}", user="ann", check=False)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertTrue(healthy(self.computer))

    def test_e_server_that_lingers_starts_with_the_computer(self):
        self.computer.sh("loginctl enable-linger ann")
        self.computer.reboot()
        eventually("health", lambda: healthy(self.computer))
        again = install(self.computer, user="ann")
        self.assertNotIn("ends when you sign out", again.stdout)

    def test_f_client_knows_its_server_and_keeps_what_its_file_has(self):
        self.as_ann("""printf '# mine\\nsource = "tone"\\n#name = "x"\\n' >~/.config/raa/raa-client.toml""")
        name = 'Ward "3" \\ $HOME 100%'
        install(self.computer, f"--client --server 127.0.0.1:4010 --name '{name}'", user="ann")
        rows = eventually("the client's row", lambda: [row for row in world.api(self.computer, "/api/clients")["clients"] if row["name"] == name])
        self.assertEqual(len(rows), 1)
        eventually("the tone in the mix", lambda: abs(world.tone_in_mix(self.computer) + 12) < 1.5)
        settings = self.as_ann("cat ~/.config/raa/raa-client.toml").stdout
        self.assertIn('# mine\nsource = "tone"\n#name = "x"\n', settings)
        pid = self.as_ann("systemctl --user show -p MainPID --value raa-client").stdout
        again = install(self.computer, f"--client --server 127.0.0.1:4010 --name '{name}'", user="ann")
        self.assertIn("the client is installed and running", again.stdout.lower())
        self.assertEqual(self.as_ann("systemctl --user show -p MainPID --value raa-client").stdout, pid)
        install(self.computer, "--client --server localhost", user="ann")
        again = self.as_ann("cat ~/.config/raa/raa-client.toml").stdout
        self.assertIn('server = "localhost"\n', again)
        self.assertEqual(again.count("\nserver"), 1, again)

    def test_g_uninstall_and_purge_leave_nothing(self):
        install(self.computer, "--uninstall --client", user="ann")
        self.assertTrue(healthy(self.computer))
        self.assertEqual(self.as_ann("ls ~/.local/bin").stdout.split(), ["raa-server"])
        install(self.computer, "--uninstall --purge --yes", user="ann")
        self.assertFalse(healthy(self.computer))
        self.assertEqual(self.computer.files() - self.untouched, set())


class NoSession(unittest.TestCase):
    """A user for whom no service manager runs, as in a cron job or a container."""

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "no-session")
        cls.addClassCleanup(cls.computer.stop)
        cls.computer.sh("useradd --create-home ann")
        cls.untouched = cls.computer.files()

    def install(self, options=""):
        """su would sign ann in, and so start a manager."""
        self.computer.sh(f"curl -fsS {world.mirror().base}/latest/download/install.sh >/run/install.sh")
        return self.computer.sh("setpriv --reuid=ann --regid=ann --init-groups env -i HOME=/home/ann PATH=/usr/bin:/bin "
                                f"RAA_BASE_URL={world.mirror().base} sh /run/install.sh {options}", check=False)

    def test_programs_are_installed_and_the_text_says_how_to_start(self):
        done = self.install()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("    /home/ann/.local/bin/raa-server\n", done.stdout)
        self.assertIn("loginctl enable-linger ann", done.stdout)
        self.computer.sh("/home/ann/.local/bin/raa-server --version")
        self.assertEqual(self.install("--uninstall --purge --yes").returncode, 0)
        self.assertEqual(self.computer.files() ^ self.untouched, set())

    def test_port_that_another_user_holds_is_refused(self):
        self.computer.sh("systemd-run --unit=holder busybox nc -l -p 4011")
        self.addCleanup(self.computer.sh, "systemctl stop holder.service; systemctl reset-failed")
        done = self.install()
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("port 4011/tcp is in use by a program of another user", done.stderr)
        self.assertEqual(self.computer.files() ^ self.untouched, set())
