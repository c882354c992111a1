"""The service under a real systemd: its right to real-time priority, its walls, and its watchdog.

Always: what this computer cannot give to the machines (a limit that only CAP_SYS_RESOURCE may raise) is printed, and the part
of the check that remains is made.
"""

import ctypes
import os
import time
import unittest
from pathlib import Path

import world
from world import OWN, eventually, healthy, install

PTRACE_ATTACH, WALL = 16, 0x40000000
CAP_SYS_RESOURCE = 24


def host_pid(computer, pid):
    """The number under which this computer knows a process of the machine."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        names = next((line.split()[1:] for line in text.splitlines() if line.startswith("NSpid:")), [])
        if len(names) > 1 and names[-1] == pid and os.readlink(f"{status.parent}/ns/pid") == os.readlink(f"/proc/{computer.leader}/ns/pid"):
            return int(status.parent.name)
    raise AssertionError(f"no process {pid} of {computer.name}")


class Service(unittest.TestCase):
    def setUp(self):
        self.computer = world.machine("debian12", "service")
        self.addCleanup(self.computer.stop)
        install(self.computer)

    def main_pid(self):
        return self.computer.sh("systemctl show -p MainPID --value raa-server").stdout.strip()

    def threads(self):
        """Each thread's name and scheduling policy."""
        lines = self.computer.sh(f"for t in /proc/{self.main_pid()}/task/*; do echo $(cat $t/comm) $(chrt -p ${{t##*/}} | head -n 1); done").stdout
        return {line.split()[0]: line.split()[-1] for line in lines.splitlines()}

    def test_engine_plays_with_real_time_priority(self):
        limits = self.computer.sh(f"cat /proc/{self.main_pid()}/limits").stdout
        own = int(next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapBnd")), 16)
        if own >> CAP_SYS_RESOURCE & 1:
            self.assertRegex(limits, r"Max realtime priority\s+10\s+10")
        else:
            print("\nNOT CHECKED: LimitRTPRIO=10, since this computer has no right to raise limits (CAP_SYS_RESOURCE). "
                  "The right is given by a capability instead.")
            self.computer.sh("""mkdir -p /run/systemd/system/raa-server.service.d
                printf '[Service]\\nPrivateUsers=no\\nCapabilityBoundingSet=CAP_SYS_NICE\\nAmbientCapabilities=CAP_SYS_NICE\\n' \\
                    >/run/systemd/system/raa-server.service.d/test.conf
                systemctl daemon-reload; systemctl restart raa-server""")
            eventually("health", lambda: healthy(self.computer))
        self.assertRegex(self.threads()["engine"], "^SCHED_(FIFO|RR)")

    def test_engine_that_stops_is_restarted_by_the_watchdog(self):
        """Holds the engine's thread alone, as a fault in it would; all other threads go on."""
        before = self.main_pid()
        process = host_pid(self.computer, before)
        engine = [int(task.name) for task in Path(f"/proc/{process}/task").iterdir() if (task / "comm").read_text().strip().startswith("engine")]
        self.assertEqual(len(engine), 1, [(task / "comm").read_text() for task in Path(f"/proc/{process}/task").iterdir()])
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.ptrace(PTRACE_ATTACH, engine[0], 0, 0), 0, os.strerror(ctypes.get_errno()))
        os.waitpid(engine[0], WALL)
        held = time.monotonic()
        eventually("without the engine it must not call itself healthy", lambda: not healthy(self.computer))
        self.assertEqual(self.main_pid(), before)

        def restarted():
            # A thread that is held must be waited for by its holder when it dies.
            try:
                os.waitpid(engine[0], WALL | os.WNOHANG)
            except ChildProcessError:
                pass
            return self.main_pid() not in (before, "0") and healthy(self.computer)

        eventually("the watchdog's restart", restarted)
        print(f"\nthe watchdog had the server back {time.monotonic() - held:.1f} s after its engine stopped")
        log = self.computer.sh("journalctl -u raa-server --no-pager").stdout
        self.assertIn("Watchdog timeout", log)
        self.assertEqual(world.running(self.computer), world.program(OWN))

    def test_server_that_dies_is_back_within_seconds(self):
        before = self.main_pid()
        self.computer.sh(f"kill -KILL {before}")
        eventually("health", lambda: self.main_pid() not in (before, "0") and healthy(self.computer))
