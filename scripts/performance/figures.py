"""Computes regression lines and the tables of docs/performance.md. Pure: starts no programs, touches no files."""

import statistics

# The share of a slot that the extrapolation fills.
HEADROOM = 0.8
CORES = 64
# A turn is quiet if the host took at most this share of the machine's cores, in percent.
QUIET_PERCENT = 0.1
# The most that the server uses: engine/workers.rs, outputs/ws/fanout.rs, http/accept.rs.
DECODING_THREADS, WRITING_THREADS, CONNECTIONS = 8, 8, 8192


def line(points):
    """Fits a line to (x, y) by least squares: slope, intercept, and the share of the variance that it explains."""
    count = len(points)
    mean_x, mean_y = (sum(point[i] for point in points) / count for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    intercept = mean_y - slope * mean_x
    total = sum((y - mean_y) ** 2 for _, y in points)
    rest = sum((y - slope * x - intercept) ** 2 for x, y in points)
    return {"slope": slope, "intercept": intercept, "r2": 1 - rest / total if total else 1.0}


def mean_of(first, second):
    """Returns the mean of two measurements, name by name."""
    return {name: (value + second[name]) / 2 for name, value in first.items()}


def with_turns_before(before, found):
    """Puts the turns of an earlier run in front of those in `found`. A result without turns stays as it is."""
    return {**found, "turns": before + found["turns"]} if "turns" in found else found


def is_quiet(turn):
    """Tells whether the host left the machine its cores during this turn."""
    return turn["stolen_percent"] <= QUIET_PERCENT


def of_turns(row):
    """Combines several turns: medians of costs and multiples, the worst times, sums of slots. Uses only the quiet turns if
    there are any."""
    turns = list(filter(is_quiet, row["turns"])) or row["turns"]
    median = lambda values: None if None in values else statistics.median(values)
    server = {name: turns[0]["server"][name] for name in ("clients", "speaking")}
    for name in ("server_cpu_percent", "own_cpu_percent"):
        server[name] = median([turn["server"][name] for turn in turns])
    for name in ("slots", "skipped_slots"):
        server[name] = sum(turn["server"][name] for turn in turns)
    server["heard_percent"] = min(turn["server"]["heard_percent"] for turn in turns)
    for name in ("mix_cycle", "slot_lateness"):
        timings = [turn["server"][name] for turn in turns]
        worst = {key: max(timing[key] for timing in timings) for key in ("p99_ms", "max_ms")}
        server[name] = {"mean_ms": statistics.mean(timing["mean_ms"] for timing in timings), **worst}
    multiple = lambda percents, limit: median([percent and percent / turn["parts"][limit] for percent, turn in zip(percents, turns)])
    used, by_loop = [turn["server"]["server_cpu_percent"] for turn in turns], [turn["loop_percent"] for turn in turns]
    multiples = {
        "server": multiple(used, "limit_percent"),
        "server_tight": multiple(used, "tight_limit_percent"),
        "loop": multiple(by_loop, "limit_percent"),
    }
    parts = {name: median([turn["parts"][name] for turn in turns]) for name in turns[0]["parts"]}
    return {**row, "parts": parts, "server": server, "loop_percent": median(by_loop), "multiples": multiples}


def speakers_of(threads, slope_percent, decode_us):
    """Returns how many speakers fit into a slot when `threads` decode, after one thread has done everything else."""
    decode_percent = decode_us / 200
    serial_percent = max(slope_percent - decode_percent, 0)
    return int(HEADROOM * 100 / (serial_percent + decode_percent / threads))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)


def ms(timing):
    return f"{timing['mean_ms']:.2f} / {timing['p99_ms']:.2f} / {timing['max_ms']:.2f}"


def with_multiple(percent, multiple):
    return "cannot keep up" if percent is None else f"{percent:.1f} ({multiple:.2f})"


def speakers_table(rows):
    head = ["speakers", "limit", "raa-server", "bare loop", "GStreamer", "slots skipped", "stolen, %", "in the mix", "raa-load"]
    cells = []
    for row in rows:
        limit, server, multiples = row["parts"]["limit_percent"], row["server"], row["multiples"]
        peer = row["gstreamer"]
        kept = peer and peer["keeps_up"]
        gstreamer = with_multiple(peer["cpu_percent"], peer["cpu_percent"] / limit) if kept else "cannot keep up" if peer else "-"
        measured = [
            with_multiple(server["server_cpu_percent"], multiples["server"]),
            with_multiple(row["loop_percent"], multiples["loop"]),
        ]
        in_turns = [(turn["server"]["skipped_slots"], is_quiet(turn)) for turn in row["turns"]]
        listed = ", ".join(str(slots) if quiet else f"({slots})" for slots, quiet in in_turns)
        skipped = f"{listed} of {server['slots']}"
        stolen = ", ".join(f"{turn['stolen_percent']:.2f}" for turn in row["turns"])
        in_mix, own = f"{server['heard_percent']:.2f} %", f"{server['own_cpu_percent']:.1f}"
        cells.append([row["speakers"], f"{limit:.1f}", *measured, gstreamer, skipped, stolen, in_mix, own])
    return table(head, cells)


def timing_table(rows):
    head = ["clients / speaking", "mix cycle mean / p99 / max, ms", "slot lateness mean / p99 / max, ms"]
    return table(head, [[f"{r['clients']} / {r['speaking']}", ms(r["mix_cycle"]), ms(r["slot_lateness"])] for r in rows])


def parts_table(rows):
    names = ["wake_up_us", "receive_us", "decode_us", "encode_us", "tight_decode_us"]
    head = ["speakers", "threads", "wake-up", "receive", "decode", "encode", "decode in a tight loop", "raa-server as a multiple of that"]
    return table(
        head,
        [
            [
                row["speakers"],
                f"{row['parts']['threads']:.0f}",
                *(f"{row['parts'][name]:.2f}" for name in names),
                f"{row['multiples']['server_tight']:.2f}",
            ]
            for row in rows
        ],
    )


def frame_us(row):
    """Returns the server's CPU time per listener and frame: what it uses in addition to its use without listeners."""
    percent = row["server"]["server_cpu_percent"] - row["base"]["server_cpu_percent"]
    seconds, frames = row["server"]["seconds"], row["server"]["listeners"]["frames"]
    return percent / 100 * seconds * 1e6 / max(frames, 1)


def listeners_table(rows):
    head = ["listeners", "bare write, us", "raa-server per frame, us", "multiple", "late by > 20 ms", "p99 / max, ms"]
    head += ["missing", "disconnected", "frames per write", "KiB per listener", "in the mix", "slots skipped"]
    cells = []
    for row in rows:
        server, bare = row["server"], row["writes"]["write_us"]
        received, cost = server["listeners"], frame_us(row)
        kib = (server["server_rss_bytes"] - row["base"]["server_rss_bytes"]) / 1024 / row["listeners"]
        late = [f"{received['late_percent']:.3f} %", f"{received['lateness']['p99_ms']:.1f} / {received['lateness']['max_ms']:.1f}"]
        together = f"{received['frames'] / max(server['listener_writes'], 1):.2f}"
        found = [*late, received["missing"], received["disconnected"], together, f"{kib:.1f}", f"{server['heard_percent']:.2f} %"]
        costs = [f"{bare:.2f}", f"{cost:.2f}", f"{cost / bare:.2f}"]
        cells.append([row["listeners"], *costs, *found, server["skipped_slots"]])
    return table(head, cells)


def growth_text(speakers, listeners):
    """Describes how costs grow, and extrapolates to a large machine."""
    by_speaker = line([(row["speakers"], row["server"]["server_cpu_percent"]) for row in speakers])
    # An overloaded server no longer shows what a listener costs.
    carried = [row for row in listeners if row["server"]["server_cpu_percent"] < 90]
    points = [(row["listeners"], row["server"]["server_cpu_percent"]) for row in carried]
    points += [(0, row["base"]["server_cpu_percent"]) for row in carried]
    by_listener = line(points)
    decode_us = speakers[-1]["parts"]["decode_us"]
    built, possible = (speakers_of(n, by_speaker["slope"], decode_us) for n in (DECODING_THREADS, CORES - 1))
    serial = max(by_speaker["slope"] - decode_us / 200, 0)
    head = ["cost in % of a core", "slope", "intercept", "R²"]
    cells = [
        [name, f"{fit['slope']:.5f}", f"{fit['intercept']:.2f}", f"{fit['r2']:.4f}"]
        for name, fit in (("per speaker", by_speaker), ("per listener", by_listener))
    ]
    one_core = HEADROOM * 100 / max(by_listener["slope"], 1e-9)
    return (
        f"{table(head, cells)}\n\nExtrapolated to {CORES} cores with slots filled to {HEADROOM:.0%}, the server would carry {built:,} speakers:\n"
        f"one thread receives and mixes ({serial:.4f} % of a core per speaker), and the {DECODING_THREADS} decoding threads that the\n"
        f"server starts decode ({decode_us:.1f} us a packet). With a decoding thread on each of the other cores it would be\n"
        f"{possible:,}. A fan-out thread carries {one_core:,.0f} listeners, and the {WRITING_THREADS} that the server starts\n"
        f"{WRITING_THREADS * one_core:,.0f}; the server accepts {CONNECTIONS:,} connections. Memory bandwidth, the network card and the\n"
        "kernel's locks are not part of this estimate."
    )


def page_table(page):
    doings = {"rest": "nothing", "scroll": "scrolling", "type": "typing a name", "find": "searching"}
    head = ["user action", "frames", "p99 / longest, ms", "over 50 ms", "longest task's CPU, ms"]
    cells = []
    for name, text in doings.items():
        found = page["doing"][name]
        frames = f"{found['p99_ms']:.1f} / {found['longest_ms']:.1f}"
        cells.append([text, found["frames"], frames, found["over_50_ms"], f"{found['longest_task_cpu_ms']:.1f}"])
    return table(head, cells)


# The profiles and what each is a share of.
PROFILES = {
    "instructions": "instructions of a slot, from its packets to its frame",
    "time": "CPU time of the whole server in user space",
}


def profile_text(kind, profile):
    rows = [[f"{share:.1f} %", f"`{name}`", "yes" if is_opus else ""] for share, name, is_opus in profile["top"]]
    found = table(["share", "function", "libopus"], rows)
    return f"libopus takes {profile['opus_percent']:.1f} % of the {PROFILES[kind]}. The ten most expensive functions:\n\n{found}"
