// How the page looks: at a desk, on a wall and on a phone, quiet, with an alarm, without the server and waiting for a click, with
// 3, 40 and 300 computers, light and dark, in English and Japanese. Nothing that matters is cut, nothing must be scrolled on a
// wall, and RAA_PICTURES=docs takes the pictures of docs/page.md.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { Night, learn } from './lib/night.js';
import { keepForDocs } from './lib/pictures.js';
import { eventually } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';
import { stripColours } from './lib/strips.js';

const SCREENS = {
  small: { width: 1280, height: 800 },
  desk: { width: 1440, height: 900 },
  wide: { width: 1920, height: 1080 },
  wall: { width: 1920, height: 1080 },
  wall4k: { width: 3840, height: 2160 },
  phone: { width: 390, height: 844 },
};

/** [screen, computers, scene, theme, language]: one of each layout, with what fills it most. */
const LAYOUTS = [
  ['desk', 40, 'alarm', 'dark', 'en'], ['desk', 40, 'click', 'light', 'en'], ['wide', 300, 'alarm', 'light', 'en'],
  ['wall', 40, 'alarm', 'dark', 'en'], ['wall', 40, 'click', 'dark', 'ja'], ['wall', 300, 'alarm', 'light', 'en'], ['wall4k', 40, 'muted', 'light', 'en'], ['wall4k', 300, 'alarm', 'dark', 'ja'],
  ['phone', 40, 'alarm', 'dark', 'en'], ['phone', 40, 'quiet', 'light', 'ja'], ['phone', 300, 'click', 'light', 'en'],
];
/** More pictures of these layouts, which are looked at only when pictures are taken. */
const OTHERS = [['desk', 40, 'quiet', 'light', 'en'], ['desk', 40, 'muted', 'light', 'ja'], ['desk', 3, 'quiet', 'dark', 'ja'], ['wall', 40, 'quiet', 'light', 'ja'], ['wall', 3, 'alarm', 'light', 'en'], ['phone', 3, 'sheet', 'dark', 'en']];
const PICTURES = process.env.RAA_PICTURES === 'docs' ? [...LAYOUTS, ...OTHERS] : LAYOUTS;
/** Those without the server, which is ended once for all of them. */
const WITHOUT_SERVER = [['desk', 40, 'down', 'dark', 'en'], ['wall', 40, 'down', 'light', 'ja'], ['phone', 40, 'down', 'dark', 'ja']];

/** What must be readable as a whole, wherever it is seen. */
const WHOLE = ['.card h2 bdi', '.card time', '.card .was', '.card .peak', '.card em', '.calm', '.calm .cut', '.banner', '.held > b', '.held > b > span', '#player-title', '.clock', '.row .last', '.row .percent', '.ev time', '.cols > :not(.axis)',
  '.wall .time', '.wall .words', '.wall .counts', '.wall .past b', '.tile small'];
/** The name of what sounds is at least as large as this share of a wall's width. */
const NAME_SHARE = 0.021;
const ROWS_HIGH = { small: 38, desk: 38, wide: 35, phone: 56 };

const world = new World('look', { limitMs: 8 * 60_000 });
const shares = {};
let server, browser, fields;

before(async () => {
  server = await world.server();
  await world.sender(server, { ssrc: 1, name: 'Sender', packets: await encodeOpus(bandNoise(3, 0.1)), repeat: true });
  await server.client('00000001', ({ status }) => status === 'sounding');
  fields = await learn(server);
  browser = await world.chromium(await world.sound('listener'));
});
after(() => world.close());

const nameOf = (picture) => picture.join('-');
const isWall = ([screen]) => screen.startsWith('wall');

for (const picture of PICTURES) {
  test(`${nameOf(picture)} is whole`, async () => {
    const { mixer, night } = await open(picture);
    try {
      await keep(mixer, picture);
      await check(mixer, picture);
      // A machine that is busy for three seconds lets the page connect again, and ask why it had to.
      assert.deepEqual(mixer.complaints.filter((words) => !/426/.test(words)), []);
    } finally {
      night.close();
      await mixer.close();
    }
  });
}

test('a wall has the same shares at every resolution', () => {
  assert.equal(Object.keys(shares).length, PICTURES.filter((one) => isWall(one) && one[2] !== 'quiet').length, 'all but a calm wall have a name that sounds');
  for (const [name, { card, tile, count }] of Object.entries(shares)) {
    assert.ok(card >= NAME_SHARE, `${name}: names of what sounds have ${card} of the width`);
    for (const other of Object.values(shares)) if (other.count === count) assert.ok(Math.abs(other.tile - tile) < 1e-5, `${name}: ${tile}, not ${other.tile}`);
  }
});

test('long names on the cards of a small desk are whole', async () => {
  const picture = ['small', 40, 'alarm', 'light', 'en'];
  const { mixer, night } = await open(picture);
  await eventually('the long name has smaller letters', async () => (await mixer.page.locator('.card.long', { hasText: 'Pumping station east' }).count()) === 1);
  await check(mixer, picture);
  night.close();
  await mixer.close();
});

test('strips are right when the first frame comes late and the clocks differ', async () => {
  const night = new Night({ fields, count: 40, scene: 'alarm' }); // its clock is not this computer's
  const mixer = new MixerPage(await (await browser.newContext({ viewport: SCREENS.wide })).newPage());
  await night.tell(mixer.page);
  await mixer.page.addInitScript(() => {
    const nextFrame = globalThis.requestAnimationFrame;
    globalThis.requestAnimationFrame = (run) => (performance.now() < 3000 ? setTimeout(() => run(performance.now()), 800) : nextFrame(run));
  });
  await mixer.page.goto(server.pageUrl);
  const colours = async (name) => {
    const all = await mixer.page.locator('.row', { hasText: name }).locator('.strip').evaluate(stripColours);
    return [...new Set(all.filter(Boolean))];
  };
  await eventually('the strip of what sounds is drawn', async () => (await colours('Fire panel PC')).length === 1);
  await eventually('what was heard and what was not have two colours', async () => (await colours('Radio relay')).length === 2);
  night.close();
  await mixer.close();
});

test('a room in which everything is heard shows no crossed loudspeaker beside these words', async () => {
  const { mixer, night } = await open(['desk', 3, 'quiet', 'light', 'en']);
  assert.equal(await mixer.page.locator('.held > b').innerText(), 'Everything is heard');
  assert.equal(await mixer.page.locator('.held > b svg').isVisible(), false);
  night.close();
  await mixer.close();
});

test('without the server every page is grey, whole and says since when', async () => {
  const pages = [];
  for (const picture of WITHOUT_SERVER) pages.push({ picture, ...(await open(picture)) });
  for (const { night } of pages) night.leave();
  await server.kill();
  for (const { mixer, picture } of pages) {
    await eventually('it says so', () => mixer.page.locator('[data-note=server]').isVisible());
    await mixer.becomes('offline', 30_000);
    await keep(mixer, picture);
    await check(mixer, picture);
    await mixer.close();
  }
});

/** Opens a page in this state. */
async function open(picture) {
  const [screen, count, scene, theme, language] = picture;
  const night = new Night({ fields, count, scene: { down: 'alarm', click: 'alarm', sheet: 'alarm' }[scene] ?? scene });
  const context = await browser.newContext({ viewport: SCREENS[screen], colorScheme: theme, locale: { en: 'en-GB', ja: 'ja-JP' }[language], timezoneId: 'UTC', hasTouch: screen === 'phone' });
  const mixer = new MixerPage(await context.newPage());
  await night.tell(mixer.page);
  if (scene === 'click') await mixer.page.addInitScript(() => localStorage.setItem('raa.playing', 'true'));
  await mixer.page.goto(server.pageUrl + (isWall(picture) ? '?view=wall' : ''));
  await eventually('all computers are shown', async () => (await mixer.page.getByTestId(isWall(picture) ? 'tile' : 'row').count()) === count);
  await mixer.becomes(scene === 'click' ? 'needs-click' : isWall(picture) ? 'needs-click' : 'stopped');
  if (scene === 'click') return { mixer, night };
  if (isWall(picture)) await mixer.page.mouse.click(500, 500);
  else await mixer.playButton.click();
  await mixer.becomes('playing', 30_000);
  await mixer.page.mouse.move(2, 2);
  const meter = isWall(picture) ? '.wall .top .meter i' : '#mix-rms';
  await eventually('the meter of what is heard moves', () => mixer.page.evaluate((one) => document.querySelector(one).getBoundingClientRect().width > 10, meter));
  if (scene === 'sheet') {
    await mixer.page.locator('.row.live').getByTestId('more').click();
    await eventually('it has come up', async () => (await mixer.panel.boundingBox()).height > 300);
  }
  return { mixer, night };
}

async function keep(mixer, picture) {
  const path = join(world.artifacts, `${nameOf(picture)}.png`);
  const isStale = () => mixer.page.locator('[data-note=server]').isVisible();
  await eventually('the page is up to date, before the picture and after it', async () => {
    if (picture[2] !== 'down' && (await isStale())) return false;
    await eventually('all rows have their contents', async () => (await mixer.page.locator('.row.later').count()) === 0);
    await mixer.page.screenshot({ path });
    return picture[2] === 'down' || !(await isStale());
  }, 30_000);
  keepForDocs(path, `page/${nameOf(picture)}`);
}

async function check(mixer, picture) {
  const [screen, count] = picture;
  assert.equal(await mixer.scrollsSideways(), false, 'the page scrolls sideways');
  assert.deepEqual(await mixer.page.evaluate(cutIn, WHOLE), [], 'what must be whole is cut');
  if (!isWall(picture)) {
    assert.deepEqual([...new Set(await mixer.page.locator('#columns .row').evaluateAll((rows) => rows.map((row) => row.getBoundingClientRect().height)))], [ROWS_HIGH[screen]]);
    return;
  }
  const { tiles, outside, sizes } = await mixer.page.evaluate(wallFigures);
  assert.equal(tiles, count);
  assert.deepEqual(outside, [], 'these must be scrolled to, or lie on others');
  const width = SCREENS[screen].width;
  if (sizes.card !== null) shares[nameOf(picture)] = { card: sizes.card / width, tile: sizes.tile / width, count };
}

/** Runs in the page: returns the texts of visible elements that are larger than what is seen of them. */
function cutIn(selectors) {
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getBoundingClientRect().width > 1;
  const isCut = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    if (element.closest('.scroll, .chips')) return element.scrollWidth > element.clientWidth + 1; // what is scrolled to is whole there
    return element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight * 1.25 || left < 0 || top < 0 || right > innerWidth + 1 || bottom > innerHeight + 1;
  };
  const isInline = (element) => getComputedStyle(element).display === 'inline';
  const all = selectors.flatMap((selector) => [...document.querySelectorAll(selector)].filter((element) => isShown(element) && !isInline(element) && isCut(element)).map((element) => `${selector}: ${element.textContent}`));
  if (selectors.every((selector) => document.querySelector(selector) === null)) throw new Error('nothing was looked at');
  return all;
}

/** Runs in the page: what lies outside of the screen or on another part of the wall, and the sizes of names. */
function wallFigures() {
  const tiles = [...document.querySelectorAll('.tile')];
  const parts = [...tiles, ...document.querySelectorAll('.wall .card, .wall .calm, .wall .banner, .wall .more, .wall .past h2, .wall .past li, .wall .top > *')].filter((part) => part.checkVisibility() && part.textContent !== '');
  const isInList = (part, box) => part.localName !== 'li' || box.right <= part.parentElement.getBoundingClientRect().right + 1; // others are hidden as a whole
  const boxes = parts.map((part) => [part, part.getBoundingClientRect()]).filter(([part, box]) => isInList(part, box));
  const isOutside = ({ left, top, right, bottom }) => left < 0 || top < 0 || right > innerWidth || bottom > innerHeight + 0.5;
  const isOn = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const outside = boxes.filter(([, box], i) => isOutside(box) || boxes.slice(i + 1).some(([, other]) => isOn(box, other))).map(([part]) => part.textContent);
  const size = (element) => (element ? parseFloat(getComputedStyle(element).fontSize) : null);
  const cards = [...document.querySelectorAll('.wall .card.live h2')].filter((name) => name.checkVisibility()).map(size);
  return { tiles: tiles.length, outside, sizes: { card: cards.length ? Math.min(...cards) : null, tile: size(document.querySelector('.tile:not(.long) b')) } };
}
