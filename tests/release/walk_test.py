"""Walks sections of docs/operating.md as written: takes their `sh` blocks out of the document and runs them.

"From nothing to hearing a computer": the first block as root on a server, the second as the user of a PC. Then that user plays
a sound with an ordinary program, and the mix must have it. "Backup and restore": both blocks as root on the server.
Always: the only words that change are RELEASES and SERVER, which the document explains.
"""

import io
import math
import re
import struct
import time
import unittest
import wave
from pathlib import Path

import world
from world import eventually, mirror

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs/operating.md"


def blocks(title):
    """The text of each `sh` block in a section."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index(f"\n## {title}\n"):]
    section = section[: section.index("\n## ", 1)]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Walk(unittest.TestCase):
    def test_commands_of_the_document_lead_from_nothing_to_hearing_a_computer(self):
        on_server, on_pc = blocks("From nothing to hearing a computer")
        server = world.machine("debian12", "server")
        self.addCleanup(server.stop)
        pc = world.machine("debian12", "pc", sound=True)
        self.addCleanup(pc.stop)
        pc.sh("useradd --create-home --uid 1000 ann && loginctl enable-linger ann")

        started = time.monotonic()
        done = server.sh("set -e\n" + on_server.replace("RELEASES", mirror().base), check=False)
        self.assertIn(f"Open http://{server.address}:4011/", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^ok +server ")
        # A busy test computer may stop for a moment; everything else must be right.
        wrong = re.findall(r"(?m)^wrong +(\w+)", done.stdout)
        self.assertLessEqual(set(wrong), {"skipped_slots"}, done.stdout)
        self.assertEqual(done.returncode, 1 if wrong else 0, done.stdout + done.stderr)
        done = pc.sh("set -e\n" + on_pc.replace("RELEASES", mirror().base).replace("SERVER", server.address),
                     user="ann")
        rows = eventually("the PC's row", lambda: [row for row in world.api(server, "/api/clients")["clients"] if row["name"] == "Ward 3"])
        self.assertEqual(len(rows), 1)
        self.assertLess(world.tone_in_mix(server), -30, "nothing sounds yet")
        # An alarm, by the desktop's own player: a minute of 1 kHz at -12 dBFS.
        with (pc.disk / "home/ann/alarm.wav").open("wb") as file:
            file.write(alarm())
        player = pc.popen("exec su - ann -c 'XDG_RUNTIME_DIR=/run/user/1000 paplay alarm.wav'")
        self.addCleanup(player.wait, 10)
        self.addCleanup(pc.sh, "kill $(cat /proc/[0-9]*/stat | awk '$2 == \"(paplay)\" {print $1}')", check=False)
        eventually("the alarm in the mix", lambda: abs(world.tone_in_mix(server) + 12) < 2, 20)
        print(f"\nfrom nothing to hearing a computer: {time.monotonic() - started:.0f} s, {sum(len(block.splitlines()) for block in (on_server, on_pc))} lines to type")


class Backup(unittest.TestCase):
    def test_commands_of_the_document_bring_back_names(self):
        backup, restore = blocks("Backup and restore")
        computer = world.machine("debian12", "backup")
        self.addCleanup(computer.stop)
        world.install(computer)
        row = world.play_tone(computer, "/opt/raa/current/bin/raa-client")
        computer.sh("systemctl stop tone")

        def name_it(name):
            world.api(computer, f"/api/clients/{row}", "PATCH", {"name": name})

        def name():
            return next(client["name"] for client in world.api(computer, "/api/clients")["clients"] if client["id"] == row)

        name_it("Ward 3")
        computer.sh(f"set -e; cd /root\n{backup}")
        name_it("mistake")
        computer.sh(f"set -e; cd /root\n{restore}")
        eventually("health", lambda: world.healthy(computer))
        self.assertEqual(name(), "Ward 3")
        name_it("Ward 4")
        self.assertEqual(name(), "Ward 4")


def alarm():
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48000)
        second = b"".join(struct.pack("<h", round(0.2512 * 32767 * math.sin(2 * math.pi * n / 48))) for n in range(48000))
        sound.writeframes(second * 60)
    return out.getvalue()
