// Measures how often the Windows client wakes while there is nothing to capture: the context switches of its threads in
// /proc, under Wine without a sound device. The client looks for a device twice a second in the first minute and every 5 s
// afterwards, so both are measured.
//
//   RAA_CLIENT_EXE=... RAA_WINE=... RAA_WINE_PREFIX=... RAA_BIN_DIR=... node tests/e2e/tools/windows-wakeups.js [--seconds 30]
//
// RAA_CLIENT_EXE may be any version of the client, so that two can be compared. It prints a line of JSON: { first, later }, each
// { switches_per_s, cpu_percent, threads: { name: switches_per_s } }. Always: asserts nothing, because the load of the machine
// changes the figures; threads of Wine itself are counted, too, under their names.

import { readFileSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { World } from '../lib/world.js';
import { nowMs, sleep } from '../lib/processes.js';

/** The client looks for a device often for a minute; then some time until the next look. */
const OFTEN_MS = 70_000;
const TICKS_PER_S = 100;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' } } });
const seconds = Number(values.seconds);
const world = new World('windows-wakeups', { limitMs: OFTEN_MS + 4 * seconds * 1000 + 60_000 });
try {
  const server = await world.server();
  const pc = await world.windowsPc({ desktop: await world.desktop() });
  const started = nowMs();
  pc.start('--server', `127.0.0.1:${server.udpPort}`, '--silent');
  await pc.logged(/nothing is captured/);
  const first = await measure(pc.client.pid);
  await sleep(Math.max(0, started + OFTEN_MS - nowMs()));
  console.log(JSON.stringify({ first, later: await measure(pc.client.pid) }));
} finally {
  await world.close();
}

async function measure(pid) {
  const [from, before] = [nowMs(), look(pid)];
  await sleep(seconds * 1000);
  const [elapsedS, now] = [(nowMs() - from) / 1000, look(pid)];
  const threads = {};
  for (const [id, { name, switches }] of now.threads) {
    const rate = (switches - (before.threads.get(id)?.switches ?? 0)) / elapsedS;
    threads[name] = round((threads[name] ?? 0) + rate);
  }
  const switchesPerS = Object.values(threads).reduce((sum, rate) => sum + rate, 0);
  return { switches_per_s: round(switchesPerS), cpu_percent: round((100 * (now.cpuS - before.cpuS)) / elapsedS), threads };
}

// Threads that end between two looks are not counted.
function look(pid) {
  const threads = new Map(readdirSync(`/proc/${pid}/task`).map((id) => {
    const status = readFileSync(`/proc/${pid}/task/${id}/status`, 'utf8');
    const switches = [...status.matchAll(/ctxt_switches:\s+(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    return [id, { name: /^Name:\s+(.*)$/m.exec(status)[1], switches }];
  }));
  const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13);
  return { threads, cpuS: (Number(user) + Number(system)) / TICKS_PER_S };
}

function round(value) {
  return Math.round(value * 100) / 100;
}
