// The pure parts of the page that concern one computer and the player: figures, meters, texts, sliders, RTP, both languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frameOrHidden, oncePerFrame } from '../../crates/raa-server/web/parts/dom.js';
import { Latest } from '../../crates/raa-server/web/changes/latest.js';
import { Interruptions, facts, notice, soundWords } from '../../crates/raa-server/web/room/figures.js';
import { Ballistics, Lamp, meterShare } from '../../crates/raa-server/web/room/levels.js';
import { isUnused } from '../../crates/raa-server/web/room/room.js';
import { ago } from '../../crates/raa-server/web/texts/time.js';
import { meaning, moved } from '../../crates/raa-server/web/parts/fader.js';
import { ApiError } from '../../crates/raa-server/web/server/api.js';
import { advise } from '../../crates/raa-server/web/list/refused.js';
import { refusal } from '../../crates/raa-server/web/changes/refusal.js';
import { parseRtp } from '../../crates/raa-server/web/sound/rtp.js';
import { TEXTS, pickLanguage, texts } from '../../crates/raa-server/web/texts/texts.js';

const en = texts('en');

function client(id, change = {}) {
  return { id, name: '', status: 'connected', address: '192.0.2.7:5000', rms_dbfs: -120,
    last_packet_ms_ago: 10, last_packet_at_ms: null, last_sound_ms_ago: null, last_sound_at_ms: null, ...change };
}

test('many messages make one change with the latest', () => {
  const taken = [];
  const frames = [];
  const give = oncePerFrame((value) => taken.push(value), (run) => frames.push(run));
  for (const value of [1, 2, 3]) give(value);
  assert.deepEqual([taken, frames.length], [[], 1]);
  frames.shift()();
  give(4);
  frames.shift()();
  assert.deepEqual(taken, [3, 4]);
});

test('a frame that a hidden page would wait for comes when it is hidden', async (t) => {
  const frames = new Map();
  const page = Object.assign(new EventTarget(), { hidden: false });
  const browser = { document: page, requestAnimationFrame: (run) => frames.set(frames.size + 1, run).size, cancelAnimationFrame: (id) => frames.delete(id) };
  const names = Object.keys(browser);
  const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));
  Object.assign(globalThis, browser);
  t.after(() => names.forEach((name, i) => (before[i] ? Object.defineProperty(globalThis, name, before[i]) : delete globalThis[name])));
  let taken = 0;
  const soon = oncePerFrame(() => { taken += 1; }, frameOrHidden);
  soon();
  assert.deepEqual([taken, frames.size], [0, 1]);
  page.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual([taken, frames.size], [1, 0]);
  soon();
  await null;
  assert.equal(taken, 2, 'a hidden page does not wait');
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(taken, 2, 'each is called once');
});

test('time spans use the largest unit that fits', () => {
  const spans = [null, 0, 1999, 12000, 60000, 3 * 3600e3, 86400e3, 3 * 86400e3].map((ms) => ago(ms, en));
  for (const wrong of [-5000, 56 * 365 * 86400e3, Number.NaN, Infinity]) assert.equal(ago(wrong, en), 'time unknown', String(wrong));
  assert.deepEqual(spans, ['no sound yet', 'now', 'now', '12 s ago', '1 min ago', '3 h ago', '1 day ago', '3 days ago']);
});

const STATS = { received: 500, lost: 60, late: 3, reordered: 2, duplicate: 1, concealed: 4, repaired: 57, loss_percent: 12.34,
  concealed_percent: 0, delay_ms: 61.4, target_delay_ms: 60.2, drift_ppm: -12.34, jitter_ms: 3.25 };

test('a long delay or gap is never called steady', () => {
  const say = (delayMs, interrupted) => soundWords({ delayMs, interrupted }, en);
  assert.deepEqual([say(84.4, 0), say(246, 0), say(246, 2), say(80, 1)],
    ['delay 84 ms', 'delay 246 ms, long', 'delay 246 ms, long · 2 gaps/min', 'delay 80 ms · 1 gap/min']);
});

test('trouble at the sender is shown in words', () => {
  const say = (change) => notice(client('a', change), en);
  assert.equal(say({ withheld: null, capture_trouble: null }), '');
  assert.equal(say({}), '', 'an older server');
  assert.equal(say({ withheld: 'not_opus' }), 'Not Opus: check the sender’s codec');
  const capture = ['muted', 'turned_down', 'no_device', 'reopening', 'word_of_a_newer_server'].map((capture_trouble) => say({ capture_trouble }));
  assert.equal(new Set(capture).size, 5);
  assert.ok(capture.every((words) => words.length > 10), capture.join());
  assert.equal(say({ withheld: 'not_opus', capture_trouble: 'muted', conflict: 'x:1' }).split(' · ').length, 3, 'nothing hides something else');
});

test('a refused sender gets the advice that fits', () => {
  for (const text of [en, texts('ja')]) {
    assert.match(advise({ reason: 'payload_type', payload_type: 96 }, text), /96.*-payload_type 111.*payload_types/s);
    const reasons = ['payload_type', 'not_opus', 'scream', 'not_rtp', 'too_short', 'too_long', 'truncated', 'malformed_red', 'malformed_rtcp', 'reserved_ssrc', 'stray', 'too_many_clients', 'unconfirmed', 'over_budget'];
    assert.equal(new Set(reasons.map((reason) => advise({ reason, payload_type: 96 }, text))).size, reasons.length);
    assert.match(advise({ reason: 'brand_new', payload_type: null }, text), /brand_new/);
  }
});

test('a refused change says why and what remains', () => {
  const has = client('a', { name: 'Ward 3', volume: 80, muted: false, sounding_from_dbfs: -60 });
  const say = (change, ...error) => refusal(new ApiError(...error), change, has, en);
  assert.equal(say({ volume: 250 }, 'volume is 250; it must be a whole number from 0 to 200', 422, 'value_out_of_range'),
    'The server refuses the value: volume is 250; it must be a whole number from 0 to 200. The volume is still 80 %.');
  assert.equal(say({ muted: true }, 'the disk is full', 507, 'not_kept'), 'The server cannot store the change: the disk is full. It is still not muted.');
  assert.equal(say({ name: 'x' }, ''), 'The server did not respond. Nothing was changed. The name is still \u2068Ward 3\u2069.');
  assert.ok(!say({ name: 'x' }, 'name is "\u202ex"', 422, 'invalid_name').includes('\u202e'), 'a quotation turns nothing around');
  assert.match(say({ volume: 1 }, '502 Bad Gateway', 502), /^Something between this browser and the server answered.*502 Bad Gateway/);
  assert.match(say({ volume: 1 }, '403 Forbidden', 403), /^Access was denied \(403 Forbidden\)/);
  assert.equal(say({}, 'it is back', 409, 'client_connected'), 'It is connected: it is back.');
  assert.equal(say({}, 'odd', 418, 'teapot'), 'The server refuses: odd.');
  const tooMany = ['at most 5 changes per second', 429, 'too_many_changes', 3000];
  assert.equal(say({ name: 'x' }, ...tooMany), 'Too many changes at once. Nothing was changed. Try again in 3 s. The name is still \u2068Ward 3\u2069.');
  assert.equal(say({ volume: 1 }, ...tooMany), 'Too many changes at once. This one is sent again in 3 s. The volume is still 80 %.');
  assert.match(say({ volume: 1 }, 'Too Many Requests', 429), /Try again in 1 s\./, 'a proxy need not say when');
  assert.equal(say({ muted: true }, 'the origin "http://a.example" is not in allowed_origins', 403, 'origin_not_allowed'),
    'The server does not accept changes from this page: the origin "http://a.example" is not in allowed_origins. It is still not muted.');
  assert.equal(say({ sounding_from_dbfs: 3 }, 'no', 422, 'value_out_of_range'), 'The server refuses the value: no. It still counts as sounding from -60 dBFS.');
});

test('an ID conflict shows the other address', () => {
  assert.equal(notice(client('a', { conflict: null }), en), '');
  assert.equal(notice(client('a', { conflict: '192.0.2.8:5000' }), en), 'Another computer uses the same ID: 192.0.2.8:5000');
});

/** Replaces non-breaking spaces. */
const plain = (value) => value.replaceAll('\u00a0', ' ');

test('details list every figure of a client', () => {
  const list = facts(client('a', { quality: 'good', stats: STATS, round_trip_ms: 12.44, capture_to_mix_ms: 87.6 }), en);
  assert.ok(list.every(([, value]) => value.split(' · ').every((part) => !part.includes(' '))), 'lists break at their dots only');
  assert.deepEqual(list.map(([name, value]) => [name, plain(value)]), [
    ['Quality', 'good'],
    ['Address', '192.0.2.7:5000'],
    ['Packets received', '500 · 60 lost · 3 late · 2 reordered · 1 duplicate'],
    ['Frames', '57 repaired · 4 concealed'],
    ['Loss (last 10 s)', '12 % before repair · 0 % after repair'],
    ['Playout delay', '61 ms · target 60 ms'],
    ['Jitter', '3.3 ms'],
    ['Clock drift', '−12.3 ppm'],
    ['Round trip', '12.4 ms'],
    ['Capture to mix', '88 ms'],
    ['Last packet', 'now'],
  ]);
});

test('unknown details are dashes', () => {
  const unknown = { ...STATS, loss_percent: null, concealed_percent: null, target_delay_ms: 0, drift_ppm: 0.04 };
  const list = Object.fromEntries(facts(client('a', { status: 'offline', address: null, stats: unknown, round_trip_ms: null, capture_to_mix_ms: null }), en));
  const shown = ['Quality', 'Address', 'Loss (last 10 s)', 'Playout delay', 'Clock drift', 'Round trip', 'Capture to mix'].map((name) => plain(list[name]));
  assert.deepEqual(shown, ['–', '–', '–', '61 ms', '0 ppm', '–', '–']);
  assert.equal(Object.keys(list).length, 11);
  const names = facts(client('a', { quality: 'good', stats: STATS, round_trip_ms: 1, capture_to_mix_ms: 1 }), en).map(([name]) => name);
  assert.deepEqual(facts(null, en), names.map((name) => [name, '–']), 'before the first answer');
});

test('the meter ranges from -60 to 0 dBFS', () => {
  assert.deepEqual([-120, -60, -30, 0, 6].map(meterShare), [0, 0, 0.5, 1, 1]);
});

test('a meter rises at once and falls 20 dB in 1.7 s', () => {
  const meter = new Ballistics();
  meter.take(0, -10, -4);
  meter.take(100, -120, -120);
  assert.deepEqual([0, 1700].map((ms) => Math.round(meter.next(100 + ms).rms)), [-10, -30]);
});

test('a peak holds for 1.2 s, then falls', () => {
  const meter = new Ballistics();
  meter.take(0, -10, -4);
  meter.take(100, -120, -120);
  assert.deepEqual([500, 1200, 2900].map((ms) => Math.round(meter.next(ms).peak)), [-4, -4, -24]);
  assert.equal(meter.isAtRest, false);
  meter.next(20_000);
  assert.equal(meter.isAtRest, true);
});

test('the lamp of a distorted sound burns for five seconds', () => {
  const lamp = new Lamp();
  assert.deepEqual([[0, -0.6], [1000, -0.5], [5900, -20], [6100, -20]].map(([at, peak]) => lamp.next(at, peak)), [false, true, true, false]);
});

test('a finger moves a fader only sideways', () => {
  assert.deepEqual([[5, 3], [13, 4], [13, 10], [2, 60], [-40, 5]].map(([dx, dy]) => meaning(dx, dy)), ['unknown', 'drag', 'other', 'other', 'drag']);
  assert.equal(moved({ from: 100, min: 0, max: 200, share: 0.25 }), 150);
  assert.equal(moved({ from: 100, min: 0, max: 200, share: -2 }), 0);
});

test('interruptions count for one minute', () => {
  const interruptions = new Interruptions();
  const counts = [[0, 0], [1000, 2], [59000, 3], [61500, 3], [130000, 3], [131000, 0], [132000, 1]].map(([at, total]) => interruptions.next(at, total));
  assert.deepEqual(counts, [0, 2, 3, 1, 0, 0, 1]);
});

test('the introduction stays while only test music plays', () => {
  assert.deepEqual([[], [client('bgmtest0')], [client('bgmtest0'), client('a')]].map(isUnused), [true, true, false]);
});

test('a slider sends its first and last value', async () => {
  const sent = [];
  const timers = [];
  const latest = new Latest(async (value) => { sent.push(value); }, 100, (run) => timers.push(run));
  for (let value = 0; value <= 50; value += 1) latest.give(value);
  assert.deepEqual(sent, [0]);
  timers.shift()();
  await new Promise(setImmediate);
  assert.deepEqual([sent, latest.isBusy], [[0, 50], true]);
  timers.shift()();
  await new Promise(setImmediate);
  assert.deepEqual([sent, latest.isBusy], [[0, 50], false]);
});

test('a value that the server did not take is sent again', async () => {
  const sent = [];
  const timers = [];
  const waits = [undefined, 2000, 1000, undefined];
  const latest = new Latest(async (value) => { sent.push(value); return waits[sent.length - 1]; }, 250, (run, ms) => timers.push([ms, run]));
  const pass = async (ms) => {
    assert.deepEqual(timers.map(([each]) => each), [ms]);
    timers.shift()[1]();
    await new Promise(setImmediate);
  };
  latest.give(1);
  await pass(250);
  assert.equal(latest.isBusy, false);
  latest.give(2);
  await pass(250);
  latest.give(3); // while the server asks to wait
  await pass(2000);
  assert.deepEqual(sent, [1, 2, 3], 'the newest value, after the wait');
  await pass(250);
  await pass(1000);
  assert.deepEqual(sent, [1, 2, 3, 3]);
  await pass(250);
  assert.deepEqual([latest.isBusy, timers.length], [false, 0]);
});

test('only RTP packets are parsed', () => {
  const bytes = Uint8Array.from([0x80, 111, 0xff, 0xfe, 0, 0, 3, 0xc0, 0, 0, 0, 9, 7]);
  assert.deepEqual(parseRtp(bytes.buffer), { sequence: 0xfffe, timestamp: 960, ssrc: 9, payload: Uint8Array.from([7]) });
  for (const wrong of ['text', new ArrayBuffer(12), new ArrayBuffer(20)]) assert.equal(parseRtp(wrong), null);
});

test('both languages have the same texts and placeholders', () => {
  const shape = (language) => Object.entries(TEXTS[language]).map(([key, entry]) => [key, typeof entry, entry.length * (typeof entry === 'function')]);
  assert.deepEqual(shape('ja'), shape('en'));
  assert.equal(pickLanguage(['fr-FR', 'ja-JP', 'en']), 'ja');
  assert.equal(pickLanguage(['fr']), 'en');
});
