// The purity of a tone: a sine of its pitch is fitted to every 10 ms, and the residual is measured.
//
// Always: pure functions of samples (Float32Array, mono, 48 kHz), so that analysis.test.js can test them with known
// signals.

import { RATE } from './signal.js';

const WINDOW = RATE / 100;
const MAX_OFF_DB = 1;
const MAX_RESIDUAL_DB = -30;

/**
 * Returns the share of windows of 10 ms in which a tone of this amplitude is disturbed: its level is off by more than
 * 1 dB, or the residual is above -30 dB relative to it.
 */
export function disturbedShare(samples, hz, amplitude) {
  const windows = Math.floor(samples.length / WINDOW);
  let disturbed = 0;
  for (let i = 0; i < windows; i++) if (isDisturbed(samples.subarray(i * WINDOW, (i + 1) * WINDOW), hz, amplitude)) disturbed++;
  return disturbed / windows;
}

function isDisturbed(window, hz, amplitude) {
  const { sine, cosine } = fit(window, hz);
  let residual = 0;
  for (let i = 0; i < window.length; i++) {
    const angle = (2 * Math.PI * hz * i) / RATE;
    residual += (window[i] - sine * Math.sin(angle) - cosine * Math.cos(angle)) ** 2;
  }
  const offDb = 20 * Math.log10(Math.hypot(sine, cosine) / amplitude);
  const residualDb = 10 * Math.log10(residual / window.length / (amplitude ** 2 / 2));
  return Math.abs(offDb) > MAX_OFF_DB || residualDb > MAX_RESIDUAL_DB;
}

// Least squares by the normal equations: a window need not hold whole periods.
function fit(window, hz) {
  let [ss, sc, cc, xs, xc] = [0, 0, 0, 0, 0];
  for (let i = 0; i < window.length; i++) {
    const angle = (2 * Math.PI * hz * i) / RATE;
    const [s, c] = [Math.sin(angle), Math.cos(angle)];
    ss += s * s;
    sc += s * c;
    cc += c * c;
    xs += window[i] * s;
    xc += window[i] * c;
  }
  const determinant = ss * cc - sc * sc;
  return { sine: (xs * cc - xc * sc) / determinant, cosine: (xc * ss - xs * sc) / determinant };
}
