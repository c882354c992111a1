// The template in a real Zabbix 7.0 that watches a running RAA server: no trigger is in error, and problems open and close.

import dgram from 'node:dgram';
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { World } from '../e2e/lib/world.js';
import { eventually, nowMs, sleep } from '../e2e/lib/processes.js';
import { encodeOpus } from '../e2e/lib/opus.js';
import { tone } from '../e2e/lib/generate.js';
import { ROOT } from '../e2e/lib/paths.js';
import { Zabbix } from './lib/zabbix.js';

const NAME = 'RAA server by HTTP';
const SOURCE = readFileSync(join(ROOT, 'zabbix/template_raa_server/7.0/template_raa_server.yaml'), 'utf8');
const SSRC = '5f0a11c2';
const SILENCE_MAX_S = 12;
/** For what Zabbix does in turns of some seconds. */
const ALLOWED_S = 60;

const RULE = { createMissing: true, updateExisting: true };
const RULES = { template_groups: RULE, templates: RULE, items: RULE, triggers: RULE, graphs: RULE, discoveryRules: RULE, templateDashboards: RULE, valueMaps: RULE };

const world = new World('zabbix-template');
let zabbix, raa, sound, sender, templateid, hostid;

before(async () => {
  zabbix = await new Zabbix(world).reserve();
  raa = await world.server();
  await zabbix.start(`127.0.0.1:${raa.httpPort}`);
  sound = await encodeOpus(tone(997, 1));
});
after(() => world.close());

async function sends(options = {}) {
  sender = await world.sender(raa, { ssrc: 0x5f0a11c2, packets: sound, name: 'Ward 3 "nurse" station', repeat: true, ...options });
}

/** Changes a threshold of the host. */
async function setMacro(macro, value) {
  const [{ hostmacroid }] = await zabbix.rpc('usermacro.get', { hostids: [hostid], filter: { macro }, output: ['hostmacroid'] });
  await zabbix.rpc('usermacro.update', { hostmacroid, value: String(value) });
}

/** Returns the open problems of the host, by name. */
async function problems() {
  return (await zabbix.rpc('problem.get', { hostids: [hostid], output: ['name'] })).map(({ name }) => name);
}

const opens = (pattern, limitMs) => eventually(`a problem opens: ${pattern}`, async () => (await problems()).some((name) => pattern.test(name)), limitMs, 500);
const closes = (pattern, limitMs) => eventually(`the problem closes: ${pattern}`, async () => !(await problems()).some((name) => pattern.test(name)), limitMs, 500);

test('the template is imported, and comparing finds no difference', async () => {
  await zabbix.rpc('configuration.import', { format: 'yaml', rules: RULES, source: SOURCE });
  assert.deepEqual(await zabbix.rpc('configuration.importcompare', { format: 'yaml', rules: RULES, source: SOURCE }), []);
  [{ templateid }] = await zabbix.rpc('template.get', { filter: { host: [NAME] }, output: ['templateid'] });
  const changed = SOURCE.replace('newvalue: Sounding', 'newvalue: Loud');
  assert.notEqual(changed, SOURCE);
  assert.notDeepEqual(await zabbix.rpc('configuration.importcompare', { format: 'yaml', rules: RULES, source: changed }), [], 'a comparison can find a difference');
});

test('the file is what Zabbix exports', async () => {
  assert.equal(await zabbix.rpc('configuration.export', { format: 'yaml', options: { templates: [templateid] } }), SOURCE);
});

test('every item has values and every trigger works', async () => {
  await sends();
  const [{ groupid }] = await zabbix.rpc('hostgroup.get', { limit: 1, output: ['groupid'] });
  ({ hostids: [hostid] } = await zabbix.rpc('host.create', {
    host: 'raa', groups: [{ groupid }], templates: [{ templateid }], interfaces: [],
    macros: [
      { macro: '{$RAA.URL}', value: raa.url }, { macro: '{$RAA.INTERVAL}', value: '3s' }, { macro: '{$RAA.UNREACHABLE.TIME}', value: '10s' },
      { macro: `{$RAA.CLIENT.SILENCE.MAX:"${SSRC}"}`, value: `${SILENCE_MAX_S}s` },
      { macro: `{$RAA.CLIENT.LOST.TIME:"${SSRC}"}`, value: '20s' }, { macro: `{$RAA.CLIENT.BAD.TIME:"${SSRC}"}`, value: '6s' },
      // This computer is busy with other tests.
      { macro: '{$RAA.LATENESS.MAX}', value: '1000' }, { macro: '{$RAA.SKIPPED.MAX}', value: '100000' }, { macro: '{$RAA.DROPPED.MAX}', value: '100000' },
    ],
  }));
  await zabbix.startServer();
  const items = () => zabbix.rpc('item.get', { hostids: [hostid], output: ['key_', 'state', 'error', 'lastclock', 'history'] });
  await eventually('every item has a value', async () => {
    const all = await items();
    const missing = all.filter(({ lastclock, history, state }) => state !== '0' || (history !== '0' && lastclock === '0'));
    if (missing.length) throw new Error(missing.map(({ key_, error }) => `${key_} ${error}`).join('; '));
    return all.some(({ key_ }) => key_ === `raa.client.status[${SSRC}]`);
  }, 90_000, 500);
  const triggers = () => zabbix.rpc('trigger.get', { hostids: [hostid], output: ['description', 'state', 'value', 'error'] });
  assert.equal((await triggers()).length, 7);
  await eventually('every trigger works, and none has fired', async () => {
    const wrong = (await triggers()).filter(({ state, value }) => state !== '0' || value !== '0');
    if (wrong.length) throw new Error(JSON.stringify(wrong));
    return true;
  });
});

test('a silent client is a problem until it sounds again, and a lost one as well', async (t) => {
  sender.stop();
  const silentAt = nowMs();
  await opens(/^RAA: Client Ward 3 "nurse" station: is silent/, (SILENCE_MAX_S + ALLOWED_S) * 1000);
  t.diagnostic(`open ${((nowMs() - silentAt) / 1000).toFixed(1)} s after the last packet; the limit is ${SILENCE_MAX_S} s`);
  await opens(/is lost/, (20 + ALLOWED_S) * 1000);
  await sends();
  await closes(/is silent|is lost/, ALLOWED_S * 1000);
});

test('a client of bad quality is a problem until it is good again', async () => {
  sender.stop();
  await sends({ lossEvery: 3 });
  await opens(/^RAA: Client Ward 3 "nurse" station: has bad quality/, 90_000);
  sender.stop();
  await sends();
  await closes(/has bad quality/, 90_000);
});

test('an engine that stands still, and datagrams that are dropped meanwhile, are problems', async () => {
  const { skipped_slots: skipped, dropped_datagrams: dropped } = await raa.get('/api/status');
  await setMacro('{$RAA.SKIPPED.MAX}', skipped + 20);
  await setMacro('{$RAA.DROPPED.MAX}', dropped + 20);
  await sleep(7000);
  assert.deepEqual((await problems()).filter((name) => /skips|dropped/.test(name)), [], 'before');
  process.kill(raa.program.pid, 'SIGSTOP');
  try {
    await flood();
    await sleep(1000);
  } finally {
    process.kill(raa.program.pid, 'SIGCONT');
  }
  await opens(/^RAA: Engine skips slots/, ALLOWED_S * 1000);
  await opens(/^RAA: Datagrams are dropped/, ALLOWED_S * 1000);
  for (const macro of ['{$RAA.SKIPPED.MAX}', '{$RAA.DROPPED.MAX}']) await setMacro(macro, 100_000);
  await closes(/skips|dropped/, ALLOWED_S * 1000);
});

test('a late engine is a problem', async () => {
  await setMacro('{$RAA.LATENESS.MAX}', -1);
  await opens(/^RAA: Engine is late/, ALLOWED_S * 1000);
  await setMacro('{$RAA.LATENESS.MAX}', 1000);
  await closes(/is late/, ALLOWED_S * 1000);
});

/** Sends more than the largest receive buffer of the server holds, 8 MB. */
async function flood() {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.connect(raa.udpPort, '127.0.0.1', resolve));
  const datagram = Buffer.alloc(1200, 0x80);
  for (let sent = 0; sent < 16_000; sent += 100) {
    for (let n = 0; n < 100; n += 1) socket.send(datagram);
    await sleep(1);
  }
  socket.close();
}

test('a stopped server is a problem until it runs again', async () => {
  await raa.stop();
  await opens(/^RAA: Server is unreachable$/, 90_000);
  await raa.start();
  await closes(/unreachable/, 90_000);
});
