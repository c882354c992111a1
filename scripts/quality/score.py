"""Scores the sound that scripts/quality/run has sent over bad networks, and writes the tables of docs/quality.md.

Speech: PESQ, wide band (ITU-T P.862.2), the mean of all sentences; 4.64 is the best score. Music: the log-spectral distance
in dB between the sent and the received sound; 0 is the best.
Always: only the part of the document between the two marks is rewritten.
"""

import sys
import wave
from pathlib import Path

import numpy as np
from pesq import pesq

LOSSES = [0, 5, 10, 20]
RECEIVERS = ["fixed-{}"] + [f"raa-{{}}-{redundancy}" for redundancy in range(4)]
BEGIN, END = "<!-- scripts/quality/run writes from here -->", "<!-- to here -->"

FRAME, HOP = 2048, 512
# The band in which music is compared, in Hz, and the floor below its loudest moment: nobody hears sound that is quieter.
BAND = (50, 16_000)
FLOOR_DB = -60
# Longer than the delay of any simulated network, in samples.
MAX_DELAY = 48_000 // 2
# Music is aligned piece by piece, because the delay follows the network. Length of a piece, and how far the delay may
# move, in samples.
PIECE, MAX_MOVE = 48_000, 48_000 // 20


def read(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def to_16_khz(pcm):
    """Takes every third sample, after a low-pass filter of 7.6 kHz."""
    taps = np.arange(-96, 97)
    kernel = np.sinc(taps * 7600 / 24_000) * np.blackman(len(taps))
    return np.convolve(pcm, kernel / kernel.sum(), mode="same")[::3]


def aligned(reference, received):
    """Removes the constant delay at which `received` matches `reference` best."""
    return shifted(received, best_delay(reference, received, MAX_DELAY), len(reference))


def best_delay(reference, received, most):
    size = 1 << (len(reference) + len(received)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(received, size) * np.conj(np.fft.rfft(reference, size)), size)
    return int(np.argmax(correlation[:most]))


def shifted(received, delay, length):
    rest = received[delay : delay + length]
    return np.pad(rest, (0, length - len(rest)))


def pieces(reference, received):
    """Yields each second of the sent sound with the received sound that matches it."""
    delay = best_delay(reference, received, MAX_DELAY)
    received = np.pad(received, (MAX_MOVE, MAX_MOVE))
    for start in range(0, len(reference) - PIECE + 1, PIECE):
        sent = reference[start : start + PIECE]
        around = shifted(received, start + delay, PIECE + 2 * MAX_MOVE)
        yield sent, shifted(around, best_delay(sent, around, 2 * MAX_MOVE), PIECE)


def speech_score(reference, received):
    received = aligned(reference, received)
    return pesq(16_000, to_16_khz(reference), to_16_khz(received), "wb")


def spectra_db(pcm):
    frames = np.lib.stride_tricks.sliding_window_view(pcm, FRAME)[::HOP] * np.hanning(FRAME)
    hz = np.fft.rfftfreq(FRAME, 1 / 48_000)
    power = np.abs(np.fft.rfft(frames)[:, (hz >= BAND[0]) & (hz <= BAND[1])]) ** 2
    return 10 * np.log10(power + 1e-12)


def music_distance(reference, received):
    floor = spectra_db(reference).max() + FLOOR_DB
    distances = []
    for sent, arrived in pieces(reference, received):
        off = np.maximum(spectra_db(sent), floor) - np.maximum(spectra_db(arrived), floor)
        distances.extend(np.sqrt((off**2).mean(axis=1)))
    return float(np.mean(distances))


def mean_scores(folder, score):
    """Returns the mean score over all sounds of a folder: one row per loss, one column per receiver."""
    sounds = sorted(path.parent for path in folder.glob("*/reference.wav"))
    if not sounds:
        sys.exit(f"{folder} contains no sound")
    references = [read(sound / "reference.wav") for sound in sounds]

    def mean(name):
        return np.mean([score(reference, read(sound / f"{name}.wav")) for sound, reference in zip(sounds, references)])

    return [[mean(receiver.format(loss)) for receiver in RECEIVERS] for loss in LOSSES]


def table(title, rows):
    head = "| loss | fixed 40 ms | RAA, redundancy 0 | 1 | 2 | 3 |"
    lines = [f"| {loss} % | " + " | ".join(f"{x:.2f}" for x in row) + " |" for loss, row in zip(LOSSES, rows)]
    return "\n".join([f"**{title}**", "", head, "|---|---|---|---|---|---|", *lines])


def main():
    work, document = Path(sys.argv[1]), Path(sys.argv[2])
    speech = table("Speech: PESQ (1 to 4.64, more is better)", mean_scores(work / "speech", speech_score))
    music = table("Music: log-spectral distance in dB (less is better)", mean_scores(work / "music", music_distance))
    before, rest = document.read_text().split(BEGIN)
    after = rest.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{speech}\n\n{music}\n{END}{after}")
    print(f"{speech}\n\n{music}")


main()
