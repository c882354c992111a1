// Delay and glitches of the mix at the loudspeaker: noise, each frame sent when it is due, goes through the server and
// Chromium into a recording.
//
// The delay from the server is measured against the mix that a listener in this process receives, and the whole delay
// against the sent noise. The noise is sent without a break while the tests run. A thread that only waits runs beside it: what
// the machine does to that thread is no fault of the sound's path, and each limit allows for it.

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
import { sayLateness } from './lib/lateness.js';
import { above, below } from './lib/assertions.js';

const SECONDS = 60;
// In its first seconds the page still adapts its delay, which is not typical of hours of listening.
const SETTLE_MS = 6000;
const STALL_MS = 300;
const RECOVERY_MS = 5000;
const PIECE_MS = 5000;
/** The player holds frames for at least as long before their turn, so a shorter lateness is not heard. */
const HELD_MS = 8;
/** A lateness is heard up to so much later: as long as a frame waits in the player and in the sound server. */
const HEARD_WITHIN_MS = 500;
/** What the player adds to its delay after each break, and the most: AIM_STEP and AIM_MAX of its playout.js. */
const ADDED_MS = 5;
const MOST_ADDED_MS = 120;
/** The worst machine that the test allows for spoils every second window. */
const MOST_LOST = 0.5;

const world = new World('latency');
let recorder, listener, sender, lateness, packets, steady, beforeStall, afterStall, worstMs;

// Everything is recorded first and compared later, because the comparison would delay the sender in this process.
before(async () => {
  const sound = await world.sound('listener');
  packets = await encodeOpus(bandNoise(SECONDS + 60));
  const server = await world.server();
  recorder = world.record(sound);
  const browser = await world.chromium(sound, { realtime: true });
  sender = await world.sender(server, { ssrc: 0x1a7e9c11, packets, name: 'Noise' });
  listener = await world.listener(server);
  lateness = await world.lateness();
  const playsFrom = nowMs();
  const mixer = await MixerPage.open(browser, server.pageUrl);
  await mixer.play();
  await sleep(SETTLE_MS);
  steady = await record(SECONDS * 1000);
  steady.late = lateness.between(playsFrom, nowMs(), HELD_MS);
  steady.shown = (await mixer.page.getByTestId('player-state').textContent()).trim().replace(/\s+/g, ' ');
  beforeStall = await record(PIECE_MS);
  process.kill(server.program.pid, 'SIGSTOP');
  await sleep(STALL_MS);
  process.kill(server.program.pid, 'SIGCONT');
  await sleep(RECOVERY_MS);
  afterStall = await record(PIECE_MS);
  worstMs = lateness.between(beforeStall.from, nowMs()).worstMs;
  sender.stop();
  givePriorityBack();
});
after(() => world.close());

test('median delay below 150 ms, few glitches', async (t) => {
  const { samples, emittedAt } = await listener.decode();
  const result = compareTo(samples, emittedAt, steady);
  const { late } = steady;
  const isOurs = (at) => !late.slots.some(({ at_ms: lateAt, late_ms: by }) => at >= lateAt - by && at < lateAt + HEARD_WITHIN_MS);
  const ours = result.glitchesAtMs.filter(isOurs);
  report(t, `from the server: median ${result.medianMs.toFixed(1)} ms, p95 ${result.p95Ms.toFixed(1)} ms, ${result.glitches} glitches, ${ours.length} of them not by the machine ` +
    `(${result.lostWindows} of ${result.windows} windows); the page says "${steady.shown}"`);
  report(t, `${sayLateness(late)}; real-time priority ${realtimePermitted ? 'on' : 'off'}`);
  if (result.glitches) report(t, `glitches at ${result.glitchesAtMs.map((ms) => `${((ms - steady.from) / 1000).toFixed(2)} s`).join(', ')}`);
  above(result.windows, SECONDS * 45, 'windows compared');
  below(result.medianMs, 150 + Math.min(ADDED_MS * late.slots.length, MOST_ADDED_MS), 'median delay in ms');
  below(ours.length / result.minutes, 6, 'glitches per minute that are not by the machine');
  below(result.lostWindows / result.windows, MOST_LOST, 'share of windows that do not match');
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
  below(second, first + 10 + worstMs, 'median delay to the mix in ms');
  below(playedSecond, playedFirst + 60 + worstMs, 'median delay to the loudspeaker in ms');
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
