// A listener must be able to tell "nothing sounds there" from "nothing is heard": what happens at a computer's own volume
// control, and to its sound server, is in the server's API.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { eventually, sleep } from './lib/processes.js';
import { inMixAfter } from './lib/in-mix.js';
import { tone } from './lib/generate.js';
import { sineDb } from './lib/assertions.js';

const TONE = { hz: 997, db: sineDb(0.25) };

const world = new World('deafness');
let server, desktop;

before(async () => {
  desktop = await world.sound('desktop');
  server = await world.server();
  world.loop(desktop, tone(TONE.hz, 1));
  world.client(['--source', 'pulse', '--server', `127.0.0.1:${server.udpPort}`, '--name', 'Pump'], { sound: desktop });
  await inMixAfter(world, server, TONE);
});
after(() => world.close());

const reported = (trouble) => eventually(`it reports ${trouble}`, async () => {
  const [client] = await server.clients();
  return client?.capture_trouble === trouble;
});

test('a sink muted by hand is reported until it sounds again', async () => {
  await reported(null);
  desktop.setMute(true);
  await reported('muted');
  await eventually('it is silent', async () => (await server.clients())[0].status === 'connected');
  // What the sink still had ahead when it was muted is no proof that the mute does not apply.
  await sleep(7000);
  await reported('muted');
  desktop.setMute(false);
  await reported(null);
  await inMixAfter(world, server, TONE);
});

test('a sink turned down by hand is reported', async () => {
  desktop.setVolume('0.01');
  await reported('turned_down');
  desktop.setVolume('100%');
  await reported(null);
});

test('a missing sound server is reported, and a restarted server is told', async () => {
  await desktop.stop();
  await reported('no_device');
  await server.kill();
  await server.start();
  await reported('no_device');
  await desktop.start();
  await reported(null);
  assert.equal((await server.clients()).length, 1, 'one and the same computer');
});
