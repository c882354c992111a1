// A bad network between real programs: raa-client, raa-relay, which loses and delays packets, and the server. Lost packets
// are repaired, late ones are awaited, and the delay is no longer than necessary.
//
// Always: the relays are seeded. One server receives all clients, and the tests of bad networks run at once, because they
// mostly wait; clients whose sound is not measured are muted, which does not affect their reception. The exact delays and
// shares are those of simulated time (crates/raa-sim/tests/adaptive.rs). Here a busy machine delays packets, too, so each limit
// allows for what the machine does at the same time to a thread that only waits, or to a client on a calm wire.

import { before, after, describe, test } from 'node:test';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { BIN_DIR } from './lib/paths.js';
import { eventually, nowMs, sleep } from './lib/processes.js';
import { disturbedShare } from './lib/purity.js';
import { sayLateness } from './lib/lateness.js';
import { above, below, near } from './lib/assertions.js';

/** The clients' test tone: its peaks are at -12 dBFS. */
const TONE = { hz: 1000, amplitude: 10 ** (-12 / 20) };
const WARM_UP_MS = 10_000;
const MEASURE_MS = 60_000;
const DISTURBED_MS = 20_000;
const SLOT_MS = 20;

const LOSSY = { name: 'Lossy', redundancy: 2, network: ['--loss', '10', '--seed', '3'] };
const STORM_S = 15;
const CALM_WITHIN_S = 30;
const STORMY = { name: 'Stormy', redundancy: 0, network: ['--jitter', '120', '--calm-after', `${STORM_S}`] };
/** A storm that changes anything makes the delay at least this long. */
const STORM_DELAY_MS = 60;
/** The same path with neither loss nor storm: any trouble here comes from the machine. */
const CALM = { name: 'Calm', redundancy: 0, network: [] };
/** The delay on a calm wire. */
const SHORT_MS = 32;
// Exponential jitter with a mean of 20 ms is below 92 ms for 99 of 100 packets.
const ROUGH = { name: 'Rough', redundancy: 1, network: ['--loss', '2', '--jitter', '92', '--reorder', '1'] };

const world = new World('network');
let server, lateness;

before(async () => {
  server = await world.server();
  lateness = await world.lateness();
});
after(() => world.close());

test('a server adds 20 to 30 ms', async (t) => {
  const args = ['127.0.0.1', '--udp-port', `${server.udpPort}`, '--http-port', `${server.httpPort}`, '--seconds', '20'];
  const from = nowMs();
  const [figures] = await world.program(join(BIN_DIR, 'raa-delay'), args, 'delay').line(/^\{.*\}$/, 60_000);
  const late = lateness.between(from, nowMs());
  t.diagnostic(`${figures}; ${sayLateness(late)}`);
  const { mean_ms: mean, median_ms: median } = JSON.parse(figures);
  above(mean, 20, 'mean delay in ms');
  below(median, 30 + late.worstMs, 'median delay in ms');
});

describe('bad networks', { concurrency: true }, () => {
  let calm;
  before(async () => {
    calm = await connectMuted(CALM);
  });

  test('redundancy repairs 10 % loss', async (t) => {
    const lossy = await connectMuted(LOSSY);
    await sleep(WARM_UP_MS);
    const first = await statsOf(lossy, calm);
    await sleep(MEASURE_MS);
    const last = await statsOf(lossy, calm);
    const [{ frames, lost, concealed }, control] = first.map((stats, i) => news(stats, last[i]));
    t.diagnostic(`of ${frames} frames ${lost} were lost, ${concealed} concealed; delay ${last[0].delay_ms} ms; on a calm wire ${control.concealed} of ${control.frames}`);
    near(lost / frames, 0.1, 0.03, 'share lost');
    below(concealed / frames, 0.003 + control.concealed / control.frames, 'share concealed');
  });

  test('delay recovers within 30 s of jitter', async (t) => {
    const from = nowMs();
    const stormy = await connectMuted(STORMY);
    const [, before] = await statsOf(stormy, calm);
    let most = 0;
    while (nowMs() - from < STORM_S * 1000) {
      most = Math.max(most, (await server.client(stormy.id)).stats.delay_ms);
      await sleep(500);
    }
    const [storm, after] = await statsOf(stormy, calm);
    const recovered = await eventually('the delay is short again', async () => {
      const [{ delay_ms: delay }, { delay_ms: usual }] = await statsOf(stormy, calm);
      const late = lateness.between(from, nowMs());
      const found = `${delay} ms, and ${usual} ms without a storm; ${sayLateness(late)};`;
      if (delay > Math.max(SHORT_MS, usual) + late.worstMs) throw new Error(found);
      return found;
    }, CALM_WITHIN_S * 1000, 200);
    const control = news(before, after);
    t.diagnostic(`up to ${most} ms in the storm, ${storm.late} of ${storm.received} late, ${control.late} of ${control.frames} on a calm wire; ` +
      `${recovered} ${Math.round((nowMs() - from) / 1000 - STORM_S)} s after it`);
    above(most, STORM_DELAY_MS, 'longest delay in the storm, in ms');
    below(storm.late / storm.received, 0.03 + control.late / control.frames, 'share late');
  });

  test('a bad network hardly disturbs a tone', async (t) => {
    const rough = await connect(ROUGH);
    await sleep(WARM_UP_MS);
    const listener = await world.listener(server);
    // The listener's decoder has no history in its first frames.
    await listener.next(1000);
    const from = listener.frames.length - 25;
    const since = nowMs();
    await listener.next(DISTURBED_MS);
    const late = lateness.between(since, nowMs());
    const { stats } = await server.client(rough.id);
    const { samples } = await listener.decode(from);
    const share = disturbedShare(samples.subarray(24_000), TONE.hz, TONE.amplitude);
    t.diagnostic(`disturbed ${(100 * share).toFixed(2)} % of the time; ${stats.lost} of ${stats.received + stats.lost} lost, ${stats.late} late, ${stats.concealed} concealed, ` +
      `delay ${stats.delay_ms} ms; ${sayLateness(late)}`);
    near(stats.lost / (stats.received + stats.lost), 0.02, 0.015, 'share lost');
    below(share, 0.03 + (late.slots.length * SLOT_MS) / DISTURBED_MS, 'share disturbed');
  });
});

// Starts a client with a test tone behind its own network, and returns it as the server shows it once it sounds.
async function connect({ name, redundancy, network }) {
  const relay = await world.relay(server, network, `relay-${name}`);
  world.client(['--source', 'tone', '--server', `127.0.0.1:${relay.port}`, '--name', name, '--redundancy', `${redundancy}`], { name });
  return eventually(`${name} sounds`, async () => (await server.clients()).find((client) => client.name === name && client.status === 'sounding'));
}

/** Starts a client as `connect` does, whose sound is not in the mix. */
async function connectMuted(options) {
  const client = await connect(options);
  await server.patch(client.id, { muted: true });
  return client;
}

function statsOf(...clients) {
  return Promise.all(clients.map(async ({ id }) => (await server.client(id)).stats));
}

/** Returns what came between two looks at a client's counters. */
function news(first, last) {
  const [received, lost, late, concealed] = ['received', 'lost', 'late', 'concealed'].map((name) => last[name] - first[name]);
  return { frames: received + lost, lost, late, concealed };
}
