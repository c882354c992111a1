// Waits until a tone is in the mix.

import { nowMs } from './processes.js';
import { toneNear } from './signal.js';
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
