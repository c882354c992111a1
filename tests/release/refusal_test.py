"""What install.sh refuses, and what happens when the network or the script itself breaks. Each refusal leaves the disk as it was.

Always: every test on a machine without RAA compares the disk before and after.
"""

import subprocess
import unittest

import world
from mirror import DIST
from world import BEFORE, OWN, eventually, healthy, install, mirror, program, running


class Refusal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "refusal")
        cls.addClassCleanup(cls.computer.stop)

    def refused(self, code, *texts, **how):
        """Installs, expects this exit code and these texts in the error, and that the disk is as before."""
        before = self.computer.files()
        done = install(self.computer, check=False, **how)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(self.computer.files() ^ before, set())
        return done

    def test_wrong_sum_is_refused(self):
        tarball = mirror().tarball(OWN)
        good = tarball.read_bytes()
        self.addCleanup(tarball.write_bytes, good)
        tarball.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        self.refused(4, "does not have the sum in SHA256SUMS")

    def test_half_a_tarball_is_refused(self):
        tarball = mirror().tarball(OWN)
        good = tarball.read_bytes()
        self.addCleanup(tarball.write_bytes, good)
        tarball.write_bytes(good[: len(good) // 2])
        self.refused(4, "does not have the sum in SHA256SUMS")

    def test_list_that_names_no_version_is_refused(self):
        sums = mirror().release(OWN) / "SHA256SUMS"
        good = sums.read_text()
        self.addCleanup(sums.write_text, good)
        sums.write_text(good.replace(f"raa-{OWN}-x86_64", "raa-..-x86_64"))
        self.refused(4, "names no version")

    def test_missing_network_is_named(self):
        self.computer.host("ip", "link", "set", "eth0", "down")
        self.addCleanup(self.computer.host, "ip", "link", "set", "eth0", "up")
        script = self.script()
        before = self.computer.files()
        done = self.computer.sh(f"RAA_BASE_URL={mirror().base} sh {script}", check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertIn("is there a network", done.stderr)
        self.assertEqual(self.computer.files() ^ before, set())

    def test_version_that_does_not_exist_is_named(self):
        self.refused(4, "cannot download", "/download/v7.7.7/SHA256SUMS", options="--version 7.7.7")

    def test_taken_tcp_port_names_the_program(self):
        self.computer.sh("systemd-run --unit=holder busybox nc -l -p 4011")
        self.addCleanup(self.computer.sh, "systemctl stop holder.service; systemctl reset-failed")
        pid = self.computer.sh("systemctl show -p MainPID --value holder").stdout.strip()
        self.refused(3, f"port 4011/tcp is in use by busybox (pid {pid})")

    def test_taken_udp_port_names_the_program(self):
        """systemd holds the socket of a service until somebody sends to it."""
        self.computer.sh("systemd-run --unit=holder --socket-property=ListenDatagram=4010 /bin/sleep 1000")
        self.addCleanup(self.computer.sh, "systemctl stop holder.socket holder.service; systemctl reset-failed")
        self.refused(3, "port 4010/udp is in use by systemd (pid 1)")

    def test_unsupported_machines_are_refused(self):
        for command, answer, text in [
            ("uname", 'case $1 in -m) echo riscv64 ;; *) exec /bin/uname "$@" ;; esac', "no programs for this processor: riscv64"),
            ("uname", 'case $1 in -s) echo FreeBSD ;; *) exec /bin/uname "$@" ;; esac', "this is FreeBSD"),
            ("uname", 'case $1 in -r) echo 4.4.0-210-generic ;; *) exec /bin/uname "$@" ;; esac', "Linux 4.4.0 is too old"),
            ("getconf", "echo glibc 2.27", "glibc 2.27 is too old"),
            ("getconf", "exit 1", "musl"),
        ]:
            with self.subTest(text):
                self.fake(command, answer)
                self.refused(3, text, before="export PATH=/run/fake:$PATH")
                self.computer.sh("rm -r /run/fake")

    def fake(self, command, answer):
        self.computer.sh(f"mkdir -p /run/fake; printf '#!/bin/sh\\n%s\\n' {answer!r} >/run/fake/{command}; chmod +x /run/fake/{command}")

    def test_processor_without_programs_in_this_release_is_refused(self):
        self.fake("uname", 'case $1 in -m) echo aarch64 ;; *) exec /bin/uname "$@" ;; esac')
        self.addCleanup(self.computer.sh, "rm -r /run/fake")
        sums = mirror().release(OWN) / "SHA256SUMS"
        good = sums.read_text()
        self.addCleanup(sums.write_text, good)
        sums.write_text("".join(line for line in good.splitlines(True) if "aarch64" not in line))
        self.refused(3, "no programs for aarch64", before="export PATH=/run/fake:$PATH")

    def test_second_installer_at_once_is_refused(self):
        holder = self.computer.popen("exec flock /etc sleep 100")
        self.addCleanup(holder.wait)
        self.addCleanup(self.computer.sh, "pkill -x sleep || kill $(pidof sleep)", check=False)
        eventually("the lock is held", lambda: self.computer.sh("flock --nonblock /etc true", check=False).returncode != 0)
        self.refused(3, "another install.sh is at work")

    def test_debian_package_is_left_alone(self):
        self.computer.sh("""printf 'Package: raa-server\\nVersion: 0.0.1\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' >/tmp/control
            mkdir -p /tmp/p/DEBIAN && mv /tmp/control /tmp/p/DEBIAN/ && dpkg-deb -b /tmp/p /tmp/p.deb && dpkg -i /tmp/p.deb""")
        self.addCleanup(self.computer.sh, "dpkg -P raa-server")
        self.refused(3, "the Debian package raa-server is installed", "apt")

    def test_program_of_somebody_else_is_not_written_over(self):
        self.computer.sh("echo mine >/usr/local/bin/raa-server")
        self.addCleanup(self.computer.sh, "rm -f /usr/local/bin/raa-server")
        self.refused(3, "/usr/local/bin/raa-server is there and not from this script")

    def test_configuration_that_the_version_refuses_stops_before_any_change(self):
        self.computer.sh("mkdir -p /etc/raa; echo 'http_port = \"x\"' >/etc/raa/raa-server.toml")
        self.addCleanup(self.computer.sh, "rm -r /etc/raa")
        self.refused(3, "does not accept /etc/raa/raa-server.toml", "http_port")

    def test_wrong_command_lines_are_refused(self):
        for options, text in [("--frobnicate", "unknown option: --frobnicate"), ("--version", "--version needs a value"),
                              ("--version ../../x", "a version is like 1.2.3"), ("--purge", "--purge is for --uninstall"),
                              ("--server x", "are for --client")]:
            with self.subTest(options):
                self.refused(2, text, options=options)

    def test_half_a_script_does_nothing(self):
        text = (mirror().release(OWN) / "install.sh").read_text()
        before = self.computer.files()
        for share in (0.2, 0.5, 0.9, 0.999):
            half = text[: int(len(text) * share)]
            subprocess.run(["nsenter", "-t", self.computer.leader, "-a", "sh"], input=half, text=True, capture_output=True, check=False)
            self.assertEqual(self.computer.files() ^ before, set(), share)

    def test_purge_without_a_terminal_and_without_yes_removes_nothing(self):
        self.computer.sh("mkdir -p /var/lib/raa; echo x >/var/lib/raa/raa.sqlite")
        self.addCleanup(self.computer.sh, "rm -r /var/lib/raa")
        done = self.computer.sh(f"setsid -w sh {self.script()} --uninstall --purge", check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertEqual(self.computer.sh("cat /var/lib/raa/raa.sqlite").stdout, "x\n")

    def script(self):
        """Puts install.sh on the machine, in a folder that is not compared."""
        self.computer.sh("cat >/run/install.sh <<'THE END'\n" + (mirror().release(OWN) / "install.sh").read_text() + "THE END\n")
        return "/run/install.sh"

    def test_proxy_is_for_downloads_only(self):
        """Nothing answers at the proxy's address: downloads fail through it, but the own server is asked without it."""
        script, proxy = self.script(), "http_proxy=http://127.0.0.1:9"
        done = self.computer.sh(f"export RAA_BASE_URL={mirror().base} {proxy}; sh {script}", check=False)
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.addCleanup(self.computer.sh, f"sh {script} --uninstall --purge --yes")
        self.computer.sh(f"export RAA_BASE_URL={mirror().base} {proxy} no_proxy={world.lan().address}; sh {script}")
        self.assertTrue(healthy(self.computer))


class Script(unittest.TestCase):
    def test_script_is_clean_for_shellcheck(self):
        done = subprocess.run(["shellcheck", "--shell=sh", DIST / "install.sh"], text=True, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class OtherShells(unittest.TestCase):
    """busybox's shell and tools, and a computer without systemd."""

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "shells")
        cls.addClassCleanup(cls.computer.stop)

    def test_busybox_installs_upgrades_and_removes(self):
        self.computer.sh("""mkdir -p /run/box && busybox --install -s /run/box
            for name in su sh dpkg dpkg-deb; do rm -f /run/box/$name; done""")
        how = {"shell": "busybox sh", "before": "export PATH=/run/box:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        install(self.computer, f"--version {BEFORE}", **how)
        install(self.computer, **how)
        self.assertEqual(running(self.computer), program(OWN))
        install(self.computer, "--uninstall --purge --yes", **how)
        self.assertEqual(self.computer.sh("ls /opt /usr/local/bin").stdout.split(), ["/opt:", "/usr/local/bin:"])

    def test_computer_without_systemd_gets_the_programs_and_is_told_how_to_start(self):
        # What tells a computer with systemd from others: this folder.
        self.computer.sh("mount --bind /mnt /run/systemd")
        self.addCleanup(self.computer.sh, "umount /run/systemd")
        done = install(self.computer)
        self.assertIn("/usr/local/bin/raa-server --state-dir /var/lib/raa", done.stdout)
        self.assertIn("raa-server", self.computer.sh("raa-server --version").stdout)
        install(self.computer, "--uninstall --purge --yes")
        self.assertEqual(self.computer.sh("ls /opt /usr/local/bin").stdout.split(), ["/opt:", "/usr/local/bin:"])


class Interruption:
    """An upgrade is killed at one of its commands, as by a power cut of the terminal, and run again."""

    # The commands before which the script is killed.
    POINTS = ()
    FAKED = ("mv", "cp", "rm", "systemctl", "curl")

    @classmethod
    def setUpClass(cls):
        cls.computer = world.machine("debian12", "interruption")
        cls.addClassCleanup(cls.computer.stop)
        install(cls.computer, f"--version {BEFORE}")
        cls.row = world.play_tone(cls.computer, "/opt/raa/current/bin/raa-client")
        cls.computer.sh("systemctl stop tone")
        world.api(cls.computer, f"/api/clients/{cls.row}", "PATCH", {"name": "Ward 3"})
        cls.computer.sh("mkdir /run/kill; curl -fsS " + mirror().base + "/latest/download/install.sh >/run/kill/install.sh")
        for name in cls.FAKED:
            cls.computer.sh(f"""cat >/run/kill/{name} <<'THE END'
#!/bin/sh
case "{name} $*" in *"$(cat /run/kill/at)"*) kill -KILL $(cat /run/kill/pid); exit 137 ;; esac
PATH=${{PATH#/run/kill:}} exec {name} "$@"
THE END
chmod +x /run/kill/{name}""")

    def change(self, version, point):
        """Goes to this version and is killed before this command. Returns how it ended."""
        return self.computer.sh(f"""echo '{point}' >/run/kill/at
            export PATH=/run/kill:$PATH RAA_BASE_URL={mirror().base}
            sh -c 'echo $$ >/run/kill/pid; exec sh /run/kill/install.sh --version {version} --allow-downgrade'""", check=False)

    def sums(self, version):
        return self.computer.sh(f"cd /opt/raa/{version} && find . -type f -exec sha256sum {{}} + | sort").stdout

    def named(self):
        return [row["name"] for row in world.api(self.computer, "/api/clients")["clients"] if row["id"] == self.row]

    def test_upgrade_that_is_killed_anywhere_is_completed_by_the_next_run(self):
        """There and back, so that each point needs one change. The way back is asked for, and is the same work."""
        install(self.computer, f"--version {OWN}")
        install(self.computer, f"--version {BEFORE} --allow-downgrade")
        good = {version: self.sums(version) for version in (BEFORE, OWN)}
        self.assertTrue(self.POINTS)
        now, to = BEFORE, OWN
        for point in self.POINTS:
            with self.subTest(before=point):
                killed = self.change(to, point)
                self.assertIn(killed.returncode, (137, -9), killed.stdout + killed.stderr)
                current = self.computer.sh("readlink /opt/raa/current").stdout.strip()
                self.assertIn(current, (BEFORE, OWN))
                self.assertEqual({version: self.sums(version) for version in good}, good)
                self.computer.sh("raa-server --version")
                install(self.computer, f"--version {to} --allow-downgrade")
                self.assertEqual((running(self.computer), self.named()), (program(to), ["Ward 3"]))
                self.assertEqual(self.computer.sh("ls -A /opt/raa").stdout.split(), [BEFORE, OWN, "current"])
            now, to = to, now


class InterruptionBeforeTheStart(Interruption, unittest.TestCase):
    """Before the stop, at the copy of the database, before the swap, and between the swap and the start."""

    POINTS = ("systemctl stop", "cp -p", "mv -T -f /opt/raa/current.raa-new", "mv -f /etc/systemd/system/raa-server.service.raa-new")


class InterruptionAfterTheStart(Interruption, unittest.TestCase):
    """Before the start, while it waits, and when it tidies up."""

    POINTS = ("systemctl start", "healthz", "rm -rf /opt/raa/.change")

    def test_interruption_by_a_person_goes_back_at_once(self):
        install(self.computer, f"--version {BEFORE} --allow-downgrade")
        script = f"""export RAA_BASE_URL={mirror().base} RAA_HEALTH_SECONDS=60; curl -fsS {mirror().base}/latest/download/install.sh >/run/i.sh
            echo $$ >/run/i.pid; exec sh /run/i.sh --version {world.ASLEEP}"""
        upgrade = self.computer.popen(script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = ""
        for line in upgrade.stdout:
            said += line
            if "waiting until it is healthy" in line:
                break
        self.computer.sh("kill -INT $(cat /run/i.pid)")
        said += upgrade.stdout.read()
        self.assertNotEqual(upgrade.wait(60), 0)
        upgrade.stdout.close()
        self.assertIn(f"Going back to version {BEFORE}", said)
        self.assertEqual((running(self.computer), self.named()), (program(BEFORE), ["Ward 3"]))


class FirstInstallation(unittest.TestCase):
    def test_first_installation_that_fails_leaves_only_the_configuration(self):
        computer = world.machine("debian12", "first")
        self.addCleanup(computer.stop)
        before = computer.files()
        done = install(computer, f"--version {world.SPOILED}", check=False)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        left = {line.split()[0] for line in computer.files() - before}
        self.assertEqual({path for path in left if not path.startswith(("/etc/raa", "/var/lib/raa", "/var/lib/private"))}, set())
        install(computer)
        self.assertTrue(healthy(computer))
