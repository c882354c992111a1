// A wall's page is silent for hours, perhaps behind other tabs: the browser must keep it alive, so that it sounds when an
// alarm comes. Chromium itself says on chrome://discards why it discards or freezes a page and why not.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { eventually, sleep } from './lib/processes.js';
import { levelBecomes } from './lib/in-mix.js';

/** What protects a page that plays: from being discarded, and from being frozen. */
const PROTECTION = /Tab is playing audio.*\baudible\b/s;
/** The words "recently audible" follow the words of now for some seconds. */
const RECENTLY_MS = 5000;

const world = new World('background');
let recorder, mixer, discards;

before(async () => {
  const listener = await world.sound('listener');
  recorder = world.record(listener);
  const server = await world.server();
  mixer = await MixerPage.open(await world.chromium(listener), server.pageUrl);
  discards = await openDiscards(mixer.page.context());
});
after(() => world.close());

test('Chromium protects a page that plays silence', async () => {
  assert.doesNotMatch(await row().textContent(), PROTECTION, 'before it plays');
  await mixer.page.bringToFront();
  await mixer.play();
  await discards.bringToFront();
  await sleep(RECENTLY_MS);
  await eventually('it is protected', async () => PROTECTION.test(await row().textContent()));
  // On a busy computer the browser plays gaps now and then, which are no constant.
  await levelBecomes(recorder, { below: -90 });
});

/** The page's line. */
function row() {
  return discards.locator('tr', { hasText: mixer.page.url() });
}

/** Opens chrome://discards, one of the pages that Chromium shows only after a click. */
async function openDiscards(context) {
  const page = await context.newPage();
  await page.goto('chrome://chrome-urls');
  await page.getByRole('button', { name: /enable/i }).first().click();
  await page.goto('chrome://discards');
  return page;
}
