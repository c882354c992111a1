// Senders of other codecs under Opus' payload type: real ffmpeg and GStreamer. Each one sends alone to the same server,
// whose mix may be noisy for a moment only, and which says that the sender is not Opus.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { below } from './lib/assertions.js';
import { RATE } from './lib/signal.js';

const AUDIBLE = 0.001; // -60 dBFS
const BLOCK = 240; // 5 ms
const PATIENCE_MS = 200;
const LISTEN_MS = 4000;

const ffmpeg = (options) => (ssrc, port) => ['ffmpeg', ['-nostdin', '-v', 'error', '-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000', ...options,
  '-f', 'rtp', '-payload_type', '111', '-ssrc', `${ssrc}`, `rtp://127.0.0.1:${port}`]];
const gstreamer = (caps, encoder, payloader) => (ssrc, port) => ['gst-launch-1.0', ['-q', 'audiotestsrc', 'is-live=true', 'wave=pink-noise', 'volume=0.3', '!', caps, '!',
  ...encoder.split(' '), '!', payloader, 'pt=111', `ssrc=${ssrc}`, '!', 'udpsink', 'host=127.0.0.1', `port=${port}`]];
const channels = (count, mask) => `audio/x-raw,rate=48000,channels=${count},channel-mask=(bitmask)${mask}`;

const SENDERS = [
  ['mu-law at 48 kHz of ffmpeg', ffmpeg([])],
  ['mu-law at 8 kHz of ffmpeg', ffmpeg(['-ar', '8000', '-ac', '1'])],
  ['A-law of ffmpeg', ffmpeg(['-ar', '8000', '-ac', '1', '-c:a', 'pcm_alaw'])],
  ['L16 of ffmpeg', ffmpeg(['-ac', '2', '-c:a', 'pcm_s16be'])],
  ['G.722 of ffmpeg', ffmpeg(['-ar', '16000', '-ac', '1', '-c:a', 'g722'])],
  ['AAC of ffmpeg', ffmpeg(['-ac', '2', '-b:a', '128k', '-c:a', 'aac'])],
  ['L16 of GStreamer', gstreamer('audio/x-raw,rate=48000,channels=2', 'identity', 'rtpL16pay')],
  ['six-channel Opus of GStreamer', gstreamer(channels(6, '0x3f'), 'opusenc', 'rtpopuspay')],
  ['three-channel Opus of GStreamer', gstreamer(channels(3, '0x7'), 'opusenc', 'rtpopuspay')],
].map(([name, command], i) => ({ name, command, ssrc: 0x60000001 + i, id: (0x60000001 + i).toString(16) }));

const world = new World('not-opus');
let server, listener;

before(async () => {
  server = await world.server();
  listener = await world.listener(server);
});
after(() => world.close());

/** Returns for how many ms the samples are audible, without their constant part, which nobody hears. */
function audibleMs(samples) {
  let blocks = 0;
  for (let from = 0; from + BLOCK <= samples.length; from += BLOCK) {
    const block = samples.subarray(from, from + BLOCK);
    const mean = block.reduce((sum, x) => sum + x, 0) / BLOCK;
    const power = block.reduce((sum, x) => sum + (x - mean) ** 2, 0) / BLOCK;
    if (Math.sqrt(power) > AUDIBLE) blocks++;
  }
  return (blocks * BLOCK * 1000) / RATE;
}

for (const { name, command, ssrc, id } of SENDERS) {
  test(`${name} is heard for a moment at most`, async () => {
    const sender = world.program(...command(ssrc, server.udpPort), name.replaceAll(/\W+/g, '-'));
    const piece = listener.next(LISTEN_MS);
    const client = await server.client(id, ({ withheld }) => withheld === 'not_opus');
    const heard = audibleMs(await piece);
    console.log(`${name}: heard for ${heard} ms`);
    below(heard, PATIENCE_MS + 1, 'ms heard');
    assert.notEqual((await server.clients()).find((each) => each.id === id).status, 'sounding');
    assert.equal(client.ssrc, ssrc);
    await sender.stop();
  });
}

test('a sender that changes to Opus is heard from its first packet', async () => {
  const { ssrc, id } = SENDERS[0];
  const piece = listener.next(3000);
  const sender = world.program(...ffmpeg(['-c:a', 'libopus'])(ssrc, server.udpPort), 'opus-again');
  const client = await server.client(id, ({ status }) => status === 'sounding', 3000);
  assert.equal(client.withheld, null);
  assert.ok(audibleMs(await piece) > 1000);
  await sender.stop();
});
