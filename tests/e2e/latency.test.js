// Delay and glitches of the mix at the loudspeaker: noise, each frame sent when it is due, goes through the server and
// Chromium into a recording.
//
// The delay from the server is measured against the mix that a listener in this process receives, and the whole delay
// against the sent noise. The noise is sent without a break while the tests run.

import { before, after, test } from 'node:test';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { givePriorityBack, nowMs, realtimePermitted, sleep } from './lib/processes.js';
import { decodeOpus, encodeOpus } from './lib/opus.js';
import { compare } from './lib/delay.js';
import { bandNoise } from './lib/generate.js';
import { RATE } from './lib/signal.js';
import { ATTEMPTS, quietly } from './lib/quiet.js';
import { above, below } from './lib/assertions.js';

const SECONDS = 60;
// In its first seconds the page still adapts its delay, which is not typical of hours of listening.
const SETTLE_MS = 6000;
const STALL_MS = 300;
const RECOVERY_MS = 5000;
const PIECE_MS = 5000;

const world = new World('latency');
let recorder, listener, sender, packets, steady, busyPercent, beforeStall, afterStall;

// Everything is recorded first and compared later, because the comparison would delay the sender in this process.
before(async () => {
  const sound = await world.sound('listener');
  packets = await encodeOpus(bandNoise(ATTEMPTS * SECONDS + 60));
  const server = await world.server();
  recorder = world.record(sound);
  const browser = await world.chromium(sound, { realtime: true });
  sender = await world.sender(server, { ssrc: 0x1a7e9c11, packets, name: 'Noise' });
  listener = await world.listener(server);
  const mixer = await MixerPage.open(browser, server.pageUrl);
  await mixer.play();
  await sleep(SETTLE_MS);
  ({ result: steady, busyPercent } = await quietly(() => record(SECONDS * 1000)));
  steady.shown = (await mixer.page.getByTestId('player-state').textContent()).trim().replace(/\s+/g, ' ');
  beforeStall = await record(PIECE_MS);
  process.kill(server.program.pid, 'SIGSTOP');
  await sleep(STALL_MS);
  process.kill(server.program.pid, 'SIGCONT');
  await sleep(RECOVERY_MS);
  afterStall = await record(PIECE_MS);
  sender.stop();
  givePriorityBack();
});
after(() => world.close());

test('median delay below 150 ms, few glitches', async (t) => {
  const { samples, emittedAt } = await listener.decode();
  const result = compareTo(samples, emittedAt, steady);
  const perMinute = result.glitches / result.minutes;
  report(t, `from the server: median ${result.medianMs.toFixed(1)} ms, p95 ${result.p95Ms.toFixed(1)} ms, ${perMinute.toFixed(1)} glitches per minute ` +
    `(${result.lostWindows} of ${result.windows} windows); the page says "${steady.shown}"`);
  report(t, `tasks waited for a CPU ${busyPercent.toFixed(1)} % of the time; real-time priority ${realtimePermitted ? 'on' : 'off'}`);
  if (result.glitches) report(t, `glitches at ${result.glitchesAtMs.map((ms) => `${((ms - steady.from) / 1000).toFixed(2)} s`).join(', ')}`);
  above(result.windows, SECONDS * 45, 'windows compared');
  below(result.medianMs, 150, 'median delay in ms');
  below(perMinute, 6, 'glitches per minute');
});

test('a stalled server is not later afterwards', async (t) => {
  const sent = await decodeOpus(packets.slice(0, sender.sent));
  const sentAt = (sample) => sender.startMs + (sample * 1000) / RATE;
  const { samples: mix, emittedAt } = await listener.decode();
  const mixIndex = (moment) => Math.round(((moment - emittedAt(0)) * RATE) / 1000);
  const [first, second] = [beforeStall, afterStall].map(({ from }) => {
    const start = mixIndex(from);
    const piece = mix.subarray(start, mixIndex(from + PIECE_MS));
    return compare({ recording: piece, recordedAt: (i) => emittedAt(start + i), reference: sent, emittedAt: sentAt, maxDelayMs: 1500 }).medianMs;
  });
  const [playedFirst, playedSecond] = [beforeStall, afterStall].map((piece) => compareTo(sent, sentAt, piece, 1500).medianMs);
  report(t, `from the sender to the mix: ${first.toFixed(1)} ms, and ${second.toFixed(1)} ms after a stall of ${STALL_MS} ms; ` +
    `to the loudspeaker: ${playedFirst.toFixed(1)} ms and ${playedSecond.toFixed(1)} ms`);
  below(second, first + 10, 'median delay to the mix in ms');
  below(playedSecond, playedFirst + 60, 'median delay to the loudspeaker in ms');
});

// Returns the next `ms` milliseconds of the recording.
async function record(ms) {
  const from = nowMs();
  return { from, recording: await recorder.between(from, from + ms) };
}

function compareTo(reference, emittedAt, { from, recording }, maxDelayMs = 600) {
  const start = recorder.indexAt(from);
  return compare({ recording, recordedAt: (i) => recorder.momentOf(start + i), reference, emittedAt, maxDelayMs });
}

function report(t, figures) {
  t.diagnostic(figures);
  appendFileSync(join(world.artifacts, 'figures.txt'), `${figures}\n`);
}
