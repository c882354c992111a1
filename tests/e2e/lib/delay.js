// Measures the delay and the glitches of a recording against the sound that was sent.
//
// Windows of 40 ms of the recording, 20 ms apart, are located in the reference by normalised cross-correlation. The best
// match gives the window's delay; a run of windows that match below 0.9 is one glitch, whether it is a gap, a repeated
// piece or a jump. The search runs at 16 kHz, enough for a reference of 150-6000 Hz and quick; the best
// place is then refined at 48 kHz, because half a sample at 16 kHz already costs noise a fifth of its match.
// Always: pure functions of samples; the caller provides the time of each sample.

import { RATE, fft } from './signal.js';

const STEP = 3; // 48 kHz -> 16 kHz
const WINDOW = 640;
const HOP = 320;
const REFINE = 3;
export const GOOD_MATCH = 0.9;

/**
 * recording, reference: Float32Array at 48 kHz. recordedAt(i), emittedAt(i): the moment in ms of a sample.
 * The delay of a window is looked for between 0 and maxDelayMs.
 * Gives { windows, glitches, glitchesAtMs, lostWindows, minutes, medianMs, p95Ms, delaysMs }.
 */
export function compare({ recording, recordedAt, reference, emittedAt, maxDelayMs = 600 }) {
  const recorded = decimate(recording);
  const matcher = new Matcher(decimate(reference), emittedAt, maxDelayMs);
  const windows = [];
  for (let at = 0; at + WINDOW <= recorded.length; at += HOP) {
    const when = recordedAt(at * STEP);
    const place = matcher.find(recorded.subarray(at, at + WINDOW), when);
    if (place === null) continue;
    const fine = refine(recording.subarray(at * STEP, (at + WINDOW) * STEP), reference, place * STEP);
    windows.push({ atMs: when, match: fine.match, delayMs: when - emittedAt(fine.place) });
  }
  return report(windows);
}

function refine(window, reference, around) {
  let best = { match: 0, place: around };
  for (let place = Math.max(0, around - REFINE); place <= around + REFINE; place++) {
    let [dot, own, there] = [0, 0, 0];
    for (let i = 0; i < window.length; i++) {
      const x = reference[place + i] ?? 0;
      dot += window[i] * x;
      own += window[i] * window[i];
      there += x * x;
    }
    const match = dot / Math.sqrt(own * there + 1e-18);
    if (match > best.match) best = { match, place };
  }
  return best;
}

function report(windows) {
  const good = windows.filter((w) => w.match >= GOOD_MATCH);
  const delaysMs = good.map((w) => w.delayMs);
  const sorted = [...delaysMs].sort((a, b) => a - b);
  const glitches = windows.filter((w, i) => w.match < GOOD_MATCH && (windows[i - 1]?.match ?? 1) >= GOOD_MATCH);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return {
    windows: windows.length,
    glitches: glitches.length,
    glitchesAtMs: glitches.map((w) => w.atMs),
    lostWindows: windows.length - good.length,
    minutes: (windows.length * HOP * STEP) / RATE / 60,
    medianMs: at(0.5),
    p95Ms: at(0.95),
    delaysMs,
  };
}

// Locates windows in the part of the reference that was emitted shortly before they were recorded.
class Matcher {
  constructor(sent, emittedAt, maxDelayMs) {
    this.sent = sent;
    this.emittedAt = emittedAt;
    this.span = Math.round((maxDelayMs / 1000) * (RATE / STEP));
    this.size = 2 ** Math.ceil(Math.log2(this.span + 2 * WINDOW));
    this.energy = new Float64Array(sent.length + 1);
    for (let i = 0; i < sent.length; i++) this.energy[i + 1] = this.energy[i] + sent[i] * sent[i];
  }

  // Returns the position in the reference, or null if the reference does not cover the whole search range.
  find(window, when) {
    const newest = this.lastEmittedBefore(when);
    const from = newest - this.span;
    if (from < 0 || newest + WINDOW > this.sent.length) return null;
    const sums = this.correlate(window, from);
    const own = Math.sqrt(window.reduce((sum, x) => sum + x * x, 0));
    let best = { match: 0, place: from };
    for (let lag = 0; lag <= this.span; lag++) {
      const there = Math.sqrt(this.energy[from + lag + WINDOW] - this.energy[from + lag]);
      const match = own * there > 1e-9 ? sums[lag] / (own * there) : 0;
      if (match > best.match) best = { match, place: from + lag };
    }
    return best.place;
  }

  lastEmittedBefore(when) {
    let low = 0;
    let high = this.sent.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.emittedAt(middle * STEP) <= when) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // Both signals are real, so one complex transform handles both, the reference as the real and the window as the
  // imaginary part; they are separated by symmetry.
  correlate(window, from) {
    const n = this.size;
    const re = new Float64Array(n);
    const im = new Float64Array(n);
    re.set(this.sent.subarray(from, Math.min(from + this.span + WINDOW, this.sent.length)));
    im.set(window);
    fft(re, im);
    const outRe = new Float64Array(n);
    const outIm = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const m = (n - k) % n;
      const [ar, ai] = [(re[k] + re[m]) / 2, (im[k] - im[m]) / 2];
      const [br, bi] = [(im[k] + im[m]) / 2, (re[m] - re[k]) / 2];
      outRe[k] = ar * br + ai * bi;
      outIm[k] = ai * br - ar * bi;
    }
    fft(outRe, outIm, true);
    for (let k = 0; k < n; k++) outRe[k] /= n;
    return outRe;
  }
}

/** Returns every third sample after a low-pass filter at 7 kHz. */
export function decimate(samples) {
  const out = new Float32Array(Math.floor(samples.length / STEP));
  const middle = (LOW_PASS.length - 1) / 2;
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let k = 0; k < LOW_PASS.length; k++) sum += LOW_PASS[k] * (samples[i * STEP + k - middle] ?? 0);
    out[i] = sum;
  }
  return out;
}

const LOW_PASS = (() => {
  const taps = 31;
  const cut = 7000 / RATE;
  const h = Array.from({ length: taps }, (_, k) => {
    const x = k - (taps - 1) / 2;
    const ideal = x === 0 ? 2 * cut : Math.sin(2 * Math.PI * cut * x) / (Math.PI * x);
    return ideal * (0.54 - 0.46 * Math.cos((2 * Math.PI * k) / (taps - 1)));
  });
  const sum = h.reduce((a, b) => a + b);
  return h.map((x) => x / sum);
})();
