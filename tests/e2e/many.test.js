// The page with three hundred computers: all of them can be found, named and muted, and ten updates per second cost the
// page only the changes in them.
//
// The assertions hold on a busy machine, too: it makes fewer frames, never more. The duration of frames is printed.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Feed } from '../../crates/raa-server/web/feed.js';
import { condition } from '../../crates/raa-server/web/model.js';
import { title } from '../../crates/raa-server/web/names.js';
import { texts } from '../../crates/raa-server/web/texts.js';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { summary, traceFrames } from './lib/frames.js';
import { eventually, sleep } from './lib/processes.js';
import { above } from './lib/assertions.js';
import { encodeOpus } from './lib/opus.js';
import { bandNoise } from './lib/generate.js';

const CLIENTS = 300;
const SPEAKING = 30;
const FIRST_SSRC = 0x10000000;
/** A little more than a second: a sender sends its name at its start, and again once the server knows it. */
const GREETING_PACKETS = 60;
/** Pause between the starts of two clients, so that they do not all report at once. */
const ARRIVAL_MS = 10;
const OBSERVED_MS = 5000;
/** The bar and the mark of the meter; the level is within the meter's range. */
const CHANGES_PER_LEVEL = 2;
/** A row that changes its group is removed and inserted. */
const CHANGES_PER_CHANGE = 2;

const world = new World('many');
const english = texts('en');
const idOf = (i) => (FIRST_SSRC + i).toString(16);
const nameOf = (i) => `Computer ${i + 1}`;
let server, browser, mixer;

before(async () => {
  server = await world.server();
  const packets = await encodeOpus(bandNoise(2, 0.05));
  for (let i = 0; i < CLIENTS; i++) {
    const speech = i < SPEAKING ? { packets, repeat: true } : { packets: packets.slice(0, GREETING_PACKETS) };
    await world.sender(server, { ssrc: FIRST_SSRC + i, name: nameOf(i), ...speech });
    await sleep(ARRIVAL_MS);
  }
  await eventually('the server knows them all by name', async () => {
    const names = new Set((await server.clients()).map(title));
    return Array.from({ length: CLIENTS }, (_, i) => nameOf(i)).every((name) => names.has(name));
  });
  browser = await world.chromium({ env: {} });
  mixer = await MixerPage.open(browser, server.pageUrl, { viewport: { width: 1280, height: 800 } });
});
after(() => world.close());

test('a snapshot changes only its news', async (t) => {
  const { states, levels, mutations, cost } = await observe(mixer.page, OBSERVED_MS);
  // One more message than was counted may be on its way to the page.
  const shownLevels = levels.flatMap((message) => Object.keys(message.levels)).length + SPEAKING;
  const allowed = CHANGES_PER_CHANGE * changesOf(states) + CHANGES_PER_LEVEL * shownLevels;
  assert.ok(states.length >= 3 && levels.length >= 20, `${states.length} states and ${levels.length} levels came`);
  assert.ok(mutations > levels.length, `${mutations} changes: the meters stand still`);
  t.diagnostic(`${mutations} changes, ${allowed} allowed; ${states.length} states, ${levels.length} levels; ${cost.LayoutCount} layouts, ${cost.RecalcStyleCount} style recalculations`);
  assert.ok(mutations <= allowed, `${mutations} changes in the page, ${allowed} allowed by the server's messages`);
  const messages = states.length + levels.length;
  assert.ok(cost.LayoutCount <= 2 * states.length, `${cost.LayoutCount} layouts for ${states.length} states`);
  assert.ok(cost.RecalcStyleCount <= 1.5 * messages, `${cost.RecalcStyleCount} style recalculations for ${messages} messages`);
});

test('frames are measured and printed', async (t) => {
  const figures = await traceFrames(mixer.page, () => sleep(OBSERVED_MS));
  t.diagnostic(`with ${CLIENTS} rows: ${JSON.stringify(figures)}`);
  // The levels change ten times a second, so even a busy machine draws a frame a second.
  above(figures.frames, OBSERVED_MS / 1000, 'frames');
});

test('the last computer is found, muted and renamed', async () => {
  const { page } = mixer;
  const last = CLIENTS - 1;
  await page.getByRole('searchbox').pressSequentially(nameOf(last));
  await eventually('only it is listed', async () => (await page.getByTestId('row').count()) === 1);
  await mixer.row(idOf(last)).getByTestId('mute').click();
  await server.client(idOf(last), (client) => client.muted);
  await page.getByRole('searchbox').fill('');
  await eventually('all are listed', async () => (await page.getByTestId('row').count()) === CLIENTS);
  // Chromium walks through all forms whenever a row is added or removed, which is slow with one form per row.
  assert.equal(await page.evaluate(() => document.forms.length), 0);
  await mixer.rename(idOf(last), 'At the very end');
  await server.client(idOf(last), (client) => client.name === 'At the very end');
  await page.screenshot({ path: join(world.artifacts, 'many.png') });
  assert.deepEqual(mixer.complaints, []);
});

test('every row is drawn when scrolled to', async () => {
  const { page } = mixer;
  for (const i of [0, 150, 250]) {
    const row = mixer.row(idOf(i));
    await row.scrollIntoViewIfNeeded();
    await eventually('its name is drawn', async () => (await row.getByTestId('name').innerText()) === nameOf(i));
    assert.ok((await row.boundingBox()).height > 40, 'a row has its height');
  }
  await page.evaluate(() => scrollTo(0, 0));
});

test('a row keeps the focus while others move', async () => {
  const { page } = mixer;
  const [held, moving] = [idOf(5), idOf(0)];
  await page.mouse.move(5, 5); // a hand over the rows would hold them
  await mixer.row(held).getByTestId('mute').focus();
  await page.evaluate(() => {
    globalThis.focusLost = 0;
    addEventListener('focusout', () => { globalThis.focusLost++; });
  });
  await server.patch(moving, { name: 'Zzz' });
  const lastOfGroup = () => page.locator('[data-group=sounding] [data-testid=row]').last().getAttribute('data-id');
  await eventually('it is the last one', async () => (await lastOfGroup()) === moving);
  assert.equal(await page.evaluate(() => globalThis.focusLost), 0);
  assert.equal(await page.evaluate(() => document.activeElement.closest('[data-testid=row]')?.dataset.id), held);
  await server.patch(moving, { name: null });
});

test('a trace contains durations of frames', () => {
  const frame = (id, fromMs, toMs) => [['b', fromMs], ['e', toMs]].map(([ph, ms]) => ({ name: 'AnimationFrame', ph, ts: ms * 1000, pid: 7, tid: 7, id2: { local: id } }));
  const task = (tid, ms) => ({ name: 'ThreadControllerImpl::RunTask', ph: 'X', ts: 0, dur: 2 * ms * 1000, tdur: ms * 1000, pid: 7, tid });
  const unfinished = frame('0x9', 100, 900).slice(0, 1);
  const figures = summary([...unfinished, ...frame('0x1', 0, 60.5), ...frame('0x1', 70, 75), ...frame('0x2', 71, 121), task(7, 12), task(7, 3), task(8, 99)]);
  assert.deepEqual(figures, { frames: 3, longest_ms: 60.5, p99_ms: 50, over_50_ms: 1, main_thread_ms: 15, longest_task_cpu_ms: 12 });
  assert.throws(() => summary([task(7, 1)]), /no frame/);
});

/** Waits until all rows are listed. Those that have gone are folded into one line first. */
async function ready(page) {
  const fold = page.getByTestId('folded');
  await eventually('the silent ones are folded', async () => (await fold.textContent()).includes(`${CLIENTS - SPEAKING} computers`), 20_000);
  await sleep(1000); // a press on a line that has come just now would not count
  await page.getByTestId('toggle-folded').click();
  await page.mouse.move(5, 5);
  await eventually('all are listed', async () => (await page.getByTestId('row').count()) === CLIENTS, 20_000);
  await eventually('the silent ones are offline and their peak marks have fallen', () => page.evaluate((silent) => {
    const rows = [...document.querySelectorAll('[data-testid=row][data-status=offline]')];
    return rows.length === silent && rows.every((row) => row.querySelector('[data-part=peak]').hidden);
  }, CLIENTS - SPEAKING), 20_000);
}

// Records the server's messages, the changes of the rows, and the browser's counts of its own work. Begins once a state
// is shown, so that later changes can be compared with it.
async function observe(page, ms) {
  const devtools = await page.context().newCDPSession(page);
  const [feed, news] = [new Feed(), []];
  devtools.on('Network.webSocketFrameReceived', ({ response }) => {
    const kind = feed.take(JSON.parse(response.payloadData));
    news.push({ kind, ...(kind === 'state' ? { clients: feed.state.clients } : { levels: feed.levels }) });
  });
  await devtools.send('Network.enable');
  await devtools.send('Performance.enable');
  // A reload is the only way to see the first message of a connection.
  await page.reload();
  await eventually('a state comes', () => news.some(({ kind }) => kind === 'state'), 10_000, 5);
  await ready(page);
  const shown = news.findLast(({ kind }) => kind === 'state');
  await page.evaluate(watchRows);
  const [countedFrom, costBefore] = [news.length, await metrics(devtools)];
  await sleep(ms);
  const costAfter = await metrics(devtools);
  const mutations = await page.evaluate(() => globalThis.mutations);
  await devtools.detach();
  const counted = news.slice(countedFrom);
  assert.ok(news.every(({ kind }) => kind === 'state' || kind === 'levels'), 'every message is understood');
  return {
    states: [shown, ...counted.filter(({ kind }) => kind === 'state')],
    levels: counted.filter(({ kind }) => kind === 'levels'),
    mutations,
    cost: Object.fromEntries(Object.keys(costAfter).map((name) => [name, costAfter[name] - costBefore[name]])),
  };
}

// Runs in the page: counts the changes of the rows in `mutations`, from the frame after next on.
function watchRows() {
  globalThis.mutations = 0;
  const observer = new MutationObserver((records) => { globalThis.mutations += records.length; });
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  return new Promise((watched) => requestAnimationFrame(() => requestAnimationFrame(() => {
    observer.observe(document.getElementById('main'), all);
    watched();
  })));
}

/** Returns how many of a row's values differ from the previous state, each counted once per row. */
function changesOf(states) {
  const shown = (client) => [...Object.values(condition(client, english)), title(client), client.status, client.muted,
    client.volume, client.conflict, Math.round(Math.max(-60, client.rms_dbfs))];
  let changes = 0;
  for (let i = 1; i < states.length; i++) {
    const before = new Map(states[i - 1].clients.map((client) => [client.id, shown(client)]));
    for (const client of states[i].clients) {
      changes += shown(client).filter((value, k) => value !== before.get(client.id)?.[k]).length;
    }
  }
  return changes;
}

async function metrics(devtools) {
  const { metrics: list } = await devtools.send('Performance.getMetrics');
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}
