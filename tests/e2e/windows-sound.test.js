// The sound of a Windows PC, captured by the real exe under Wine: in the mix, on the wire, and after the loss of the
// device, the sound service or the server, a rest in silence and the PC's sleep; and the capture method in use, with the
// reasons for it.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { Tray } from './lib/tray.js';
import { WINE_PATIENCE_MS } from './lib/wine.js';
import { eventually, nowMs, sleep } from './lib/processes.js';
import { inMixAfter } from './lib/in-mix.js';
import { tone } from './lib/generate.js';
import { sineDb } from './lib/assertions.js';

const DEVICE = 'Monitor of Null Output';
const TONE = { hz: 1000, db: sineDb(0.25) };
/** PBT_APMSUSPEND and PBT_APMRESUMEAUTOMATIC of WM_POWERBROADCAST. */
const [FALLS_ASLEEP, WAKES] = ['4', '18'];

const LIMIT_MS = 20 * 60_000;

const world = new World('windows-sound', { limitMs: LIMIT_MS });
let sound, server, pc, tray, player;

before(async () => {
  sound = await world.sound('pc');
  // Nobody is offline here without a goodbye.
  server = await world.server({ config: 'offline_after_s = 3600\n' });
  const desktop = await world.desktop();
  pc = await world.windowsPc({ desktop, sound });
  tray = new Tray(desktop, pc);
});
after(() => world.close());

test('without a device it reports every attempt', async () => {
  const { code, output } = await pc.runClient('--diagnose');
  assert.equal(code, 1, output);
  assert.match(output, /process loopback: .*\(0x80070002\)/);
  assert.match(output, /endpoint loopback: .*\(0x88890003\)/);
  assert.match(pc.log, /process loopback: .*\(0x80070002\)/);
});

test('a chosen device has its pitch and level', async (t) => {
  player = world.loop(sound, tone(TONE.hz, 1));
  pc.start('--server', `127.0.0.1:${server.udpPort}`, '--source', `device:${DEVICE}`, '--name', 'Ward 3');
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
  await tray.shown();
  await tray.becomes('active');
  await listed(({ name }) => name === 'Ward 3');
  assert.match(pc.log, new RegExp(`capturing by capture device of ${DEVICE}`));
});

test('sound returns with the device', async (t) => {
  sound.unplug();
  await tray.becomes('error');
  await listed(({ capture_trouble: trouble }) => ['no_device', 'reopening'].includes(trouble));
  assert.match(await tray.tooltip(), /^RAA client: .*device.*\(0x[0-9A-F]{8}\)$/);
  await sleep(1000);
  await comesBack(t, () => sound.plugIn());
  await listed(({ capture_trouble: trouble }) => trouble === null);
});

test('sound returns with the sound service', async (t) => {
  await sound.stop();
  await tray.becomes('error');
  await sleep(1000);
  assert.ok(pc.client.running, `the client gave up: ${JSON.stringify(pc.client.end)}`);
  await comesBack(t, () => sound.start());
});

test('sound returns with the server', async (t) => {
  await server.kill();
  await tray.becomes('error');
  await server.start();
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
  await tray.becomes('active');
  await listed(({ name }) => name === 'Ward 3');
});

test('falling asleep says goodbye', async () => {
  assert.notEqual(await pc.look('power', 'raa-client', FALLS_ASLEEP), null);
  await listed(({ status }) => status === 'offline');
  assert.notEqual(await pc.look('power', 'raa-client', WAKES), null);
  await listed(({ status }) => status === 'sounding');
});

test('the capture rests in silence and returns with sound', async (t) => {
  await player.stop();
  const from = pc.log.length;
  pc.writeSetting('sleep_after_s = 2');
  assert.equal((await pc.runClient('--silent')).code, 0);
  await pc.logged(/the capture rests until something plays/, { from });
  await eventually('no stream is open', () => sound.captures === 0, WINE_PATIENCE_MS);
  assert.match((await pc.runClient('--diagnose')).output, /the capture rests until something plays/);
  await listed(({ status, capture_trouble: trouble }) => status === 'connected' && trouble === null);
  player = world.loop(sound, tone(TONE.hz, 1));
  // A chosen device is listened to every 5 s.
  t.diagnostic(`in the mix after ${await inMixAfter(world, server, TONE)} ms`);
  await pc.logged(/no longer rests/, { from });
  assert.equal(sound.captures, 1);
});

test('tshark reads its RTP, RTCP and goodbye', async () => {
  const wire = await world.wire(server);
  // A running client applies the settings that a second start stores.
  assert.equal((await pc.runClient('--server', `127.0.0.1:${wire.port}`, '--silent')).code, 0);
  await eventually('a second of sound is on the wire', () => wire.datagrams.length > 100, WINE_PATIENCE_MS);
  await inMixAfter(world, server, TONE);
  // The server answers the first report at once, and the client's next one, at most 7.5 s later, has the echo.
  await eventually('the client echoes the time of a report of the server', () => wire.hasRtcp(207), WINE_PATIENCE_MS);
  await pc.runClient('--uninstall');
  assert.deepEqual(await pc.ended(), { code: 0, signal: null });

  const { rtp, rtcp, malformed } = wire.read();
  assert.equal(malformed, 0);
  const ssrc = parseInt(pc.settings.ssrc, 16);
  assert.ok(rtp.length > 100, `${rtp.length} RTP packets`);
  assert.ok(rtp.every((packet) => packet.ssrc === ssrc && packet.opusFrames > 0));
  const kinds = new Set(rtp.map(({ payloadTypes, opusFrames }) => `${payloadTypes}: ${opusFrames}`));
  for (const kind of ['111: 1', '63,111,111: 2']) assert.ok(kinds.has(kind), `${kind}: alone, and with an earlier frame; not among ${[...kinds]}`);
  assert.ok(rtp.some((packet) => packet.marker), 'a talkspurt is marked');
  assert.deepEqual([...new Set(rtcp.flatMap((packet) => packet.types))].sort(), [200, 202, 203, 204, 207],
    'SR, SDES, BYE, the trouble of the capture and the echo of the server\'s time');
  assert.ok(rtcp.some((packet) => packet.text.includes('Ward 3')), 'SDES contains the name');
});

// Waits until this computer is listed so.
function listed(fits) {
  return server.client(pc.settings.ssrc, fits, WINE_PATIENCE_MS);
}

// How soon the client tries again does not depend on the machine and is tested in crates/raa-client/src/capture/retry.rs: after
// half a second at most. A new null sink plays its first two seconds in one piece, so that sound can come no sooner.
async function comesBack(t, bring) {
  const logged = pc.log.length;
  await bring();
  const from = nowMs();
  player = world.loop(sound, tone(TONE.hz, 1));
  await pc.logged(/capturing by capture device/, { from: logged });
  const captured = nowMs() - from;
  await tray.becomes('active');
  t.diagnostic(`captured again after ${Math.round(captured)} ms, active after ${Math.round(nowMs() - from)} ms`);
  t.diagnostic(`in the mix ${await inMixAfter(world, server, TONE)} ms later`);
}
