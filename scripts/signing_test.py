"""Tests the header of the Windows client, and what scripts/release-windows does with a command that signs it."""

import os
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "scripts/lib"
sys.path.insert(0, str(LIB))
import pe_image  # noqa: E402


def program(size=1024):
    """Returns the smallest PE32+ that has all fields which are read here, with the right checksum."""
    content = bytearray(size)
    content[:2] = b"MZ"
    struct.pack_into("<I", content, 60, 128)
    content[128:132] = b"PE\0\0"
    struct.pack_into("<H", content, 128 + 22, 0x0022)  # an executable with large addresses
    struct.pack_into("<H", content, 128 + 24, 0x20B)
    content[600:616] = bytes(range(200, 216))
    image = pe_image.Image(content)
    image.update_checksum()
    return bytes(image.bytes)


# Signs as Authenticode does: a table at the end, with its place in the header, and the new checksum.
SIGNER = f"""
import struct, sys
sys.path.insert(0, {str(LIB)!r})
import pe_image
path = sys.argv[-1]
content = open(path, "rb").read()
image = pe_image.Image(content)
certificate = struct.pack("<IHH", 24, 0x0200, 2) + b"sixteen bytes of"
struct.pack_into("<II", image.bytes, image.certificates_at, len(content), len(certificate))
image.bytes += certificate
image.update_checksum()
open(path, "wb").write(image.bytes)
"""


class HeaderTest(unittest.TestCase):
    def test_flag_is_set_and_nothing_else(self):
        image = pe_image.Image(program())
        image.set_flag(pe_image.NET_RUN_FROM_SWAP)
        self.assertEqual(image.flags, 0x0822)
        changed = {at for at, (old, new) in enumerate(zip(program(), image.bytes)) if old != new}
        self.assertLessEqual(changed, {128 + 23, *range(image.checksum_at, image.checksum_at + 4)})
        self.assertIn(128 + 23, changed)

    def test_checksum_is_that_of_windows(self):
        # The sum of the words of these bytes by hand: 0x5A4D, 0x80, 0x4550, 0x22, 0x20B and eight of content; and the length.
        words = [0x5A4D, 0x80, 0x4550, 0x22, 0x20B, *(low | (low + 1) << 8 for low in range(200, 216, 2))]
        total = sum(words)
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        self.assertEqual(pe_image.Image(program()).checksum, total + 1024)

    def test_other_files_are_refused(self):
        for content in (b"", b"MZ", b"MZ" + bytes(100), program()[:140], program().replace(b"PE\0\0", b"NE\0\0")):
            with self.assertRaises((ValueError, struct.error)):
                pe_image.Image(content)


class SigningTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="raa signing ")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.exe = self.folder / "raa-client.exe"
        self.exe.write_bytes(program())
        (self.folder / "signer.py").write_text(SIGNER, encoding="utf-8")

    def sign(self, command):
        script = f'ROOT="{ROOT}"; . "$ROOT/scripts/lib/common.sh"; . "$ROOT/scripts/lib/signing.sh"; sign_program "$1"'
        environment = {name: value for name, value in os.environ.items() if name != "SIGN_COMMAND"}
        if command is not None:
            environment["SIGN_COMMAND"] = command
        done = subprocess.run(["bash", "-c", script, "-", self.exe], text=True, capture_output=True, check=False, env=environment)
        self.assertEqual([file.name for file in self.folder.iterdir() if file.name.endswith(".unsigned")], [])
        return done

    def assert_refused(self, command, words):
        done = self.sign(command)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(words, done.stderr)
        self.assertFalse(self.exe.exists(), "a program that is not signed could be published")
        self.exe.write_bytes(program())

    def test_signature_is_added_to_the_same_program(self):
        done = self.sign(f"{sys.executable} '{self.folder}/signer.py' --timestamp")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(len(self.exe.read_bytes()), len(program()) + 24)
        plain = self.folder / "plain.exe"
        subprocess.run([sys.executable, LIB / "pe_image.py", "unsigned", self.exe, plain], check=True)
        self.assertEqual(plain.read_bytes(), program())

    def test_nothing_is_signed_without_a_command(self):
        self.assertEqual(self.sign(None).returncode, 0)
        self.assertEqual(self.exe.read_bytes(), program())

    def test_failing_command_leaves_no_program(self):
        self.assert_refused("false", "SIGN_COMMAND failed")
        self.assert_refused(f"{sys.executable} '{self.folder}/signer.py' \"$1\"; exit 3 #", "SIGN_COMMAND failed")
        self.assert_refused("no-such-command", "SIGN_COMMAND failed")

    def test_command_that_signs_nothing_leaves_no_program(self):
        self.assert_refused("true", "it has no signature")

    def test_command_that_changes_the_program_leaves_none(self):
        change = f"import sys; f = open(sys.argv[1], 'r+b'); f.seek(610); f.write(b'x')"
        self.assert_refused(f'{sys.executable} -c "{change}" "$1"; {sys.executable} \'{self.folder}/signer.py\'', "another program than the one that was built")


if __name__ == "__main__":
    unittest.main()
