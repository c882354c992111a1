// The widget in a real Zabbix 7.0 with exactly the security headers that Zabbix recommends: the mix comes out of the
// browser and goes on, whatever a person or Zabbix does with the dashboard.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from '../e2e/lib/world.js';
import { eventually, nowMs, sleep } from '../e2e/lib/processes.js';
import { envelopeDb } from '../e2e/lib/signal.js';
import { encodeOpus } from '../e2e/lib/opus.js';
import { tone } from '../e2e/lib/generate.js';
import { levelBecomes, toneBecomes } from '../e2e/lib/in-mix.js';
import { LostSound } from '../e2e/lib/sound.js';
import { sineDb } from '../e2e/lib/assertions.js';
import { keepForDocs } from '../e2e/lib/pictures.js';
import { Zabbix } from './lib/zabbix.js';
import { Board, widget } from './lib/board.js';

const TONE_DB = sineDb(0.25);
const TONE = { hz: 997, db: TONE_DB };
const STEP_MS = 10;
/** The longest silence that may be heard while a person uses the dashboard. */
const GAP_MS = 100;
const CONTROL_MS = 5000;
const ATTEMPTS = 3;

const world = new World('zabbix-widget');
let zabbix, raa, recorder, browser, board, dashboardid;

before(async () => {
  const sound = await world.sound('listener');
  zabbix = await new Zabbix(world).reserve();
  raa = await world.server({ config: `allowed_origins = ["${zabbix.open}"]\n` });
  await zabbix.start(`127.0.0.1:${raa.httpPort}`);
  await zabbix.installModule();
  await world.sender(raa, { ssrc: 0x5f0a11c2, packets: await encodeOpus(tone(997, 2)), name: 'Ward 3 nurse station', repeat: true });
  recorder = world.record(sound);
  browser = await world.chromium(sound);
  dashboardid = await dashboard('RAA', [[widget({ server: '/raa', x: 0 }), widget({ server: '/raa', x: 36, show: 2 })], [widget({ server: '/raa', show: 0 })]]);
  board = await Board.signIn(browser, zabbix.policy);
});
after(() => world.close());

async function dashboard(name, pages) {
  const { dashboardids } = await zabbix.rpc('dashboard.create', { name, auto_start: 0, pages: pages.map((widgets) => ({ widgets })) });
  return dashboardids[0];
}

/** Returns the longest time in ms below the tone's level by more than 20 dB. */
function longestGapMs(samples) {
  let [longest, run] = [0, 0];
  for (const db of envelopeDb(samples, STEP_MS)) {
    run = db < TONE_DB - 20 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest * STEP_MS;
}

/**
 * Fails if the sound has a gap whenever `doing` runs, or in the second after it, or if the widgets connect again. A busy computer
 * plays gaps by itself: one is compared with those of a time in which nothing is done, and is tried again, after `undo`.
 */
async function withoutGap(t, what, doing, undo = () => {}) {
  const tried = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt) await undo();
    const { length: connections } = board.sockets;
    const from = nowMs();
    await doing();
    const recording = await recorder.between(from, nowMs() + 1000).catch(lostAll);
    assert.equal(board.sockets.length, connections, `${what}: it has connected again`);
    const gap = longestGapMs(recording);
    const control = gap < GAP_MS ? 0 : longestGapMs(await recorder.next(CONTROL_MS).catch(lostAll));
    tried.push(`${(recording.length / 48_000).toFixed(1)} s, longest gap ${gap} ms; ${control} ms while nothing was done`);
    t.diagnostic(`${what}: ${tried.at(-1)}`);
    if (recording.length > 0 && (gap < GAP_MS || gap <= control)) return;
  }
  assert.fail(`${what}: ${tried.join('; ')}`);
}

/** What was lost on the way to this process says nothing. */
function lostAll(error) {
  if (!(error instanceof LostSound)) throw error;
  return new Float32Array(0);
}

test('the widget plays the mix behind the recommended policy', async () => {
  await board.open(dashboardid);
  await board.plays();
  await toneBecomes(recorder, TONE);
});

test('the widget lists the sounding computer', async () => {
  const row = board.player.locator('li');
  await eventually('its name is shown', async () => (await row.locator('.raa-name').textContent()) === 'Ward 3 nurse station');
  await eventually('its level is shown', async () => Math.abs(Number.parseInt(await row.locator('.raa-figure').textContent(), 10) - TONE_DB) <= 2);
  assert.equal(await row.getAttribute('data-status'), 'sounding');
});

test('two widgets share one connection', async () => {
  assert.equal(await board.page.locator('.raa-player').count(), 2);
  assert.deepEqual(await board.openSockets(), ['/raa/api/events', '/raa/ws']);
});

test('sound goes on through two refreshes', async (t) => {
  let refreshes = 0;
  board.page.on('response', (response) => { if (response.url().includes('action=widget.raa_player.view') && response.ok()) refreshes += 1; });
  await withoutGap(t, 'two refreshes', () => {
    refreshes = 0;
    return eventually('each widget is refreshed twice', () => refreshes >= 4, 90_000, 100);
  });
});

test('sound goes on through a page switch', async (t) => {
  await withoutGap(t, 'to page 2 and back', async () => {
    await board.showPage(2);
    await eventually('page 2 is shown', async () => (await board.page.locator('.raa-player:visible').count()) === 1);
    await board.becomes('playing');
    await sleep(500);
    await board.showPage(1);
    await eventually('page 1 is shown', async () => (await board.page.locator('.raa-player:visible').count()) === 2);
  });
  assert.deepEqual(await board.openSockets(), ['/raa/api/events', '/raa/ws']);
});

test('sound goes on through edit mode and changed properties', async (t) => {
  await withoutGap(t, 'edit mode and properties', async () => {
    await board.page.locator('#dashboard-edit').click();
    const frame = board.page.locator('.dashboard-grid-widget').first();
    await frame.hover();
    await frame.locator('.js-widget-edit').click();
    const dialogue = board.page.locator('[role=dialog][data-dialogueid=widget_properties]');
    await dialogue.getByText('All', { exact: true }).click();
    await dialogue.locator('.overlay-dialogue-footer button').first().click();
    await dialogue.waitFor({ state: 'detached' });
    await board.becomes('playing');
    await sleep(6000); // longer than a session lives without a widget
  }, async () => {
    await board.page.reload();
    await board.plays();
    await toneBecomes(recorder, TONE);
  });
  assert.deepEqual(await board.openSockets(), ['/raa/api/events', '/raa/ws']);
});

test('a reload plays on where the browser allows it', async () => {
  await board.page.reload();
  await board.plays();
  await toneBecomes(recorder, TONE);
});

test('kiosk mode plays on', async () => {
  await board.page.goto(`${zabbix.policy}/zabbix.php?action=dashboard.view&dashboardid=${dashboardid}&kiosk=1`);
  await board.plays();
  await toneBecomes(recorder, TONE);
  // Zabbix remembers the mode for the user.
  await board.page.goto(`${zabbix.policy}/zabbix.php?action=dashboard.view&dashboardid=${dashboardid}&kiosk=0`);
  await board.plays();
});

test('a person who stopped it finds it stopped after a reload', async () => {
  await board.player.locator('.raa-button').click();
  await board.becomes('stopped');
  await board.page.reload();
  await board.becomes('stopped');
  await levelBecomes(recorder, { below: -90 });
  await board.player.locator('.raa-button').click();
  await board.becomes('playing');
});

test('the volume is this browser’s own', async () => {
  const slider = board.player.locator('.raa-volume');
  await slider.press('Home');
  await levelBecomes(recorder, { below: -90 });
  assert.equal((await raa.client('5f0a11c2')).volume, 100);
  await slider.press('End');
  await toneBecomes(recorder, TONE);
});

test('the widget has thrown no error', async () => {
  assert.deepEqual(board.errors, []);
  await board.close();
});

test('without the browser’s leave there is one plain button', async () => {
  // The cookie alone: no click was ever made in this window.
  const signedIn = await Board.signIn(browser, zabbix.policy);
  const cookies = await signedIn.page.context().cookies();
  await signedIn.close();
  const context = await browser.newContext();
  await context.addCookies(cookies);
  await context.addInitScript(() => {
    addEventListener('load', () => setInterval(() => {
      const players = [...document.querySelectorAll('.raa-player')];
      console.info(`states: ${players.map(({ dataset }) => dataset.state)}`);
    }, 200));
  });
  const page = await context.newPage();
  const said = [];
  page.on('console', (message) => said.push(message.text()));
  const untouched = new Board(page, zabbix.policy);
  await untouched.openUntouched(dashboardid);
  await eventually('both widgets wait for a click', () => said.at(-1) === 'states: needs-click,needs-click');
  await levelBecomes(recorder, { below: -90 });
  assert.match(await untouched.player.locator('.raa-button').textContent(), /^Listen$/);
  await untouched.player.locator('.raa-button').click();
  await untouched.becomes('playing');
  await toneBecomes(recorder, TONE);
  await untouched.close();
});

test('the policy blocks another origin, and the widget names the directive', async () => {
  const id = await dashboard('RAA elsewhere', [[widget({ server: raa.url })]]);
  const blocked = await Board.signIn(browser, zabbix.policy);
  await blocked.open(id);
  await blocked.becomes('blocked');
  const shown = await blocked.player.locator('.raa-help').textContent();
  assert.match(shown, new RegExp(`blocks connections to 127\\.0\\.0\\.1:${raa.httpPort} \\(directive: connect-src\\)`));
  assert.equal(await blocked.player.locator('.raa-button').isVisible(), false);
  await levelBecomes(recorder, { below: -90 });
  await blocked.close();
});

test('without the policy another origin plays', async () => {
  const id = await dashboard('RAA elsewhere, open', [[widget({ server: raa.url })]]);
  const free = await Board.signIn(browser, zabbix.open);
  await free.open(id);
  await free.plays();
  await toneBecomes(recorder, TONE);
  await eventually('its list is there', async () => (await free.player.locator('li').count()) === 1);
  assert.deepEqual(await free.openSockets(), ['/api/events', '/ws']);
  await free.close();
});

test('a server that does not exist is said', async () => {
  const id = await dashboard('Wrong address', [[widget({ server: 'http://' }), widget({ server: '/nothing', x: 36 })]]);
  const wrong = await Board.signIn(browser, zabbix.policy);
  await wrong.open(id);
  const help = wrong.page.locator('.raa-help');
  await eventually('the wrong address is named', async () => (await help.nth(0).textContent()).includes('url is "http://"'));
  await eventually('the path without RAA is named', async () => (await help.nth(1).textContent()).includes('Something other than an RAA server answers'));
  await wrong.close();
});

// Zabbix' own buttons have its own contrast.
const LOOKS = [
  ['blue-theme', 'en_US', 'Playing main'], ['dark-theme', 'ja_JP', 'main を再生中'], ['hc-light', 'ja_JP', 'main を再生中'], ['hc-dark', 'en_US', 'Playing main'],
];

let pictured;

test('a widget for the pictures is made', async () => {
  await world.sender(raa, { ssrc: 0x90ab34d1, packets: await encodeOpus(tone(440, 2, 0.03)), name: '第2監視室 PC-07', repeat: true });
  pictured = await dashboard('Monitoring room', [[widget({ server: '/raa', width: 36, height: 2 })]]);
});

for (const [theme, lang, words] of LOOKS) {
  test(`the widget is readable: ${theme}, ${lang}`, async () => {
    await zabbix.rpc('user.update', { userid: '1', theme, lang });
    const look = await Board.signIn(browser, zabbix.policy, { viewport: { width: 1240, height: 500 } });
    await look.open(pictured);
    await look.plays();
    await eventually('both computers are listed', async () => (await look.player.locator('li[data-status=sounding]').count()) === 2);
    assert.equal(await look.player.locator('.raa-state').textContent(), words);
    for (const part of ['.raa-state', '.raa-name', '.raa-figure', '.raa-link']) {
      const contrast = await contrastOf(look.player.locator(part).first());
      assert.ok(contrast >= 4.5, `the contrast of ${part} in ${theme} is ${contrast}; it must be at least 4.5`);
    }
    assert.equal(await look.page.evaluate(() => [...document.querySelectorAll('.raa-player')].some((player) => player.scrollWidth > player.clientWidth)), false, 'the widget scrolls sideways');
    const path = join(world.artifacts, `${theme}-${lang}.png`);
    await look.page.locator('.dashboard-grid-widget').first().screenshot({ path });
    keepForDocs(path, `zabbix-${theme}`);
    await look.close();
  });
}

test('the fields are in the user’s language', async () => {
  await zabbix.rpc('user.update', { userid: '1', theme: 'blue-theme', lang: 'ja_JP' });
  const look = await Board.signIn(browser, zabbix.policy);
  await look.open(dashboardid);
  await look.page.locator('#dashboard-edit').click();
  const frame = look.page.locator('.dashboard-grid-widget').first();
  await frame.hover();
  await frame.locator('.js-widget-edit').click();
  const dialogue = look.page.locator('[role=dialog][data-dialogueid=widget_properties]');
  for (const label of ['サーバー (URL またはパス)', 'ミックス', '自動的に再生', '表示するコンピューター', '音量を表示', 'ミキサーへのリンクを表示']) {
    await dialogue.getByText(label, { exact: true }).first().waitFor();
  }
  await zabbix.rpc('user.update', { userid: '1', lang: 'default', theme: 'default' });
  await look.close();
});

/** Returns the contrast of an element's text with what is behind it (WCAG 2.2). */
function contrastOf(locator) {
  return locator.evaluate((element) => {
    const parse = (text) => text.match(/[\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    let behind = [255, 255, 255];
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if ((color[3] ?? 1) > 0.5) {
        behind = color;
        break;
      }
    }
    const [light, dark] = [luminance(parse(getComputedStyle(element).color)), luminance(behind)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  });
}
