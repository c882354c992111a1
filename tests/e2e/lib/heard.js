// How long it takes until a tone is in the mix.

import { nowMs } from './processes.js';
import { toneNear } from './signal.js';
import { near } from './assertions.js';

/** Milliseconds until half a second of the mix holds the tone at its level; fails when that takes longer than limitMs. */
export async function heardAfter(world, server, { hz, db, limitMs }) {
  const from = nowMs();
  const listener = await world.listener(server);
  let found = { db: -120 };
  while (nowMs() - from < limitMs && Math.abs(found.db - db) > 1) found = toneNear(await listener.next(500), hz);
  listener.stop();
  near(found.db, db, 1, `level within ${limitMs} ms`);
  near(found.hz, hz, 2, 'pitch');
  return Math.round(nowMs() - from);
}
