// Waits for sound, so that a test need not guess how long a change takes: until a tone is in the mix, or a level is reached.
//
// Always: a busy machine plays and sends gaps, so a tone is judged where it is whole: in a tenth of a second without one. How
// often there are gaps is measured elsewhere.

import { PATIENCE_MS, nowMs } from './processes.js';
import { LostSound } from './sound.js';
import { RATE, levelDb, toneNear } from './signal.js';

const PIECE_MS = 500;
/** The part of a piece that must be whole. Its length keeps a tone and its window within the band of toneNear. */
const WHOLE = RATE / 10;
const HOP = RATE / 50;

/** Returns the milliseconds until the mix contains the tone at its level; fails after limitMs. */
export async function inMixAfter(world, server, { hz, db, limitMs = PATIENCE_MS }) {
  const from = nowMs();
  const listener = await world.listener(server);
  try {
    await toneBecomes(listener, { hz, db, timeoutMs: limitMs });
  } finally {
    listener.stop();
  }
  return Math.round(nowMs() - from);
}

/**
 * Waits until a recorder's or listener's sound is a tone, within 2 Hz and toleranceDb, and with `isAlone` nothing else. A failure
 * names the nearest level.
 */
export async function toneBecomes(source, { hz, db, toleranceDb = 1, isAlone = false, timeoutMs = PATIENCE_MS }) {
  const from = nowMs();
  let nearest = null;
  do {
    const samples = await source.next(PIECE_MS).catch(retry);
    for (let at = 0; at + WHOLE <= samples.length; at += HOP) {
      const part = samples.subarray(at, at + WHOLE);
      const found = toneNear(part, hz);
      const isPure = !isAlone || Math.abs(levelDb(part) - found.db) <= 0.5;
      if (Math.abs(found.hz - hz) <= 2 && Math.abs(found.db - db) <= toleranceDb && isPure) return;
      if (!nearest || Math.abs(found.db - db) < Math.abs(nearest.db - db)) nearest = found;
    }
  } while (nowMs() - from < timeoutMs);
  throw new Error(`the sound is ${nearest?.hz} Hz at ${nearest?.db} dB at best within ${timeoutMs} ms; it must be ${hz} ± 2 Hz at ${db} ± ${toleranceDb} dB`);
}

/** Waits until forMs of a recorder's or listener's sound have a level between `above` and `below`, in dB. */
export async function levelBecomes(source, { above = -Infinity, below = Infinity, forMs = 200, timeoutMs = PATIENCE_MS }) {
  const from = nowMs();
  let db;
  do {
    db = levelDb(await source.next(forMs).catch(retry));
    if (db > above && db < below) return;
  } while (nowMs() - from < timeoutMs);
  throw new Error(`the level is ${db} dB after ${timeoutMs} ms; it must be between ${above} and ${below}`);
}

/** What was lost on the way to this process says nothing; the next piece does. */
function retry(error) {
  if (!(error instanceof LostSound)) throw error;
  return new Float32Array(0);
}
