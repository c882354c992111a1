// Assertions with tolerances, as measured sound needs them.

import assert from 'node:assert/strict';

export function near(actual, expected, tolerance, what) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, and ${expected} ± ${tolerance} was meant`);
}

export function below(actual, limit, what) {
  assert.ok(actual !== null && actual < limit, `${what}: ${actual}, and less than ${limit} was meant`);
}

/** The level in dB of a sine of this amplitude. */
export const sineDb = (amplitude) => 20 * Math.log10(amplitude / Math.SQRT2);
