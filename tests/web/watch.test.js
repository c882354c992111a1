// The pure parts of the watch: who has a card, who is not heard, where rows are, what happened, what is said, and times.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Cards, isDue } from '../../crates/raa-server/web/room/cards.js';
import { History, canSee, canUndo, describe } from '../../crates/raa-server/web/room/history.js';
import { action } from '../../crates/raa-server/web/page/keys.js';
import { Places, arrange, inColumns, matches } from '../../crates/raa-server/web/room/order.js';
import { EACH_FRAME, Reveal } from '../../crates/raa-server/web/list/reveal.js';
import { audible, computers, kept, lastSounded, pageMessage, silenceOf, silentWalls, sounds } from '../../crates/raa-server/web/room/room.js';
import { silenced, silencedWords } from '../../crates/raa-server/web/room/silenced.js';
import { Spoken } from '../../crates/raa-server/web/room/spoken.js';
import { LOST, Peaks, STRIP_SECONDS, UNHEARD, bytesOf, decodePeak } from '../../crates/raa-server/web/room/strip.js';
import { tabIcon, tabTitle } from '../../crates/raa-server/web/page/tab.js';
import { texts } from '../../crates/raa-server/web/texts/texts.js';
import { ServerClock, age, clockTime, length, running } from '../../crates/raa-server/web/texts/time.js';

const en = texts('en');
const EPOCH = 1_795_000_000_000;

/** A computer as the page knows it, of a client as the server sends it. */
function computer(id, change = {}, server = {}) {
  const client = { id, name: '', status: 'connected', address: '192.0.2.7:5000', muted: false, volume: 100, quality: 'good', last_sound_began_at_ms: null,
    last_sound_at_ms: null, last_sound_peak_dbfs: null, last_sound_id: null, last_sound_seen: false, group: null, place: null, ...change };
  return computers([client], { epoch_ms: EPOCH, ...server })[0];
}

const ids = (list) => list.map(({ id }) => id);
const sound = (id, beganAt, change = {}) => ({ id, beganAt, endedAt: null, isSeen: false, isSilenced: false, isSteady: false, ...change });

test('a short beep keeps its card until it is seen', () => {
  const cards = new Cards(4);
  const beep = sound('a', 1000, { endedAt: 1100 });
  assert.deepEqual(cards.update([beep], 1200).slots, ['a', null, null, null]);
  assert.deepEqual(cards.update([beep], 601_000).slots, ['a', null, null, null], 'ten minutes later');
  assert.deepEqual(cards.update([{ ...beep, isSeen: true }], 602_000).slots, [null, null, null, null]);
});

test('a card keeps its slot while others come and go', () => {
  const cards = new Cards(3);
  const [a, b, c] = [sound('a', 1), sound('b', 2), sound('c', 3)];
  assert.deepEqual(cards.update([a], 10).slots, ['a', null, null]);
  assert.deepEqual(cards.update([b, a], 10).slots, ['a', 'b', null]);
  assert.deepEqual(cards.update([c, b], 10).slots, ['c', 'b', null], 'the free slot is taken, b stays');
});

test('the newest of many has a card and none is lost', () => {
  const cards = new Cards(4);
  const many = [];
  for (let i = 0; i < 20; i++) {
    many.push(sound(`s${i}`, i));
    const { slots, rest } = cards.update(many, 100);
    assert.ok(slots.includes(`s${i}`), `the newest, s${i}`);
    assert.equal(slots.filter(Boolean).length + rest.length, i + 1);
  }
  assert.deepEqual(cards.update(many, 100).rest[0], 's15', 'the rest has the newest first');
});

test('a hum gives its slot to an alarm', () => {
  const cards = new Cards(2);
  cards.update([sound('hum', 5, { isSteady: true }), sound('a', 1)], 10);
  const { slots, rest } = cards.update([sound('hum', 5, { isSteady: true }), sound('a', 1), sound('b', 6)], 10);
  assert.deepEqual([slots.toSorted(), rest], [['a', 'b'], ['hum']]);
});

test('cards of twice as many sounds take twice the work', () => {
  const work = (count) => {
    let reads = 0;
    const counted = (id, beganAt) => ({ ...sound(id, beganAt, { endedAt: beganAt }), get id() { reads += 1; return id; } });
    const { rest } = new Cards(4).update(Array.from({ length: count }, (_, i) => counted(`s${i}`, i)), count);
    assert.equal(rest.length, count - 4);
    return reads;
  };
  const [few, many] = [work(300), work(600)];
  assert.ok(few >= 300 && many < 2.5 * few, `${few} and ${many} looks at sounds`);
});

test('a muted sound is shown for thirty seconds', () => {
  const muted = sound('a', 0, { isSilenced: true });
  assert.deepEqual([0, 29_000, 31_000].map((now) => isDue(muted, now)), [true, true, false]);
  assert.equal(isDue({ ...muted, endedAt: 5 }, 1000), false);
});

test('fewer slots lose no sound', () => {
  const cards = new Cards(4);
  const all = [sound('a', 1), sound('b', 2), sound('c', 3)];
  cards.update(all, 10);
  cards.resize(2);
  const { slots, rest } = cards.update(all, 10);
  assert.deepEqual([slots, rest].flat().toSorted(), ['a', 'b', 'c']);
  assert.ok(slots.includes('c'), 'the newest has a card');
});

test('a client becomes a computer with times of the clock', () => {
  const one = computer('a', { status: 'sounding', last_sound_began_at_ms: 5000, muted: true, muted_by: { name: 'Desk 2' }, muted_since_ms: -1000, muted_until_ms: 9000 });
  assert.deepEqual([one.began, one.ended, one.silencedAt, one.mutedUntil, one.silencedBy, one.isSounding], [EPOCH + 5000, null, EPOCH - 1000, EPOCH + 9000, 'Desk 2', true]);
  const bad = [computer('a', { quality: 'bad', concealed_percent: 26 }), computer('a', { quality: 'fair', concealed_percent: 2 }), computer('a', { quality: 'bad', status: 'offline' })];
  assert.deepEqual(bad.map(({ loss, trouble }) => [loss, trouble]), [[26, 'bad'], [null, ''], [null, '']]);
  const [{ beganAt, endedAt }] = sounds([computer('a', { last_sound_began_at_ms: 1000, last_sound_at_ms: 1100 }), computer('never')]);
  assert.deepEqual([beganAt, endedAt], [EPOCH + 1000, EPOCH + 1100]);
});

test('a computer that looks the same stays the same object', () => {
  const before = [computer('a', { now_ms: 1, last_packet_ms_ago: 10 }), computer('b')];
  const [same, changed] = kept(before, [computer('a', { now_ms: 2, last_packet_ms_ago: 900 }), computer('b', { name: 'PC 2' })]);
  assert.equal(same, before[0]);
  assert.notEqual(changed, before[1]);
  const news = [{ name: 'PC' }, { status: 'sounding' }, { status: 'offline' }, { address: '192.0.2.8:5000' }, { muted: true }, { volume: 99 }, { quality: 'bad' }, { last_sound_seen: true },
    { last_sound_began_at_ms: 1 }, { group: 1 }, { place: 1 }, { conflict: '192.0.2.9' }, { withheld: 'x' }, { capture_trouble: 'x' }];
  for (const change of news) {
    const now = [computer('a', change)];
    assert.deepEqual(kept([computer('a')], now), now, JSON.stringify(change));
    assert.equal(kept(now, [computer('a')])[0].client[Object.keys(change)[0]], computer('a').client[Object.keys(change)[0]], `no longer ${JSON.stringify(change)}`);
  }
});

test('the last sound is named, the test music is not', () => {
  const list = [computer('a', { last_sound_began_at_ms: 1, last_sound_at_ms: 2 }), computer('b', { last_sound_began_at_ms: 5, last_sound_at_ms: 6 }), computer('bgmtest0', { last_sound_began_at_ms: 9, last_sound_at_ms: 10 })];
  assert.equal(lastSounded(list).id, 'b');
  assert.equal(lastSounded([computer('a')]), null);
});

test('who is not heard comes in the order of silencing', () => {
  const at = (ms) => ({ muted: true, muted_since_ms: ms });
  const list = [computer('late', at(30)), computer('heard'), computer('early', at(10)), computer('soft', { volume: 9, volume_since_ms: 20 }), computer('low', { volume: 10 })];
  assert.deepEqual(ids(silenced(list)), ['early', 'soft', 'late']);
  const say = (change) => silencedWords(computer('a', change), EPOCH + 60_000, en, () => '22:10');
  assert.equal(say({ muted: true, muted_by: { name: 'Desk 2' }, muted_since_ms: 0, muted_until_ms: 600_000 }), '9 min left · by Desk 2');
  assert.equal(say({ muted: true, muted_by: { name: 'Desk 2' }, muted_since_ms: 0, muted_until_ms: null }), 'by Desk 2 · since 22:10');
  assert.equal(say({ volume: 0, volume_by: { name: 'Desk 2' }, volume_since_ms: 5 }), 'volume 0 % · by Desk 2 · since 22:10');
});

const GROUPS = [{ id: 1, name: 'Control' }, { id: 2, name: 'Plant' }];
const placed = [computer('b', { name: 'PC 10' }), computer('a', { name: 'PC 9' }), computer('x', { group: 2, place: 1 }), computer('y', { group: 2, place: 0 })];

test('groups come in the room\'s order, others by name', () => {
  const { sections } = arrange(placed, GROUPS);
  assert.deepEqual(sections.map(({ id, ids: list }) => [id, list]), [[1, []], [2, ['y', 'x']], [null, ['a', 'b']]]);
  assert.deepEqual(arrange(placed, GROUPS, 'pc 1').sections.map(({ ids: list }) => list), [['b']]);
});

test('nothing that a computer does moves a row', () => {
  const places = new Places();
  const first = places.next(placed, GROUPS, { revision: 1 }).sections;
  const others = [computer('a', { name: 'Zzz', status: 'sounding' }), computer('x', { group: 2, place: 1, status: 'offline' }), computer('new', { name: 'AAA' })];
  const { sections, isNew, isUntidy } = places.next(others, GROUPS, { revision: 1 });
  assert.deepEqual([isNew, isUntidy], [false, true]);
  assert.deepEqual(sections.slice(0, 3), first, 'also those that are gone keep their places');
  assert.deepEqual(sections[3].ids, ['new']);
  const asked = places.next(others, GROUPS, { revision: 1, isAsked: true });
  assert.deepEqual([asked.isNew, asked.isUntidy, asked.sections.at(-1).ids], [true, false, ['new', 'a']]);
  assert.equal(places.next(others, GROUPS, { revision: 2 }).isNew, true, 'a person has moved something');
});

test('many left-over computers fold, and come back', () => {
  const away = (id) => computer(id, { status: 'offline', configured: false });
  const four = ['a', 'b', 'c', 'd'].map(away);
  const places = new Places();
  assert.deepEqual(places.next(four, []).folded, ['a', 'b', 'c', 'd']);
  const { folded, sections } = places.next([computer('a', { configured: false }), ...four.slice(1)], []);
  assert.deepEqual([folded, sections.at(-1).ids], [['b', 'c', 'd'], ['a']]);
  assert.deepEqual(arrange(four.slice(1), []).folded, [], 'a few stay as they are');
  assert.deepEqual(places.next(four.slice(0, 2), []).folded, ['b'], 'forgotten ones are not counted');
});

test('rows get their contents a few in each frame, those in view first', () => {
  const frames = [];
  const reveal = new Reveal((run) => frames.push(run));
  const shown = [];
  const rows = Array.from({ length: 300 }, (_, i) => ({ isConnected: false, classList: { add() {}, remove: () => shown.push(i) } }));
  const connect = (some) => () => { for (const row of some) row.isConnected = true; };
  reveal.bring(rows, connect(rows));
  assert.deepEqual(shown, Array.from({ length: EACH_FRAME }, (_, i) => i), 'the first ones at once');
  reveal.prefer(rows.slice(200, 200 + EACH_FRAME));
  reveal.bring(rows, () => {});
  frames.shift()();
  assert.deepEqual(shown.slice(EACH_FRAME), Array.from({ length: EACH_FRAME }, (_, i) => 200 + i), 'then those in view');
  for (let frame = 2; frame < Math.ceil(300 / EACH_FRAME); frame++) {
    assert.equal(frames.length, 1, 'one frame is asked for');
    frames.shift()();
    assert.equal(shown.length, Math.min(300, (frame + 1) * EACH_FRAME));
  }
  assert.deepEqual([frames.length, new Set(shown).size], [0, 300], 'each row, and no frame more');
});

test('search covers name, ID and address', () => {
  const client = { id: '5f0a11c2', name: 'Ward 3', address: '192.0.2.7:5000' };
  assert.deepEqual(['ward', '5f0A', '192.0.2', ' ward 3 ', 'x'].map((search) => matches(client, search)), [true, true, true, true, false]);
});

test('two columns have about the same height', () => {
  const section = (id, count) => ({ id, name: '', ids: Array.from({ length: count }, (_, i) => `${id}.${i}`) });
  const columns = inColumns([section(1, 10), section(2, 14), section(3, 6), section(4, 8)], 2);
  const heights = columns.map((parts) => parts.reduce((sum, { ids: list, isContinued }) => sum + list.length + (isContinued ? 0 : 1), 0));
  assert.ok(Math.abs(heights[0] - heights[1]) <= 2, heights.join());
  assert.equal(columns.flat().flatMap(({ ids: list }) => list).length, 38);
  assert.deepEqual(inColumns([section(1, 3)], 1)[0].map(({ ids: list }) => list.length), [3]);
});

test('a folded group takes one line', () => {
  const section = (id, count) => ({ id, name: '', ids: Array.from({ length: count }, (_, i) => `${id}.${i}`) });
  const [left, right] = inColumns([section(1, 30), section(2, 4), section(null, 4)], 2, (id) => id === 1);
  assert.deepEqual([left, right].map((parts) => parts.map(({ id, ids: list, of }) => [id, list.length, of])), [[[1, 0, 30], [2, 4, 4]], [[null, 4, 4]]]);
});

const entry = (id, change = {}) => ({ id, at_ms: EPOCH + id * 1000, kind: 'sound', client: 'a', name: 'Gate 2', ended_ms: null, peak_dbfs: null, count: 1, by: null, from: null, to: null, seen_by: null, undone: false, ...change });

test('the history replaces what has changed', () => {
  const history = new History();
  history.take({ first: true, entries: [entry(1), entry(2)] });
  history.take({ entries: [entry(1, { ended_ms: EPOCH + 5000 }), entry(3)] });
  assert.deepEqual(history.newest.map(({ id, ended_ms: ended }) => [id, ended !== null]), [[3, false], [2, false], [1, true]]);
  history.take({ first: true, entries: [entry(9)] });
  assert.deepEqual(ids(history.newest), [9]);
  history.take({ entries: Array.from({ length: 1500 }, (_, i) => entry(i + 10)) });
  assert.equal(history.newest.length, 1000);
});

test('older entries that somebody asked for stay', () => {
  const history = new History();
  history.take({ first: true, entries: Array.from({ length: 1000 }, (_, i) => entry(i + 501)) });
  history.add(Array.from({ length: 200 }, (_, i) => entry(i + 301)));
  history.take({ entries: [entry(1501)] });
  const [newest, oldest] = [history.newest[0].id, history.newest.at(-1).id];
  assert.deepEqual([history.newest.length, newest, oldest], [1200, 1501, 302]);
  history.take({ first: true, entries: [entry(1502)] });
  assert.equal(history.newest.length, 1);
});

test('an entry says what, how long and by whom', () => {
  const say = (change) => { const { title, detail, look } = describe(entry(0, change), en, EPOCH); return [title, detail, look]; };
  assert.deepEqual(say({}), ['Gate 2', 'sounds now', 'live']);
  assert.deepEqual(say({ ended_ms: EPOCH + 6840, peak_dbfs: -13.6, count: 3, seen_by: { name: 'Desk 1' } }), ['Gate 2', '6.8 s · −14 dB · 3 times · ✓ Desk 1', 'sound']);
  assert.deepEqual(say({ kind: 'muted', to: { muted: true, until_ms: EPOCH + 900_000 }, by: { kind: 'desk', name: 'Desk 2' } }), ['Gate 2', 'muted for 15 min · by Desk 2', 'act']);
  assert.deepEqual(say({ kind: 'volume', from: 100, to: 0, by: { kind: 'address', name: '192.0.2.9' }, undone: true }), ['Gate 2', 'volume 100 → 0 % · by 192.0.2.9 · undone', 'act']);
  assert.deepEqual(say({ kind: 'mute_ended', by: { kind: 'server', name: '' } }), ['Gate 2', 'heard again: the mute has ended', 'act']);
  assert.deepEqual(say({ kind: 'server_started', client: null, to: '0.9.0' }), ['Server was started', '0.9.0', 'system']);
  assert.deepEqual(say({ kind: 'name', from: '', to: 'Ward\u202e 3' }), ['Gate 2', 'name – → Ward 3', 'act']);
  const kinds = ['connected', 'offline', 'network_bad', 'capture', 'unmuted', 'sounding_from', 'forgotten', 'groups', 'server_stopped', 'suppressed'];
  for (const language of ['en', 'ja']) {
    for (const kind of kinds) {
      const words = describe(entry(0, { kind, client: ['groups', 'server_stopped', 'suppressed'].includes(kind) ? null : 'a' }), texts(language), EPOCH);
      assert.ok(!/undefined|log_/.test(words.title + words.detail), `${language} ${kind}: ${words.title} ${words.detail}`);
    }
  }
});

test('only changes of settings can be undone, once', () => {
  assert.deepEqual(['muted', 'unmuted', 'volume', 'name', 'sounding_from', 'mute_ended', 'sound', 'groups'].map((kind) => canUndo({ kind, undone: false })), [true, true, true, true, true, false, false, false]);
  assert.equal(canUndo({ kind: 'muted', undone: true }), false);
  assert.deepEqual([canSee(entry(1)), canSee(entry(1, { seen_by: { name: 'x' } })), canSee(entry(1, { kind: 'muted' }))], [true, false, false]);
});

test('an undo finds its own entries', () => {
  const history = new History();
  const volume = (id, from, to, change = {}) => entry(id, { kind: 'volume', from, to, ...change });
  history.take({ first: true, entries: [volume(1, 100, 40), entry(2, { kind: 'muted' }), volume(3, 40, 5), volume(4, 100, 40, { client: 'b' }), entry(5), entry(6, { kind: 'unmuted' })] });
  const found = (change, sinceMs) => ids(history.entriesOf('a', change, sinceMs));
  assert.deepEqual(found({ volume: 40 }), [1], 'another desk has changed it since');
  assert.deepEqual(found({ volume: 5 }), [3]);
  assert.deepEqual(found({ volume: 7 }), [], 'the entry has not come yet');
  assert.deepEqual([found({ muted: true, muted_for_s: 900 }), found({ muted: false })], [[2], [6]]);
  assert.deepEqual(found({ muted: false, volume: 5 }), [6, 3]);
  assert.deepEqual(found({ volume: 5 }, EPOCH + 4000), []);
  history.take({ entries: [volume(3, 40, 5, { ended_ms: EPOCH + 9000 })] });
  assert.deepEqual(found({ volume: 5 }, EPOCH + 8000), [3], 'a fader that moved on');
  history.take({ entries: [entry(7, { kind: 'name', from: 'Own', to: '' }), volume(3, 40, 5, { undone: true })] });
  assert.deepEqual([found({ name: null }), found({ volume: 5 })], [[7], []]);
});

test('a strip has each second of ten minutes', () => {
  const peaks = new Peaks();
  peaks.fill(Uint8Array.from([0, 1, 121, 121 | 128]), 1004);
  assert.deepEqual([999, 1000, 1001, 1002, 1003, 1004].map((second) => peaks.at(second).share), [0, 0, 0, 1, 1, 0]);
  assert.deepEqual([peaks.at(1002).marks, peaks.at(1003).marks], [0, LOST]);
  peaks.note(1006, 91, UNHEARD);
  assert.deepEqual([peaks.at(1005).share, peaks.at(1006)], [0, { share: Math.round(0.5 * 255) / 255, marks: UNHEARD }]);
  peaks.advance(1003 + STRIP_SECONDS);
  assert.equal(peaks.at(1003).share, 0, 'what is older is forgotten');
  assert.equal(peaks.at(1006).marks, UNHEARD);
  assert.equal(peaks.isEmpty, false);
  peaks.advance(5000);
  assert.equal(peaks.isEmpty, true);
});

test('a strip knows seconds of an earlier run', () => {
  const peaks = new Peaks();
  peaks.fill(Uint8Array.from([121, 1, 121]), 1);
  assert.deepEqual([-2, -1, 0].map((second) => peaks.at(second).share), [1, 0, 1]);
  assert.deepEqual([decodePeak(0), decodePeak(1), decodePeak(121 | 128)].map(({ peakDbfs, isLossy }) => [peakDbfs, isLossy]), [[-120, false], [-120, false], [0, true]]);
  assert.deepEqual([...bytesOf('AHn/')], [0, 121, 255]);
});

test('sixty seconds of noise give at most twelve sentences', () => {
  const spoken = new Spoken();
  const said = [];
  for (let now = 0; now < 60_000; now += 250) {
    const sounding = Array.from({ length: 5 }, (_, i) => ({ id: `${i}`, title: `PC ${i}`, beganAt: Math.floor(now / (300 + i)) }));
    const words = spoken.next(sounding, now, en);
    if (words) said.push(words);
  }
  assert.ok(said.length > 5 && said.length <= 12, `${said.length} sentences`);
  assert.match(said[0], /^PC 0, PC 1, PC 2 and 2 more sound$/);
});

test('a sound that goes on is said once', () => {
  const spoken = new Spoken();
  const said = [0, 6000, 12_000, 18_000].map((now) => spoken.next([{ id: 'a', title: 'Fire panel', beganAt: 1 }], now, en));
  assert.deepEqual(said, ['Fire panel sounds', null, null, null]);
});

test('keys mean nothing while something is typed', () => {
  const here = { isField: false, isControl: false, isInList: false, singleKeys: true };
  const does = (key, where = {}, event = {}) => action({ key, ...event }, { ...here, ...where });
  assert.deepEqual(['a', 'A', 'n', 'M', '+', '-', '0', '/', '?', 'Escape', ' ', 'x'].map((key) => does(key)), ['seen', 'allSeen', 'next', 'mute', 'louder', 'softer', 'full', 'find', 'help', 'back', 'play', null]);
  assert.deepEqual([does('a', { isField: true }), does('Escape', { isField: true }), does('a', {}, { ctrlKey: true }), does('a', {}, { isComposing: true })], [null, 'back', null, null]);
  assert.deepEqual([does('ArrowDown', { isInList: true }), does('ArrowUp'), does('Enter', { isInList: true }), does('Enter')], ['down', null, 'details', null]);
  assert.deepEqual([does(' ', { isControl: true }), does('M', { isControl: true })], [null, 'mute']);
  assert.deepEqual([does('M', { singleKeys: false }), does(' ', { singleKeys: false }), does('ArrowDown', { singleKeys: false, isInList: true })], [null, 'play', 'down']);
});

test('the title of the tab names the newest sound', () => {
  const list = [computer('a', { name: 'Fire', status: 'sounding', last_sound_began_at_ms: 1 }), computer('b', { name: 'Gate', status: 'sounding', last_sound_began_at_ms: 5 }), computer('c', { name: 'Muted', status: 'sounding', muted: true })];
  assert.deepEqual(audible(list).map(({ title }) => title), ['Gate', 'Fire']);
  assert.equal(tabTitle(['Gate', 'Fire'], null, en), '● Gate +1');
  assert.equal(tabTitle([], 'No sound', en), 'No sound – RAA mixer');
  assert.equal(tabTitle([], null, en), 'RAA mixer');
  assert.notEqual(tabIcon(true), tabIcon(false));
});

test('a page tells the server what it plays', () => {
  const say = (state) => pageMessage({ view: 'wall', name: 'North', state, delayMs: 84.4 });
  assert.deepEqual(say('playing'), { type: 'page', view: 'wall', name: 'North', state: 'playing', delay_ms: 84 });
  assert.deepEqual(['needs-click', 'stopped', 'offline', 'reconnecting', 'failed'].map((state) => say(state).state), ['needs_click', 'stopped', 'no_sound', 'no_sound', 'no_sound']);
  assert.equal(say('stopped').delay_ms, null);
  assert.deepEqual(['playing', 'needs-click', 'stopped', 'failed', 'offline'].map(silenceOf), [null, 'silent_click', 'silent_stopped', 'silent_failed', 'silent_connection']);
  assert.deepEqual(silentWalls([{ state: 'playing' }, { state: 'gone' }]), [{ state: 'gone' }]);
});

test('times are said in the unit that fits', () => {
  assert.deepEqual([0, 61_000, 3_661_000].map(running), ['0:00', '1:01', '1:01:01']);
  assert.deepEqual([null, 0, 38_000, 420_000, 3 * 3600e3, 2 * 86400e3, 30 * 365 * 86400e3].map((ms) => age(ms, en)), ['–', '0 s', '38 s', '7 min', '3 h', '2 days', 'time unknown']);
  assert.deepEqual([40, 100, 6840, 125_000].map((ms) => length(ms, en)), ['0.1 s', '0.1 s', '6.8 s', '2 min 5 s']);
  assert.match(clockTime(EPOCH), /^\d\d:\d\d:\d\d$/);
});

test('the server\'s clock counts, slow messages do not', () => {
  const clock = new ServerClock(() => 7);
  assert.equal(clock.now(0), 7);
  clock.set(EPOCH, 1000);
  assert.equal(clock.now(1500), EPOCH + 500);
  clock.set(EPOCH + 1000, 2080);
  assert.equal(clock.now(2080), EPOCH + 1080, 'a message that was 80 ms late');
  clock.set(EPOCH - 60_000, 3000);
  assert.equal(clock.now(3000), EPOCH - 60_000, 'the clock was set');
});
