// Every trouble says what it is and what helps, in Chromium: browsers that lack something, proxies that hold something
// back, a mix that does not exist, a server that is away; and every way to open the page.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { startProxy } from './lib/proxy.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';

const world = new World('page-trouble');
const ID = '5f0a11c2';
let server, browser;

before(async () => {
  server = await world.server();
  browser = await world.chromium(await world.sound('listener'));
  await world.sender(server, { ssrc: 0x5f0a11c2, packets: await encodeOpus(bandNoise(3, 0.1)), name: 'Ward 3', repeat: true });
});
after(() => world.close());

const LANGUAGES = { 'en-GB': 'English', 'ja-JP': 'Japanese' };

/** Opens the page in both languages, and checks what it says; `prepare` gets the page before it is opened. */
async function inBothLanguages(name, { words, prepare = () => {}, url = server.pageUrl, options = {}, see }) {
  const said = [];
  for (const locale of Object.keys(LANGUAGES)) {
    const context = await browser.newContext({ locale, ...options });
    const mixer = new MixerPage(await context.newPage());
    await prepare(mixer.page);
    await mixer.page.goto(url);
    const text = await see(mixer);
    await mixer.page.screenshot({ path: join(world.artifacts, `${name}-${locale}.png`) });
    said.push(text);
    await mixer.close();
  }
  assert.match(said[0], words[0]);
  assert.match(said[1], words[1]);
}

/** Returns the message with this key once it is shown. */
async function note(mixer, key) {
  const element = mixer.page.locator(`[data-note=${key}]`);
  await eventually(`the message ${key} is shown`, () => element.isVisible());
  return element.textContent();
}

const playAndSee = async (mixer) => {
  await mixer.playButton.click();
  return note(mixer, 'player');
};

test('a browser without JavaScript is told to allow it', () => inBothLanguages('no-javascript', {
  options: { javaScriptEnabled: false },
  words: [/needs JavaScript/, /JavaScript が必要/],
  see: async ({ page }) => {
    await page.waitForSelector('noscript .obstacle, .obstacle');
    const { visible } = await seen(page);
    assert.ok(!/has not started/.test(visible), 'only one message is shown');
    return visible;
  },
}));

test('a browser that is too old is told so', () => inBothLanguages('too-old', {
  prepare: (page) => page.route('**/app.js', (route) => route.fulfill({ contentType: 'text/javascript', body: 'this is $yntax of a later year' })),
  words: [/has not started.*too old/s, /起動していません/],
  see: ({ page }) => eventually('the message is shown', async () => ((await page.locator('#not-started').isVisible()) ? page.locator('#not-started').textContent() : null)),
}));

test('files that are held back are noticed', () => inBothLanguages('held-back', {
  prepare: (page) => page.route('**/figures.js', (route) => route.abort()),
  words: [/holds the page’s files back/, /遮断/],
  see: ({ page }) => eventually('the message is shown', async () => ((await page.locator('#not-started').isVisible()) ? page.locator('#not-started').textContent() : null)),
}));

test('missing WebAssembly is named', () => inBothLanguages('no-webassembly', {
  prepare: (page) => page.addInitScript(() => { delete globalThis.WebAssembly; }),
  words: [/WebAssembly is missing/, /WebAssembly がない/],
  see: async (mixer) => {
    const words = await playAndSee(mixer);
    assert.equal(await mixer.playerState(), 'failed');
    return words;
  },
}));

test('missing Web Audio is named', () => inBothLanguages('no-web-audio', {
  prepare: (page) => page.addInitScript(() => { delete globalThis.AudioContext; }),
  words: [/Web Audio is missing/, /Web Audio がない/],
  see: playAndSee,
}));

test('a decoder that may not run is named', async () => {
  const proxy = await startProxy(server.httpPort, '/', { headers: { 'content-security-policy': "default-src 'self'; connect-src 'self' ws:" } });
  world.onClose(proxy.close);
  await inBothLanguages('decoder-blocked', {
    url: `http://raa.test:${proxy.port}/`, words: [/Content-Security-Policy/, /Content-Security-Policy/], see: playAndSee,
  });
});

test('a decoder that cannot be loaded is named', () => inBothLanguages('decoder-missing', {
  prepare: (page) => page.route('**/opus-decoder.min.js', (route) => route.abort()),
  words: [/decoder could not be loaded/, /読み込めません/],
  see: playAndSee,
}));

test('a proxy without WebSockets is told from a server that is away', async () => {
  const proxy = await startProxy(server.httpPort, '/', { upgrades: false });
  world.onClose(proxy.close);
  await inBothLanguages('no-upgrade', {
    url: `http://raa.test:${proxy.port}/`,
    words: [/does not let WebSocket connections pass/, /WebSocket を通していません/],
    see: async (mixer) => {
      const list = await note(mixer, 'server');
      await mixer.playButton.click();
      await eventually('the player has the same cause', async () => (await mixer.page.getByTestId('player').getAttribute('data-reason')) === 'no-upgrade');
      return list;
    },
  });
});

test('a password that is asked for is named', async () => {
  const proxy = await startProxy(server.httpPort, '/', { refuse: ({ url }) => (url.startsWith('/api/') ? 401 : null) });
  world.onClose(proxy.close);
  await inBothLanguages('access-denied', {
    url: `http://raa.test:${proxy.port}/`, words: [/Access is denied/, /アクセスが拒否/], see: (mixer) => note(mixer, 'server'),
  });
});

test('a mix that does not exist ends the attempts', async () => {
  const mixer = await MixerPage.open(browser, server.pageUrl);
  await mixer.page.evaluate(async () => {
    const { Player } = await import('./player.js');
    globalThis.player = new Player({ mix: 'nowhere' });
    globalThis.states = [];
    for (const event of ['state', 'reason']) globalThis.player.addEventListener(event, () => states.push([globalThis.player.state, globalThis.player.reason]));
    globalThis.errors = [];
    globalThis.player.addEventListener('error', (event) => globalThis.errors.push([event.reason, globalThis.player.state]));
    document.body.addEventListener('click', () => globalThis.player.play(), { once: true });
  });
  await mixer.page.mouse.click(5, 5);
  await eventually('the player has failed', () => mixer.page.evaluate(() => globalThis.player.state === 'failed'));
  const { reason, states } = await mixer.page.evaluate(() => ({ reason: globalThis.player.reason, states }));
  assert.equal(reason, 'no-such-mix');
  assert.deepEqual(await mixer.page.evaluate(() => globalThis.errors), [['no-such-mix', 'failed']], 'one event says why');
  const before = states.length;
  await sleep(3000);
  assert.equal(await mixer.page.evaluate(() => states.length), before, 'nothing is tried again');
  await mixer.close();
});

test('rows do not look alive while the server is away', async () => {
  await inBothLanguages('away', {
    words: [/has not answered since \d\d:\d\d:\d\d/, /\d\d:\d\d:\d\d からサーバーが応答しません/],
    see: async (mixer) => {
      const meter = mixer.row(ID).locator('[data-part=rms]');
      const width = () => meter.evaluate((bar) => bar.getBoundingClientRect().width);
      await eventually('the meter moves', async () => (await width()) > 10);
      await mixer.play();
      const gaps = async () => Number(/(\d+) gaps?\/min|途切れ (\d+) 回/.exec(await mixer.page.locator('#player-detail').textContent())?.slice(1).find(Boolean) ?? 0);
      await sleep(1500); // the player counts once a second
      const before = await gaps(); // of a busy computer
      await server.kill();
      const words = await note(mixer, 'server');
      await eventually('the meter is empty', async () => (await width()) < 1);
      assert.match(await mixer.page.locator('#roster').evaluate((list) => getComputedStyle(list).filter), /grayscale/);
      await server.start();
      await eventually('the row is alive again', async () => (await width()) > 10);
      await eventually('the message is gone', async () => !(await mixer.page.locator('[data-note=server]').isVisible()));
      await mixer.becomes('playing');
      await eventually('the outage counts as a gap', async () => (await gaps()) > before);
      return words;
    },
  });
});

test('the page works at every address, with a command that works', async () => {
  const proxy = await startProxy(server.httpPort, '/raa/');
  world.onClose(proxy.close);
  const { udpPort, httpPort } = server;
  const table = [
    [`http://raa.test:${httpPort}/`, `raa.test:${udpPort}`],
    [`http://127.0.0.1:${httpPort}/`, `127.0.0.1:${udpPort}`],
    [`http://[::1]:${httpPort}/`, `[::1]:${udpPort}`],
    [`http://user:pw@127.0.0.1:${httpPort}/`, `127.0.0.1:${udpPort}`],
    [`http://127.0.0.1:${httpPort}/index.html?x=1#y`, `127.0.0.1:${udpPort}`],
    [`http://raa.test:${proxy.port}/raa/`, `raa.test:${udpPort}`],
  ];
  for (const [url, address] of table) {
    const mixer = await MixerPage.open(browser, url);
    await eventually(`${url} shows the row`, () => mixer.row(ID).isVisible());
    for (const muted of [true, false]) {
      await mixer.row(ID).getByTestId('mute').click();
      await server.client(ID, (client) => client.muted === muted);
    }
    await mixer.play();
    const command = await mixer.page.getByTestId('command').evaluate((command) => command.textContent);
    assert.deepEqual(mixer.complaints, [], url);
    await mixer.close();
    // As a shell understands it; the name is only known to the browser.
    const words = execFileSync('bash', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' }).trim().split('\n');
    assert.deepEqual(words, ['raa-client', '--server', address], url);
    if (!address.startsWith('raa.test')) await sends(words.slice(1));
  }
});

/** Runs the client with these options until the server knows it. */
async function sends(options) {
  const before = new Set((await server.clients()).map(({ id }) => id));
  const client = world.client([...options, '--source', 'tone'], { name: `command-${before.size}` });
  await eventually(`${options.join(' ')} reaches the server`, async () => (await server.clients()).some(({ id, status }) => !before.has(id) && status === 'sounding'));
  await client.stop();
}

/** Returns the visible text of a page without JavaScript. */
async function seen(page) {
  const devtools = await page.context().newCDPSession(page);
  await sleep(3500);
  const { nodes } = await devtools.send('Accessibility.getFullAXTree');
  return { visible: nodes.map(({ name }) => name?.value ?? '').join(' ') };
}
