// The player on a page of somebody's own: the example of docs/embedding.md, as written, on a server of another origin, in
// Chromium. The only word that changes is SERVER, which stands for the server's address.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { World } from './lib/world.js';
import { ROOT } from './lib/paths.js';
import { eventually } from './lib/processes.js';
import { levelBecomes, toneBecomes } from './lib/in-mix.js';
import { sineDb } from './lib/assertions.js';

const TONE_DB = sineDb(0.2512); // the client's test tone: -12 dBFS
const MOST_LINES = 12;

const example = /```html\n([^]*?)```/.exec(readFileSync(join(ROOT, 'docs/embedding.md'), 'utf8'))[1];
const world = new World('embedding');
let server, site, stranger, recorder, page;

/** Serves the example; resolves to { url }. */
async function startSite(text) {
  const listening = http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html>${text()}`);
  });
  world.onClose(() => new Promise((resolve) => { listening.close(resolve); listening.closeAllConnections(); }));
  await new Promise((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${listening.address().port}` };
}

before(async () => {
  const sound = await world.sound('listener');
  const text = () => example.replaceAll('SERVER:4011', `127.0.0.1:${server.httpPort}`);
  site = await startSite(text);
  stranger = await startSite(text);
  server = await world.server({ config: `allowed_origins = ["${site.url}"]\n` });
  world.client(['--source', 'tone', '--server', `127.0.0.1:${server.udpPort}`], { sound });
  recorder = world.record(sound);
  page = await (await world.chromium(sound)).newPage();
});
after(() => world.close());

test('the example is short, and plays the mix after a click', async () => {
  assert.ok(example.trim().split('\n').length <= MOST_LINES, example);
  await page.goto(site.url);
  assert.equal(await page.locator('output').count(), 1);
  await page.getByRole('button').click();
  await toneBecomes(recorder, { hz: 1000, db: TONE_DB });
  assert.match(await page.locator('output').textContent(), /^playing/);
});

test('a second click stops it', async () => {
  await page.getByRole('button').click();
  await levelBecomes(recorder, { below: -80, forMs: 500 });
  assert.match(await page.locator('output').textContent(), /^stopped/);
});

test('a site that is not in allowed_origins stays silent and shows the reason', async () => {
  await page.goto(stranger.url);
  await page.getByRole('button').click();
  await eventually('the reason is shown', async () => /origin-refused/.test(await page.locator('output').textContent()));
  await levelBecomes(recorder, { below: -80, forMs: 1000 });
});
