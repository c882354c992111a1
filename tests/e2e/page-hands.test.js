// A click never reaches another computer than the one under the pointer, and a swipe never moves a fader: by a real mouse
// and a real finger in Chromium, while other computers begin to sound, come and go.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise, randoms } from './lib/generate.js';

const SILENCE = { packets: [Buffer.from([0xf8, 0xff, 0xfe])], repeat: true };
const IDS = ['00000a01', '00000a02', '00000a03', '00000a04', '00000a05', '00000a06'];
const world = new World('page-hands');
let server, browser, loud;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(bandNoise(3, 0.1));
  for (const [i, id] of IDS.entries()) await world.sender(server, { ssrc: parseInt(id, 16), name: `PC ${i + 1}`, ...SILENCE });
  for (const id of IDS) await server.client(id, ({ name }) => name !== '');
});
after(() => world.close());

async function open(options) {
  const mixer = await MixerPage.open(browser, server.pageUrl, options);
  await eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= IDS.length);
  return mixer;
}

/** Lets one of the silent computers sound until the returned function is called. */
async function sound(id) {
  const sender = await world.sender(server, { ssrc: 0xb0000000 + parseInt(id, 16), packets: loud, name: `Alarm ${id}`, repeat: true });
  const alarm = (0xb0000000 + parseInt(id, 16)).toString(16);
  await server.client(alarm, ({ status }) => status === 'sounding');
  return { id: alarm, stop: () => sender.stop() };
}

const middle = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });
const muted = async () => (await server.clients()).filter((client) => client.muted).map(({ id }) => id);
const unmuteAll = async () => { for (const id of await muted()) await server.patch(id, { muted: false }); };
const placeOf = async (mixer, id) => (await mixer.row(id).boundingBox())?.y;

test('a click after a rest mutes the computer under it', async () => {
  const mixer = await open();
  const mute = mixer.row(IDS[2]).getByTestId('mute');
  const { x, y } = middle(await mute.boundingBox());
  await mixer.page.mouse.move(x - 30, y);
  await mixer.page.mouse.move(x, y, { steps: 5 });
  const places = await Promise.all(IDS.map((id) => placeOf(mixer, id)));
  await sleep(3000);
  const alarm = await sound('01');
  await eventually('the alarm is shown', () => mixer.row(alarm.id).isVisible());
  await sleep(500);
  assert.deepEqual(await Promise.all(IDS.map((id) => placeOf(mixer, id))), places, 'no row has moved');
  await mixer.page.mouse.down();
  await mixer.page.mouse.up();
  await server.client(IDS[2], (client) => client.muted);
  assert.deepEqual(await muted(), [IDS[2]]);
  await mixer.page.screenshot({ path: join(world.artifacts, 'held.png') });
  assert.equal(await mixer.row(alarm.id).getAttribute('data-status'), 'sounding');
  assert.equal(await mixer.page.getByTestId('row').last().getAttribute('data-id'), alarm.id, 'a new one is below all others');
  // The person asks for the order.
  await mixer.page.getByTestId('sort-again').click();
  await eventually('the alarm is at its place', async () => (await mixer.page.getByTestId('row').first().getAttribute('data-id')) === alarm.id);
  alarm.stop();
  await unmuteAll();
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a state changes the look of a row, not its place', async () => {
  const mixer = await open();
  await mixer.showDetails(IDS[0]);
  const places = await Promise.all(IDS.map((id) => placeOf(mixer, id)));
  // A second sender is a conflict, which the row and its details show.
  const intruder = await world.sender(server, { ssrc: 0xa01, packets: loud, repeat: true, sequence: 20_000 });
  await server.client(IDS[0], ({ conflict }) => conflict !== null);
  await eventually('the conflict is shown', () => mixer.row(IDS[0]).locator('[data-part=warned]').isVisible());
  assert.match(await mixer.panel.locator('.problem').textContent(), /same ID/);
  await server.patch(IDS[4], { name: 'Aaa' });
  await eventually('the name is shown', async () => (await mixer.row(IDS[4]).getByTestId('name').textContent()) === 'Aaa');
  assert.deepEqual(await Promise.all(IDS.map((id) => placeOf(mixer, id))), places, 'a notice and a name move no row');
  intruder.stop();
  await server.patch(IDS[4], { name: null });
  await mixer.close();
});

test('a row that is forgotten leaves its place empty', async () => {
  for (const [ssrc, name] of [[0x100, 'A, gone'], [0x101, 'B, stays']]) {
    const sender = await world.sender(server, { ssrc, packets: loud.slice(0, 10), name });
    await sender.done;
    sender.stop();
    await server.client(ssrc.toString(16).padStart(8, '0'), ({ status }) => status === 'offline');
  }
  const mixer = await open();
  const below = mixer.row('00000101');
  await mixer.clickAt(below.getByTestId('name'));
  const before = await placeOf(mixer, '00000101');
  await fetch(`${server.url}/api/clients/00000100`, { method: 'DELETE' });
  await eventually('the row shows it', async () => (await mixer.row('00000100').getAttribute('inert')) !== null);
  assert.equal(await placeOf(mixer, '00000101'), before);
  await mixer.clickAt(below.getByTestId('mute'));
  await server.client('00000101', (client) => client.muted);
  await fetch(`${server.url}/api/clients/00000101`, { method: 'DELETE' });
  await mixer.close();
});

test('troubles and errors move no row', async () => {
  const mixer = await open();
  // A browser needs a moment until it holds requests back.
  await mixer.page.route('**/api/clients/*', (route) => route.fulfill({ status: 507, contentType: 'application/json',
    body: JSON.stringify({ error: { code: 'not_kept', message: 'the disk is full' } }) }));
  const { x, y } = middle(await mixer.row(IDS[3]).getByTestId('mute').boundingBox());
  await mixer.page.mouse.move(x, y, { steps: 3 });
  const places = () => Promise.all(IDS.map((id) => placeOf(mixer, id)));
  const before = await places();
  await mixer.page.mouse.down();
  await mixer.page.mouse.up();
  await eventually('the refusal is shown', () => mixer.page.locator(`[data-note=client-${IDS[3]}]`).isVisible());
  assert.match(await mixer.page.locator(`[data-note=client-${IDS[3]}]`).textContent(), /PC 4.*the disk is full.*It is still not muted\./);
  assert.deepEqual(await places(), before);
  await server.kill();
  await eventually('the outage is shown', () => mixer.page.locator('[data-note=server]').isVisible());
  assert.deepEqual(await places(), before);
  await mixer.page.screenshot({ path: join(world.artifacts, 'away.png') });
  await server.start();
  await eventually('the outage is over', async () => !(await mixer.page.locator('[data-note=server]').isVisible()));
  assert.deepEqual(await places(), before);
  await mixer.close();
});

test('a hundred swipes and taps over the list change nothing', async () => {
  const mixer = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { page } = mixer;
  const changes = [];
  page.on('request', (request) => request.method() !== 'GET' && changes.push(`${request.method()} ${request.url()}`));
  const box = await page.locator('#places').boundingBox();
  const random = randoms(7);
  const point = () => ({ x: box.x + random() * box.width, y: box.y + random() * box.height });
  for (let i = 0; i < 100; i++) {
    // A tap on a row's end opens its sheet, which lies over the list.
    if (await mixer.panel.count()) await mixer.hideDetails();
    if (i % 4 === 0) {
      await page.touchscreen.tap(...Object.values(point()));
      await painted(page); // a sheet would be open now
    }
    else await swipe(page, point(), point(), 4);
  }
  await sleep(300);
  assert.deepEqual(changes, []);
  assert.equal(await page.locator('#places').locator('input[type=range]:visible').count(), 0, 'no fader is in the list');
  await mixer.close();
});

test('a finger must grip the thumb of a fader', async () => {
  const mixer = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const { page } = mixer;
  await mixer.showDetails(IDS[0]);
  const slider = mixer.panel.getByTestId('panel-volume');
  let { x, y, width, height } = await slider.boundingBox();
  const at = (share) => ({ x: x + width * share, y: y + height / 2 });
  await page.touchscreen.tap(at(0.1).x, at(0.1).y);
  await swipe(page, at(0.1), at(0.3));
  await swipe(page, at(0.5), { x: at(0.5).x + 4, y: at(0.5).y - 150 });
  await sleep(300);
  assert.equal(Number(await slider.inputValue()), 100, 'tap, drag of the track and swipe move nothing');
  ({ x, y, width, height } = await eventually("the swipe's momentum has ended", async () => {
    const before = await slider.boundingBox();
    await sleep(400);
    const after = await slider.boundingBox();
    return after.y === before.y && after;
  }));
  await swipe(page, at(0.5), at(0.75));
  await eventually('the fader has moved', async () => Number(await slider.inputValue()) > 120);
  const shown = Number(await slider.inputValue());
  await server.client(IDS[0], ({ volume }) => volume === shown);
  await mixer.panel.getByTestId('plus').tap();
  await server.client(IDS[0], ({ volume }) => volume === Math.min(200, shown + 5));
  await server.patch(IDS[0], { volume: 100 });
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a mouse moves a fader as ever', async () => {
  const mixer = await open();
  await mixer.row(IDS[0]).hover();
  const { x, y, width, height } = await mixer.row(IDS[0]).getByTestId('volume').boundingBox();
  await mixer.page.mouse.move(x + width * 0.5, y + height / 2);
  await mixer.page.mouse.down();
  await mixer.page.mouse.move(x + width * 0.75, y + height / 2, { steps: 4 });
  await mixer.page.mouse.up();
  await server.client(IDS[0], ({ volume }) => volume > 140 && volume < 160);
  await mixer.page.mouse.dblclick(x + width * 0.25, y + height / 2);
  await server.client(IDS[0], ({ volume }) => volume === 100);
  assert.equal(await mixer.page.evaluate(() => document.activeElement.dataset.testid), 'volume', 'the keyboard goes on from there');
  await mixer.close();
});

/** Waits for two frames of the page. */
const painted = (page) => page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));

/** Moves a real finger, as the browser gets it from a touch screen. */
async function swipe(page, from, to, steps = 10) {
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, points) => devtools.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  await touch('touchStart', [from]);
  for (let step = 1; step <= steps; step++) {
    await touch('touchMove', [{ x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps }]);
    await sleep(16);
  }
  await touch('touchEnd', []);
  await devtools.detach();
}
