"""Measures the server and what it is compared with, and writes docs/performance.md. Started by scripts/performance/run.

Always: figures that are compared come from the same run, in turns; raw results are kept as JSON; only the part of the
document between the two marks is rewritten.
"""

import argparse
import datetime
import functools
import json
import math
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

import figures
import profiles
import programs

BEGIN, END = "<!-- scripts/performance/run writes from here -->", "<!-- to here -->"
# How many clients speak while listeners are measured.
SPEAKING = 10


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/performance/run", description="Measures and writes docs/performance.md.")
    parser.add_argument("--seconds", type=int, default=60, help="length of each run (60)")
    parser.add_argument("--turns", type=int, default=3, help="for speakers: divide the seconds among this many turns (3)")
    parser.add_argument("--more", action="store_true", help="for speakers: keep the turns of the last run and add to them")
    parser.add_argument("--quick", action="store_true", help="make everything short and small: a trial, not a result")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="WHAT", help="measure only these and take the others from the last run: " + ", ".join(MEASUREMENTS))
    parser.add_argument("--port-base", type=int, default=24_000, help="the first of up to 400 ports (24000)")
    parser.add_argument("--work", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--document", type=Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.only = args.only or (QUICK if args.quick else list(MEASUREMENTS))
    args.seconds = 5 if args.quick else args.seconds
    args.turns, args.slots = (1, 50) if args.quick else (args.turns, 500)
    return args


def speakers(args, count):
    """Measures in turns and compares within a turn, because the machine's speed changes by the minute. Repeats turns in which
    the host took too much CPU time, up to twice the number of turns that were asked for."""
    turns = []
    while sum(map(figures.is_quiet, turns)) < args.turns and len(turns) < 2 * args.turns:
        turns.append(turn(args, count))
    return {"speakers": count, "turns": turns, "gstreamer": gstreamer(args, count) if count <= 300 else None}


def turn(args, count):
    """Measures the limit before and after the server, and takes the mean."""
    seconds = math.ceil(args.seconds / args.turns)
    before = limit(args, count)
    with programs.Server(args.work, args.port_base):
        stolen = programs.Stolen(programs.WARM_UP_S)
        server = programs.load(count, count, args.port_base, seconds)
        stolen_percent = stolen.percent()
    parts = figures.mean_of(before, limit(args, count))
    with programs.Loop(args.work, args.port_base) as loop:
        options = ("--no-api", "--pid", loop.process.pid)
        run = programs.load(count, count, args.port_base, seconds, *options, warm_up_s=programs.SHORT_WARM_UP_S)
        # A loop that never pauses uses a whole core and is late with everything.
        keeps_up = loop.dropped() == 0 and run["process_cpu_percent"] < 97
    loop_percent = run["process_cpu_percent"] if keeps_up else None
    return {"parts": parts, "server": server, "stolen_percent": stolen_percent, "loop_percent": loop_percent}


def limit(args, count):
    """Measures the limit on all cores where one core is too little, because cores may share caches and execution units."""
    parts = programs.parts(count, args.slots, 1)
    return parts if parts["limit_percent"] < 80 else programs.parts(count, args.slots, os.cpu_count())


def gstreamer(args, count):
    """Measures audiomixer, which keeps up as long as it sends a packet with sound every 20 ms."""
    port = args.port_base + 10
    with programs.GStreamer(args.work, port, count) as mixer:
        packets, octets, began = mixer.packets, mixer.bytes, time.monotonic()
        options = ("--no-api", "--ports", "--pid", mixer.process.pid)
        run = programs.load(count, count, port, args.seconds, *options, warm_up_s=programs.SHORT_WARM_UP_S)
        packets, octets = mixer.packets - packets, mixer.bytes - octets
        rate = packets / (time.monotonic() - began)
    found = {"cpu_percent": run["process_cpu_percent"], "packets_per_s": rate, "mean_bytes": octets / max(packets, 1)}
    return {**found, "keeps_up": rate > 45 and found["mean_bytes"] > 60}


def forty(args):
    """Measures the case for which the older server published figures."""
    with programs.Server(args.work, args.port_base):
        return programs.load(40, 10, args.port_base, 10 if args.quick else 150)


def listeners(args, count):
    seconds = min(args.seconds, 20)
    before = programs.writes(count, args.port_base, seconds, args.work)
    with programs.Server(args.work, args.port_base):
        base = programs.load(SPEAKING, SPEAKING, args.port_base, seconds)
    with programs.Server(args.work, args.port_base):
        server = programs.load(SPEAKING, SPEAKING, args.port_base, args.seconds, "--listeners", count)
    bare = figures.mean_of(before, programs.writes(count, args.port_base, seconds, args.work))
    return {"listeners": count, "base": base, "server": server, "writes": bare}


def alone(args):
    """Measures start-up, the idle server, and the memory of a known client."""
    starting_s = []
    for _ in range(3 if args.quick else 10):
        with programs.Server(args.work, args.port_base) as server:
            starting_s.append(server.starting_s)
    idle_s = 5 if args.quick else 30
    with programs.Server(args.work, args.port_base) as server:
        time.sleep(2)
        before, began, rss = server.cpu_s(), time.monotonic(), server.rss_bytes()
        time.sleep(idle_s)
        idle_percent = 100 * (server.cpu_s() - before) / (time.monotonic() - began)
        known = 100 if args.quick else 1000
        programs.load(known, known, args.port_base, 5, warm_up_s=programs.SHORT_WARM_UP_S)
        per_client = (server.rss_bytes() - rss) / known
    return {
        "starting_ms": 1000 * statistics.median(starting_s),
        "idle_percent": idle_percent,
        "idle_rss_bytes": rss,
        "known_clients": known,
        "bytes_per_client": per_client,
    }


def page(args):
    """Measures the page in a browser that shares the machine with the server and the load."""
    clients, speaking, each_s = 300, 30, 3 if args.quick else 6
    with programs.Server(args.work, args.port_base):
        loading = profiles.in_background(clients, speaking, args.port_base, 5 * each_s + 20)
        time.sleep(3)
        found = programs.page_frames(args.port_base, each_s, clients)
        loading.join()
    return {"clients": clients, "speaking": speaking, **found}


def profiled(args):
    count = 40 if args.quick else 300
    return {"speakers": count, **profiles.measure(args.work, args.port_base, count, 5 if args.quick else 20)}


SPEAKERS, LISTENERS = (10, 40, 100, 300, 1000), (100, 1000, 2000, 5000)
MEASUREMENTS = {
    **{f"speakers-{count}": functools.partial(speakers, count=count) for count in SPEAKERS},
    "forty": forty,
    **{f"listeners-{count}": functools.partial(listeners, count=count) for count in LISTENERS},
    "alone": alone,
    "page": page,
    "profile": profiled,
}
# The measurements of a trial.
QUICK = [name for name in MEASUREMENTS if name not in ("speakers-300", "speakers-1000", "listeners-2000", "listeners-5000")]


def measured(args):
    """Returns all results. Each is stored as soon as it exists."""
    results = {}
    for name, measure in MEASUREMENTS.items():
        kept = args.work / f"{name}.json"
        if name in args.only:
            print(f"measuring: {name}", flush=True)
            before = turns_before(name, kept) if args.more and kept.exists() else []
            found = figures.with_turns_before(before, measure(args))
            result = {"date": now(), "commit": output_of("git", "rev-parse", "--short", "HEAD"), "found": found}
            kept.write_text(json.dumps(result, indent=1))
        if kept.exists():
            results[name] = json.loads(kept.read_text())
    missing = [name for name in MEASUREMENTS if name not in results and not args.quick]
    if missing:
        raise SystemExit(f"never measured: {', '.join(missing)}")
    return results


def turns_before(name, kept):
    """Returns the turns of the last run. Refuses if the programs have changed since, because such turns cannot be combined."""
    last = json.loads(kept.read_text())
    programs_changed = subprocess.run(["git", "diff", "--quiet", last["commit"], "--", "crates", "Cargo.lock"], check=False)
    if programs_changed.returncode != 0:
        raise SystemExit(f"--more: {name} was measured on {last['commit']}, and the programs have changed since")
    return last["found"].get("turns", [])


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip()


def by_date(results):
    """Groups the measurements' names by commit and day."""
    taken = {}
    for name, result in results.items():
        taken.setdefault(f"{result['commit']}, {result['date'].split()[0]}", []).append(name)
    return taken


def conditions(args, results):
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    memory_kib = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    # opusic-sys contains the source of libopus.
    library = re.search(r'name = "opusic-sys"\nversion = "([^"]+)"', Path("Cargo.lock").read_text())
    peer = output_of("gst-launch-1.0", "--version").splitlines()
    kind = "**A trial with --quick: short runs, not a result.**" if args.quick else f"Runs of {args.seconds} s."
    taken = "\n".join(f"  - {when}: {', '.join(names)}" for when, names in by_date(results).items())
    return "\n".join(
        [
            kind,
            "",
            f"- {model[1] if model else platform.machine()}, {os.cpu_count()} cores, {memory_kib / 2**20:.1f} GiB, "
            f"Linux {platform.release()}",
            f"- {output_of('rustc', '--version')}, "
            f"libopus of opusic-sys {library[1] if library else '?'}, {peer[-2] if len(peer) > 2 else (peer or ['?'])[0]}",
            f"- measured on commit:\n{taken}",
        ]
    )


def document(args, results):
    found = {name: result["found"] for name, result in results.items()}
    rows = [figures.of_turns(row) for name, row in found.items() if name.startswith("speakers-")]
    with_listeners, quiet = [row for name, row in found.items() if name.startswith("listeners-")], found["alone"]
    sections = [
        conditions(args, results),
        "## Speakers\n\nCPU is in % of one core, with the multiple of the limit in brackets; both are medians of several turns. "
        "\"Slots skipped\" and \"stolen\" have one figure per turn; \"stolen\" is the share of the machine's cores that its "
        f"host took away. A turn with more than {figures.QUIET_PERCENT} % stolen is in brackets: it was repeated, and the "
        "other columns ignore it if there is a quieter turn. \"In the mix\" is the share of the speakers' frames that the "
        "mix contained. GStreamer was measured with up to 300 speakers.\n\n"
        + figures.speakers_table(rows),
        "The parts of the limit, in us:\n\n" + figures.parts_table(rows),
        "## Time of a slot\n\n" + figures.timing_table([found["forty"], *(row["server"] for row in rows)])
        + "\n\nFor 40 / 10, the older Node.js server published a mix cycle of 0.87 / 2.0 / 4.4 ms.",
        f"## Listeners\n\n{SPEAKING} clients speak.\n\n" + figures.listeners_table(with_listeners),
        "## How cost grows\n\n" + figures.growth_text(rows, with_listeners),
        "## Start, idle, memory\n\n"
        f"The server answers its first request {quiet['starting_ms']:.0f} ms after its start (median). Idle, without test "
        f"music and listeners, it uses {quiet['idle_percent']:.2f} % of a core and "
        f"{quiet['idle_rss_bytes'] / 2**20:.1f} MiB. Each of {quiet['known_clients']} known clients takes "
        f"{quiet['bytes_per_client'] / 1024:.1f} KiB.",
        f"## The page\n\nFrames of the page with {found['page']['clients']} clients, {found['page']['speaking']} of them speaking, "
        "in Chromium on the same machine:\n\n" + figures.page_table(found["page"]),
        f"## Profile\n\n{found['profile']['speakers']} clients speak.",
        *(figures.profile_text(kind, found["profile"][kind]) for kind in figures.PROFILES if found["profile"][kind]),
    ]
    return "\n\n".join(sections)


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    text = document(args, measured(args))
    before, rest = args.document.read_text().split(BEGIN)
    args.document.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")
    print(text)


if __name__ == "__main__":
    main()
