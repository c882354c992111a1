// The first minute of a newcomer: a server started without an option has something to hear, and its test client
// behaves as any other.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { nowMs, sleep } from './lib/processes.js';
import { levelDb } from './lib/signal.js';
import { below } from './lib/assertions.js';

const ID = 'bgmtest0';
const world = new World('test-music');
let server, listener;

before(async () => {
  server = await world.server({ args: [] });
  listener = await world.listener(server);
});
after(() => world.close());

test('music is in the mix within seconds of the start, loud enough and not distorted', async (t) => {
  const startedAt = nowMs();
  let level = -120;
  let samples;
  while (level < -40 && nowMs() - startedAt < 5000) {
    samples = await listener.next(500);
    level = levelDb(samples);
  }
  t.diagnostic(`${level.toFixed(1)} dB, ${Math.round(nowMs() - startedAt)} ms after the first frame`);
  below(-level, 40, 'level below full scale');
  const peak = (await listener.next(3000)).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  below(peak, 1, 'peak');
});

test('the test client is listed by name as sounding', async () => {
  const client = await server.client(ID, (c) => c.status === 'sounding');
  assert.equal(client.name, 'Test BGM (Goldberg Var.1)');
  assert.ok(client.level.rms_dbfs > -60, `level ${client.level.rms_dbfs}`);
});

test('it is muted as any other, and the mix is silent then', async () => {
  await server.patch(ID, { muted: true });
  await sleep(200);
  below(levelDb(await listener.next(1000)), -80, 'level');
  await server.patch(ID, { muted: false });
  await sleep(200);
  below(-levelDb(await listener.next(3000)), 40, 'level below full scale');
});
