// The Windows client as the person at the PC sees it: the dialog of the first start, the icon in the tray and its menu,
// start with Windows, a second start; with real keys and clicks on a real screen, under Wine.
//
// It takes the pictures of docs/windows-client.md: RAA_PICTURES=docs copies them there.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { TRAY_TITLE, Tray } from './lib/tray.js';
import { keepForDocs } from './lib/pictures.js';
import { eventually, sleep } from './lib/processes.js';
import { tone } from './lib/generate.js';

const TITLE = 'RAA client settings';
const ABOUT_TITLE = 'About RAA client';
/** IDC_SERVER_NOTE of crates/raa-client/resources/resource.h: the sentence below the server. */
const SERVER_NOTE = '104';
const RUN_KEY = 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run';

const world = new World('windows-face');
let sound, server, desktop, pc, tray, player;
const icons = {};

before(async () => {
  sound = await world.sound('pc');
  server = await world.server();
  desktop = await world.desktop();
  pc = await world.windowsPc({ desktop, sound });
  tray = new Tray(desktop);
});
after(() => world.close());

test('the first start asks for the server', async () => {
  pc.start();
  const dialog = await desktop.window(TITLE);
  await sleep(1000);
  keepPicture('windows-dialog', around(dialog));
  await tray.shown();
  await tray.becomes('error'); // Wine has no loopback, and no server is set
  icons.error = tray.picture('icon-error');

  await desktop.type(`127.0.0.1:${server.udpPort}`);
  await desktop.press('alt+n', 'ctrl+a');
  await desktop.type('Ward 3');
  await chooseMonitor();
  await desktop.press('Return');
  await desktop.gone(TITLE);

  const { ssrc, server: kept, name, source } = await eventually('the settings are kept', () => pc.settings.server && pc.settings);
  assert.deepEqual([kept, name, source], [`127.0.0.1:${server.udpPort}`, 'Ward 3', 'device']);
  assert.match(ssrc, /^[0-9a-f]{8}$/);
  await server.client(ssrc, (client) => client.status === 'connected' && client.name === 'Ward 3');
});

test('the icon shows silence, sound and mute', async () => {
  const { ssrc } = pc.settings;
  await tray.becomes('silent');

  player = world.loop(sound, tone(1000, 1));
  await tray.becomes('active');
  await server.client(ssrc, ({ status }) => status === 'sounding');

  await tray.choose('mute', (menu) => desktop.picture('menu', menu));
  await tray.becomes('muted');
  await server.client(ssrc, ({ status, capture_trouble: trouble }) => status === 'connected' && trouble === 'muted');
  await eventually('the mute is kept', () => pc.settings.muted === 'yes');

  await tray.choose('mute');
  await tray.becomes('active');
  await server.client(ssrc, ({ status, capture_trouble: trouble }) => status === 'sounding' && trouble === null);
});

test('the menu copies diagnostics and sets autostart', async () => {
  await tray.choose('diagnostics');
  await eventually('the diagnostics are in the clipboard', () => clipboard().includes(`127.0.0.1:${server.udpPort}`));
  assert.match(clipboard(), /capture +capture device\n/);
  assert.match(clipboard(), /device +Monitor of Null Output\n/);

  await tray.choose('startWithWindows');
  const started = async () => (await pc.run('reg', 'query', RUN_KEY, '/v', 'raa-client')).output;
  await eventually('it starts with Windows', async () => /raa-client\.exe" --silent/.test(await started()), 20_000, 500);
  await tray.choose('startWithWindows');
  await eventually('it no longer starts with Windows', async () => !/raa-client\.exe/.test(await started()), 20_000, 500);
});

test('a second start opens the settings', async () => {
  const before = pc.settings;
  const { code } = await pc.runClient();
  assert.equal(code, 0);
  await desktop.window(TITLE);
  await sleep(500);
  desktop.picture('settings-again');
  await desktop.type('elsewhere.example');
  await desktop.press('Escape');
  await desktop.gone(TITLE);
  assert.deepEqual(pc.settings, before);
  await tray.becomes('active');
});

test('OK and Mute keep what others have changed', async () => {
  const { ssrc } = pc.settings;
  await tray.click();
  await desktop.window(TITLE);
  await sleep(500);
  pc.editSetting('name', 'Ward 4');
  await desktop.press('Return');
  await desktop.gone(TITLE);
  await server.client(ssrc, ({ name }) => name === 'Ward 4');
  assert.equal(pc.settings.name, 'Ward 4');

  pc.editSetting('name', 'Ward 3');
  await tray.choose('mute');
  await eventually('the mute is kept', () => pc.settings.muted === 'yes');
  assert.equal(pc.settings.name, 'Ward 3');
  await server.client(ssrc, ({ name }) => name === 'Ward 3', 15_000); // muted, it reports rarely
  await tray.choose('mute');
  await tray.becomes('active');
});

test('wrong settings cannot be confirmed', async () => {
  await tray.click();
  await desktop.window(TITLE);
  await sleep(500);
  await desktop.press('alt+s', 'ctrl+a');
  await desktop.type('two words');
  await desktop.press('Return');
  await sleep(1000);
  assert.equal(desktop.windows(TITLE).length, 1, 'it stays open');
  desktop.picture('settings-wrong');
  await desktop.press('Escape');
  await desktop.gone(TITLE);
});

test('Quit sends a goodbye; restarting needs no dialog', async () => {
  const { ssrc } = pc.settings;
  await tray.choose('quit');
  const { code } = await pc.client.exited;
  assert.equal(code, 0);
  await server.client(ssrc, ({ status }) => status === 'offline');

  await player.stop();
  pc.writeSetting(`page = ${server.url}/`); // by hand, for the tests that follow
  pc.start();
  await server.client(ssrc, ({ status }) => status === 'connected', 15_000);
  assert.deepEqual(desktop.windows(TITLE), []);
});

test('the menu opens the page and About', async () => {
  await tray.shown();
  await tray.choose('page');
  await eventually('the browser is asked for the page', () => pc.pages.length > 0);
  assert.deepEqual(pc.pages, [`${server.url}/`]);

  await tray.choose('about');
  const about = await desktop.window(ABOUT_TITLE);
  await sleep(500);
  desktop.picture('about', around(about));
  await desktop.press('Return');
  await desktop.gone(ABOUT_TITLE);
});

test('Test shows how the server sees this computer', async () => {
  await tray.choose('settings');
  await desktop.window(TITLE);
  await sleep(500);
  await desktop.press('alt+t');
  const note = () => pc.look('text', TITLE, SERVER_NOTE);
  await eventually('the server is found', async () => /^Found RAA .*\. This computer is connected and silent\.$/.test(await note()));
  desktop.picture('settings-tested');
  await desktop.press('Escape');
  await desktop.gone(TITLE);
});

test('a restarted taskbar gets the icon again', async () => {
  await pc.look('taskbar-forgets', 'raa-client', '1');
  await desktop.gone(TRAY_TITLE);
  await pc.look('taskbar-created');
  await tray.shown();
  await tray.becomes('silent');
});

test('all icons look different', async () => {
  // In this order, from a fresh start, each icon covers the previous one.
  await tray.shown();
  await tray.becomes('silent');
  icons.silent = tray.picture('icon-silent');
  player = world.loop(sound, tone(1000, 1));
  await tray.becomes('active');
  icons.active = tray.picture('icon-active');
  await tray.choose('mute');
  await tray.becomes('muted');
  icons.muted = tray.picture('icon-muted');
  keepIcons();
});

test('in Japanese all texts are Japanese', async () => {
  const japanese = await world.windowsPc({ name: 'japanese', desktop, sound, language: 'ja_JP.UTF-8' });
  await pc.stop();
  japanese.start();
  const dialog = await desktop.window('RAA クライアントの設定');
  await sleep(1000);
  keepPicture('windows-dialog-ja', around(dialog));
});

// Chooses the monitor of the null sink, which carries the PC's sound.
async function chooseMonitor() {
  await desktop.press('alt+o');
  await desktop.type('Monitor');
  await sleep(500);
}

function clipboard() {
  return execFileSync('xclip', ['-selection', 'clipboard', '-out'], { env: { ...process.env, ...desktop.env }, encoding: 'utf8', timeout: 5000 });
}

// Returns the area of a window with the window manager's frame.
function around(window) {
  const { x, y, width, height } = desktop.place(window);
  return { x: x - 1, y: y - 20, width: width + 2, height: height + 22 };
}

function keepPicture(name, place) {
  keepForDocs(desktop.picture(name, place), name);
}

// Draws the four icons in a row, at twice their size.
function keepIcons() {
  const row = join(world.artifacts, 'windows-tray.png');
  const order = ['active', 'silent', 'error', 'muted'].map((state) => icons[state]);
  execFileSync('convert-im6.q16', [...order, '-bordercolor', 'white', '-border', '6', '-filter', 'point', '-resize', '200%', '+append', row]);
  keepForDocs(row, 'windows-tray');
}
