// Measures how smooth the mixer page of a running server is: the frames of Chromium's trace while nobody touches the
// page, while it is scrolled, while a name is typed, and while a computer is searched. The tests assert only what the load
// of the machine cannot change.
//
//   node tests/e2e/tools/page-frames.js --url http://127.0.0.1:4011/ [--seconds 10] [--rows 300]
//
// prints one line of JSON: { frames, longest_ms, over_50_ms, rows, doing: { rest, scroll, type, find } }, each of the
// four with the figures of lib/frames.js over that many seconds. Always: waits until the page has that many rows; the
// typed name is never sent, so the server's state does not change.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openChromium } from '../lib/browser.js';
import { traceFrames } from '../lib/frames.js';
import { sleep } from '../lib/processes.js';

const VIEWPORT = { width: 1280, height: 800 };
const SETTLE_MS = 2000;
const SCROLL_STEP_PX = 240;
const SCROLL_EVERY_MS = 50;
const KEY_EVERY_MS = 120;

/** Returns the figures of the page at `url` once it has `rows` rows, over `seconds` for each activity. */
export async function measurePage(browser, url, { seconds = 10, rows = 1 } = {}) {
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.goto(url);
  await page.waitForFunction((least) => document.querySelectorAll('[data-testid=row]').length >= least, rows);
  await sleep(SETTLE_MS); // the first drawing is not measured
  const shown = await page.getByTestId('row').count();
  const doing = {};
  for (const [name, act] of Object.entries({ rest, scroll, type, find })) {
    doing[name] = await traceFrames(page, () => act(page, Date.now() + seconds * 1000));
  }
  await page.close();
  const all = Object.values(doing);
  return {
    frames: all.reduce((sum, { frames }) => sum + frames, 0),
    longest_ms: Math.max(...all.map(({ longest_ms: ms }) => ms)),
    over_50_ms: all.reduce((sum, { over_50_ms: count }) => sum + count, 0),
    rows: shown,
    doing,
  };
}

async function rest(page, endMs) {
  await sleep(endMs - Date.now());
}

// Scrolls down to the end and up again, like a mouse wheel.
async function scroll(page, endMs) {
  await page.mouse.move(VIEWPORT.width / 2, VIEWPORT.height / 2);
  for (let step = SCROLL_STEP_PX; Date.now() < endMs; await sleep(SCROLL_EVERY_MS)) {
    const place = await page.locator('#places').evaluate((box) => [box.scrollTop, box.scrollHeight - box.clientHeight]);
    if (place[0] >= place[1] - 1) step = -SCROLL_STEP_PX;
    else if (place[0] <= 0) step = SCROLL_STEP_PX;
    await page.mouse.wheel(0, step);
  }
}

async function type(page, endMs) {
  await page.getByTestId('more').first().press('Enter');
  await page.getByTestId('name-input').click();
  for (let typed = 1; Date.now() < endMs; typed++) {
    await page.keyboard.press(typed % 20 ? 'a' : 'Control+A');
    await sleep(KEY_EVERY_MS);
  }
  await page.keyboard.press('Escape');
}

// Each key changes the list: a digit narrows it, and deleting the digit restores it.
async function find(page, endMs) {
  await page.getByRole('searchbox').click();
  for (let typed = 0; Date.now() < endMs; typed++) {
    await page.keyboard.press(typed % 2 ? 'Backspace' : String(typed % 10));
    await sleep(KEY_EVERY_MS);
  }
  await page.getByRole('searchbox').fill('');
}

async function main() {
  const { values } = parseArgs({ options: { url: { type: 'string' }, seconds: { type: 'string', default: '10' }, rows: { type: 'string', default: '1' } } });
  if (!values.url) throw new Error('usage: page-frames.js --url URL [--seconds 10] [--rows 300]');
  const browser = await openChromium(null, { env: {} });
  try {
    const figures = await measurePage(browser, values.url, { seconds: Number(values.seconds), rows: Number(values.rows) });
    process.stdout.write(`${JSON.stringify(figures)}\n`);
  } finally {
    await browser.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
