// Sounds to send: tones, and noise in which each window of 40 ms is unique.
//
// Always: seeded and repeatable; mono, 48 kHz, amplitude as given.

import { RATE, fft, rms } from './signal.js';

export function tone(hz, seconds, amplitude = 0.25) {
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / RATE));
}

/** Noise between 150 and 6000 Hz with the given RMS: no two 40 ms of it are alike. */
export function bandNoise(seconds, level = 0.1, seed = 1) {
  const length = Math.round(seconds * RATE);
  const size = 2 ** Math.ceil(Math.log2(length));
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  const random = randoms(seed);
  const binHz = RATE / size;
  for (let k = Math.ceil(150 / binHz); k <= 6000 / binHz; k++) {
    const phase = 2 * Math.PI * random();
    re[k] = re[size - k] = Math.cos(phase);
    im[k] = Math.sin(phase);
    im[size - k] = -im[k];
  }
  fft(re, im, true);
  const samples = Float32Array.from(re.subarray(0, length));
  const gain = level / rms(samples);
  return samples.map((x) => x * gain);
}

/** Returns a generator of uniform numbers in [0, 1) (mulberry32). */
export function randoms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
