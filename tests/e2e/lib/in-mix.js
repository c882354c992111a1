// Waits for sound, so that a test need not guess how long a change takes: until a tone is in the mix, or a level is reached.

import { nowMs } from './processes.js';
import { levelDb, toneNear } from './signal.js';
import { near } from './assertions.js';

/** Returns the milliseconds until half a second of the mix contains the tone at its level; fails after limitMs. */
export async function inMixAfter(world, server, { hz, db, limitMs }) {
  const from = nowMs();
  const listener = await world.listener(server);
  let found = { db: -120 };
  while (nowMs() - from < limitMs && Math.abs(found.db - db) > 1) found = toneNear(await listener.next(500), hz);
  listener.stop();
  near(found.db, db, 1, `level within ${limitMs} ms`);
  near(found.hz, hz, 2, 'pitch');
  return Math.round(nowMs() - from);
}

/** Waits until 200 ms of a recorder's or listener's sound have a level between `above` and `below`, in dB. */
export async function levelBecomes(source, { above = -Infinity, below = Infinity, timeoutMs = 5000 }) {
  const from = nowMs();
  let db;
  do {
    db = levelDb(await source.next(200));
    if (db > above && db < below) return;
  } while (nowMs() - from < timeoutMs);
  throw new Error(`the level is ${db} dB after ${timeoutMs} ms; it must be between ${above} and ${below}`);
}
