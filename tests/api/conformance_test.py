"""Tests a running server against its own description of the API, by schemathesis.

RAA_SERVER is the server's program, and PYTHONPATH has schemathesis. Requests are derived from the description, and every
answer must be one that it allows: status, content type and body. The seed is fixed, so a run can be repeated.
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = "4"
# Fewer would mean that most of the description was not read.
LEAST_CASES = 250
ROOM = "changes_per_second = 1000\nchanges_burst = 10000\n"


class Server:
    """A server on free ports, and a client that sends it silence."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        config = Path(self.folder.name, "raa-server.toml")
        config.write_text(ROOM, encoding="utf-8")
        words = ["--config", config, "--state-dir", Path(self.folder.name, "state"), "--udp-port", "0", "--http-port", "0"]
        self.process = subprocess.Popen([os.environ["RAA_SERVER"], *words, "--no-test-music"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            said = json.loads(line)
            if said["msg"] == "listening":
                break
        else:
            raise AssertionError("the server has ended")
        udp, http = (int(said[name].rsplit(":", 1)[1]) for name in ("udp", "http"))
        self.url = f"http://127.0.0.1:{http}"
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=[udp]), threading.Thread(target=self.process.stdout.read)]
        for thread in self.threads:
            thread.start()

    def send(self, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            number = 0
            while not self.stopping.wait(0.02):
                head = struct.pack("!BBHII", 0x80, 111, number % 65536, number * 960, 0x5F0A11C2)
                sender.sendto(head + b"\xfc\xff\xfe", ("127.0.0.1", port))
                number += 1

    def description(self):
        with urllib.request.urlopen(f"{self.url}/api/openapi.json", timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.stopping.set()
        self.process.terminate()
        self.process.wait(30)
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.folder.cleanup()


def schemathesis(location, *words):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run", location, *words]
    options = ["--max-examples", EXAMPLES, "--seed", "19", "--phases", "coverage,fuzzing", "--continue-on-failure", "--no-shrink"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, *options], cwd=folder, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Description(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def test_answers_are_those_of_the_description(self):
        code, said = schemathesis(f"{self.server.url}/api/openapi.json")
        self.assertEqual(code, 0, said)
        cases = re.search(r"([0-9]+) generated", said)
        self.assertGreaterEqual(int(cases.group(1)), LEAST_CASES, said)
        self.assertNotIn("Unresolvable", said)
        operations = [method for path in self.server.description()["paths"].values() for method in path]
        # All but the two WebSockets.
        self.assertRegex(said, rf"Tested: {len(operations) - 2}\b")

    def test_a_wrong_description_is_found(self):
        description = self.server.description()
        description["components"]["schemas"]["GroupsBody"]["properties"]["revision"]["type"] = "string"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "openapi.json")
            file.write_text(json.dumps(description), encoding="utf-8")
            code, said = schemathesis(str(file), "--url", self.server.url, "--include-path", "/api/groups", "--include-method", "GET")
        self.assertNotEqual(code, 0, said)
        self.assertIn("violates schema", said)


if __name__ == "__main__":
    unittest.main()
