// A click never reaches another computer than the one under the pointer, and a swipe never moves a fader: by a real mouse
// and a real finger in Chromium, while other computers begin to sound, come and go.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';

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
  // The person asks for the order.
  await mixer.page.getByTestId('sort-again').click();
  await eventually('the alarm is at the top', async () => (await mixer.page.getByTestId('row').first().getAttribute('data-id')) === alarm.id);
  alarm.stop();
  await unmuteAll();
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('a state changes the look of a held row, not its place', async () => {
  const mixer = await open();
  await mixer.showDetails(IDS[0]);
  const { x, y } = middle(await mixer.row(IDS[1]).getByTestId('mute').boundingBox());
  await mixer.page.mouse.move(x, y, { steps: 3 });
  const places = await Promise.all(IDS.map((id) => placeOf(mixer, id)));
  // A second sender is a conflict, which the row and its details show.
  const intruder = await world.sender(server, { ssrc: 0xa01, packets: loud, repeat: true, sequence: 20_000 });
  await server.client(IDS[0], ({ conflict }) => conflict !== null);
  await eventually('the conflict is shown', () => mixer.row(IDS[0]).getByTestId('notice').isVisible());
  await server.patch(IDS[4], { name: 'Aaa' });
  await eventually('the name is shown', async () => (await mixer.row(IDS[4]).getByTestId('name').textContent()) === 'Aaa');
  assert.deepEqual(await Promise.all(IDS.map((id) => placeOf(mixer, id))), places, 'a notice and a name move no row');
  intruder.stop();
  await server.patch(IDS[4], { name: null });
  await mixer.close();
});

test('a row that is forgotten leaves its place empty', async () => {
  const gone = await world.sender(server, { ssrc: 0x00000100, packets: loud.slice(0, 10), name: 'Gone' });
  await gone.done;
  gone.stop();
  await server.client('00000100', ({ status }) => status === 'offline', 10_000);
  const mixer = await open();
  await server.patch('00000100', { name: 'A' });
  const offline = await world.sender(server, { ssrc: 0x00000101, packets: loud.slice(0, 10), name: 'Stays' });
  await offline.done;
  await server.client('00000101', ({ status }) => status === 'offline', 10_000);
  for (const id of ['00000100', '00000101']) {
    await eventually(`${id} is among the offline ones`, () => mixer.page.locator(`[data-group=offline] [data-id="${id}"]`).isVisible());
  }
  await sleep(1000); // a press on a row that has come just now would not count
  const below = mixer.row('00000101');
  const { x, y } = middle(await below.getByTestId('mute').boundingBox());
  await mixer.page.mouse.move(x, y, { steps: 3 });
  const before = await placeOf(mixer, '00000101');
  await fetch(`${server.url}/api/clients/00000100`, { method: 'DELETE' });
  await eventually('the row shows it', async () => (await mixer.row('00000100').getAttribute('inert')) !== null);
  assert.equal(await placeOf(mixer, '00000101'), before);
  await mixer.page.mouse.down();
  await mixer.page.mouse.up();
  await server.client('00000101', (client) => client.muted);
  await fetch(`${server.url}/api/clients/00000101`, { method: 'DELETE' });
  await mixer.close();
});

test('a press on a row that has just come does nothing', async () => {
  const mixer = await open();
  // The mouse rests in the list without having been used for more than a minute.
  const mute = mixer.row(IDS[0]).getByTestId('mute');
  const { x, y } = middle(await mute.boundingBox());
  await mixer.page.clock.install();
  await mixer.page.mouse.move(x, y, { steps: 3 });
  await mixer.page.clock.fastForward(61_000);
  const alarm = await sound('03');
  await eventually('the list has moved', async () => (await placeOf(mixer, IDS[0])) > y);
  await mixer.page.mouse.down();
  await mixer.page.mouse.up();
  await eventually('the page says so', () => mixer.page.locator('[data-note=moved]').isVisible());
  await sleep(500);
  assert.deepEqual(await muted(), [], 'nothing was muted');
  // The person sees the list and goes to the row.
  await mixer.page.clock.fastForward(1000);
  await mixer.clickAt(mixer.row(IDS[0]).getByTestId('mute'));
  await server.client(IDS[0], (client) => client.muted);
  assert.deepEqual(await muted(), [IDS[0]]);
  alarm.stop();
  await unmuteAll();
  await mixer.close();
});

test('troubles and errors move no row', async () => {
  // An alarm that goes away would move the rows before the mouse is there.
  await eventually('the alarms have gone', async () => (await server.clients()).every(({ id, status }) => IDS.includes(id) || status === 'offline'), 20_000);
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

for (const [fader, value] of [['volume', 100], ['player-volume', 80]]) {
  test(`a swipe that begins on ${fader} scrolls and sets nothing`, async () => {
    const mixer = await open({ viewport: { width: 390, height: 600 }, hasTouch: true, isMobile: true });
    const { page } = mixer;
    const slider = page.getByTestId(fader).first();
    // A quarter from the left: a slider that jumps to the finger would show it.
    const quarter = async () => {
      const { x, y, width, height } = await slider.boundingBox();
      return { x: x + width / 4, y: y + height / 2, step: width / 4 };
    };
    let from = await quarter();
    await swipe(page, from, { x: from.x + 6, y: from.y - 150 });
    await eventually('the page has scrolled', () => page.evaluate(() => scrollY > 50));
    assert.equal(Number(await slider.inputValue()), value);
    assert.ok((await server.clients()).every((client) => client.volume === 100), 'no volume was set');
    // The swipe's momentum may still scroll.
    await eventually('the page has scrolled back', () => page.evaluate(() => {
      scrollTo(0, 0);
      return new Promise((done) => setTimeout(() => done(scrollY === 0), 200));
    }));
    from = await quarter();
    await page.touchscreen.tap(from.x, from.y);
    await sleep(300);
    assert.equal(Number(await slider.inputValue()), value, 'a tap moves nothing');
    // Sideways it is a fader.
    await swipe(page, from, { x: from.x + from.step, y: from.y });
    await eventually('the fader has moved', async () => Number(await slider.inputValue()) !== value);
    if (fader === 'volume') {
      const id = await page.getByTestId('row').first().getAttribute('data-id');
      const shown = Number(await slider.inputValue());
      await server.client(id, ({ volume }) => volume === shown);
      await server.patch(id, { volume: 100 });
    }
    assert.deepEqual(mixer.complaints, []);
    await mixer.close();
  });
}

test('a mouse moves a fader as ever', async () => {
  const mixer = await open();
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

/** Moves a real finger, as the browser gets it from a touch screen. */
async function swipe(page, from, to) {
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, points) => devtools.send('Input.dispatchTouchEvent', { type, touchPoints: points });
  await touch('touchStart', [from]);
  for (let step = 1; step <= 10; step++) {
    await touch('touchMove', [{ x: from.x + ((to.x - from.x) * step) / 10, y: from.y + ((to.y - from.y) * step) / 10 }]);
    await sleep(16);
  }
  await touch('touchEnd', []);
  await devtools.detach();
}
