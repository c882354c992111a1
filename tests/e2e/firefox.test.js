// Firefox ESR plays the mix from an insecure origin at the right pitch and level, and a real click mutes.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { eventually, nowMs } from './lib/processes.js';
import { strongestTone, silentAfterMs } from './lib/signal.js';
import { encodeOpus } from './lib/opus.js';
import { tone } from './lib/generate.js';
import { levelBecomes } from './lib/in-mix.js';
import { near, below, sineDb } from './lib/assertions.js';

const world = new World('firefox');
const ID = '0f1e2d3c';
let server, recorder, page;

before(async () => {
  const sound = await world.sound('listener');
  server = await world.server();
  recorder = world.record(sound);
  // 3 seconds contain whole periods of 440 Hz and whole frames, so the repeated tone has no audible seam.
  await world.sender(server, { ssrc: Number(`0x${ID}`), packets: (await encodeOpus(tone(440, 3))).slice(10, 110), name: 'Reception', repeat: true });
  const browser = await world.firefox(sound);
  page = await browser.newPage();
  await page.setViewport({ width: 1300, height: 800 }); // wide enough for the fader of a row
  await page.goto(server.pageUrl);
});
after(() => world.close());

const one = (testId) => `[data-testid=${testId}]`;
const inRow = (testId) => `[data-testid=row][data-id="${ID}"] ${one(testId)}`;
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
  await levelBecomes(recorder, { above: sineDb(0.25) - 1, below: sineDb(0.25) + 1 });
  const { hz, db } = strongestTone(await recorder.next(2000));
  near(hz, 440, 2, 'pitch');
  near(db, sineDb(0.25), 1, 'level');
});

test('a click on mute silences the tone', async (t) => {
  const clickedAt = nowMs();
  await page.click(inRow('mute'));
  const silentAfter = silentAfterMs(await recorder.between(clickedAt, clickedAt + 1500), sineDb(0.25) - 40);
  t.diagnostic(`silent ${silentAfter} ms after the click`);
  below(silentAfter, 500, 'milliseconds until silence');
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
