"""Hears a server's mix: `python3 hearing.py HOST PORT SECONDS HERTZ` prints the level of a tone in it, in dBFS.

Run in the network of a test machine. Opens the WebSocket as the page does, decodes the Opus frames with libopus and measures the
tone by Goertzel's algorithm.
Always: fails if frames are missing, rather than measure less.
"""

import base64
import ctypes
import ctypes.util
import math
import os
import socket
import struct
import sys

RATE = 48000
FRAME = 960


def connect(host, port):
    stream = socket.create_connection((host, port), timeout=30).makefile("rwb")
    key = base64.b64encode(os.urandom(16)).decode()
    stream.write(f"GET /ws?mix=main HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    stream.flush()
    status = stream.readline()
    assert b" 101 " in status, status
    while stream.readline().strip():
        pass
    return stream


def messages(stream):
    """Yields the binary messages. The server does not mask, and splits none."""
    while True:
        first, size = struct.unpack("!BB", stream.read(2))
        if size == 126:
            (size,) = struct.unpack("!H", stream.read(2))
        body = stream.read(size)
        if first & 0x0F == 2:
            yield body


def samples(stream, seconds):
    opus = ctypes.CDLL(ctypes.util.find_library("opus"))
    opus.opus_decoder_create.restype = ctypes.c_void_p
    fault = ctypes.c_int()
    decoder = ctypes.c_void_p(opus.opus_decoder_create(RATE, 1, ctypes.byref(fault)))
    assert fault.value == 0, fault.value
    pcm = (ctypes.c_float * FRAME)()
    sound = []
    for packet in messages(stream):
        payload = packet[12:]
        count = opus.opus_decode_float(decoder, payload, len(payload), pcm, FRAME, 0)
        assert count == FRAME, count
        # One or two bytes are silence; the decoder would invent noise.
        sound.extend(pcm if len(payload) > 2 else [0.0] * FRAME)
        if len(sound) >= seconds * RATE:
            return sound
    raise AssertionError("the mix ended")


def level_of(sound, hertz):
    """Returns the level of a tone in dBFS, where a full sine has -0 dBFS of peak."""
    coefficient = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in sound:
        one, two = sample + coefficient * one - two, one
    power = one * one + two * two - coefficient * one * two
    amplitude = 2 * math.sqrt(max(power, 0.0)) / len(sound)
    return 20 * math.log10(max(amplitude, 1e-9))


def main():
    host, port, seconds, hertz = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    print(round(level_of(samples(connect(host, port), seconds), hertz), 1))


main()
