"""install.sh as root, under a real systemd: from nothing to sound, upgrade, the way back, removal. Each test says what a person
wants, does it as that person would, and looks at the machine.

Always: each class has a machine of its own; its tests run in the order of their names and build on one another only where the
class says so.
"""

import unittest

import world
from world import BEFORE, NEXT, OWN, SPOILED, api, eventually, healthy, install, program, running


class FromNothing(unittest.TestCase):
    """On Debian 12, with curl; in one go, because each step needs the one before."""

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "from-nothing")
        cls.addClassCleanup(cls.computer.stop)
        cls.untouched = cls.computer.files()
        cls.first = install(cls.computer)

    def test_a_install_starts_a_healthy_service_and_names_the_address(self):
        self.assertTrue(healthy(self.computer))
        self.assertEqual(running(self.computer), program(OWN))
        self.assertIn(f"Open http://{self.computer.address}:4011/", self.first.stdout)
        self.assertIn(f"http://{self.computer.name}:4011/", self.first.stdout)
        self.assertIn(f"--client --server {self.computer.address}", self.first.stdout)
        self.assertEqual(self.computer.sh("systemctl is-enabled raa-server").stdout.strip(), "enabled")
        self.assertEqual(self.computer.sh("raa-server --version").stdout.split()[0], "raa-server")
        self.assertNotIn("\x1b", self.first.stdout + self.first.stderr)

    def test_b_install_says_each_step_before_it_takes_it(self):
        lines = self.first.stdout
        steps = ["Downloading the list of files and their sums", f"Downloading version {OWN}", "Its sum is right",
                 f"Installing version {OWN} for the whole computer", "Writing /etc/raa/raa-server.toml", "Starting the service raa-server"]
        places = [lines.find(step) for step in steps]
        self.assertNotIn(-1, places, lines)
        self.assertEqual(places, sorted(places), lines)

    def test_c_service_is_ready_by_notify_and_has_a_user_of_its_own(self):
        show = dict(line.split("=", 1) for line in self.computer.sh("systemctl show raa-server").stdout.splitlines() if "=" in line)
        self.assertEqual((show["Type"], show["NotifyAccess"], show["SubState"]), ("notify", "main", "running"))
        self.assertEqual((show["DynamicUser"], show["WatchdogUSec"], show["LimitRTPRIO"]), ("yes", "10s", "10"))
        user = self.computer.sh(f"stat -c %u /proc/{show['MainPID']}").stdout.strip()
        self.assertGreaterEqual(int(user), 61184, "a dynamic user")
        for line in ("NoNewPrivs:\t1", "CapEff:\t0000000000000000", "Seccomp:\t2"):
            self.assertIn(line, self.computer.sh(f"cat /proc/{show['MainPID']}/status").stdout)
        self.assertNotEqual(self.computer.sh(f"nsenter -t {show['MainPID']} -m touch /opt/raa/x", check=False).returncode, 0)

    def test_d_client_plays_a_tone_and_the_mix_has_it(self):
        quiet = world.tone_in_mix(self.computer)
        world.play_tone(self.computer, "/opt/raa/current/bin/raa-client")
        eventually("the tone at its level", lambda: abs(world.tone_in_mix(self.computer) + 12) < 1.5)
        self.assertLess(quiet, -30)

    def test_e_second_run_changes_nothing_and_interrupts_nobody(self):
        before = self.computer.sh("systemctl show -p MainPID --value raa-server").stdout
        again = install(self.computer)
        self.assertIn("goes on without an interruption", again.stdout)
        self.assertEqual(self.computer.sh("systemctl show -p MainPID --value raa-server").stdout, before)

    def test_f_service_starts_with_the_computer(self):
        self.computer.sh("systemctl stop tone")
        self.computer.reboot()
        eventually("health", lambda: healthy(self.computer))

    def test_g_uninstall_keeps_state_and_purge_leaves_nothing(self):
        install(self.computer, "--uninstall")
        left = self.computer.files() - self.untouched
        kept = {line for line in left if line.split()[0].startswith(("/etc/raa", "/var/lib/raa", "/var/lib/private"))}
        self.assertEqual(left - kept, set())
        self.assertTrue(any("raa.sqlite" in line for line in kept), kept)
        self.assertFalse(healthy(self.computer))
        install(self.computer, "--uninstall --purge --yes")
        # systemd makes this folder for every service with a dynamic user.
        self.assertEqual(self.computer.files() - self.untouched - {"/var/lib/private"}, set())
        self.assertEqual(self.untouched - self.computer.files(), set())


class Upgrade(unittest.TestCase):
    """On Debian 11, with wget. Each test begins with the release before, and a computer that an operator has named."""

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian11", "upgrade")
        cls.addClassCleanup(cls.computer.stop)
        install(cls.computer, f"--version {BEFORE}")
        cls.row = world.play_tone(cls.computer, "/opt/raa/current/bin/raa-client")
        cls.computer.sh("systemctl stop tone")
        api(cls.computer, f"/api/clients/{cls.row}", "PATCH", {"name": "Ward 3", "volume": 40})

    def setUp(self):
        if running(self.computer) != program(BEFORE):
            install(self.computer, f"--version {BEFORE} --allow-downgrade")
        self.assertEqual(running(self.computer), program(BEFORE))

    def settings(self):
        rows = {row["id"]: row for row in api(self.computer, "/api/clients")["clients"]}
        return rows[self.row]["name"], rows[self.row]["volume"]

    def test_upgrade_keeps_names_and_levels(self):
        done = install(self.computer)
        self.assertIn(f"Replacing version {BEFORE} by {OWN}", done.stdout)
        self.assertEqual(running(self.computer), program(OWN))
        self.assertEqual(self.settings(), ("Ward 3", 40))

    def test_upgrade_keeps_a_changed_configuration(self):
        self.computer.sh("echo 'test_music = false' >>/etc/raa/raa-server.toml; systemctl restart raa-server")
        install(self.computer)
        self.assertIn("test_music = false", self.computer.sh("cat /etc/raa/raa-server.toml").stdout)

    def test_version_that_spoils_the_database_goes_back_with_its_database(self):
        done = install(self.computer, f"--version {SPOILED}", check=False)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("this version spoils the database", done.stdout)
        self.assertIn(f"version {BEFORE} runs again", done.stderr)
        self.assertEqual(running(self.computer), program(BEFORE))
        self.assertEqual(self.settings(), ("Ward 3", 40))
        self.assertNotIn(SPOILED, self.computer.sh("ls -A /opt/raa").stdout)

    def test_version_that_never_answers_goes_back(self):
        done = install(self.computer, f"--version {world.ASLEEP}", check=False, before="export RAA_HEALTH_SECONDS=8")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("within 8 seconds", done.stderr)
        self.assertEqual((running(self.computer), self.settings()), (program(BEFORE), ("Ward 3", 40)))

    def test_versions_before_the_last_two_are_removed(self):
        install(self.computer)
        install(self.computer, f"--version {NEXT}")
        self.assertEqual(self.computer.sh("ls -A /opt/raa").stdout.split(), [OWN, NEXT, "current"])

    def test_older_version_over_a_newer_one_is_refused_unless_asked(self):
        install(self.computer)
        done = install(self.computer, f"--version {BEFORE}", check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn(f"version {OWN} is installed and {BEFORE} is older", done.stderr)
        self.assertEqual(running(self.computer), program(OWN))
        install(self.computer, f"--version {BEFORE} --allow-downgrade")
        self.assertEqual((running(self.computer), self.settings()), (program(BEFORE), ("Ward 3", 40)))
