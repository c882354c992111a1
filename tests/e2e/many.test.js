// The page with three hundred computers: all of them can be found, named and muted, and ten updates per second cost the
// page only the changes in them.
//
// The assertions hold on a busy machine, too: it makes fewer frames, never more. The duration of frames is printed.

import { before, after, test } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Feed } from '../../crates/raa-server/web/server/feed.js';
import { title } from '../../crates/raa-server/web/server/names.js';
import { World } from './lib/world.js';
import { MixerPage } from './lib/page.js';
import { stepsOf, summary, traceFrames } from './lib/frames.js';
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
/** A value shows as a text, a look and a label. */
const CHANGES_PER_CHANGE = 3;
/** Rows of a screen whose running time or age changes each second, and the counts of groups. */
const CHANGES_PER_SECOND = 30;
/** A second moves the strip of a row in view, and draws its newest minute, or two, in up to three colours, each of which may begin. */
const STRIP_CHANGES_PER_SECOND = 1 + 2 * 3 * 2;
const TICKS_PER_SECOND = 5;

const world = new World('many');
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
  const { states, levels, mutations, moved, drawn, near, cost } = await observe(mixer.page, OBSERVED_MS);
  const seconds = OBSERVED_MS / 1000 + 1;
  const allowed = CHANGES_PER_CHANGE * changesOf(states) + CHANGES_PER_SECOND * seconds;
  assert.ok(states.length >= 3 && levels.length >= 20, `${states.length} states and ${levels.length} levels came`);
  assert.ok(moved > levels.length, `${moved} changes: the meters stand still`);
  t.diagnostic(`${mutations} changes, ${allowed} allowed; ${drawn} of strips; ${states.length} states, ${levels.length} levels; ${cost.LayoutCount} layouts, ${cost.RecalcStyleCount} style recalculations`);
  assert.ok(near > 0 && near < CLIENTS / 8, `${near} rows are in view or near it`);
  assert.ok(drawn > 0 && drawn <= STRIP_CHANGES_PER_SECOND * near * seconds, `${drawn} changes of strips of ${near} rows`);
  assert.ok(mutations <= allowed, `${mutations} changes in the page, ${allowed} allowed by the server's messages`);
  const messages = states.length + levels.length;
  const layouts = 2 * states.length + TICKS_PER_SECOND * seconds;
  assert.ok(cost.LayoutCount <= layouts, `${cost.LayoutCount} layouts, ${layouts} allowed`);
  // The meters move once per frame.
  const recalculations = 1.5 * messages + 65 * seconds;
  assert.ok(cost.RecalcStyleCount <= recalculations, `${cost.RecalcStyleCount} style recalculations, ${recalculations} allowed`);
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
  assert.ok((await page.evaluate(() => document.forms.length)) <= 1, 'at most the question for the name of the desk');
  await mixer.rename(idOf(last), 'At the very end');
  await server.client(idOf(last), (client) => client.name === 'At the very end');
  await mixer.hideDetails();
  await page.screenshot({ path: join(world.artifacts, 'many.png') });
  assert.deepEqual(mixer.complaints, []);
});

test('every row is drawn when scrolled to', async () => {
  const { page } = mixer;
  for (const i of [0, 150, 250]) {
    const row = mixer.row(idOf(i));
    await row.scrollIntoViewIfNeeded();
    await eventually('its name is drawn', async () => (await row.getByTestId('name').innerText()) === nameOf(i));
    assert.equal((await row.boundingBox()).height, 38, 'a row has its height');
  }
  await page.locator('#places').evaluate((box) => box.scrollTo(0, 0));
});

test('a trace contains durations of frames', () => {
  const frame = (id, fromMs, toMs) => [['b', fromMs], ['e', toMs]].map(([ph, ms]) => ({ name: 'AnimationFrame', ph, ts: ms * 1000, pid: 7, tid: 7, id2: { local: id } }));
  const task = (tid, ms) => ({ name: 'ThreadControllerImpl::RunTask', ph: 'X', ts: 0, dur: 2 * ms * 1000, tdur: ms * 1000, pid: 7, tid });
  const unfinished = frame('0x9', 100, 900).slice(0, 1);
  const figures = summary([...unfinished, ...frame('0x1', 0, 60.5), ...frame('0x1', 70, 75), ...frame('0x2', 71, 121), task(7, 12), task(7, 3), task(8, 99)]);
  assert.deepEqual(figures, { frames: 3, longest_ms: 60.5, p99_ms: 50, over_50_ms: 1, main_thread_ms: 15, longest_task_cpu_ms: 12, longest_frame_cpu_ms: 15 });
  assert.throws(() => summary([task(7, 1)]), /no frame/);
});

test('a trace contains the costliest frame of each step', () => {
  const mark = (name, ms) => ({ name: `step ${name}`, cat: 'blink.user_timing', ph: 'I', ts: ms * 1000, pid: 7, tid: 7 });
  const event = (name, fromMs, ms, args = {}) => ({ name, ph: 'X', ts: fromMs * 1000, dur: 2 * ms * 1000, tdur: ms * 1000, pid: 7, tid: 7, args });
  const task = (fromMs, ms) => event('ThreadControllerImpl::RunTask', fromMs, ms);
  const drawing = (fromMs, ms, elementCount) => [task(fromMs, ms), event('UpdateLayoutTree', fromMs, 1, { elementCount }), event('Layout', fromMs + 0.1, 1, { beginData: { dirtyObjects: 9 } }), event('Layerize', fromMs + 0.2, 0.1)];
  const events = [mark('one', 0), task(1, 5), ...drawing(20, 12, 30), ...drawing(60, 8, 40), mark('two', 100), ...drawing(110, 3, 1), mark('end', 200), ...drawing(210, 99, 999), { ...task(30, 70), tid: 8 }];
  assert.deepEqual(stepsOf(events), [{ name: 'one', ms: 17, styled: 40, laidOut: 9 }, { name: 'two', ms: 3, styled: 1, laidOut: 9 }]);
  assert.throws(() => stepsOf([mark('one', 0), task(1, 5), mark('end', 9)]), /nothing was drawn in step one/);
  assert.throws(() => stepsOf([task(1, 5)]), /no step/);
});

/** Waits until all rows are listed. Those that have gone are folded into one line first. */
async function ready(page) {
  const fold = page.getByTestId('folded');
  await eventually('the silent ones are offline', async () => (await server.clients()).filter(({ status }) => status === 'offline').length === CLIENTS - SPEAKING, 20_000);
  await eventually('the silent ones are folded', async () => {
    await page.getByRole('searchbox').evaluate((box) => box.dispatchEvent(new Event('input'))); // sorts again
    return (await fold.textContent()).includes(`${CLIENTS - SPEAKING} computers`);
  }, 20_000);
  await page.getByTestId('toggle-folded').click();
  await page.mouse.move(5, 5);
  await eventually('all are listed', async () => (await page.getByTestId('row').count()) === CLIENTS, 20_000);
  await eventually('all have their contents', async () => (await page.locator('.row.later').count()) === 0);
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
    const message = JSON.parse(response.payloadData);
    const kind = feed.take(message);
    if (kind === 'nothing' && ['log', 'peaks'].includes(message.type)) return;
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
  const near = await mixer.page.locator('#places').evaluate((list) => {
    const { top, bottom } = list.getBoundingClientRect();
    return [...list.querySelectorAll('.row')].filter((row) => row.getBoundingClientRect().bottom > top - 100 && row.getBoundingClientRect().top < bottom + 100).length;
  });
  const [countedFrom, costBefore] = [news.length, await metrics(devtools)];
  await sleep(ms);
  const costAfter = await metrics(devtools);
  const { mutations, moved, drawn } = await page.evaluate(() => ({ mutations: globalThis.mutations, moved: globalThis.moved, drawn: globalThis.drawn }));
  await devtools.detach();
  const counted = news.slice(countedFrom);
  assert.ok(news.every(({ kind }) => kind === 'state' || kind === 'levels'), 'every message is understood');
  return {
    states: [shown, ...counted.filter(({ kind }) => kind === 'state')],
    levels: counted.filter(({ kind }) => kind === 'levels'),
    mutations,
    moved,
    drawn,
    near,
    cost: Object.fromEntries(Object.keys(costAfter).map((name) => [name, costAfter[name] - costBefore[name]])),
  };
}

// Runs in the page: counts the changes of the rows in `mutations`, those of meters in `moved` and those of strips in `drawn`, from
// the frame after next on.
function watchRows() {
  globalThis.mutations = 0;
  globalThis.moved = 0;
  globalThis.drawn = 0;
  const isMeter = ({ target }) => target.parentElement?.classList.contains('meter');
  const isStrip = ({ target }) => target instanceof Element && target.closest('.strip') !== null;
  const observer = new MutationObserver((records) => {
    const [meters, strips] = [isMeter, isStrip].map((is) => records.filter(is).length);
    globalThis.moved += meters;
    globalThis.drawn += strips;
    globalThis.mutations += records.length - meters - strips;
  });
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  return new Promise((watched) => requestAnimationFrame(() => requestAnimationFrame(() => {
    observer.observe(document.getElementById('columns'), all);
    watched();
  })));
}

/** Returns how many of a row's values differ from the previous state, each counted once per row. */
function changesOf(states) {
  const shown = (client) => [title(client), client.status, client.muted, client.volume, client.conflict, client.quality, Math.round(client.concealed_percent ?? 0), client.last_sound_seen, client.steady];
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
