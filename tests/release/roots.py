"""Makes computers for the tests: a fresh root of Debian with a real systemd in namespaces of its own, and a network of them.

What: `make_roots` makes a small root for each distribution, once, in the user's cache. A `Machine` is a copy of one (an
overlay, so it costs nothing) that systemd-nspawn boots, with its journal, dynamic users and user managers. A `Lan` joins
machines and the mirror of the releases; it has no way out.

Always: a root that cannot be made, or a machine that does not boot, is an error. Needs root. Nothing is reachable from outside,
and everything ends with the test process.
"""

import atexit
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path



def debian_archive():
    """Returns the archive of Debian: RAA_DEBIAN_MIRROR, else the one that this computer's apt uses."""
    named = os.environ.get("RAA_DEBIAN_MIRROR")
    if named:
        return named
    known = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], text=True, capture_output=True, check=True).stdout.split()
    archives = [address.rstrip("/") for address in known if address.rstrip("/").endswith("/debian")]
    assert archives, "apt knows no archive of Debian; name one in RAA_DEBIAN_MIRROR"
    return archives[0]


ARCHIVE = debian_archive()
# What a small server has: systemd with sessions, and one of the two programs that download.
COMMON = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "init-system-helpers", "adduser"]
ROOTS = {
    # Debian 12's PulseAudio makes the PC whose sound is heard.
    "debian12": ("bookworm", [*COMMON, "curl", "busybox", "sqlite3", "pulseaudio", "pulseaudio-utils"]),
    "debian11": ("bullseye", [*COMMON, "wget"]),
}
BOOT_SECONDS = 60


def cache():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "raa" / "roots"


def run(command, check=True, **options):
    """Runs a command of this computer; its output is in the error if it fails."""
    done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{shlex.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def root_folder(name):
    suite, packages = ROOTS[name]
    recipe = hashlib.sha256(repr((suite, packages, ARCHIVE)).encode()).hexdigest()[:12]
    return cache() / f"{name}-{recipe}"


def make_root(name):
    """Makes a root if the cache has none."""
    suite, packages = ROOTS[name]
    final = root_folder(name)
    if final.is_dir():
        return
    half = final.with_name(f"{final.name}.half-{os.getpid()}")
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
        # force-unsafe-io: nobody needs this root after a power cut.
        run(["mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", "--dpkgopt=force-unsafe-io",
             f"--include={','.join(packages)}", suite, str(half), ARCHIVE])
        # Services that a container has no use for, and that would only slow each boot.
        for unit in ("systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service",
                     "dpkg-db-backup.timer", "fstrim.timer", "systemd-networkd.service", "systemd-resolved.service"):
            (half / "etc/systemd/system" / unit).unlink(missing_ok=True)
            (half / "etc/systemd/system" / unit).symlink_to("/dev/null")
        half.rename(final)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def make_roots(names=tuple(ROOTS)):
    """Makes the roots at the same time; fails if one cannot be made."""
    faults = []

    def one(name):
        try:
            make_root(name)
        except Exception as fault:  # noqa: BLE001 # every fault is reported
            faults.append(f"the root of {name} cannot be made: {fault}")

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError("\n".join(faults))


class Lan:
    """A switch in a namespace of its own. Its address .1 is the host that serves the mirror."""

    def __init__(self):
        self.name = f"raa-lan-{os.getpid()}"
        self.count = 1
        self.address = "10.77.0.1"
        run(["ip", "netns", "add", self.name])
        atexit.register(run, ["ip", "netns", "delete", self.name], check=False)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "add", "switch", "type", "bridge")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "switch")
        self.inside("ip", "link", "set", "switch", "up")

    def inside(self, *command):
        return run(["ip", "netns", "exec", self.name, *command])

    def plug_in(self, process_id):
        """Gives the machine with this process an interface on the switch, and returns its address."""
        self.count += 1
        address, cable = f"10.77.0.{self.count}", f"port{self.count}"
        self.inside("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(process_id))
        self.inside("ip", "link", "set", cable, "master", "switch", "up")
        for command in (["ip", "address", "add", f"{address}/24", "dev", "eth0"], ["ip", "link", "set", "eth0", "up"],
                        ["ip", "link", "set", "lo", "up"]):
            run(["nsenter", "-t", str(process_id), "-n", *command])
        return address


class Machine:
    """A computer that has booted. `stop` ends it and forgets its disk."""

    def __init__(self, lan, root, name, sound=False):
        self.lan, self.root, self.name = lan, root, name
        self.folder = Path(tempfile.mkdtemp(prefix=f"raa-{name}-"))
        self.disk = self.folder / "disk"
        for part in ("upper", "work", "disk"):
            (self.folder / part).mkdir()
        os.chmod(self.folder, 0o755)
        atexit.register(self.stop)
        run(["mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={root_folder(root)},upperdir={self.folder}/upper,workdir={self.folder}/work", str(self.disk)])
        (self.disk / "etc/hostname").write_text(f"{name}\n")
        (self.disk / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
        # The same after every boot, so that comparing disks finds only what was installed.
        (self.disk / "etc/machine-id").write_text(hashlib.md5(name.encode()).hexdigest() + "\n")
        if not sound:
            # Users' sound servers would write into the folders that tests compare.
            for unit in ("pulseaudio.service", "pulseaudio.socket"):
                (self.disk / "etc/systemd/user" / unit).symlink_to("/dev/null")
        self.process = self.leader = None
        self.boot()

    def boot(self):
        """Starts systemd and waits until it has started everything."""
        with open(self.folder / "console.log", "a") as console:
            self.process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--machine={self.name}", "-D", self.disk,
                 "--private-network", "--console=pipe", "--boot", "systemd.show_status=no"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        until = time.monotonic() + BOOT_SECONDS
        state = ""
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            self.leader = children[0] if children else None
            if self.leader:
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
                if state in ("running", "degraded"):
                    self.address = self.lan.plug_in(self.leader)
                    return
            time.sleep(0.1)
        console = (self.folder / "console.log").read_text()
        raise RuntimeError(f"{self.name} ({self.root}) does not boot: {state!r}\n{console}")

    def run(self, *command, check=True, timeout=120, **options):
        return run(["nsenter", "-t", self.leader, "-a", *command], check=check, timeout=timeout, **options)

    def sh(self, script, check=True, user=None, environment=None, timeout=120):
        """Runs a shell script on the machine, as root or as a user."""
        given = " ".join(f"{name}={shlex.quote(value)}" for name, value in (environment or {}).items())
        text = f"export {given}\n{script}" if given else script
        if user:
            return self.run("su", "-s", "/bin/sh", "-", user, "-c", text, check=check, timeout=timeout)
        return self.run("env", "-i", "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", text,
                        check=check, timeout=timeout)

    def popen(self, script, **options):
        """Starts a shell script as root; its output is readable as it comes."""
        return subprocess.Popen(
            ["nsenter", "-t", self.leader, "-a", "env", "-i", "HOME=/root",
             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", script],
            stdin=subprocess.DEVNULL, text=True, **options)

    def host(self, *command, check=True, timeout=60):
        """Runs a program of this computer in the machine's network, such as one that the machine does not have."""
        return run(["nsenter", "-t", self.leader, "-n", *command], check=check, timeout=timeout)

    def files(self):
        """Returns every path on the machine's disk, with the target of links and without what systemd itself keeps."""
        out = self.run("find", "/", "-xdev", "-printf", "%p %l\n").stdout.splitlines()
        own = re.compile(r"^/(proc|sys|dev|run|tmp|var/tmp|var/log|var/lib/systemd|var/cache|var/lib/apt|root/\.cache)(/| )")
        return {line.rstrip() for line in out if not own.match(line)}

    def reboot(self):
        self.end()
        self.boot()

    def end(self):
        """Stops systemd in order, as a power button does."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def stop(self):
        atexit.unregister(self.stop)
        if self.process and self.process.poll() is None:
            run(["kill", "-KILL", self.leader or str(self.process.pid)], check=False)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        run(["umount", "-l", str(self.disk)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
