// Faults that the page had when it was used for a night, and that must not come back: what moved under a hand, what looked
// like something else, what weighed as much as an alarm. In Chromium with real senders; page-hands, page-watch, page-trouble
// and page-lists have the others.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';
import { SILENCE, threeComputers } from './lib/three.js';

const world = new World('page-bugs');
const [FIRE, GATE, PUMP] = ['00000d01', '00000d02', '00000d03'];
/** Computers of a group, so that they keep their rows while they are off. */
const OFF = Array.from({ length: 37 }, (_, i) => (0x0e00 + i).toString(16).padStart(8, '0'));
let server, browser, loud, senders;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(bandNoise(3, 0.1));
  senders = await threeComputers(world, server, [FIRE, GATE, PUMP]);
  const brief = await Promise.all(OFF.map((id) => world.sender(server, { ssrc: parseInt(id, 16), packets: Array(12).fill(SILENCE[0]) })));
  await Promise.all(brief.map(({ done }) => done));
  await eventually('all are known', async () => (await server.clients()).length === 40);
  const { revision } = await server.get('/api/groups');
  await put('/api/groups', { revision, groups: [{ name: 'Watched', clients: [FIRE, PUMP] }, { name: 'Floors', clients: OFF }] });
  await server.client(OFF.at(-1), ({ status }) => status === 'offline');
});
after(() => world.close());

async function put(path, body) {
  const response = await fetch(server.url + path, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.text());
}

async function open(options = {}, rows = 40) {
  const mixer = await MixerPage.open(browser, server.pageUrl, { viewport: { width: 1440, height: 900 }, ...options });
  await eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= rows);
  return mixer;
}

async function sound(id) {
  senders[id].packets = loud;
  await server.client(id, ({ status }) => status === 'sounding');
}

async function quiet(id) {
  senders[id].packets = SILENCE;
  await server.client(id, ({ status }) => status === 'connected');
}

const style = (locator, property, pseudo = null) => locator.evaluate((element, [name, of]) => getComputedStyle(element, of).getPropertyValue(name), [property, pseudo]);
/** Returns the share of the pixels that differ much between two pictures of the same size (PNG in Base64). */
function unlike(page, a, b) {
  return page.evaluate(async (pictures) => {
    const [one, two] = await Promise.all(pictures.map(async (picture) => {
      const image = await createImageBitmap(new Blob([Uint8Array.from(atob(picture), (one) => one.charCodeAt(0))]));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, image.width, image.height).data;
    }));
    return one.filter((value, i) => i % 4 === 0 && Math.abs(value - two[i]) > 100).length / (one.length / 4);
  }, [a, b]);
}

const card = (mixer, id) => mixer.page.locator(`[data-testid=card][data-id="${id}"]`);
const entry = (mixer, id, kind) => mixer.page.locator(`[data-testid=entry][data-kind=${kind}]`).filter({ hasText: { [FIRE]: 'Fire panel', [GATE]: 'Gate 2', [PUMP]: 'Pumping' }[id] });

test('a normal row shows only its name', async () => {
  const mixer = await open();
  const row = mixer.row(PUMP);
  assert.deepEqual([await style(row.locator('.fader'), '--thumb'), await style(row.locator('.meter'), 'visibility'), await row.getByTestId('status').textContent()], ['transparent', 'hidden', '–']);
  assert.match(await style(row.locator('.percent'), 'color'), /, 0\)$/, 'a volume of 100 % is not seen');
  assert.equal((await row.textContent()).replace(/\s+/g, ' ').trim(), 'Pumping station – 100 %', 'neither an id nor a letter for mute');
  assert.deepEqual([(await row.boundingBox()).height, await row.getByTestId('mute').textContent()], [38, '']);
  await server.patch(PUMP, { volume: 60 });
  await eventually('what deviates is bold', async () => (await style(row.locator('.percent'), 'font-weight')) >= 600 && (await style(row.locator('.fader'), '--thumb')) !== 'transparent');
  await server.patch(PUMP, { volume: 100 });
  await mixer.close();
});

test('a sounding row has tint, edge and clock', async () => {
  const mixer = await open();
  const row = mixer.row(FIRE);
  const before = await style(row, 'background-color');
  await sound(FIRE);
  await eventually('it is lit', async () => (await style(row, 'background-color')) !== before);
  assert.deepEqual([await style(row, 'background-image'), await style(row, 'width', '::before')], ['none', '4px']);
  assert.notEqual(await style(row.getByTestId('name'), 'color'), await style(mixer.row(PUMP).getByTestId('name'), 'color'));
  await eventually('its time runs', async () => /^\d+:(?!00)\d\d$/.test(await row.getByTestId('status').textContent()));
  assert.equal(await style(card(mixer, FIRE).locator('.meter'), 'height'), '14px');
  assert.equal(await row.locator('.meter').textContent(), '', 'numbers are in the cards only');
  await server.patch(FIRE, { muted: true });
  await eventually('muted is hatched and not pale', async () => /repeating/.test(await style(row, 'background-image')) && (await style(row, 'opacity')) === '1');
  assert.equal(await style(row.getByTestId('name'), 'color'), await style(mixer.page.locator('.clock'), 'color'), 'at full contrast');
  await server.patch(FIRE, { muted: false });
  await quiet(FIRE);
  await mixer.close();
});

test('a focused row that sounds stays there', async () => {
  const mixer = await open();
  const row = mixer.row(GATE);
  await row.getByTestId('mute').focus();
  const { y } = await row.boundingBox();
  await sound(GATE);
  await eventually('it sounds', async () => /live/.test(await row.getAttribute('class')));
  assert.equal((await row.boundingBox()).y, y);
  assert.ok(await row.getByTestId('mute').evaluate((mute) => mute === document.activeElement), 'the focus stays');
  await quiet(GATE);
  await mixer.close();
});

test('an alarm shows while a hand is there', async () => {
  const mixer = await open();
  const { mouse } = mixer.page;
  const list = await mixer.page.locator('#places').boundingBox();
  let isOver = false;
  const moving = (async () => {
    for (let i = 0; !isOver; i++) await mouse.move(list.x + 200 + (i % 50), list.y + 100 + (i % 9) * 20).catch(() => { isOver = true; });
  })();
  await sound(PUMP);
  await eventually('it has a card', async () => (await card(mixer, PUMP).isVisible()) && /live/.test(await card(mixer, PUMP).getAttribute('class')));
  await eventually('its group counts it', async () => /1 sounding/.test(await mixer.page.getByTestId('group-heading').first().textContent()));
  isOver = true;
  await moving;
  await quiet(PUMP);
  await mixer.close();
});

test('the last sound stays last at any age', async () => {
  await sound(FIRE);
  await quiet(FIRE);
  await sound(GATE);
  await quiet(GATE);
  const { entries } = await server.get('/api/log?limit=1');
  await fetch(`${server.url}/api/log/seen`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ until: entries[0].id }) });
  const mixer = await open();
  const { page } = mixer;
  await eventually('the calm line and the list name it', async () => /Last:\s*Gate 2 intercom/.test(await page.getByTestId('calm').textContent()) && (await page.locator('[data-testid=entry][data-kind=sound]').count()) >= 2);
  const seen = await page.evaluate(async () => {
    const words = new Set();
    const read = () => words.add(`${document.querySelector('[data-testid=calm] strong').textContent}: ${[...document.querySelectorAll('[data-testid=entry][data-kind=sound] b')].slice(0, 2).map((one) => one.textContent)}`);
    const timer = setInterval(read, 50);
    await new Promise((done) => setTimeout(done, 3000));
    clearInterval(timer);
    return [...words];
  });
  assert.deepEqual(seen, ['Gate 2 intercom: Gate 2 intercom,Fire panel PC']);
  await mixer.close();
});

test('a restart keeps each row\'s last sound', async () => {
  await sound(PUMP);
  await quiet(PUMP);
  await server.program.stop();
  await server.start();
  const mixer = await open();
  await eventually('the row says when', async () => /^\d+ (s|min)$/.test(await mixer.row(PUMP).getByTestId('status').textContent()));
  assert.equal(await mixer.row(OFF[0]).getByTestId('status').textContent(), 'offline');
  await mixer.close();
});

test('forced colours show mutes and empty meters', async () => {
  const mixer = await open({ forcedColors: 'active' });
  const button = mixer.row(GATE).getByTestId('mute');
  // Pixels, because the computed colours are not those that are drawn.
  const look = async () => (await button.screenshot()).toString('base64');
  const becomes = async (muted) => {
    await server.patch(GATE, { muted });
    await eventually('the button shows it', async () => (await button.getAttribute('aria-pressed')) === String(muted));
  };
  const before = await look();
  await becomes(true);
  const pressed = await look();
  await mixer.page.screenshot({ path: join(world.artifacts, 'forced-colours.png') });
  await becomes(false);
  const [same, other] = [await unlike(mixer.page, before, await look()), await unlike(mixer.page, before, pressed)];
  assert.ok(same < 0.05 && other > 0.3, `${same} of the pixels differ without a press, ${other} with one`);
  await sound(FIRE);
  await eventually('empty meters have a frame', async () => (await style(mixer.row(FIRE).locator('.meter'), 'border-top-style')) === 'solid' && (await style(mixer.page.locator('.out .meter'), 'border-top-style')) === 'solid');
  await quiet(FIRE);
  await mixer.close();
});

test('forty computers fit a screen of 1080 lines', async () => {
  const mixer = await open({ viewport: { width: 1920, height: 1080 } });
  const { page } = mixer;
  assert.equal(await page.locator('.column').count(), 2);
  assert.equal(await page.locator('#places').evaluate((places) => Math.max(0, places.scrollHeight - places.clientHeight)), 0, 'nothing is to be scrolled');
  const list = await page.locator('#roster').boundingBox();
  assert.ok(list.width > 1400, `the width is used: ${list.width}`);
  await page.screenshot({ path: join(world.artifacts, 'forty.png') });
  await mixer.close();
});

test('the header has a clock and labels', async () => {
  const mixer = await open();
  const clock = () => mixer.page.getByTestId('clock').textContent();
  const first = await clock();
  assert.match(first, /^\d\d:\d\d:\d\d$/);
  await eventually('the seconds run', async () => (await clock()) !== first);
  assert.match(await mixer.page.getByTestId('player-volume').getAttribute('aria-label'), /Volume of this player/);
  assert.match(await mixer.page.locator('#summary').textContent(), /^40 computers · \d+ listening$/);
  await mixer.close();
});

test('an undo gives back exactly what was before', async () => {
  const mixer = await open();
  const change = async (body, desk) => {
    const response = await fetch(`${server.url}/api/clients/${PUMP}`, { method: 'PATCH', headers: { 'content-type': 'application/json', 'x-raa-desk': desk }, body: JSON.stringify(body) });
    assert.equal(response.status, 200, await response.text());
  };
  // Another desk each time: a fader that one desk moves on is one entry.
  await change({ volume: 37 }, 'One');
  await change({ volume: 4 }, 'Two');
  await eventually('the list has it', async () => /37 → 4 %/.test(await entry(mixer, PUMP, 'volume').first().textContent()));
  await entry(mixer, PUMP, 'volume').first().getByTestId('undo').click();
  await server.client(PUMP, ({ volume }) => volume === 37);
  // Muted until a time, and soft: one press lets it be heard, one undoes that.
  await change({ volume: 4 }, 'Two');
  await change({ muted: true, muted_for_s: 1234 }, 'One');
  const { muted_until: until } = await server.client(PUMP, ({ muted }) => muted);
  const chip = mixer.page.locator(`[data-testid=chip][data-id="${PUMP}"]`);
  await chip.getByTestId('hear').click();
  await server.client(PUMP, ({ muted, volume }) => !muted && volume === 100);
  await mixer.page.getByTestId('note-undo').click();
  const back = await server.client(PUMP, ({ muted, volume }) => muted && volume === 4);
  assert.equal(back.muted_until, until, 'with its old end');
  // What another desk has changed since is not undone.
  await chip.getByTestId('hear').click();
  await server.client(PUMP, ({ muted, volume }) => !muted && volume === 100);
  await change({ volume: 55 }, 'One');
  await change({ muted: true }, 'Two');
  await mixer.page.getByTestId('note-undo').click();
  await eventually('it says so', async () => /Somebody else has changed it/.test((await mixer.page.locator('[data-note=undo]').allTextContents()).join()));
  const { muted, volume } = await server.client(PUMP);
  assert.deepEqual([muted, volume], [true, 55]);
  await server.patch(PUMP, { muted: false, volume: 100 });
  await mixer.close();
});

for (const [locale, heading, words] of [['en-GB', 'No computers yet', 'Copied: '], ['ja-JP', 'コンピューターはまだありません', 'コピーしました: ']]) {
  test(`the empty page begins with Windows, ${locale}`, async () => {
    const office = await world.server({ stateDir: join(world.dir, `office-${locale}`) });
    const mixer = await MixerPage.open(browser, office.pageUrl, { locale });
    const { page } = mixer;
    const empty = page.getByTestId('empty');
    await eventually('the page explains', () => empty.isVisible());
    assert.equal(await empty.locator('h2').textContent(), heading);
    assert.deepEqual(await empty.locator('h3').allTextContents(), ['Windows', 'Linux']);
    assert.match(await empty.textContent(), /raa-client\.exe.*raa-client --server/s);
    const address = `raa.test:${office.udpPort}`;
    assert.equal(await page.getByTestId('address').textContent(), address);
    assert.equal(await page.evaluate(() => isSecureContext), false, 'plain http has no clipboard of its own');
    await page.getByTestId('copy').click();
    await eventually('it says so', async () => (await page.locator('[data-note=copied]').textContent()) === words + address);
    await page.getByRole('searchbox').focus();
    await page.keyboard.press('Control+V');
      await eventually('the address is pasted', async () => (await page.getByRole('searchbox').inputValue()) === address);
    // A browser that refuses that, too, leaves the address selected.
    await page.evaluate(() => { document.execCommand = () => false; });
    await page.getByTestId('copy').click();
    await eventually('it says what to press', async () => /Ctrl\+C/.test(await page.locator('[data-note=copied]').textContent()));
    assert.equal(await page.evaluate(() => getSelection().toString()), address);
    await page.screenshot({ path: join(world.artifacts, `empty-${locale}.png`) });
    assert.deepEqual(mixer.complaints, []);
    await mixer.close();
  });
}
