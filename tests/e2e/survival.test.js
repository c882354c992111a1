// The Linux client left alone for months: whatever of its surroundings goes away and comes back, its sound is in the
// mix again within seconds and nobody touches it.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { World } from './lib/world.js';
import { Server } from './lib/server.js';
import { eventually, nowMs, sleep } from './lib/processes.js';
import { toneNear } from './lib/signal.js';
import { tone } from './lib/generate.js';
import { near, below, sineDb } from './lib/assertions.js';

const LIMIT_MS = 6000;
const TONE_DB = sineDb(0.25);

const world = new World('survival');
let server, desktop, client;

before(async () => {
  desktop = await world.sound('desktop');
  server = new Server(world, { args: ['--no-test-music'] });
  world.onClose(() => server.stop());
  Object.assign(server, await freePorts());
  world.loop(desktop, tone(997, 1));
});
after(() => world.close());

test('a client that is there before its server is heard once the server comes', async (t) => {
  client = world.client(['--source', 'pulse', '--server', `127.0.0.1:${server.udpPort}`, '--name', 'Pump'], { sound: desktop });
  await sleep(3000);
  assert.ok(client.running, `the client gave up: ${JSON.stringify(client.end)}`);
  await server.start();
  t.diagnostic(`in the mix after ${await heardAfter()} ms`);
});

test('it is heard again after a restart of the server, under its name', async (t) => {
  await server.kill();
  await sleep(3000);
  await server.start();
  t.diagnostic(`in the mix after ${await heardAfter()} ms`);
  const names = async () => (await server.clients()).map((c) => c.name);
  assert.equal((await names()).length, 1, 'one and the same computer');
  await eventually('it has its name', async () => (await names())[0] === 'Pump');
});

test('it is heard again after a restart of its own sound server', async (t) => {
  await desktop.stop();
  await sleep(2000);
  assert.ok(client.running, `the client gave up: ${JSON.stringify(client.end)}`);
  await desktop.start();
  world.loop(desktop, tone(997, 1));
  t.diagnostic(`in the mix after ${await heardAfter()} ms`);
});

test('it says goodbye within a second when it is told to end', async () => {
  const from = nowMs();
  await client.stop('SIGTERM');
  below(nowMs() - from, 1000, 'milliseconds until it ended');
});

// Milliseconds until half a second of the mix holds the tone at its level.
async function heardAfter() {
  const from = nowMs();
  const listener = await world.listener(server);
  let found = { db: -120 };
  while (nowMs() - from < LIMIT_MS && Math.abs(found.db - TONE_DB) > 1) found = toneNear(await listener.next(500), 997);
  listener.stop();
  near(found.db, TONE_DB, 1, `level within ${LIMIT_MS} ms`);
  near(found.hz, 997, 2, 'pitch');
  return Math.round(nowMs() - from);
}

// Ports that nothing uses, for a server that starts later.
async function freePorts() {
  const udp = dgram.createSocket('udp6');
  await new Promise((resolve) => udp.bind(0, '::', resolve));
  const tcp = net.createServer();
  await new Promise((resolve) => tcp.listen(0, '::', resolve));
  const ports = { udpPort: udp.address().port, httpPort: tcp.address().port };
  udp.close();
  await new Promise((resolve) => tcp.close(resolve));
  return ports;
}
