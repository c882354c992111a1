// A bad network between real programs: raa-client, raa-relay, which loses and delays packets, and the server. Lost packets
// are repaired, late ones are awaited, and the delay is no longer than necessary.
//
// Always: the relays are seeded. One server receives all clients, and the tests of bad networks run at once, because they
// mostly wait; clients whose sound is not measured are muted, which does not affect their reception.

import { before, after, describe, test } from 'node:test';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { BIN_DIR } from './lib/paths.js';
import { eventually, nowMs, sleep } from './lib/processes.js';
import { disturbedShare } from './lib/purity.js';
import { quietly } from './lib/quiet.js';
import { above, below, near } from './lib/assertions.js';

/** The clients' test tone: its peaks are at -12 dBFS. */
const TONE = { hz: 1000, amplitude: 10 ** (-12 / 20) };
const WARM_UP_MS = 10_000;
const MEASURE_MS = 60_000;

const LOSSY = { name: 'Lossy', redundancy: 2, network: ['--loss', '10', '--seed', '3'] };
const STORM_S = 15;
const CALM_WITHIN_S = 30;
const STORMY = { name: 'Stormy', redundancy: 0, network: ['--jitter', '120', '--calm-after', `${STORM_S}`] };
/** A storm that changes anything makes the delay at least this long. */
const STORM_DELAY_MS = 60;
/** The same path without a storm: any lateness here comes from the machine. */
const CALM = { name: 'Calm', redundancy: 0, network: [] };
/** The delay on a calm wire, plus the difference that the machine may make between two paths. */
const SHORT_MS = 32;
const ALIKE_MS = 4;
// Exponential jitter with a mean of 20 ms is below 92 ms for 99 of 100 packets.
const ROUGH = { name: 'Rough', redundancy: 1, network: ['--loss', '2', '--jitter', '92', '--reorder', '1'] };

const world = new World('network');
let server;

before(async () => {
  server = await world.server();
});
after(() => world.close());

test('a server adds 20 to 30 ms', async (t) => {
  const args = ['127.0.0.1', '--udp-port', `${server.udpPort}`, '--http-port', `${server.httpPort}`, '--seconds', '20'];
  const { result: [figures], busyPercent } = await quietly(() => world.program(join(BIN_DIR, 'raa-delay'), args, 'delay').line(/^\{.*\}$/, 60_000));
  t.diagnostic(`${figures}; some task waited for a CPU ${busyPercent.toFixed(1)} % of the time`);
  near(JSON.parse(figures).mean_ms, 25, 5, 'mean delay in ms');
});

describe('bad networks', { concurrency: true }, () => {
  test('redundancy repairs 10 % loss', async (t) => {
    const client = await connect(LOSSY);
    await server.patch(client.id, { muted: true });
    await sleep(WARM_UP_MS);
    const first = (await server.client(client.id)).stats;
    await sleep(MEASURE_MS);
    const last = (await server.client(client.id)).stats;
    const frames = last.received + last.lost - first.received - first.lost;
    const [lost, concealed] = [last.lost - first.lost, last.concealed - first.concealed];
    t.diagnostic(`of ${frames} frames ${lost} were lost, ${concealed} concealed; delay ${last.delay_ms} ms`);
    near(lost / frames, 0.1, 0.03, 'share lost');
    below(concealed / frames, 0.003, 'share concealed');
  });

  test('delay recovers within 30 s of jitter', async (t) => {
    const from = nowMs();
    const [client, other] = [await connect(STORMY), await connect(CALM)];
    for (const { id } of [client, other]) await server.patch(id, { muted: true });
    let most = 0;
    while (nowMs() - from < STORM_S * 1000) {
      most = Math.max(most, (await server.client(client.id)).stats.delay_ms);
      await sleep(500);
    }
    const storm = (await server.client(client.id)).stats;
    const calm = await eventually('the delay is short again', async () => {
      const [{ stats }, { stats: calm }] = [await server.client(client.id), await server.client(other.id)];
      const found = `${stats.delay_ms} ms, and ${calm.delay_ms} ms without a storm`;
      if (stats.delay_ms > Math.max(SHORT_MS, calm.delay_ms + ALIKE_MS)) throw new Error(found);
      return found;
    }, CALM_WITHIN_S * 1000, 200);
    t.diagnostic(`up to ${most} ms in the storm, ${storm.late} of ${storm.received} late; ${calm} ${Math.round((nowMs() - from) / 1000 - STORM_S)} s after it`);
    above(most, STORM_DELAY_MS, 'longest delay in the storm, in ms');
    below(storm.late / storm.received, 0.03, 'share late');
  });

  test('a bad network hardly disturbs a tone', async (t) => {
    const client = await connect(ROUGH);
    await sleep(WARM_UP_MS);
    const listener = await world.listener(server);
    // The listener's decoder has no history in its first frames.
    await listener.next(1000);
    const from = listener.frames.length - 25;
    await listener.next(20_000);
    const { samples } = await listener.decode(from);
    const share = disturbedShare(samples.subarray(24_000), TONE.hz, TONE.amplitude);
    const { stats } = await server.client(client.id);
    t.diagnostic(`disturbed ${(100 * share).toFixed(2)} % of the time; ${stats.lost} of ${stats.received + stats.lost} lost, ${stats.late} late, ${stats.concealed} concealed, delay ${stats.delay_ms} ms`);
    near(stats.lost / (stats.received + stats.lost), 0.02, 0.015, 'share lost');
    below(share, 0.03, 'share disturbed');
  });
});

// Starts a client with a test tone behind its own network, and returns it as the server shows it once it sounds.
async function connect({ name, redundancy, network }) {
  const relay = await world.relay(server, network, `relay-${name}`);
  world.client(['--source', 'tone', '--server', `127.0.0.1:${relay.port}`, '--name', name, '--redundancy', `${redundancy}`], { name });
  return eventually(`${name} sounds`, async () => (await server.clients()).find((client) => client.name === name && client.status === 'sounding'));
}
