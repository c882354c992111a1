// Assertions for measured values, which need tolerances.

import assert from 'node:assert/strict';

/** Fails unless `actual` is a number, as do the others here: null and NaN must never pass. */
export function near(actual, expected, tolerance, what) {
  assert.ok(Number.isFinite(actual) && Math.abs(actual - expected) <= tolerance, `${what} is ${actual}; it must be ${expected} ± ${tolerance}`);
}

export function below(actual, limit, what) {
  assert.ok(Number.isFinite(actual) && actual < limit, `${what} is ${actual}; it must be below ${limit}`);
}

export function above(actual, limit, what) {
  assert.ok(Number.isFinite(actual) && actual > limit, `${what} is ${actual}; it must be above ${limit}`);
}

/** Returns the level in dB of a sine of this amplitude. */
export const sineDb = (amplitude) => 20 * Math.log10(amplitude / Math.SQRT2);
