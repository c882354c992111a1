// The pure parts of the mixer page: groups and order, texts, slider requests, RTP, both languages.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { oncePerFrame } from '../../crates/raa-server/web/dom.js';
import { Latest } from '../../crates/raa-server/web/latest.js';
import { Interruptions, PeakHold, ago, condition, facts, isUnused, meterShare, notice, soundWords } from '../../crates/raa-server/web/model.js';
import { Arranger, arrange } from '../../crates/raa-server/web/order.js';
import { ApiError } from '../../crates/raa-server/web/api.js';
import { advise } from '../../crates/raa-server/web/refused.js';
import { refusal } from '../../crates/raa-server/web/refusal.js';
import { parseRtp } from '../../crates/raa-server/web/rtp.js';
import { TEXTS, pickLanguage, texts } from '../../crates/raa-server/web/texts.js';

const en = texts('en');

function client(id, change = {}) {
  return { id, name: '', status: 'connected', address: '192.0.2.7:5000', rms_dbfs: -120,
    last_packet_ms_ago: 10, last_packet_at_ms: null, last_sound_ms_ago: null, last_sound_at_ms: null, ...change };
}

const ids = (list) => list.map(({ id }) => id);

test('clients are grouped by status and sorted naturally', () => {
  const groups = arrange([client('c', { name: 'PC 10' }), client('a', { name: 'PC 9' }), client('b', { status: 'sounding' }),
    client('d', { status: 'offline' })]);
  assert.deepEqual([ids(groups.sounding), ids(groups.connected), ids(groups.offline)], [['b'], ['a', 'c'], ['d']]);
});

test('the latest sound comes first', () => {
  const order = (...clients) => Object.values(arrange(clients, { sort: 'heard' })).map(ids);
  const sounded = (id, at, change) => client(id, { last_sound_at_ms: at, ...change });
  const groups = order(client('never'), sounded('earlier run', -60000), sounded('old', 0), sounded('new', 7),
    client('gone', { status: 'offline', last_packet_at_ms: 3 }), sounded('heard and gone', 5, { status: 'offline', last_packet_at_ms: 9 }));
  assert.deepEqual(groups, [[], ['new', 'old', 'earlier run', 'never'], ['heard and gone', 'gone'], []]);
});

test('passing time moves no row', () => {
  const arranger = new Arranger();
  const seen = new Set();
  for (let now = 0; now < 20000; now += 500) {
    const clients = [client('a', { last_sound_at_ms: -9000 }), client('b', { last_sound_at_ms: -9400 })];
    seen.add(arranger.next(clients.map((one) => ({ ...one, last_sound_ms_ago: now - one.last_sound_at_ms })), { sort: 'heard' }));
  }
  assert.equal(seen.size, 1, 'the arrangement is the same object');
});

test('a hum does not outrank an alarm', () => {
  const sounding = (id, change) => client(id, { status: 'sounding', last_sound_ms_ago: 0, ...change });
  const clients = [sounding('a', { steady: true, rms_dbfs: -3 }), sounding('b'), sounding('c', { steady: false })];
  for (const sort of ['name', 'heard', 'loudest']) assert.deepEqual(ids(arrange(clients, { sort }).sounding), ['b', 'c', 'a'], sort);
  const hum = (change) => condition(client('a', { status: 'sounding', last_sound_ms_ago: 0, ...change }), en).text;
  assert.deepEqual([hum({ steady: true }), hum({ steady: false }), hum({})], ['steady sound', 'now', 'now']);
});

test('many left-over clients fold into one line', () => {
  const away = (id, change) => client(id, { status: 'offline', configured: false, ...change });
  const many = ['a', 'b', 'c', 'd'].map((id) => away(id));
  const { offline, folded } = arrange([...many, away('e', { configured: true }), client('f', { configured: false })]);
  assert.deepEqual([ids(offline), ids(folded)], [['e'], ['a', 'b', 'c', 'd']]);
  assert.deepEqual(ids(arrange(many.slice(1)).offline), ['b', 'c', 'd'], 'a few stay as they are');
  assert.deepEqual(ids(arrange(many, { search: 'c' }).offline), ['c'], 'a search finds them');
  assert.deepEqual(ids(arrange(many.map((one) => ({ ...one, configured: undefined }))).offline), ['a', 'b', 'c', 'd'], 'an older server folds nothing');
});

test('the loudest comes first', () => {
  const loud = (id, rms_dbfs) => client(id, { rms_dbfs });
  assert.deepEqual(ids(arrange([loud('a', -40), loud('b', -10)], { sort: 'loudest' }).connected), ['b', 'a']);
});

test('an unchanged order keeps the arrangement', () => {
  const arranger = new Arranger();
  const [a, b] = [client('a', { name: 'PC 1' }), client('b', { name: 'PC 2' })];
  const first = arranger.next([a, b]);
  assert.deepEqual(ids(first.connected), ['a', 'b']);
  // A level, a passing second, or a name that sorts the same moves no row.
  const same = [{ rms_dbfs: -3 }, { last_packet_ms_ago: 900 }, { last_sound_ms_ago: 5 }, { name: 'PC 1a' }];
  for (const change of same) assert.equal(arranger.next([{ ...a, ...change }, b]), first);
  assert.deepEqual(ids(arranger.next([{ ...a, name: 'PC 3' }, b]).connected), ['b', 'a']);
  assert.deepEqual(ids(arranger.next([a, { ...b, status: 'sounding' }]).sounding), ['b']);
  assert.deepEqual(ids(arranger.next([a, b], { search: 'pc 2' }).connected), ['b']);
  const loud = { ...b, rms_dbfs: -10 };
  assert.deepEqual(ids(arranger.next([a, loud], { sort: 'loudest' }).connected), ['b', 'a']);
});

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

test('search covers name, ID and address', () => {
  const all = [client('5f0a11c2', { name: 'Ward 3' }), client('00000001', { address: null })];
  for (const search of ['ward', '5f0A', '192.0.2', ' ward 3 ']) assert.deepEqual(ids(arrange(all, { search }).connected), ['5f0a11c2']);
  assert.deepEqual(ids(arrange(all, { search: 'x' }).connected), []);
});

test('time spans use the largest unit that fits', () => {
  const spans = [null, 0, 1999, 12000, 60000, 3 * 3600e3, 86400e3, 3 * 86400e3].map((ms) => ago(ms, en));
  assert.deepEqual(spans, ['no sound yet', 'now', 'now', '12 s ago', '1 min ago', '3 h ago', '1 day ago', '3 days ago']);
});

const STATS = { received: 500, lost: 60, late: 3, reordered: 2, duplicate: 1, concealed: 4, repaired: 57, loss_percent: 12.34,
  concealed_percent: 0, delay_ms: 61.4, target_delay_ms: 60.2, drift_ppm: -12.34, jitter_ms: 3.25 };

test('a time that cannot be is unknown', () => {
  const say = (change) => condition(client('a', { status: 'offline', ...change }), en).text;
  assert.equal(say({ last_packet_ms_ago: null, seen_before: true }), 'time unknown');
  assert.equal(say({ last_packet_ms_ago: null, seen_before: false }), 'not seen yet');
  assert.equal(say({ last_packet_ms_ago: null }), 'no sound yet', 'an older server');
  assert.equal(say({ last_packet_ms_ago: 60000, seen_before: true }), '1 min ago');
  for (const wrong of [-5000, 56 * 365 * 86400e3, Number.NaN, Infinity]) assert.equal(ago(wrong, en), 'time unknown', String(wrong));
});

test('a long delay or gap is never called steady', () => {
  const say = (delayMs, interrupted) => soundWords({ delayMs, interrupted }, en);
  assert.deepEqual([say(84.4, 0), say(246, 0), say(246, 2), say(80, 1)],
    ['delay 84 ms · no gaps', 'delay 246 ms, long · no gaps', 'delay 246 ms, long · 2 gaps/min', 'delay 80 ms · 1 gap/min']);
});

test('missing sound is shown before anything else', () => {
  const say = (quality, trouble, change) => condition(client('a', { quality, concealed_percent: null, delay_ms: null, ...trouble, last_sound_ms_ago: 0, ...change }), en);
  assert.deepEqual(say('good'), { text: 'now', quality: 'good' });
  assert.deepEqual(say('fair', { concealed_percent: 0.7 }), { text: 'fair · 0.7 % lost', quality: 'fair' });
  assert.deepEqual(say('bad', { concealed_percent: 12.3 }), { text: 'bad · 12 % lost', quality: 'bad' });
  assert.deepEqual(say('fair', { delay_ms: 300 }), { text: 'fair · delay 300 ms', quality: 'fair' });
  assert.deepEqual(say(null, {}, { status: 'offline', last_packet_ms_ago: 60000 }), { text: '1 min ago', quality: 'good' });
});

test('trouble at the sender is shown in words', () => {
  const say = (change) => notice(client('a', change), en);
  assert.equal(say({ withheld: null, capture_trouble: null }), '');
  assert.equal(say({}), '', 'an older server');
  assert.equal(say({ withheld: 'not_opus' }), 'Not Opus: check the sender’s codec');
  assert.deepEqual(condition(client('a', { withheld: 'not_opus', quality: 'good', last_sound_ms_ago: 0 }), en), { text: 'not in the mix', quality: 'bad' });
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

test('a peak holds for a second, then falls', () => {
  const hold = new PeakHold();
  const shown = [[0, -6], [500, -30], [1000, -30], [1500, -30], [1500, -3], [10000, -50]].map(([at, dbfs]) => hold.next(at, dbfs));
  assert.deepEqual(shown, [-6, -6, -6, -16, -3, -50]);
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
