// Measures recorded sound: the pitch and level of a tone, the level over time, and when it changes.
//
// Levels are dB relative to full scale as RMS (a full-scale sine is -3.01). Always: pure functions of samples
// (Float32Array, mono, 48 kHz by default), so that analysis.test.js can test them with known signals.

export const RATE = 48_000;

export const toDb = (amplitude) => 20 * Math.log10(Math.max(amplitude, 1e-9));

export function rms(samples, from = 0, to = samples.length) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += samples[i] * samples[i];
  return Math.sqrt(sum / Math.max(1, to - from));
}

/** Returns the level without the constant part, which loudspeakers do not play. */
export function levelDb(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample;
  const mean = sum / Math.max(1, samples.length);
  return toDb(rms(samples.map((sample) => sample - mean)));
}

/** Returns the strongest tone: { hz, db } with the level within 15 Hz of it. Needs at least half a second. */
export function strongestTone(samples, rate = RATE) {
  const { power, binHz } = powerSpectrum(samples, rate);
  let peak = Math.ceil(20 / binHz);
  for (let i = peak; i < power.length - 1; i++) if (power[i] > power[peak]) peak = i;
  return { hz: peakFrequency(power, peak) * binHz, db: bandDb(power, binHz, peak * binHz) };
}

/** Returns the tone within 10 Hz of an expected one, among others: { hz, db }. */
export function toneNear(samples, hz, rate = RATE) {
  const { power, binHz } = powerSpectrum(samples, rate);
  let peak = Math.max(1, Math.ceil((hz - 10) / binHz));
  for (let i = peak; i <= (hz + 10) / binHz; i++) if (power[i] > power[peak]) peak = i;
  return { hz: peakFrequency(power, peak) * binHz, db: bandDb(power, binHz, peak * binHz) };
}

/** Returns the levels in dB of consecutive pieces of `stepMs`. */
export function envelopeDb(samples, stepMs = 10, rate = RATE) {
  const step = Math.round((stepMs * rate) / 1000);
  const levels = new Float64Array(Math.floor(samples.length / step));
  for (let i = 0; i < levels.length; i++) levels[i] = toDb(rms(samples, i * step, (i + 1) * step));
  return levels;
}

/** Returns the milliseconds until the level falls below `db` and stays there to the end; null if it does not. */
export function silentAfterMs(samples, db, stepMs = 10) {
  const levels = envelopeDb(samples, stepMs);
  let last = levels.length - 1;
  while (last >= 0 && levels[last] < db) last--;
  return last === levels.length - 1 ? null : (last + 1) * stepMs;
}

/** Returns the milliseconds until the level first rises above `db` for `holdMs`; null if it does not. */
export function soundingAfterMs(samples, db, holdMs = 100, stepMs = 10) {
  const levels = envelopeDb(samples, stepMs);
  let run = 0;
  for (let i = 0; i < levels.length; i++) {
    run = levels[i] > db ? run + 1 : 0;
    if (run * stepMs >= holdMs) return (i + 1 - run) * stepMs;
  }
  return null;
}

/** One-sided power spectrum under a Hann window, zero-padded to a power of two; the sum over bins is mean square. */
export function powerSpectrum(samples, rate = RATE) {
  const size = 2 ** Math.ceil(Math.log2(samples.length));
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  let windowPower = 0;
  for (let i = 0; i < samples.length; i++) {
    const w = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / samples.length);
    windowPower += w * w;
    re[i] = samples[i] * w;
  }
  fft(re, im);
  const power = new Float64Array(size / 2);
  for (let i = 0; i < power.length; i++) power[i] = (2 * (re[i] ** 2 + im[i] ** 2)) / (size * windowPower);
  return { power, binHz: rate / size };
}

// A parabola through the logarithm of a peak and its neighbours gives the frequency between bins.
function peakFrequency(power, peak) {
  const [a, b, c] = [peak - 1, peak, peak + 1].map((i) => Math.log(Math.max(power[i] ?? 0, 1e-30)));
  const bend = a - 2 * b + c;
  return bend === 0 ? peak : peak + (0.5 * (a - c)) / bend;
}

function bandDb(power, binHz, hz, halfWidthHz = 15) {
  let sum = 0;
  const to = Math.min(power.length - 1, Math.floor((hz + halfWidthHz) / binHz));
  for (let i = Math.max(0, Math.ceil((hz - halfWidthHz) / binHz)); i <= to; i++) sum += power[i];
  return toDb(Math.sqrt(sum));
}

/** In-place radix-2 FFT; the length is a power of two. `inverse` does not divide by the length. */
export function fft(re, im, inverse = false) {
  const n = re.length;
  const { cos, sin } = twiddles(n);
  const sign = inverse ? 1 : -1;
  bitReverse(re, im);
  for (let half = 1; half < n; half *= 2) {
    const stride = n / (2 * half);
    for (let start = 0; start < n; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [i, j] = [start + k, start + k + half];
        const wr = cos[k * stride];
        const wi = sign * sin[k * stride];
        const tr = re[j] * wr - im[j] * wi;
        const ti = re[j] * wi + im[j] * wr;
        re[j] = re[i] - tr;
        im[j] = im[i] - ti;
        re[i] += tr;
        im[i] += ti;
      }
    }
  }
}

const tables = new Map();

function twiddles(n) {
  if (!tables.has(n)) {
    const angle = (k) => (2 * Math.PI * k) / n;
    tables.set(n, {
      cos: Float64Array.from({ length: n / 2 }, (_, k) => Math.cos(angle(k))),
      sin: Float64Array.from({ length: n / 2 }, (_, k) => Math.sin(angle(k))),
    });
  }
  return tables.get(n);
}

function bitReverse(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
}
