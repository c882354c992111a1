"""Starts the programs that scripts/performance/run measures, reads their CPU time and memory, and ends them.

Always: every program that was started is ended, whatever happens; only loopback is used.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

BIN = Path(os.environ.get("RAA_BIN_DIR", "target/release"))
# After this time every client has reached its playout delay and no source is steered any more.
WARM_UP_S = 45
# For programs without an adaptive delay.
SHORT_WARM_UP_S = 5
# Tells GStreamer the format of the packets, which have RAA's payload type.
RTP_CAPS = "application/x-rtp,media=audio,clock-rate=48000,encoding-name=OPUS,payload=111"


class Program:
    """A running process, which ends when its `with` block does."""

    def __init__(self, command, log, **options):
        self.log = open(log, "w", encoding="utf-8")
        self.process = subprocess.Popen([str(word) for word in command], stderr=self.log, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def cpu_s(self):
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def rss_bytes(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024


class Server(Program):
    """raa-server with its defaults but room for many clients and listeners, an empty state folder and no test music."""

    def __init__(self, work, port, wrapper=()):
        self.http, state = port + 1, work / "state"
        shutil.rmtree(state, ignore_errors=True)
        config = work / "raa-server.toml"
        # All listeners come from one address here.
        limits = "max_unconfigured_clients = 10000\nmax_listeners_per_address = 8192\n"
        config.write_text('listen_address = "127.0.0.1"\n' + limits)
        options = ["--udp-port", port, "--http-port", self.http, "--state-dir", state, "--config", config]
        command = [*wrapper, BIN / "raa-server", *options, "--no-test-music", "--log-level", "warn"]
        self.started = time.monotonic()
        super().__init__(command, work / "server.log", stdout=subprocess.DEVNULL)
        self.starting_s = self.wait()

    def wait(self):
        """Waits for the first answer and returns the seconds since the start."""
        for _ in range(30_000):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/healthz", timeout=5):
                    return time.monotonic() - self.started
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError("raa-server did not start; see target/performance/server.log") from None
                time.sleep(0.001)
        raise RuntimeError("raa-server did not answer within 30 s")


class Loop(Program):
    """The bare loop of raa-limit."""

    def __init__(self, work, port):
        super().__init__([BIN / "raa-limit", "loop", "--port", port], work / "loop.log", stdout=subprocess.PIPE)
        # It prints its address when it is ready.
        self.process.stdout.readline()
        self.port = port

    def dropped(self):
        """Returns how many datagrams the kernel dropped because the loop's socket queue was full."""
        sockets = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
        return sum(int(fields[-1]) for fields in sockets if int(fields[1].split(":")[1], 16) == self.port)


class GStreamer(Program):
    """audiomixer with one RTP stream per port. Counts the packets and bytes that it sends."""

    def __init__(self, work, port, speakers):
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.out.bind(("127.0.0.1", 0))
        self.packets = self.bytes = 0
        threading.Thread(target=self.count, daemon=True).start()
        super().__init__(self.pipeline(port, speakers), work / "gstreamer.log", stdout=subprocess.DEVNULL)
        # It needs this long to create its elements.
        time.sleep(2 + speakers / 50)

    def pipeline(self, port, speakers):
        mixed = "audiomixer name=mix latency=20000000 output-buffer-duration=20000000 ! audioconvert"
        mixed += " ! audio/x-raw,rate=48000,channels=1 ! opusenc bitrate=64000 complexity=9 frame-size=20"
        mixed += f" ! rtpopuspay pt=111 ! udpsink host=127.0.0.1 port={self.out.getsockname()[1]} sync=false async=false"
        words = ["gst-launch-1.0", "-q", *mixed.split()]
        for n in range(speakers):
            words += f"udpsrc address=127.0.0.1 port={port + n} caps={RTP_CAPS} ! rtpjitterbuffer latency=40".split()
            words += "! rtpopusdepay ! opusdec ! audio/x-raw,rate=48000,channels=1 ! queue ! mix.".split()
        return words

    def count(self):
        while True:
            data = self.out.recv(2048)
            self.packets, self.bytes = self.packets + 1, self.bytes + len(data)


class Stolen:
    """Measures the share of this machine's cores that its host takes away, starting after `after_s` seconds."""

    def __init__(self, after_s):
        self.timer = threading.Timer(after_s, self.begin)
        self.timer.start()

    def begin(self):
        self.began, self.since_s = time.monotonic(), self.stolen_s()

    def percent(self):
        self.timer.join()
        return 100 * (self.stolen_s() - self.since_s) / (time.monotonic() - self.began) / os.cpu_count()

    @staticmethod
    def stolen_s():
        ticks = int(Path("/proc/stat").read_text().split(maxsplit=9)[8])
        return ticks / os.sysconf("SC_CLK_TCK")


def punctually():
    """Returns the prefix that gives the load a higher priority than the measured program, where that is permitted. A load that
    is sent late would be a different load."""
    realtime = ["chrt", "--rr", "20"]
    permitted = shutil.which("chrt") and subprocess.run([*realtime, "true"], capture_output=True, check=False).returncode == 0
    return realtime if permitted else []


def load(clients, speaking, port, seconds, *options, warm_up_s=WARM_UP_S):
    """Runs raa-load and returns the JSON that it prints."""
    command = [*punctually(), BIN / "raa-load", "--clients", clients, "--speaking", speaking, "--udp-port", port]
    command += ["--http-port", port + 1, "--seconds", seconds, "--warm-up", warm_up_s, "--json", *options, "127.0.0.1"]
    return run_json(command)


def run_json(command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def parts(speakers, slots, threads):
    return run_json([BIN / "raa-limit", "parts", "--speakers", speakers, "--slots", slots, "--threads", threads])


def writes(listeners, port, seconds, work):
    """Measures a bare write while raa-load's listeners read."""
    command = [BIN / "raa-limit", "writes", "--listeners", listeners, "--port", port + 1, "--seconds", seconds]
    with Program(command, work / "writes.log", stdout=subprocess.PIPE, text=True) as writer:
        time.sleep(0.5)
        # Longer than the writer, so that no listener leaves before the writer ends.
        load(0, 0, port, max(5, seconds), "--no-api", "--listeners", listeners, warm_up_s=SHORT_WARM_UP_S)
        found = writer.process.communicate()[0]
        if writer.process.returncode:
            raise RuntimeError("raa-limit writes failed; see target/performance/writes.log")
        return json.loads(found)


def page_frames(port, seconds, rows):
    """Measures how long the page's frames take in Chromium, once the page shows `rows` clients."""
    tool = Path(__file__).parent.parent.parent / "tests/e2e/tools/page-frames.js"
    return run_json(["node", tool, "--url", f"http://127.0.0.1:{port + 1}/", "--seconds", seconds, "--rows", rows])
