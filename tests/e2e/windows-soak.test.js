// The Windows client, unattended: its memory and handles do not grow while sound, silence and the loss of the device
// alternate, and it costs little CPU time. RAA_SOAK_MINUTES is the duration; one minute finds leaks per block, talkspurt or
// opening of a device, twenty minutes find slow ones.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { World } from './lib/world.js';
import { WINE_PATIENCE_MS } from './lib/wine.js';
import { nowMs, sleep } from './lib/processes.js';
import { tone } from './lib/generate.js';
import { below } from './lib/assertions.js';

const MINUTES = Number(process.env.RAA_SOAK_MINUTES ?? 1);
const SAMPLE_MS = 1000;
/** Duration of sound and of silence. */
const TURN_MS = 8000;
/** Allowed rise of memory along a line through all samples: a C library touches some pages late. */
const MAX_GROWTH_KB = 256 + 16 * MINUTES;
/** Allowed rise of the number of handles; a leak in every turn is more. */
const MAX_GROWTH_COUNT = 1.5;
/** A line through fewer samples would follow their noise. */
const MIN_TURNS = 3;
const TICKS_PER_S = 100;
const LIMIT_MS = (MINUTES + 10) * 60_000;

const world = new World('windows-soak', { limitMs: LIMIT_MS });
let sound, server, pc, ssrc;

before(async () => {
  sound = await world.sound('pc');
  server = await world.server();
  pc = await world.windowsPc({ desktop: await world.desktop(), sound });
});
after(() => world.close());

test(`${MINUTES} unattended minutes leak nothing`, { timeout: LIMIT_MS }, async (t) => {
  pc.start('--server', `127.0.0.1:${server.udpPort}`, '--source', 'device:Monitor of Null Output');
  await pc.logged(/capturing by capture device/);
  ({ ssrc } = pc.settings);
  // Once each, because the first time loads and sets up things that stay.
  await loss([]);
  await sleep(TURN_MS);

  const samples = [];
  const costs = { sound: [], silence: [] }; // of { all, capture, sender }, in shares of a core
  const end = nowMs() + MINUTES * 60_000;
  do {
    costs.sound.push(await soundTurn(samples));
    costs.silence.push(await turn(samples, 'connected'));
    await loss(samples);
  } while (nowMs() < end || costs.sound.length < MIN_TURNS);

  for (const [what, shares] of Object.entries(costs)) {
    const percent = (part) => ((100 * shares.reduce((sum, share) => sum + share[part], 0)) / shares.length).toFixed(2);
    t.diagnostic(`CPU in ${what}: capture ${percent('capture')} % of a core, sender ${percent('sender')} %, with Wine's threads in the same process ${percent('all')} %`);
  }
  for (const [what, limit] of [['rssKb', MAX_GROWTH_KB], ['handles', MAX_GROWTH_COUNT], ['threads', MAX_GROWTH_COUNT], ['files', MAX_GROWTH_COUNT]]) {
    const points = samples.filter((sample) => what in sample).map((sample) => [sample.at, sample[what]]);
    const growth = slope(points) * (points.at(-1)[0] - points[0][0]);
    t.diagnostic(`${what}: ${points[0][1]} at first, ${points.at(-1)[1]} at last, growth of the fitted line ${growth.toFixed(2)} (${points.length} samples)`);
    below(growth, limit, `growth of ${what}`);
  }
  const warnings = pc.log.split('\n').filter((line) => line.includes('WARN') && !line.includes('nothing is captured'));
  assert.deepEqual(warnings, []);
});

async function soundTurn(samples) {
  const player = world.loop(sound, tone(1000, 1));
  const cost = await turn(samples, 'sounding');
  await player.stop();
  return cost;
}

// Takes samples for a while in this state, and returns the shares of a core that the client used.
async function turn(samples, state) {
  await server.client(ssrc, ({ status }) => status === state, WINE_PATIENCE_MS);
  const [from, before] = [nowMs(), look(pc.client.pid)];
  while (nowMs() - from < TURN_MS) {
    await sleep(SAMPLE_MS);
    samples.push(look(pc.client.pid));
  }
  const [seconds, now] = [(nowMs() - from) / 1000, look(pc.client.pid).cpuS];
  const shares = Object.fromEntries(Object.entries(now).map(([part, cpuS]) => [part, (cpuS - before.cpuS[part]) / seconds]));
  const [handles, threads] = (await pc.look('handles', basename(pc.exe))).split(' ').map(Number);
  samples.push({ at: nowMs(), handles, threads });
  return shares;
}

// Removes the device and brings it back with sound.
async function loss(samples) {
  const from = pc.log.length;
  sound.unplug();
  await pc.logged(/nothing is captured/, { from });
  sound.plugIn();
  await pc.logged(/capturing by/, { from });
  await sleep(SAMPLE_MS);
  samples.push(look(pc.client.pid));
}

function look(pid) {
  return {
    at: nowMs(), cpuS: cpuS(pid),
    rssKb: Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), files: readdirSync(`/proc/${pid}/fd`).length,
  };
}

// Returns the CPU time in seconds of the process, and of its capturing and sending threads.
function cpuS(pid) {
  const used = (path) => {
    // The fields after the name, which may contain spaces.
    const [name, fields] = readFileSync(`${path}/stat`, 'utf8').split('(')[1].split(') ');
    const [user, system] = fields.split(' ').slice(11, 13);
    return { name, seconds: (Number(user) + Number(system)) / TICKS_PER_S };
  };
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => used(`/proc/${pid}/task/${thread}`));
  const of = (wanted) => threads.find(({ name }) => name === wanted)?.seconds ?? 0;
  return { all: used(`/proc/${pid}`).seconds, capture: of('capture'), sender: of('sender') };
}

// Returns the rise of a least-squares line.
function slope(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  return points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}
