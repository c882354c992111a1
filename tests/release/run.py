"""Runs the tests of the release: `run.py [PATTERN...]`, each class in a process of its own and several at once.

They wait for real time most of the while (a boot, a start, a watchdog), so more run at once than there are cores. Without a
pattern all run; a pattern is a part of FILE.CLASS.
Always: the roots are made first, and every class runs; the exit code is 0 only if tests ran and none failed.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
AT_ONCE = 2 * (os.cpu_count() or 1)
# Those that take longest begin first.
LONGEST = ("InterruptionBeforeTheStart", "InterruptionAfterTheStart", "Upgrade", "Service", "Refusal", "UserInstallation")


def classes():
    """The names of all classes of tests, as MODULE.CLASS."""
    sys.path.insert(0, str(HERE))
    names = set()

    def collect(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                collect(test)
            else:
                names.add(f"{type(test).__module__}.{type(test).__name__}")

    loader = unittest.TestLoader()
    collect(loader.discover(str(HERE), "*_test.py"))
    if loader.errors:
        raise SystemExit("\n".join(loader.errors))
    rank = {name: place for place, name in enumerate(LONGEST)}
    return sorted(names, key=lambda name: (rank.get(name.split(".")[1], len(LONGEST)), name))


def run_class(name):
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "unittest", "-v", name], cwd=HERE, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    count = re.search(r"^Ran (\d+) tests?", done.stdout, re.MULTILINE)
    return name, done, int(count[1]) if count else 0, time.monotonic() - started


def main():
    patterns = sys.argv[1:]
    chosen = [name for name in classes() if not patterns or any(pattern in name for pattern in patterns)]
    import mirror
    import roots
    import world
    started = time.monotonic()
    roots.make_roots()
    print(f"The roots are ready after {time.monotonic() - started:.0f} s.", flush=True)
    # Packed once for all.
    with tempfile.TemporaryDirectory(prefix="raa-releases-") as releases:
        os.environ["RAA_RELEASES"] = releases
        for version, broken in world.RELEASES.items():
            mirror.make_release(Path(releases) / f"v{version}", version, broken)
        ran, failed = run_all(chosen)
    print(f"\n{ran} tests in {time.monotonic() - started:.0f} s; classes that failed: {', '.join(failed) or 'none'}")
    sys.exit(1 if failed or ran == 0 else 0)


def run_all(chosen):
    """Returns the number of tests, and the classes that failed."""
    ran, failed = 0, []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run_class, name) for name in chosen]):
            name, done, count, seconds = future.result()
            ran += count
            print(f"\n-- {name}, {seconds:.0f} s\n{done.stdout.rstrip()}", flush=True)
            if done.returncode != 0 or count == 0:
                failed.append(name)
    return ran, failed


if __name__ == "__main__":
    main()
