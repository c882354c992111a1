// Senders of other projects: ffmpeg and GStreamer, with every kind of Opus packet that their users send. All play at
// once, each its own tone, and are recognised in the mix by their pitch.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { eventually } from './lib/processes.js';
import { toneNear } from './lib/signal.js';
import { below, near, sineDb } from './lib/assertions.js';

const AMPLITUDE = 0.0625;
const LEVEL_TOLERANCE_DB = 1.5;

const SENDERS = [
  { tool: 'ffmpeg', hz: 440, frameMs: 20, channels: 1 },
  { tool: 'ffmpeg', hz: 1130, frameMs: 2.5, channels: 1 },
  { tool: 'ffmpeg', hz: 1490, frameMs: 60, channels: 1 },
  // At ffmpeg's default bit rate, 120 ms do not fit into a datagram, and ffmpeg would stop.
  { tool: 'ffmpeg', hz: 1870, frameMs: 120, channels: 2, options: ['-b:a', '64k', '-vbr', 'off'] },
  { tool: 'gstreamer', hz: 660, frameMs: 20, channels: 1 },
  { tool: 'gstreamer', hz: 2210, frameMs: 2.5, channels: 1 },
  { tool: 'gstreamer', hz: 2590, frameMs: 60, channels: 2 },
].map((sender, i) => ({ ...sender, ssrc: 0x50000001 + i * 0x111, id: (0x50000001 + i * 0x111).toString(16) }));

// lavfi's sine has an amplitude of 1/8; pan copies it, where -ac 2 would take 3 dB off.
const ffmpeg = ({ hz, frameMs, channels, ssrc, options = [] }, port) => ['ffmpeg', ['-nostdin', '-v', 'error', '-re', '-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=48000`,
  '-af', `volume=${AMPLITUDE * 8},pan=${channels === 1 ? 'mono|c0=c0' : 'stereo|c0=c0|c1=c0'}`, '-c:a', 'libopus', ...options, '-frame_duration', `${frameMs}`,
  '-f', 'rtp', '-payload_type', '111', '-ssrc', `${ssrc}`, `rtp://127.0.0.1:${port}`]];

const gstreamer = ({ hz, frameMs, channels, ssrc }, port) => ['gst-launch-1.0', ['-q', 'audiotestsrc', 'is-live=true', `freq=${hz}`, `volume=${AMPLITUDE}`, '!',
  `audio/x-raw,rate=48000,channels=${channels}`, '!', 'opusenc', `frame-size=${Math.floor(frameMs)}`, '!',
  'rtpopuspay', 'pt=111', `ssrc=${ssrc}`, '!', 'udpsink', 'host=127.0.0.1', `port=${port}`]];

const world = new World('foreign');
let server, mix, lostBefore, clients;

before(async () => {
  server = await world.server();
  for (const sender of SENDERS) {
    const [command, args] = (sender.tool === 'ffmpeg' ? ffmpeg : gstreamer)(sender, server.udpPort);
    world.program(command, args, `${sender.tool}-${sender.frameMs}-${sender.channels}`);
  }
  for (const sender of SENDERS) await server.client(sender.id, (client) => client.status === 'sounding', 15_000);
  const listener = await world.listener(server);
  await eventually('all tones are in the mix', async () => {
    const piece = await listener.next(1000);
    return SENDERS.every(({ hz }) => Math.abs(toneNear(piece, hz).db - sineDb(AMPLITUDE)) < LEVEL_TOLERANCE_DB);
  }, 15_000);
  // Only later losses count: GStreamer gives its first packets of 2.5 ms all the same timestamp.
  lostBefore = new Map((await server.clients()).map(({ id, stats }) => [id, stats.lost]));
  mix = await listener.next(3000);
  clients = await server.clients();
});
after(() => world.close());

for (const sender of SENDERS) {
  const kind = `${sender.frameMs} ms packets, ${sender.channels === 1 ? 'mono' : 'stereo'}`;
  test(`${sender.tool} with ${kind} has its pitch and level`, async () => {
    const { hz, db } = toneNear(mix.subarray(48_000), sender.hz);
    near(hz, sender.hz, 2, 'pitch');
    near(db, sineDb(AMPLITUDE), LEVEL_TOLERANCE_DB, 'level');
    const client = clients.find(({ id }) => id === sender.id);
    assert.equal(client.status, 'sounding');
    assert.equal(client.ssrc, sender.ssrc);
    assert.equal(client.stats.lost, lostBefore.get(sender.id), 'packets lost');
  });
}

test('the mix contains no tone without a sender', () => {
  below(toneNear(mix.subarray(48_000), 3333).db, sineDb(AMPLITUDE) - 40, 'level');
});
