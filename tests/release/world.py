"""What the tests of the release share: the network, the mirror with its releases, and words for what people do.

Always: made once for the process, when first needed; the first fault fails every test that needs it.
"""

import functools
import json
import sys
import time
from pathlib import Path

import roots
from mirror import SLEEPER, SPOILER, Mirror, version_of

OWN = version_of()
# The release before, the release under test, the next one, and two that are broken. The programs are the same.
BEFORE, NEXT, SPOILED, ASLEEP = "0.0.9", "9.0.0", "9.1.0", "9.2.0"
RELEASES = {BEFORE: None, NEXT: None, SPOILED: SPOILER, ASLEEP: SLEEPER, OWN: None}
HEARING = Path(__file__).with_name("hearing.py")


@functools.cache
def lan():
    roots.make_roots()
    return roots.Lan()


@functools.cache
def mirror():
    """The newest release is the one under test, unless a test says otherwise."""
    made = Mirror(lan())
    for version, broken in RELEASES.items():
        made.add(version, broken)
    return made


def machine(root="debian12", name="server", sound=False):
    mirror()
    return roots.Machine(lan(), root, name, sound)


def get_command(root):
    """The download of one line, with the program that the root has."""
    return "wget -qO-" if root == "debian11" else "curl -fsSL"


def install(computer, options="", user=None, check=True, base=None, before="", shell="sh", timeout=120):
    """Installs as people do: one line that downloads install.sh and runs it."""
    base = base or mirror().base
    script = f"export RAA_BASE_URL={base}; {before}\n{get_command(computer.root)} {base}/latest/download/install.sh | {shell} -s -- {options}"
    done = computer.sh(script, user=user, check=False, timeout=timeout)
    if check and done.returncode != 0:
        journal = computer.sh("journalctl -n 60 --no-pager -o short-precise", check=False).stdout
        raise AssertionError(f"install.sh {options} ended with {done.returncode}:\n{done.stdout}{done.stderr}\nThe journal:\n{journal}")
    return done


def api(computer, path, method="GET", body=None, port=4011):
    command = ["curl", "-fsS", "--noproxy", "*", "-m", "5", "-X", method, f"http://127.0.0.1:{port}{path}"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    answer = computer.host(*command).stdout
    return json.loads(answer) if answer.strip() else None


def healthy(computer, port=4011):
    return computer.host("curl", "-fsS", "--noproxy", "*", "-m", "5", f"http://127.0.0.1:{port}/healthz", check=False).returncode == 0


def running(computer):
    """The program that the service runs, as the path of its file."""
    pid = computer.sh("systemctl show -p MainPID --value raa-server").stdout.strip()
    return computer.sh(f"readlink /proc/{pid}/exe", check=False).stdout.strip()


def program(version):
    return f"/opt/raa/{version}/bin/raa-server"


def tone_in_mix(computer, seconds=1, hertz=1000, host="127.0.0.1", port=4011):
    """The level of a tone in the mix, in dBFS."""
    return float(computer.host(sys.executable, HEARING, host, str(port), str(seconds), str(hertz)).stdout)


def eventually(what, condition, seconds=60):
    """Waits for a condition and returns its value."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


def play_tone(computer, program_path, config="/run/tone.toml"):
    """Starts a client that sends a tone of 1 kHz at -12 dBFS, and waits until its row is there. Returns the row's id."""
    computer.sh(f"systemd-run --unit=tone {program_path} --config {config} --source tone --server 127.0.0.1 --name Tone")
    rows = eventually("the tone's row", lambda: [row for row in api(computer, "/api/clients")["clients"] if row["name"] == "Tone"])
    return rows[0]["id"]
