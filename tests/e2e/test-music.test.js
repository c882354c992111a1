// The first minute of a new user: a server started without options plays music, and its test client behaves like any
// other.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { nowMs } from './lib/processes.js';
import { levelDb } from './lib/signal.js';
import { above, below } from './lib/assertions.js';
import { levelBecomes } from './lib/in-mix.js';

const ID = 'bgmtest0';
const world = new World('test-music');
let server, listener;

before(async () => {
  server = await world.server({ args: [] });
  listener = await world.listener(server);
});
after(() => world.close());

test('music plays within seconds, loud and undistorted', async (t) => {
  const startedAt = nowMs();
  let level = -120;
  let samples;
  while (level < -40 && nowMs() - startedAt < 5000) {
    samples = await listener.next(500);
    level = levelDb(samples);
  }
  t.diagnostic(`${level.toFixed(1)} dB, ${Math.round(nowMs() - startedAt)} ms after the first frame`);
  above(level, -40, 'level');
  const peak = (await listener.next(3000)).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  below(peak, 1, 'peak');
});

test('the test client is shown as sounding', async () => {
  const client = await server.client(ID, (c) => c.status === 'sounding');
  assert.equal(client.name, 'Test BGM (Goldberg Var.1)');
  above(client.level.rms_dbfs, -60, 'level');
});

test('muting it silences the mix', async () => {
  await server.patch(ID, { muted: true });
  await levelBecomes(listener, { below: -80 });
  below(levelDb(await listener.next(1000)), -80, 'level');
  await server.patch(ID, { muted: false });
  await levelBecomes(listener, { above: -40 });
  above(levelDb(await listener.next(3000)), -40, 'level');
});
