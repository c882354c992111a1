"""Completes the header of a Windows program, and compares programs with and without a signature.

  pe_image.py run-from-swap EXE    sets IMAGE_FILE_NET_RUN_FROM_SWAP in EXE
  pe_image.py unsigned EXE OUT     writes EXE without its signature to OUT
  pe_image.py is-signed EXE PLAIN  fails unless EXE is PLAIN with a signature, and nothing else

With IMAGE_FILE_NET_RUN_FROM_SWAP, Windows copies a program that is started from a share into the swap file at its start. Otherwise
it reads the pages when they are needed, and a share that is away ends the program. GNU ld has no option for the flag, so it is set
here. The format: learn.microsoft.com/windows/win32/debug/pe-format

Always: the checksum fits the bytes; a signature adds a table at the end, its entry in the header and another checksum, no more.
"""

import struct
import sys
from pathlib import Path

NET_RUN_FROM_SWAP = 0x0800
PE32_PLUS = 0x20B
CERTIFICATES = 4  # the place of the table in the list of data directories
ALIGNMENT = 8  # of a table of certificates


class Image:
    """A PE32+ program, which can be changed."""

    def __init__(self, content):
        self.bytes = bytearray(content)
        if self.bytes[:2] != b"MZ" or len(self.bytes) < 64:
            raise ValueError("it is no program of Windows")
        self.header = self._number("<I", 60)
        if self.bytes[self.header : self.header + 4] != b"PE\0\0":
            raise ValueError("it has no PE header")
        if self._number("<H", self.header + 24) != PE32_PLUS:
            raise ValueError("it is no 64-bit program")
        self.checksum_at = self.header + 24 + 64
        self.certificates_at = self.header + 24 + 112 + 8 * CERTIFICATES

    def _number(self, kind, at):
        return struct.unpack_from(kind, self.bytes, at)[0]

    @property
    def flags(self):
        return self._number("<H", self.header + 22)

    @property
    def checksum(self):
        return self._number("<I", self.checksum_at)

    @property
    def certificates(self):
        """The offset and the length of the table of certificates; zeros without a signature."""
        return struct.unpack_from("<II", self.bytes, self.certificates_at)

    def set_flag(self, flag):
        struct.pack_into("<H", self.bytes, self.header + 22, self.flags | flag)
        self.update_checksum()

    def update_checksum(self):
        struct.pack_into("<I", self.bytes, self.checksum_at, self.expected_checksum())

    def expected_checksum(self):
        """Adds all words but those of the checksum itself, with the carry, and the length."""
        words = bytes(self.bytes[: self.checksum_at]) + bytes(4) + bytes(self.bytes[self.checksum_at + 4 :])
        words += bytes(len(words) % 2)
        total = sum(struct.unpack(f"<{len(words) // 2}H", words))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        return total + len(self.bytes)

    def remove_signature(self):
        offset, length = self.certificates
        if offset == 0:
            return
        if offset % ALIGNMENT or offset + length != len(self.bytes):
            raise ValueError(f"the signature is {length} bytes at {offset}; it must be at the end of the {len(self.bytes)} bytes")
        del self.bytes[offset:]
        struct.pack_into("<II", self.bytes, self.certificates_at, 0, 0)
        self.update_checksum()


def is_signed(signed, plain):
    """Fails unless the first program is the second one with a signature."""
    image = Image(signed)
    if image.certificates[0] == 0:
        raise ValueError("it has no signature")
    image.remove_signature()
    if image.bytes != plain:
        raise ValueError("without its signature it is another program than the one that was built")


def main(words):
    match words:
        case ["run-from-swap", exe]:
            image = Image(Path(exe).read_bytes())
            image.set_flag(NET_RUN_FROM_SWAP)
            Path(exe).write_bytes(image.bytes)
        case ["unsigned", exe, out]:
            image = Image(Path(exe).read_bytes())
            image.remove_signature()
            Path(out).write_bytes(image.bytes)
        case ["is-signed", exe, plain]:
            is_signed(Path(exe).read_bytes(), Path(plain).read_bytes())
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError, struct.error) as error:
        sys.exit(f"error: {' '.join(sys.argv[2:3])}: {error}")
