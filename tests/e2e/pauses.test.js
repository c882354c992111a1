// A real ffmpeg whose input gives nothing between beeps: its sequence numbers and timestamps go on as if there had been no
// pause. Every beep must be heard whole, the first one too.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { Program, nowMs, sleep } from './lib/processes.js';
import { RATE, envelopeDb } from './lib/signal.js';
import { above, sineDb } from './lib/assertions.js';

const BEEPS = 8;
const BEEP_MS = 100;
const PERIOD_MS = 1000;
const PIECE_MS = 20;
const STEP_MS = 5;
const AMPLITUDE = 0.25;
const HZ = 1000;
// What is written while ffmpeg starts leaves in one burst.
const STARTS_WITHIN_MS = 2000;
// The encoder keeps the last 6.5 ms until there is more input, and each end shares a step with silence.
const LEAST_MS = BEEP_MS - 20;

const world = new World('pauses');
let beeps, client;

/** Returns a piece of the tone as 16-bit samples. */
function piece(from) {
  const samples = new Int16Array((PIECE_MS * RATE) / 1000);
  for (let i = 0; i < samples.length; i++) samples[i] = 32767 * AMPLITUDE * Math.sin((2 * Math.PI * HZ * (from + i)) / RATE);
  return Buffer.from(samples.buffer);
}

/** Writes the beeps in real time, as a program that captures sound does. */
async function writeBeeps(input) {
  await sleep(STARTS_WITHIN_MS);
  const start = nowMs();
  for (let beep = 0; beep < BEEPS; beep++) {
    for (let at = 0; at < BEEP_MS; at += PIECE_MS) {
      await sleep(Math.max(0, start + beep * PERIOD_MS + at - nowMs()));
      input.write(piece((at * RATE) / 1000));
    }
  }
}

/** Returns the lengths in ms of the parts that are louder than half the tone. */
function loudParts(samples) {
  const parts = [];
  let run = 0;
  for (const level of [...envelopeDb(samples, STEP_MS), -Infinity]) {
    if (level > sineDb(AMPLITUDE) - 6) run++;
    else if (run > 0) {
      parts.push(run * STEP_MS);
      run = 0;
    }
  }
  return parts;
}

before(async () => {
  const server = await world.server();
  const ffmpeg = new Program('ffmpeg', ['-v', 'error', '-probesize', '32', '-analyzeduration', '0', '-f', 's16le', '-ar', `${RATE}`, '-ac', '1', '-i', 'pipe:0', '-c:a', 'libopus',
    '-f', 'rtp', '-flush_packets', '1', '-payload_type', '111', '-ssrc', `${0x0bee9001}`, `rtp://127.0.0.1:${server.udpPort}`],
  { logFile: join(world.artifacts, 'ffmpeg.log'), realtime: 5, stdin: 'pipe' });
  world.onClose(() => ffmpeg.stop());
  const listener = await world.listener(server);
  const recording = listener.next(STARTS_WITHIN_MS + BEEPS * PERIOD_MS + 1000);
  await writeBeeps(ffmpeg.child.stdin);
  beeps = loudParts(await recording);
  client = (await server.clients()).find(({ id }) => id === '0bee9001');
});
after(() => world.close());

test('every beep of a sender whose clock stands still is heard whole', () => {
  assert.equal(beeps.length, BEEPS, `heard: ${beeps} ms`);
  for (const heard of beeps) above(heard, LEAST_MS, `the length of a beep of ${beeps}`);
});

test('a sender whose clock stands still has no late packet and a good quality', () => {
  const { late, lost, concealed } = client.stats;
  assert.deepEqual({ late, lost, concealed, quality: client.quality }, { late: 0, lost: 0, concealed: 0, quality: 'good' });
});
