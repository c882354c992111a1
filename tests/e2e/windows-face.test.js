// The Windows client as the person at the PC sees it: the dialog of the first start, the icon in the tray and its menu,
// start with Windows, a second start; with real keys and clicks on a real screen, under Wine.
//
// It takes the pictures of docs/windows-client.md: RAA_PICTURES=docs copies them there.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { Dialog } from './lib/dialog.js';
import { TRAY_TITLE, Tray } from './lib/tray.js';
import { keepForDocs } from './lib/pictures.js';
import { WINE_PATIENCE_MS } from './lib/wine.js';
import { eventually, sleep } from './lib/processes.js';
import { tone } from './lib/generate.js';

const TITLE = 'RAA client settings';
const ABOUT_TITLE = 'About RAA client';
const DEVICE = 'Monitor of Null Output';
const RUN_KEY = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run';
/** Everything in the dialog that has a text of its own: labels, notes, buttons and the selected source (crates/raa-client/resources/resource.h). */
const TEXTS = ['101', '103', '105', '108', '109', '110', '113', '114', '2'];
const JAPANESE = /[\u3040-\u30ff\u4e00-\u9fff]/;
/** A picture that is taken before all is painted fails no test; this makes it rare. */
const PAINT_MS = 500;
const LIMIT_MS = 20 * 60_000;

const world = new World('windows-face', { limitMs: LIMIT_MS });
let sound, server, desktop, pc, tray, dialog, player;
const icons = {};

before(async () => {
  sound = await world.sound('pc');
  // Nobody is offline here without a goodbye.
  server = await world.server({ config: 'offline_after_s = 3600\n' });
  desktop = await world.desktop();
  pc = await world.windowsPc({ desktop, sound });
  tray = new Tray(desktop, pc);
  dialog = new Dialog(desktop, pc, TITLE);
});
after(() => world.close());

step('the first start asks for the server', async () => {
  pc.start();
  const window = await dialog.ready();
  await tray.becomes('error'); // Wine has no loopback, and no server is set
  icons.error = await tray.picture('icon-error');
  await keepPicture('windows-dialog', await around(window));

  await dialog.fill('server', `127.0.0.1:${server.udpPort}`);
  await dialog.fill('name', 'Ward 3');
  await dialog.choose('source', 'm', DEVICE); // which carries the PC's sound
  await dialog.close('Return');

  const { ssrc, server: kept, name, source } = await eventually('the settings are kept', () => pc.settings.server && pc.settings, WINE_PATIENCE_MS);
  assert.deepEqual([kept, name, source], [`127.0.0.1:${server.udpPort}`, 'Ward 3', 'device']);
  assert.match(ssrc, /^[0-9a-f]{8}$/);
  await listed((client) => client.status === 'connected' && client.name === 'Ward 3');
});

step('the icon shows silence, sound and mute', async () => {
  await plays(false);
  await tray.becomes('silent');

  await plays(true);
  await tray.becomes('active');
  await listed(({ status }) => status === 'sounding');

  await tray.choose('mute', (menu) => desktop.picture('menu', menu));
  await tray.becomes('muted');
  await listed(({ status, capture_trouble: trouble }) => status === 'connected' && trouble === 'muted');
  await eventually('the mute is kept', () => pc.settings.muted === 'yes', WINE_PATIENCE_MS);

  await tray.choose('mute');
  await tray.becomes('active');
  await listed(({ status, capture_trouble: trouble }) => status === 'sounding' && trouble === null);
});

step('the menu copies diagnostics and sets autostart', async () => {
  await tray.choose('diagnostics');
  const copied = await eventually('the diagnostics are in the clipboard', async () => {
    const text = await desktop.clipboard();
    return text.includes(`127.0.0.1:${server.udpPort}`) && text;
  }, WINE_PATIENCE_MS);
  assert.match(copied, /capture +capture device\n/);
  assert.match(copied, /device +Monitor of Null Output\n/);

  await tray.choose('startWithWindows');
  const started = async () => (await pc.run('reg', 'query', RUN_KEY, '/v', 'raa-client')).output;
  await eventually('it starts with Windows', async () => /raa-client\.exe" --silent/.test(await started()), WINE_PATIENCE_MS, 500);
  await tray.choose('startWithWindows');
  await eventually('it no longer starts with Windows', async () => !/raa-client\.exe/.test(await started()), WINE_PATIENCE_MS, 500);
});

step('a second start opens the settings', async () => {
  const before = pc.settings;
  const { code } = await pc.runClient();
  assert.equal(code, 0);
  await dialog.ready();
  await desktop.picture('settings-again');
  await dialog.fill('server', 'elsewhere.example');
  await dialog.close('Escape');
  assert.deepEqual(pc.settings, before);
  await plays(true);
  await tray.becomes('active');
});

step('OK and Mute keep what others have changed', async () => {
  await openSettings();
  pc.editSetting('name', 'Ward 4');
  await dialog.close('Return');
  await listed(({ name }) => name === 'Ward 4');
  assert.equal(pc.settings.name, 'Ward 4');

  pc.editSetting('name', 'Ward 3');
  await tray.choose('mute');
  await eventually('the mute is kept', () => pc.settings.muted === 'yes', WINE_PATIENCE_MS);
  assert.equal(pc.settings.name, 'Ward 3');
  await listed(({ name }) => name === 'Ward 3');
  await plays(true);
  await tray.choose('mute');
  await tray.becomes('active');
});

step('wrong settings cannot be confirmed', async () => {
  const before = pc.settings;
  await openSettings();
  await dialog.fill('server', 'two words');
  await desktop.press('Return');
  await dialog.go('name'); // it is still open when Enter has had its effect
  await desktop.picture('settings-wrong');
  await dialog.close('Escape');
  assert.deepEqual(pc.settings, before);
});

step('Quit sends a goodbye; restarting needs no dialog', async () => {
  await tray.choose('quit');
  assert.equal((await pc.ended()).code, 0);
  await listed(({ status }) => status === 'offline');

  await plays(false);
  pc.start();
  await listed(({ status }) => status === 'connected');
  await tray.becomes('silent');
  assert.deepEqual(await desktop.windows(TITLE), []);
});

step('the menu opens the page and About', async () => {
  pc.writeSetting(`page = ${server.url}/`);
  // A start without options makes the running client look at its settings at once.
  assert.equal((await pc.runClient('--silent')).code, 0);
  await tray.choose('page');
  await eventually('the browser is asked for the page', () => pc.pages.length > 0, WINE_PATIENCE_MS);
  assert.deepEqual(pc.pages, [`${server.url}/`]);

  await tray.choose('about');
  const about = await desktop.window(ABOUT_TITLE);
  await eventually('About has the keyboard', async () => await desktop.hasKeyboard(about) && await pc.look('focus', ABOUT_TITLE), WINE_PATIENCE_MS);
  await desktop.picture('about', await around(about));
  await desktop.press('Return');
  await desktop.gone(ABOUT_TITLE);
});

step('Test shows how the server sees this computer', async () => {
  await plays(false);
  await tray.choose('settings');
  await dialog.ready();
  await desktop.press('alt+t');
  await eventually('the server is found', async () => /^Found RAA .*\. This computer is connected and silent\.$/.test(await dialog.text('serverNote')), WINE_PATIENCE_MS);
  await desktop.picture('settings-tested');
  await dialog.close('Escape');
});

step('a restarted taskbar gets the icon again', async () => {
  await plays(false);
  await tray.becomes('silent');
  await restartTaskbar();
  await tray.becomes('silent');
});

step('all icons look different', async () => {
  // In this order, from a fresh start, each icon covers the previous one.
  await plays(false);
  await tray.becomes('silent');
  icons.silent = await tray.picture('icon-silent');
  await plays(true);
  await tray.becomes('active');
  icons.active = await tray.picture('icon-active');
  await tray.choose('mute');
  await tray.becomes('muted');
  icons.muted = await tray.picture('icon-muted');
  keepIcons();
});

step('in Japanese all texts are Japanese', async () => {
  const japanese = await world.windowsPc({ name: 'japanese', desktop, sound, language: 'ja_JP.UTF-8' });
  await pc.stop();
  japanese.start();
  const title = 'RAA クライアントの設定';
  const window = await new Dialog(desktop, japanese, title).ready();
  await keepPicture('windows-dialog-ja', await around(window));
  for (const id of TEXTS) assert.match(await japanese.look('text', title, id) ?? '', JAPANESE, `control ${id}`);
});

// Whether the client and the server are as a test leaves them that has passed: the client runs with the settings of the
// first test, is not muted and has neither a menu nor a dialog open.
let isKnown = true;

// Runs a test from a known state, so that a failure makes only one test fail.
function step(name, body) {
  test(name, async () => {
    if (!isKnown) await startAfresh();
    isKnown = false;
    await body();
    isKnown = true;
  });
}

async function startAfresh() {
  await pc.stop();
  pc.forgetSettings();
  await server.stop();
  await server.start(); // else the killed client's row would stay connected
  pc.start('--server', `127.0.0.1:${server.udpPort}`, '--name', 'Ward 3', '--source', `device:${DEVICE}`);
  await eventually('the client has its settings', () => pc.settings.ssrc, WINE_PATIENCE_MS);
  await listed(({ status }) => status !== 'offline');
  await tray.shown();
}

// Waits until the server lists this computer so.
function listed(fits) {
  return server.client(pc.settings.ssrc, fits, WINE_PATIENCE_MS);
}

// Starts or stops the sound of the PC.
async function plays(on) {
  if (on === Boolean(player)) return;
  if (on) player = world.loop(sound, tone(1000, 1));
  else await player.stop();
  player = on ? player : undefined;
}

async function openSettings() {
  await tray.click();
  await dialog.ready();
}

async function restartTaskbar() {
  assert.notEqual(await pc.look('taskbar-forgets', 'raa-client', '1'), null);
  await desktop.gone(TRAY_TITLE);
  assert.notEqual(await pc.look('taskbar-created'), null);
  await tray.shown();
}

// Returns the area of a window with the window manager's frame.
async function around(window) {
  const { x, y, width, height } = await desktop.place(window);
  return { x: x - 1, y: y - 20, width: width + 2, height: height + 22 };
}

async function keepPicture(name, place) {
  await sleep(PAINT_MS);
  keepForDocs(await desktop.picture(name, place), name);
}

// Draws the icons in a row, at twice their size.
function keepIcons() {
  const row = join(world.artifacts, 'windows-tray.png');
  const order = ['active', 'silent', 'error', 'muted'].map((state) => icons[state]).filter(Boolean);
  execFileSync('convert-im6.q16', [...order, '-bordercolor', 'white', '-border', '6', '-filter', 'point', '-resize', '200%', '+append', row]);
  keepForDocs(row, 'windows-tray');
}
