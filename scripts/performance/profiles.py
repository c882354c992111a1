"""Profiles the server with many speakers: instructions by callgrind, and CPU time by perf where it is installed.

Always: a function counts as part of libopus if the linked library contains it.
"""

import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import programs

# How names in libopus begin; used only if the library itself is not found.
OPUS_NAMES = r"(opus|celt|silk|ec_|clt_mdct|comb_filter|quant|unquant|compute_|denormalise|deemphasis|exp_rotation|cwrs|icwrs|decode_pulses|encode_pulses|op_pvq|xcorr|pitch|haar1|anti_collapse|alg_|kf_bfly|tf_|tonality|run_analysis|analysis_)"


def opus_functions():
    """Returns the names of all functions in the libopus that was built; empty if it is not found."""
    archives = sorted(programs.BIN.glob("build/opusic-sys-*/out/**/libopus.a"), key=os.path.getmtime)
    if not archives or not shutil.which("nm"):
        return set()
    listing = subprocess.run(["nm", archives[-1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return set(re.findall(r"^[0-9a-f]+ [tT] (\S+)$", listing.stdout, re.MULTILINE))


def summary(shares):
    """Summarises `shares`, a list of (percent, function)."""
    known = opus_functions()
    is_opus = (lambda name: name in known) if known else (lambda name: bool(re.match(OPUS_NAMES, name)))
    top = sorted(shares, reverse=True)[:10]
    return {
        "opus_percent": sum(share for share, name in shares if is_opus(name)),
        "top": [[share, name, is_opus(name)] for share, name in top],
    }


def measure(work, port, speakers, seconds):
    """Profiles the instructions of the hub's slots, the same in every run, and with perf the whole server's time."""
    by_instructions = by_callgrind(work, speakers)
    return {"instructions": by_instructions, "time": by_perf(work, port, speakers, seconds) if shutil.which("perf") else None}


def in_background(*load):
    thread = threading.Thread(target=programs.load, args=load)
    thread.start()
    return thread


def by_perf(work, port, speakers, seconds):
    data = work / "perf.data"
    with programs.Server(work, port) as server:
        loading = in_background(speakers, speakers, port, seconds + 5)
        time.sleep(programs.WARM_UP_S + 2)
        target = ["-p", server.process.pid, "-o", data, "--", "sleep", seconds]
        subprocess.run(list(map(str, ["perf", "record", "-q", "-e", "cpu-clock:u", *target])), check=True)
        loading.join()
    report = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "-F", "overhead,sym"]
    text = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    shares = re.findall(r"^\s+([\d.]+)%\s+\[[^]]*\]\s+(.+?)\s*$", text, re.MULTILINE)
    return summary([(float(share), name) for share, name in shares])


def by_callgrind(work, speakers):
    """Profiles slots of the hub alone, because under callgrind a whole server could not keep up with real time."""
    data = work / "callgrind.out"
    data.unlink(missing_ok=True)
    slots = programs.BIN / "raa-slots"
    callgrind = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={data}", "--toggle-collect=*measured_slot*"]
    subprocess.run([*callgrind, slots, str(speakers), "50"], stdout=subprocess.DEVNULL, check=True)
    report = ["callgrind_annotate", "--threshold=100", str(data)]
    text = subprocess.run(report, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    shares = re.findall(r"^\s*[\d,]+ \(\s*([\d.]+)%\)\s+\S*:(.+?)(?: \[.*\])?\s*$", text, re.MULTILINE)
    # callgrind appends a number to the name of a recursive function.
    shares = [(float(share), re.sub(r"'\d+$", "", name)) for share, name in shares]
    return summary(shares)
