// The Linux client, unattended for months: whatever it depends on goes away and returns, its sound is back in the mix.
// How soon it tries again is proven in simulated time (the client's capture/retry.rs and link/trials.rs); here it is printed.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import net from 'node:net';
import { World } from './lib/world.js';
import { Server } from './lib/server.js';
import { eventually, sleep } from './lib/processes.js';
import { inMixAfter } from './lib/in-mix.js';
import { tone } from './lib/generate.js';
import { sineDb } from './lib/assertions.js';

const TONE = { hz: 997, db: sineDb(0.25) };
/** How long the server or the sound server is away. */
const ABSENCE_MS = 3000;
/** Longer than the test waits: only a goodbye ends it earlier. */
const OFFLINE_AFTER_S = 120;

const world = new World('survival');
let server, desktop, client;

before(async () => {
  desktop = await world.sound('desktop');
  server = new Server(world, { args: ['--no-test-music'], config: `offline_after_s = ${OFFLINE_AFTER_S}\n` });
  world.onClose(() => server.stop());
  Object.assign(server, await freePorts());
  world.loop(desktop, tone(TONE.hz, 1));
});
after(() => world.close());

test('a client started before its server connects later', async (t) => {
  client = world.client(['--source', 'pulse', '--server', `127.0.0.1:${server.udpPort}`, '--name', 'Pump'], { sound: desktop });
  await sleep(ABSENCE_MS);
  assert.ok(client.running, `the client gave up: ${JSON.stringify(client.end)}`);
  await server.start();
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
});

test('sound and name return after a server restart', async (t) => {
  await server.kill();
  await sleep(ABSENCE_MS);
  await server.start();
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
  const names = async () => (await server.clients()).map((c) => c.name);
  assert.equal((await names()).length, 1, 'one and the same computer');
  await eventually('it has its name', async () => (await names())[0] === 'Pump');
});

test('sound returns after a sound server restart', async (t) => {
  await desktop.stop();
  await sleep(ABSENCE_MS);
  assert.ok(client.running, `the client gave up: ${JSON.stringify(client.end)}`);
  await desktop.start();
  world.loop(desktop, tone(TONE.hz, 1));
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
});

test('it says goodbye when it ends', async () => {
  const [{ id }] = await server.clients();
  const { code } = await client.stop('SIGTERM');
  assert.equal(code, 0, 'it ends by itself');
  await server.client(id, ({ status }) => status === 'offline');
});

// Finds unused ports for a server that starts later.
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
