"""Where the server's instructions go with many speakers: by perf, or by callgrind where there is no perf.

Always: a function counts as libopus' if the library that was linked has it.
"""

import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import performance_programs as programs

# What libopus' names begin with, where the library itself is not at hand.
OPUS_NAMES = r"(opus|celt|silk|ec_|clt_mdct|comb_filter|quant|unquant|compute_|denormalise|deemphasis|exp_rotation|cwrs|icwrs|decode_pulses|encode_pulses|op_pvq|xcorr|pitch|haar1|anti_collapse|alg_|kf_bfly|tf_|tonality|run_analysis|analysis_)"


def opus_functions():
    """Names of all functions in the libopus that was built; empty if it is not there."""
    archives = sorted(programs.BIN.glob("build/opusic-sys-*/out/**/libopus.a"), key=os.path.getmtime)
    if not archives or not shutil.which("nm"):
        return set()
    listing = subprocess.run(["nm", archives[-1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return set(re.findall(r"^[0-9a-f]+ [tT] (\S+)$", listing.stdout, re.MULTILINE))


def summary(shares, of):
    """`shares` is a list of percent and function."""
    known = opus_functions()
    is_opus = (lambda name: name in known) if known else (lambda name: bool(re.match(OPUS_NAMES, name)))
    top = sorted(shares, reverse=True)[:10]
    return {
        "of": of,
        "opus_percent": sum(share for share, name in shares if is_opus(name)),
        "top": [[share, name, is_opus(name)] for share, name in top],
    }


def measure(work, port, speakers, seconds):
    if shutil.which("perf"):
        return by_perf(work, port, speakers, seconds)
    return by_callgrind(work, port, speakers, seconds)


def in_background(*load):
    thread = threading.Thread(target=programs.load, args=load)
    thread.start()
    return thread


def counts_instructions():
    """Virtual machines often have no counter; then the time is sampled."""
    probe = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, text=True)
    return probe.returncode == 0 and "not supported" not in probe.stderr and "<not" not in probe.stderr


def by_perf(work, port, speakers, seconds):
    data = work / "perf.data"
    event, of = ("instructions:u", "instructions in user space") if counts_instructions() else ("cpu-clock:u", "CPU time in user space")
    with programs.Server(work, port) as server:
        loading = in_background(speakers, speakers, port, seconds + 5)
        time.sleep(programs.WARM_UP_S + 2)
        target = ["-p", server.process.pid, "-o", data, "--", "sleep", seconds]
        subprocess.run(list(map(str, ["perf", "record", "-q", "-e", event, *target])), check=True)
        loading.join()
    report = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "-F", "overhead,sym"]
    text = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    shares = re.findall(r"^\s+([\d.]+)%\s+\[[^]]*\]\s+(.+?)\s*$", text, re.MULTILINE)
    return summary([(float(share), name) for share, name in shares], of)


def by_callgrind(work, port, speakers, seconds):
    """Fewer speakers, since it is some fifty times slower; the shares are those of full slots all the same."""
    data, speakers = work / "callgrind.out", max(1, speakers // 50)
    data.unlink(missing_ok=True)
    with programs.Server(work, port, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={data}"]):
        programs.load(speakers, speakers, port, seconds)
    report = ["callgrind_annotate", "--threshold=100", str(data)]
    text = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    shares = re.findall(r"^\s*[\d,]+ \(\s*([\d.]+)%\)\s+\S*:(.+?)(?: \[.*\])?\s*$", text, re.MULTILINE)
    return summary([(float(share), name) for share, name in shares], f"instructions with {speakers} speakers")
