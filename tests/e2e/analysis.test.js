// Tests of the measuring modules themselves, on signals with known pitch, level, delay and glitches.

import test from 'node:test';
import assert from 'node:assert/strict';
import { RATE, strongestTone, toneNear, levelDb, silentAfterMs, soundingAfterMs } from './lib/signal.js';
import { compare } from './lib/delay.js';
import { disturbedShare } from './lib/purity.js';
import { above, below, near } from './lib/assertions.js';
import { tone, bandNoise, randoms } from './lib/generate.js';

test('pitch and level are interpolated between bins', () => {
  for (const [hz, amplitude] of [[997, 0.25], [440.5, 0.01], [61, 0.5]]) {
    const found = strongestTone(tone(hz, 1, amplitude));
    near(found.hz, hz, 0.2, 'pitch');
    near(found.db, 20 * Math.log10(amplitude / Math.SQRT2), 0.1, 'level');
  }
});

test('a constant is no level', () => {
  near(levelDb(tone(997, 1, 0.25)), 20 * Math.log10(0.25 / Math.SQRT2), 0.05, 'level of a tone');
  below(levelDb(new Float32Array(RATE).fill(1 / 3000)), -150, 'level of a constant');
  near(levelDb(tone(997, 1, 0.001).map((x) => x + 0.01)), 20 * Math.log10(0.001 / Math.SQRT2), 0.05, 'level of a tone on a constant');
});

test('one tone is measured among others', () => {
  const [a, b, noise] = [tone(440, 2, 0.1), tone(660, 2, 0.02), bandNoise(2, 0.001)];
  const mixed = a.map((x, i) => x + b[i] + noise[i]);
  const quiet = toneNear(mixed, 660);
  near(quiet.hz, 660, 0.3, 'pitch');
  near(quiet.db, 20 * Math.log10(0.02 / Math.SQRT2), 0.2, 'level');
  below(toneNear(mixed, 550).db, -60, 'level where no tone is');
});

test('disturbed parts of a tone are found', () => {
  const sound = tone(1000, 2);
  near(disturbedShare(sound, 1000, 0.25), 0, 0, 'share of a pure tone');
  near(disturbedShare(sound.subarray(7), 1000, 0.25), 0, 0, 'share when windows begin anywhere in a period');
  sound.fill(0, 0.2 * RATE, 0.22 * RATE);
  for (let i = 0.5 * RATE; i < 0.52 * RATE; i++) sound[i] *= 1.2;
  for (let i = RATE; i < 1.02 * RATE; i++) sound[i] += 0.02 * Math.sin((2 * Math.PI * 3170 * i) / RATE);
  near(disturbedShare(sound, 1000, 0.25), 6 / 200, 1e-9, 'share');
});

test('onset and end are found to 10 ms', () => {
  const sound = tone(997, 1);
  sound.fill(0, 0.25 * RATE, 0.6 * RATE);
  assert.equal(silentAfterMs(sound.subarray(0, 0.55 * RATE), -50), 250);
  assert.equal(silentAfterMs(sound, -50), null, 'a sound that comes back has not fallen silent');
  assert.equal(soundingAfterMs(sound.subarray(0.3 * RATE), -20), 300);
  near(levelDb(sound.subarray(0, 0.2 * RATE)), -15.05, 0.05, 'level');
});

// A simulated recording of a browser: the reference, late by delayMs(t), at another gain, with some noise.
function recordingOf(reference, delayMs, edit = () => {}) {
  const recording = new Float32Array(reference.length);
  const random = randoms(9);
  for (let i = 0; i < recording.length; i++) {
    const from = i - Math.round((delayMs(i / RATE) * RATE) / 1000);
    recording[i] = 0.5 * (reference[from] ?? 0) + 0.002 * (random() - 0.5);
  }
  edit(recording);
  return recording;
}

function measure(delayMs, edit) {
  const reference = bandNoise(12, 0.1, 5);
  const ms = (i) => 5000 + (i * 1000) / RATE;
  return compare({ recording: recordingOf(reference, delayMs, edit), recordedAt: ms, reference, emittedAt: ms });
}

test('constant delay is measured to the millisecond', () => {
  const result = measure(() => 73.03);
  near(result.medianMs, 73, 0.5, 'median');
  near(result.p95Ms, 73, 0.5, 'p95');
  assert.equal(result.glitches, 0);
  above(result.windows, 500, 'windows');
});

test('a jump of the delay is one glitch', () => {
  const result = measure((t) => (t < 9 ? 60 : 140));
  near(result.medianMs, 60, 0.5, 'median');
  near(result.p95Ms, 140, 0.5, 'p95');
  assert.equal(result.glitches, 1);
});

test('each gap is one glitch, of any length', () => {
  const result = measure(() => 80, (recording) => {
    recording.fill(0, 3 * RATE, 3.02 * RATE);
    recording.fill(0, 5 * RATE, 5.5 * RATE);
    recording.copyWithin(7 * RATE, 6.9 * RATE, 6.925 * RATE);
  });
  assert.equal(result.glitches, 3);
  near(result.medianMs, 80, 0.5, 'median');
});

test('single samples more or less are no glitch', () => {
  const result = measure((t) => 70 + Math.floor(t * 10) / 48);
  assert.equal(result.glitches, 0);
  near(result.medianMs, 71.2, 0.7, 'median');
});

test('silence is one long glitch', () => {
  const result = measure(() => 80, (recording) => recording.fill(0));
  assert.equal(result.lostWindows, result.windows);
  assert.equal(result.glitches, 1);
});
