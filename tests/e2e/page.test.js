// The page in the situations of real users: phone and desktop, light and dark, a path prefix, no mouse; and without
// errors in the browser's console. Screenshots remain in the artifacts folder for a person to look at.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually } from './lib/processes.js';
import { startProxy } from './lib/proxy.js';
import { keepForDocs } from './lib/pictures.js';
import { levelBecomes } from './lib/in-mix.js';
import { encodeOpus } from './lib/opus.js';
import { tone, bandNoise } from './lib/generate.js';

const world = new World('page');
let server, browser, recorder;

before(async () => {
  const sound = await world.sound('listener');
  server = await world.server();
  recorder = world.record(sound);
  browser = await world.chromium(sound);
  const [loud, soft] = [await encodeOpus(bandNoise(3, 0.1)), await encodeOpus(tone(440, 3, 0.02))];
  await world.sender(server, { ssrc: 0x5f0a11c2, packets: loud, name: 'Ward 3 nurse station', repeat: true });
  await world.sender(server, { ssrc: 0x90ab34d1, packets: soft, name: '第2監視室 PC-07', repeat: true });
  await world.sender(server, { ssrc: 0x1c77e0aa, packets: soft, name: 'A computer with a name of sixty-four characters, the most allowed', repeat: true });
  const silent = await world.sender(server, { ssrc: 0x7d01b3f4, packets: soft.slice(0, 50), name: 'Reception' });
  await silent.done;
  await server.patch('90ab34d1', { muted: true, volume: 120 });
});
after(() => world.close());

const SIZES = { phone: { width: 360, height: 780 }, desktop: { width: 1280, height: 800 } };

const LOCALES = { English: 'en-GB', Japanese: 'ja-JP' };

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark']) {
    for (const [language, locale] of Object.entries(LOCALES)) {
      test(`the page fits a ${size}, ${colorScheme}, ${language}`, async () => {
        const mixer = await MixerPage.open(browser, server.pageUrl, { viewport, colorScheme, locale, hasTouch: size === 'phone' });
        await eventually('all four are listed', async () => (await mixer.page.getByTestId('row').count()) === 4);
        await mixer.play();
        await mixer.showDetails('7d01b3f4');
        await eventually('the meter of the mix moves', () => mixer.page.evaluate(() => document.getElementById('mix-rms').style.transform !== ''));
        await mixer.page.screenshot({ path: join(world.artifacts, `${size}-${colorScheme}-${locale}.png`), fullPage: true });
        assert.equal(await mixer.scrollsSideways(), false, 'the page scrolls sideways');
        assert.deepEqual(mixer.complaints, []);
        await mixer.close();
      });
    }
  }
}

test('light and dark differ', async () => {
  const backgrounds = [];
  for (const colorScheme of ['light', 'dark']) {
    const mixer = await MixerPage.open(browser, server.pageUrl, { colorScheme });
    backgrounds.push(await mixer.page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await mixer.close();
  }
  assert.notEqual(backgrounds[0], backgrounds[1]);
});

test('the keyboard alone plays, mutes and renames', async () => {
  const mixer = await MixerPage.open(browser, server.pageUrl);
  const { keyboard } = mixer.page;
  await eventually('all four are listed', async () => (await mixer.page.getByTestId('row').count()) === 4);
  await mixer.tabTo('play');
  await keyboard.press('Enter');
  await mixer.becomes('playing');
  await levelBecomes(recorder, { above: -60 });

  await mixer.tabTo('row', 12);
  await keyboard.press('ArrowDown');
  const id = await mixer.page.evaluate(() => document.activeElement.dataset.id);
  const { muted, name } = await server.client(id);
  for (const expected of [!muted, muted]) {
    await keyboard.press('Shift+M');
    await server.client(id, (client) => client.muted === expected);
    await eventually('the button shows it', async () => (await mixer.row(id).getByTestId('mute').getAttribute('aria-pressed')) === String(expected));
  }
  for (const [key, volume] of [['+', 105], ['-', 100], ['-', 95], ['0', 100]]) {
    await keyboard.press(key);
    await server.client(id, (client) => client.volume === volume || id === '90ab34d1');
  }

  await keyboard.press('Enter');
  await mixer.panel.waitFor();
  await mixer.tabTo('name-input');
  await keyboard.press('Control+A');
  await keyboard.type('Typed by keys');
  await keyboard.press('Enter');
  await server.client(id, (client) => client.name === 'Typed by keys');
  // An empty field restores the computer's own name.
  await keyboard.press('Control+A');
  await keyboard.press('Delete');
  await keyboard.press('Enter');
  await server.client(id, (client) => client.name === name);
  await keyboard.press('Escape');
  await eventually('the row has the focus again', () => mixer.page.evaluate((row) => document.activeElement?.dataset?.id === row, id));
  assert.deepEqual(mixer.complaints, []);
  await mixer.close();
});

test('two quick presses of mute cancel out', async () => {
  const mixer = await MixerPage.open(browser, server.pageUrl);
  const mute = mixer.row('5f0a11c2').getByTestId('mute');
  await server.patch('5f0a11c2', { muted: false });
  await eventually('the button is not pressed', async () => (await mute.getAttribute('aria-pressed')) === 'false');
  const muted = false;
  const sent = [];
  mixer.page.on('requestfinished', (request) => { if (request.method() === 'PATCH') sent.push(request.postDataJSON()); });
  await mute.dblclick();
  await eventually('both presses are sent', () => sent.length >= 2);
  assert.deepEqual(sent, [{ muted: true, muted_for_s: 900 }, { muted: false }]);
  assert.equal((await server.client('5f0a11c2')).muted, muted);
  await eventually('the button shows it', async () => (await mute.getAttribute('aria-pressed')) === String(muted));
  await mixer.close();
});

test('the page works below a path prefix', async () => {
  const proxy = await startProxy(server.httpPort, '/raa/');
  world.onClose(proxy.close);
  const mixer = await MixerPage.open(browser, `http://raa.test:${proxy.port}/raa/`);
  await eventually('all four are listed', async () => (await mixer.page.getByTestId('row').count()) === 4);
  await mixer.play();
  const { muted } = await server.client('5f0a11c2');
  await mixer.row('5f0a11c2').getByTestId('mute').click();
  await server.client('5f0a11c2', (client) => client.muted === !muted);
  await server.patch('5f0a11c2', { muted });
  await levelBecomes(recorder, { above: -60 });
  assert.deepEqual(proxy.outside.filter((path) => path !== '/favicon.ico'), []);
  assert.deepEqual(mixer.complaints.filter((text) => !text.includes('favicon')), []);
  await mixer.close();
});

// Takes the picture of README.md: RAA_PICTURES=docs copies it to docs/page.png.
test('each computer has the look of its state', async () => {
  const office = await world.server({ args: [], stateDir: join(world.dir, 'office') });
  const [noise, low] = [await encodeOpus(bandNoise(3, 0.05)), await encodeOpus(tone(300, 3, 0.03))];
  const silence = { packets: [Buffer.from([0xf8, 0xff, 0xfe])], repeat: true }; // one frame of silence
  await world.sender(office, { ssrc: 0x69f6bc71, packets: low.slice(0, 60), name: '第2監視室 PC-07' });
  await world.sender(office, { ssrc: 0x684fa8a4, packets: noise, name: 'Ward 3 nurse station', repeat: true });
  await world.sender(office, { ssrc: 0x6cf27415, packets: low, name: 'Server room KVM', repeat: true });
  await world.sender(office, { ssrc: 0x63acdd33, packets: low, name: 'Laptop A. (spare)', repeat: true });
  await world.sender(office, { ssrc: 0x50744857, name: 'Boiler house', ...silence });
  await world.sender(office, { ssrc: 0x5713b41d, name: 'Pumping station east', ...silence });
  await world.sender(office, { ssrc: 0x53c3fe3a, name: 'Reception', lossEvery: 4, packets: low, repeat: true });
  await office.client('63acdd33', ({ status }) => status === 'sounding');
  await office.patch('63acdd33', { muted: true, volume: 120 });
  await office.patch('bgmtest0', { volume: 60 });

  const mixer = await MixerPage.open(browser, office.pageUrl, { viewport: { width: 1280, height: 760 } });
  // On a busy computer any of these senders may be late; only one of them must be bad.
  const look = async (id) => ['live', 'offline', 'silenced', 'fresh', ...(id === '53c3fe3a' ? ['bad'] : [])].filter((name) => mixer.looks[id]?.includes(name));
  const read = async () => { mixer.looks = await mixer.page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[data-testid=row]')].map((row) => [row.dataset.id, row.className]))); };
  await eventually('the looks are right', async () => {
    await read();
    const now = await Promise.all(['684fa8a4', '63acdd33', '50744857', '69f6bc71', '53c3fe3a'].map(look));
    return JSON.stringify(now) === JSON.stringify([['live'], ['live', 'silenced'], [], ['offline', 'fresh'], ['live', 'bad']]);
  });
  await mixer.playButton.click();
  await mixer.becomes('playing');
  await eventually('the meter of the mix moves', () => mixer.page.evaluate(() => document.getElementById('mix-rms').style.transform !== ''));
  const picture = join(world.artifacts, 'page.png');
  await mixer.page.screenshot({ path: picture });
  keepForDocs(picture, 'page');
  await mixer.close();
});
