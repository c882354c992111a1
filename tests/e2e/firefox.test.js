// Firefox ESR plays the mix from an insecure origin at the right pitch and level, a real click mutes, and the page shows all
// that it shows in Chromium: cards, what is not heard, what happened, the strip, the panel, groups and the wall.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { PATIENCE_MS, eventually, nowMs } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { tone } from './lib/generate.js';
import { levelBecomes, toneBecomes } from './lib/in-mix.js';
import { sineDb } from './lib/assertions.js';
import { stripColours } from './lib/strips.js';

const world = new World('firefox');
const ID = '0f1e2d3c';
const complaints = [];
let server, recorder, browser, page;

before(async () => {
  const sound = await world.sound('listener');
  server = await world.server();
  recorder = world.record(sound);
  // 3 seconds contain whole periods of 440 Hz and whole frames, so the repeated tone has no audible seam.
  await world.sender(server, { ssrc: Number(`0x${ID}`), packets: (await encodeOpus(tone(440, 3))).slice(10, 110), name: 'Reception', repeat: true });
  browser = await world.firefox(sound);
  page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.setViewport({ width: 1300, height: 800 }); // wide enough for the fader of a row
  await page.goto(server.pageUrl);
});
after(() => world.close());

const one = (testId) => `[data-testid=${testId}]`;
const inRow = (testId) => `[data-testid=row][data-id="${ID}"] ${one(testId)}`;
const text = (selector) => page.$eval(selector, (element) => element.textContent);
const isThere = async (selector) => (await page.$(selector)) !== null;
const attribute = (selector, name) => page.$eval(selector, (element, key) => element.getAttribute(key), name);

test('the page names the sender', async () => {
  await eventually('its row shows its name', async () => (await page.$eval(inRow('name'), (name) => name.textContent)).includes('Reception'));
});

test('the tone has the right pitch and level', async () => {
  assert.equal(await page.evaluate(() => window.isSecureContext), false, 'the origin is as on a LAN');
  await page.focus(one('player-volume'));
  await page.keyboard.press('End');
  await page.click(one('play'));
  await eventually('the player plays', async () => (await attribute('[data-state]', 'data-state')) === 'playing');
  await toneBecomes(recorder, { hz: 440, db: sineDb(0.25) });
});

test('a click on mute silences the tone', async (t) => {
  const clickedAt = nowMs();
  await page.click(inRow('mute'));
  await levelBecomes(recorder, { below: sineDb(0.25) - 40, forMs: 1000 });
  t.diagnostic(`silent ${Math.round(nowMs() - clickedAt)} ms after the click`);
  assert.equal((await server.client(ID)).muted, true);
});

test('a mouse moves the fader', async () => {
  await page.hover(`[data-testid=row][data-id="${ID}"]`);
  const fader = await page.$(inRow('volume'));
  const { x, y, width, height } = await fader.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 4, y + height / 2, { steps: 4 });
  await page.mouse.up();
  await server.client(ID, ({ volume }) => volume > 40 && volume < 60);
});

test('what is muted is in the band, and a click lets it be heard', async () => {
  const chip = `[data-testid=chip][data-id="${ID}"]`;
  await server.patch(ID, { muted: true, muted_for_s: 900 });
  await eventually('the band has it', () => isThere(chip));
  assert.match(await text(chip), /Reception.*min left/s);
  await page.click(`${chip} ${one('hear')}`);
  await server.client(ID, ({ muted }) => !muted);
  await eventually('the band lets it go', async () => !(await isThere(`${chip}:not(.gone)`)));
});

test('what sounds has a card, a line in the list, and a strip', async () => {
  await eventually('its card is live', () => isThere(`[data-testid=card][data-id="${ID}"].live`));
  assert.match(await text(`[data-testid=card][data-id="${ID}"] time`), /^\d+:\d\d$/);
  await eventually('the list has it', async () => /Reception/.test(await text(one('log'))));
  const strip = `[data-testid=row][data-id="${ID}"] .strip`;
  await eventually('the strip is drawn', async () => (await page.$eval(strip, stripColours)).some(Boolean));
});

test('the keyboard opens the panel, makes a group, and closes', async () => {
  await page.focus(`[data-testid=row][data-id="${ID}"]`);
  await page.keyboard.press('Enter');
  await page.waitForSelector(one('panel'));
  await page.select(`${one('panel')} ${one('group')}`, 'new');
  const name = `${one('panel')} ${one('group-name')}`;
  await page.waitForSelector(name, { visible: true });
  await page.type(name, 'Floor 1');
  await eventually('the name is in the field', async () => (await page.$eval(name, ({ value }) => value)) === 'Floor 1');
  await page.keyboard.press('Enter');
  await eventually('the server has the group', async () => (await server.get('/api/groups')).groups.some(({ name, clients }) => name === 'Floor 1' && clients.includes(ID)));
  await eventually('it has a heading', async () => (await isThere(one('group-heading'))) && /Floor 1/.test(await text(one('group-heading'))));
  await page.keyboard.press('Escape');
  await eventually('the panel is gone', async () => !(await isThere(one('panel'))));
});

test('the wall shows the tile and the card', async () => {
  const wall = await browser.newPage();
  wall.setDefaultTimeout(PATIENCE_MS);
  wall.on('pageerror', (error) => complaints.push(String(error)));
  await wall.setViewport({ width: 1920, height: 1080 });
  await wall.goto(`${server.pageUrl}?view=wall`);
  await wall.waitForSelector(`${one('tile')}[data-id="${ID}"].live`);
  await wall.waitForSelector(`[data-testid=card][data-id="${ID}"].live`);
  await wall.close();
  assert.deepEqual(complaints, [], 'errors of the page');
});
