// How late and how whole the mix is when it leaves the loudspeaker: noise, each frame sent when it is due, through the
// server and Chromium into a recording.
//
// The delay from the server is measured against the mix as a listener in this process receives it, the whole delay
// against what was sent. The noise is sent without a break for as long as the file runs.

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
import { below } from './lib/assertions.js';

const SECONDS = 60;
// The page aims at its least delay over its first seconds; they are not what a listener of hours hears.
const SETTLE_MS = 6000;
const STALL_MS = 300;
const FORGOTTEN_MS = 5000;
const PIECE_MS = 5000;

const world = new World('latency');
let recorder, listener, sender, packets, steady, busyPercent, beforeStall, afterStall;

// Everything is recorded first and compared later: the comparison keeps this process, and with it the sender, busy.
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
  await sleep(FORGOTTEN_MS);
  afterStall = await record(PIECE_MS);
  sender.stop();
  givePriorityBack();
});
after(() => world.close());

test('the median delay from the server is below 150 ms, with fewer than 6 glitches a minute', async (t) => {
  const { samples, emittedAt } = await listener.decode();
  const result = compareTo(samples, emittedAt, steady);
  const perMinute = result.glitches / result.minutes;
  tell(t, `from the server: median ${result.medianMs.toFixed(1)} ms, p95 ${result.p95Ms.toFixed(1)} ms, ${perMinute.toFixed(1)} glitches a minute ` +
    `(${result.lostWindows} of ${result.windows} windows); the page says "${steady.shown}"`);
  tell(t, `some task waited for a CPU ${busyPercent.toFixed(1)} % of the time; real-time priority ${realtimePermitted ? 'on' : 'off'}`);
  if (result.glitches) tell(t, `glitches at ${result.glitchesAtMs.map((ms) => `${((ms - steady.from) / 1000).toFixed(2)} s`).join(', ')}`);
  below(-result.windows, -SECONDS * 45, 'windows compared, negated');
  below(result.medianMs, 150, 'median delay in ms');
  below(perMinute, 6, 'glitches a minute');
});

test('a server that was stopped for a moment is not later for it afterwards', async (t) => {
  const sent = await decodeOpus(packets.slice(0, sender.sent));
  const sentAt = (sample) => sender.startMs + (sample * 1000) / RATE;
  const { samples: mix, emittedAt } = await listener.decode();
  const mixIndex = (moment) => Math.round(((moment - emittedAt(0)) * RATE) / 1000);
  const [first, second] = [beforeStall, afterStall].map(({ from }) => {
    const start = mixIndex(from);
    const piece = mix.subarray(start, mixIndex(from + PIECE_MS));
    return compare({ recording: piece, recordedAt: (i) => emittedAt(start + i), reference: sent, emittedAt: sentAt, maxDelayMs: 1500 }).medianMs;
  });
  const [heardFirst, heardSecond] = [beforeStall, afterStall].map((piece) => compareTo(sent, sentAt, piece, 1500).medianMs);
  tell(t, `from the sender to the mix: ${first.toFixed(1)} ms, and ${second.toFixed(1)} ms after a stop of ${STALL_MS} ms; ` +
    `to the loudspeaker: ${heardFirst.toFixed(1)} ms and ${heardSecond.toFixed(1)} ms`);
  below(second, first + 10, 'median delay to the mix in ms');
  below(heardSecond, heardFirst + 60, 'median delay to the loudspeaker in ms');
});

// The next `ms` milliseconds of what is heard.
async function record(ms) {
  const from = nowMs();
  return { from, heard: await recorder.between(from, from + ms) };
}

function compareTo(reference, emittedAt, { from, heard }, maxDelayMs = 600) {
  const start = recorder.indexAt(from);
  return compare({ recording: heard, recordedAt: (i) => recorder.momentOf(start + i), reference, emittedAt, maxDelayMs });
}

function tell(t, figures) {
  t.diagnostic(figures);
  appendFileSync(join(world.artifacts, 'figures.txt'), `${figures}\n`);
}
