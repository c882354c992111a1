// The watch: what sounded is still there for whoever comes later; who did what is said; nothing moves under a hand; and a
// page that is silent or cut off says so. In Chromium with real senders.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';
import { stripColumns } from './lib/strips.js';
import { SILENCE, beep as beepOnce, threeComputers } from './lib/three.js';

const world = new World('page-watch');
const [FIRE, GATE, PUMP] = ['00000b01', '00000b02', '00000b03'];
let server, browser, loud, senders;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(bandNoise(3, 0.1));
  senders = await threeComputers(world, server, [FIRE, GATE, PUMP]);
});
after(() => world.close());

/** Lets a computer sound, until it is silenced. */
async function sound(id) {
  senders[id].packets = loud;
  await server.client(id, ({ status }) => status === 'sounding');
}

/** Lets a computer sound for this long. */
const beep = (id, ms) => beepOnce(server, senders[id], id, loud.slice(0, ms / 20));

const quiet = (id) => server.client(id, ({ status }) => status === 'connected');
const allSeen = async () => {
  const { entries } = await server.get('/api/log?limit=1');
  await fetch(`${server.url}/api/log/seen`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ until: entries[0].id }) });
};

async function open(query = '', options = {}) {
  const mixer = await MixerPage.open(browser, server.pageUrl + query, { viewport: { width: 1440, height: 900 }, ...options });
  if (!query.includes('wall')) await eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= 3);
  return mixer;
}

const card = (mixer, id) => mixer.page.locator(`[data-testid=card][data-id="${id}"]`);
const chip = (mixer, id) => mixer.page.locator(`[data-testid=chip][data-id="${id}"]`);
const entries = (mixer) => mixer.page.getByTestId('entry');

test('a short beep stays on screen with its time, length and peak', async () => {
  const mixer = await open();
  await beep(GATE, 120);
  await eventually('it has a card', () => card(mixer, GATE).isVisible());
  await quiet(GATE);
  await eventually('the card says how long and how loud', async () => /^\d\.\d s · −\d+ dB · ended \d+ (s|min) ago$/.test(await card(mixer, GATE).locator('.was').textContent()));
  await sleep(4000);
  assert.match(await card(mixer, GATE).locator('time').textContent(), /^\d\d:\d\d:\d\d$/);
  assert.match(await card(mixer, GATE).getAttribute('class'), /fresh/);
  assert.ok(await mixer.row(GATE).evaluate((row) => row.classList.contains('fresh')));
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('seen in one browser is seen in all, with the name of the desk', async () => {
  await allSeen();
  const [mine, other] = [await open(), await open()];
  await mine.page.getByTestId('open-settings').click();
  await mine.page.getByTestId('desk').fill('Night shift');
  await mine.page.keyboard.press('Tab');
  await mine.page.keyboard.press('Escape');
  await beep(FIRE, 300);
  await quiet(FIRE);
  await eventually('both have the card', async () => (await card(mine, FIRE).isVisible()) && (await card(other, FIRE).isVisible()));
  await card(mine, FIRE).getByTestId('seen').click();
  await eventually('the card is gone in the other browser', async () => (await card(other, FIRE).count()) === 0);
  await eventually('the list says who', async () => (await entries(other).first().textContent()).includes('✓ Night shift'));
  await mine.close();
  await other.close();
});

test('a mute is signed, shown to everyone, ends, and can be undone', async () => {
  const [mine, other] = [await open(), await open()];
  await mine.page.evaluate(() => localStorage.setItem('raa.desk', 'Desk 2'));
  await mine.page.reload();
  await mine.row(PUMP).getByTestId('mute').waitFor();
  const began = Date.now();
  await mine.row(PUMP).getByTestId('mute').click();
  await chip(other, PUMP).waitFor();
  assert.match(await chip(other, PUMP).textContent(), /Pumping station.*everyone.*15 min left · by Desk 2/s);
  const { muted_until: until } = await server.client(PUMP, ({ muted }) => muted);
  assert.ok(new Date(until) - began >= 899_000 && new Date(until) - Date.now() <= 901_000, `muted until ${until}`);
  await mine.page.getByTestId('note-undo').click();
  await server.client(PUMP, ({ muted }) => !muted);
  await eventually('everything is heard', async () => /Everything is heard|You hear nothing/.test(await other.page.getByTestId('held').textContent()) && (await chip(other, PUMP).count()) === 0);
  await mine.page.getByTestId('open-settings').waitFor();
  await eventually('the list has both', async () => /undone/.test((await entries(other).allTextContents()).join(' ')));
  await mine.close();
  await other.close();
});

test('the room is remembered after kill -9 and a reload', async () => {
  await beep(GATE, 400);
  await quiet(GATE);
  await server.kill();
  await server.start();
  const mixer = await open();
  await eventually('the beep is there without a click', async () => (await card(mixer, GATE).count()) === 1 && /Gate 2 intercom/.test((await entries(mixer).allTextContents()).join(' ')));
  await allSeen();
  await eventually('then the room is calm, and the line names it', async () => /All quiet\. Last: Gate 2 intercom \d\d:\d\d:\d\d · \d+ (s|min) ago · \d\.\d s/.test((await mixer.page.getByTestId('calm').textContent()).replace(/\s+/g, ' ')));
  await mixer.close();
});

test('the strip shows a beep from before the page was opened', async () => {
  await beep(FIRE, 500);
  await quiet(FIRE);
  await sleep(2500);
  const mixer = await open();
  const columns = () => stripColumns(mixer.row(FIRE).locator('.strip'));
  await eventually('the strip has it', async () => (await columns()).length > 0);
  const [first] = await columns();
  assert.ok(first > 540, `column ${first} of 600, for a beep of this minute`);
  await mixer.close();
});

test('a wall that waits for a click is seen at every desk', async () => {
  const desk = await open();
  const wall = await open('?view=wall&name=Wall%20north');
  await eventually('the wall itself says it', async () => /You hear nothing/.test(await wall.page.getByTestId('wall').textContent()));
  assert.match(await wall.page.getByTestId('wall').getAttribute('class'), /dumb/);
  await eventually('the desk says it', async () => /Wall north: not playing/.test(await desk.page.getByTestId('silent-walls').textContent()));
  await wall.page.mouse.click(700, 500);
  await eventually('the desk is content', async () => !(await desk.page.getByTestId('silent-walls').isVisible()));
  await wall.close();
  await eventually('a wall that was switched off is named', async () => /Wall north: switched off/.test(await desk.page.getByTestId('silent-walls').textContent()));
  await desk.close();
});

test('names of what sounds are large enough on a wall of any size', async () => {
  await sound(FIRE);
  const shares = [];
  for (const viewport of [{ width: 1920, height: 1080 }, { width: 3840, height: 2160 }]) {
    const wall = await open('?view=wall', { viewport });
    await eventually('the card is there', () => card(wall, FIRE).isVisible());
    const size = await card(wall, FIRE).locator('h2').evaluate((name) => parseFloat(getComputedStyle(name).fontSize));
    shares.push(size / viewport.width);
    assert.deepEqual(await wall.page.evaluate(() => [document.documentElement.scrollHeight - innerHeight, document.querySelector('.tiles').scrollHeight - document.querySelector('.tiles').clientHeight].map((over) => Math.max(0, over))), [0, 0], 'nothing is to be scrolled');
    await wall.page.screenshot({ path: join(world.artifacts, `wall-${viewport.width}.png`) });
    assert.deepEqual(wall.complaints, []);
    await wall.close();
  }
  assert.ok(shares.every((share) => share >= 0.021), shares.join());
  assert.ok(Math.abs(shares[0] - shares[1]) < 1e-4, shares.join());
  senders[FIRE].packets = SILENCE;
  await quiet(FIRE);
});

test('a hidden tab names what sounds', async () => {
  const mixer = await open();
  await mixer.page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => true });
    globalThis.requestAnimationFrame = () => 0; // as in a hidden page
  });
  await sound(FIRE);
  await eventually('the title names it', async () => (await mixer.page.title()) === '● Fire panel PC');
  assert.match(await mixer.page.locator('#icon').getAttribute('href'), /12a150/);
  senders[FIRE].packets = SILENCE;
  await quiet(FIRE);
  await mixer.close();
});

test('a row is named by its computer and state', async () => {
  const mixer = await open();
  const devtools = await mixer.page.context().newCDPSession(mixer.page);
  const { nodes } = await devtools.send('Accessibility.getFullAXTree');
  assert.ok(nodes.find(({ role, name }) => role?.value === 'listitem' && /^Fire panel PC, silent/.test(name?.value ?? '')));
  assert.equal(await mixer.page.locator('output').count(), 0, 'nothing in a row is a live region');
  await mixer.close();
});
