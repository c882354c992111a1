// Everybody can use the page: axe finds nothing wrong in any of its states, in both themes and in forced colours, zoomed to
// 200 % too; and a screen reader meets two live regions and at most one alert. In Chromium with real senders.
//
// Always: each state is seen on the page before it is judged, and so is the number of rules that axe has applied.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually } from './lib/processes.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';
import { SILENCE, threeComputers } from './lib/three.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** axe applies at least this many of its rules to any state of the page. */
const LEAST_RULES = 15;
const LOOKS = [{ colorScheme: 'light', forcedColors: 'none' }, { colorScheme: 'dark', forcedColors: 'none' }, { colorScheme: 'dark', forcedColors: 'active' }];
const DESK = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };
const [FIRE, GATE, PUMP] = ['00000c01', '00000c02', '00000c03'];
const world = new World('axe');
let server, browser, loud, senders;

before(async () => {
  server = await world.server();
  browser = await world.chromium({ env: {} });
  loud = await encodeOpus(bandNoise(3, 0.1));
  senders = await threeComputers(world, server, [FIRE, GATE, PUMP]);
  await put({ revision: (await server.get('/api/groups')).revision, groups: [{ name: 'Floor 1', clients: [FIRE, GATE] }] });
});
after(() => world.close());

async function put(groups) {
  const response = await fetch(`${server.url}/api/groups`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(groups) });
  assert.equal(response.status, 200, await response.text());
}

async function open(query = '', { viewport = DESK, url = server.pageUrl, ...options } = {}) {
  return MixerPage.open(browser, url + query, { viewport, ...options });
}

async function sound(id, isOn) {
  senders[id].packets = isOn ? loud : SILENCE;
  await server.client(id, ({ status }) => (status === 'sounding') === isOn);
}

/** Judges what the page shows, in each look, and closes it. */
async function judge(mixer, state) {
  const { page } = mixer;
  await page.evaluate(AXE);
  const found = [];
  for (const look of LOOKS) {
    await page.emulateMedia({ ...look, reducedMotion: 'reduce' });
    const { violations, passes } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags, resultTypes: ['violations'] }).then((result) => ({
      violations: result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`),
      passes: result.passes.length,
    })), TAGS);
    found.push(...violations.map((words) => `${look.colorScheme}, forced colours ${look.forcedColors}: ${words}`));
    assert.ok(passes >= LEAST_RULES, `${state}: only ${passes} rules applied`);
  }
  assert.deepEqual(found, [], state);
  await liveRegions(mixer, state);
  await mixer.close();
}

/** The accessibility tree, as a screen reader gets it. */
async function liveRegions({ page }, state) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const roles = nodes.filter(({ ignored }) => !ignored).map(({ role }) => role?.value);
  const count = (role) => roles.filter((one) => one === role).length;
  // A modal dialog hides the rest of the page from everybody.
  const regions = state.startsWith('settings') ? 0 : 2;
  assert.deepEqual([count('status'), count('log'), count('timer'), count('marquee')], [regions, 0, 0, 0], `${state}: its live regions`);
  assert.equal(count('alert'), state.startsWith('down') ? 1 : 0, `${state}: its alerts`);
  assert.equal(await page.locator('[aria-live], output').count(), 0, `${state}: live regions of another kind`);
}

const held = (mixer, words) => eventually(`the band says ${words}`, async () => words.test(await mixer.page.getByTestId('held').textContent()));
const listed = (mixer) => eventually('all are listed', async () => (await mixer.page.getByTestId('row').count()) >= 3);

test('axe finds nothing on the empty page', async () => {
  const empty = await world.server({ stateDir: `${world.dir}/empty` });
  for (const lang of ['en', 'ja']) {
    const mixer = await open(`?lang=${lang}`, { url: empty.pageUrl });
    await mixer.page.getByTestId('empty').waitFor();
    await judge(mixer, `empty, ${lang}`);
  }
});

test('axe finds nothing in a quiet room', async () => {
  for (const [query, viewport] of [['', DESK], ['?lang=ja', DESK], ['', PHONE]]) {
    const mixer = await open(query, { viewport });
    await listed(mixer);
    await mixer.page.getByTestId('calm').waitFor();
    await judge(mixer, `quiet ${query} ${viewport.width}`);
  }
});

test('axe finds nothing during an alarm', async () => {
  await sound(FIRE, true);
  for (const [query, viewport] of [['', DESK], ['?lang=ja', DESK], ['', PHONE], ['?view=wall', DESK]]) {
    const mixer = await open(query, { viewport });
    await mixer.page.locator(`[data-testid=card][data-id="${FIRE}"].live`).waitFor();
    await judge(mixer, `alarm ${query} ${viewport.width}`);
  }
  await sound(FIRE, false);
});

test('axe finds nothing while a muted computer sounds', async () => {
  await server.patch(GATE, { muted: true, muted_for_s: 900 });
  await sound(GATE, true);
  for (const query of ['', '?view=wall']) {
    const mixer = await open(query);
    await mixer.page.locator(`[data-testid=card][data-id="${GATE}"].silenced`).waitFor();
    await judge(mixer, `muted that sounds ${query}`);
  }
  await sound(GATE, false);
  await server.patch(GATE, { muted: false });
});

test('axe finds nothing on a page that waits for a click', async () => {
  for (const query of ['', '?lang=ja', '?view=wall']) {
    const mixer = await open(query);
    await mixer.page.evaluate(() => localStorage.setItem('raa.playing', 'true'));
    await mixer.page.reload();
    await mixer.becomes('needs-click');
    if (!query.includes('wall')) await held(mixer, /waits for a click|クリック/);
    await judge(mixer, `needs a click ${query}`);
  }
});

test('axe finds nothing in the panels, on a desk and on a phone', async () => {
  for (const viewport of [DESK, PHONE]) {
    const mixer = await open('', { viewport });
    await listed(mixer);
    await mixer.showDetails(FIRE);
    await eventually('the figures are there', async () => /\d\sms/.test(await mixer.panel.textContent()));
    await judge(mixer, `panel ${viewport.width}`);
  }
  const mixer = await open();
  await listed(mixer);
  await mixer.page.locator('.group .more:visible').first().click();
  await mixer.page.getByTestId('group-panel').waitFor();
  await judge(mixer, 'panel of a group');
});

test('axe finds nothing in the settings and keys', async () => {
  for (const query of ['', '?lang=ja']) {
    const mixer = await open(query);
    await listed(mixer);
    await mixer.page.getByTestId('open-settings').click();
    await mixer.page.getByTestId('settings').waitFor();
    await judge(mixer, `settings ${query}`);
  }
});

test('axe finds nothing in the list of what happened', async () => {
  const mixer = await open('', { viewport: { width: 1000, height: 800 } });
  await listed(mixer);
  await mixer.page.getByTestId('open-log').click();
  await mixer.page.getByTestId('entry').first().waitFor();
  await judge(mixer, 'list of what happened');
});

test('axe finds nothing after a change that can be undone, and in an empty search', async () => {
  const mixer = await open();
  await listed(mixer);
  await mixer.row(PUMP).getByTestId('mute').click();
  await mixer.page.getByTestId('note-undo').waitFor();
  await mixer.page.locator('#search').fill('nothing has this name');
  await mixer.page.locator('#nothing').waitFor();
  await judge(mixer, 'undo and search');
  await server.patch(PUMP, { muted: false });
});

test('axe finds nothing at 200 %, and nothing scrolls sideways', async () => {
  for (const query of ['', '?lang=ja', '?view=wall']) {
    const mixer = await open(query, { viewport: { width: DESK.width / 2, height: DESK.height / 2 }, deviceScaleFactor: 2 });
    await mixer.page.locator(query.includes('wall') ? '[data-testid=tile]' : '[data-testid=row]').first().waitFor();
    assert.equal(await mixer.scrollsSideways(), false, `200 % ${query}`);
    await judge(mixer, `200 % ${query}`);
  }
});

test('axe finds nothing while the server is away', async () => {
  const pages = [];
  for (const query of ['', '?lang=ja', '?view=wall']) pages.push([await open(query), query]);
  for (const [mixer, query] of pages) await mixer.page.locator(query.includes('wall') ? '[data-testid=tile]' : '[data-testid=row]').first().waitFor();
  await server.kill();
  for (const [mixer, query] of pages) {
    await mixer.page.locator('[data-note=server]:visible').waitFor();
    await judge(mixer, `down ${query}`);
  }
});
