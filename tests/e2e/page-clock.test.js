// What takes minutes in a room, with the clock moved on while the server is away: a beep is still there after ten minutes, five minutes later
// everybody can read which one it was, and a mute ends. And what must be exact: the value that an undo gives back, the second
// of a beep on the strip. In Chromium with real senders.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { MovableClock } from './lib/clock.js';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { near } from './lib/assertions.js';
import { eventually, sleep } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { tone } from './lib/generate.js';
import { stripColumns } from './lib/strips.js';
import { SILENCE, beep as beepOnce } from './lib/three.js';

const world = new World('page-clock');
const [FIRE, GATE, PUMP] = ['00000d01', '00000d02', '00000d03'];
/** Of a sine of this amplitude: its peak in dBFS. */
const AMPLITUDE = 0.25;
const PEAK_DBFS = -12;
const senders = {};
let clock, server, browser, loud, desk;

before(async () => {
  clock = new MovableClock(world);
  server = await world.server({ env: clock.env });
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(tone(500, 1, AMPLITUDE));
  for (const [id, name] of [[FIRE, 'Fire panel PC'], [GATE, 'Gate 2 intercom'], [PUMP, 'Pumping station']]) {
    senders[id] = await world.sender(server, { ssrc: parseInt(id, 16), name, packets: SILENCE, repeat: true });
    await server.client(id, (client) => client.name === name);
  }
  desk = await open();
});
after(() => world.close());

async function open() {
  const mixer = await MixerPage.open(browser, server.pageUrl, { viewport: { width: 1440, height: 900 } });
  await eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= 3);
  return mixer;
}

/** Lets minutes pass while the server is away: after a power failure, or a proper end. The pages stay open. */
async function pass(minutes, end = () => server.kill()) {
  await end();
  clock.pass(minutes);
  await server.start();
}

const card = (mixer, id) => mixer.page.locator(`[data-testid=card][data-id="${id}"]`);
const chip = (mixer, id) => mixer.page.locator(`[data-testid=chip][data-id="${id}"]:not(.gone)`);
const entries = (mixer) => mixer.page.getByTestId('entry');
const timeOf = (unixMs) => new Date(unixMs).toTimeString().slice(0, 8);
const newest = async (query) => (await server.get(`/api/log?limit=1&${query}`)).entries[0];

/** Lets a computer beep; returns the entry of the sound once it has ended. */
function beep(id, ms) {
  return beepOnce(server, senders[id], id, loud.slice(0, ms / 20));
}

test('a beep of 0.1 s is on screen ten minutes later', async () => {
  const began = Date.now();
  const entry = await beep(GATE, 100);
  assert.ok(entry.at_ms >= began - 50 && entry.ended_ms <= Date.now() + 50, `it began at ${began}: ${JSON.stringify(entry)}`);
  await eventually('it has a card', () => card(desk, GATE).isVisible());
  await pass(10, () => server.stop());
  await eventually('the card is ten minutes old', async () => /ended 10 min ago$/.test(await card(desk, GATE).locator('.was').textContent()));
  assert.equal(await card(desk, GATE).locator('time').textContent(), timeOf(entry.at_ms), 'the begin to the second');
  const [, seconds, peak] = /^(\d\.\d) s · −(\d+) dB · /.exec(await card(desk, GATE).locator('.was').textContent());
  // The hangover of the detection is part of a sound's length.
  near(Number(seconds), (entry.ended_ms - entry.at_ms) / 1000, 0.06, 'the duration');
  near(-Number(peak), entry.peak_dbfs, 0.51, 'the peak');
  // Opus needs a part of so short a sound to rise.
  near(entry.peak_dbfs, PEAK_DBFS, 3, 'the peak that the server measured');
  assert.ok(Number(seconds) < 0.5, `${seconds} s for a beep of 0.1 s`);
  assert.match(await card(desk, GATE).getAttribute('class'), /fresh/);
  assert.deepEqual(desk.complaints, []);
});

test('the strip shows a beep in its second', async () => {
  const entry = await beep(FIRE, 300);
  await sleep(3000);
  const late = await open();
  const began = Math.floor(entry.at_ms / 1000);
  await eventually('the strip shows it in its second', async () => {
    const columns = await stripColumns(late.row(FIRE).locator('.strip'));
    // A second is 4 of 600 columns wide; its left edge is 596 minus its age. The newest second is the last one that is complete.
    const ago = 599 - columns.at(-1);
    const age = Math.floor((await server.get('/api/log?limit=1')).now_ms / 1000) - began;
    if (columns.length < 4 || columns.length > 5 || ago < age - 2 || ago > age) throw new Error(`columns ${columns}, ${ago} seconds before now; it must be ${age - 2} to ${age}`);
    return true;
  });
  await late.close();
});

test('five minutes later everybody can read which one it was', async () => {
  const entry = await beep(PUMP, 300);
  await pass(5);
  await desk.page.reload();
  const fresh = await open();
  for (const [what, mixer] of [['reloaded', desk], ['new', fresh]]) {
    await eventually(`the ${what} page has its card`, async () => /ended 5 min ago/.test(await card(mixer, PUMP).locator('.was').textContent({ timeout: 5000 })));
    assert.equal(await card(mixer, PUMP).locator('time').textContent(), timeOf(entry.at_ms));
    assert.equal(await card(mixer, PUMP).locator('bdi').textContent(), 'Pumping station');
    const line = entries(mixer).filter({ hasText: 'Pumping station' }).filter({ hasText: /dB/ }).first();
    assert.ok(await line.isVisible(), 'the list is open');
    assert.match((await line.textContent()).replace(/\s{2,}/g, ' '), new RegExp(`^${timeOf(entry.at_ms)} Pumping station0\\.\\d s · −1[123] dB`));
    assert.equal(await mixer.row(PUMP).getByTestId('status').textContent(), '5 min');
  }
  await desk.page.keyboard.press('Shift+A');
  await eventually('a calm room names it in one line', async () => new RegExp(`^All quiet\\. Last: Pumping station ${timeOf(entry.at_ms)} · 5 min ago · 0\\.\\d s$`)
    .test((await fresh.page.getByTestId('calm').textContent()).replace(/\s+/g, ' ').trim()));
  await fresh.close();
});

test('a mute of 15 minutes ends with them', async () => {
  const other = await open();
  await desk.row(FIRE).focus();
  await desk.page.keyboard.press('Shift+M');
  await eventually('both show it', async () => /15 min left/.test(await chip(desk, FIRE).textContent({ timeout: 5000 })) && /15 min left/.test(await chip(other, FIRE).textContent({ timeout: 5000 })));
  await pass(14);
  await eventually('a minute is left', async () => /1 min left/.test(await chip(other, FIRE).textContent()));
  assert.equal((await server.client(FIRE)).muted, true, 'not too early');
  await pass(1);
  await server.client(FIRE, ({ muted }) => !muted);
  await eventually('it is heard, and everybody sees that', async () => (await chip(desk, FIRE).count()) === 0 && (await chip(other, FIRE).count()) === 0);
  const ended = await newest(`client=${FIRE}&kind=mute_ended`);
  assert.equal(ended.by.kind, 'server');
  await eventually('the list says so', async () => (await entries(other).allTextContents()).some((line) => /Fire panel PC.*mute.*(ended|over)/is.test(line)));
  await other.close();
});

test('an undo gives back exactly what was before', async () => {
  await server.patch(PUMP, { volume: 37 });
  await sleep(2100); // another movement of the fader
  await desk.showDetails(PUMP);
  await desk.panel.getByTestId('panel-volume').focus();
  for (const key of ['ArrowLeft', 'ArrowLeft', 'Home']) await desk.page.keyboard.press(key);
  await server.client(PUMP, ({ volume }) => volume === 0);
  await desk.page.getByTestId('note-undo').click();
  await server.client(PUMP, ({ volume }) => volume === 37);
  await desk.hideDetails();
  // A mute, with the end that it had.
  await server.patch(PUMP, { muted: true, muted_for_s: 1800 });
  const { muted_until: until } = await server.client(PUMP, ({ muted }) => muted);
  await eventually('it has a chip', () => chip(desk, PUMP).isVisible());
  await desk.row(PUMP).focus();
  await desk.page.keyboard.press('Shift+M');
  await server.client(PUMP, ({ muted }) => !muted);
  await desk.page.getByTestId('note-undo').click();
  const back = await server.client(PUMP, ({ muted }) => muted);
  assert.deepEqual([back.muted_until, back.volume], [until, 37]);
  // Long after: from the list.
  await pass(20);
  await entries(desk).filter({ hasText: 'Pumping station' }).filter({ hasText: 'muted' }).getByTestId('undo').first().click();
  await server.client(PUMP, ({ muted }) => !muted);
  await server.patch(PUMP, { volume: 100 });
});
