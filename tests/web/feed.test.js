// The page's reader of the events. `feed.json` has messages as the server writes them, each with the whole state that it leads
// to; a test of the server (crates/raa-server/src/live/tests.rs) keeps it up to date.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Feed, withAnswer } from '../../crates/raa-server/web/server/feed.js';

const RECORDED = JSON.parse(readFileSync(new URL('feed.json', import.meta.url)));

const byId = (clients) => [...clients].sort((a, b) => (a.id < b.id ? -1 : 1));

function feedWith(...messages) {
  const feed = new Feed();
  for (const message of messages) assert.equal(feed.take(message), 'state');
  return feed;
}

test('the changes lead to the whole', () => {
  const feed = new Feed();
  assert.ok(RECORDED.length >= 5);
  for (const { message, whole } of RECORDED) {
    assert.equal(feed.take(message), 'state');
    assert.deepEqual({ ...feed.state, clients: byId(feed.state.clients) }, { ...feedWith(whole).state, clients: byId(feedWith(whole).state.clients) });
    assert.deepEqual(feed.state.clients.map(({ id, name }) => [id, name]).sort(), whole.clients.map(({ id, name }) => [id, name]).sort());
    assert.equal(feed.state.server.listeners, whole.server.listeners);
  }
  assert.deepEqual(RECORDED.map(({ message }) => message.type), ['whole', 'changes', 'changes', 'changes', 'changes']);
  assert.ok(RECORDED.some(({ message }) => message.gone), 'a client went');
});

test('a missing message is noticed', () => {
  for (let missing = 0; missing < RECORDED.length - 1; missing++) {
    const feed = feedWith(...RECORDED.slice(0, missing).map(({ message }) => message));
    const before = JSON.stringify(feed.state);
    assert.equal(feed.take(RECORDED[missing + 1].message), 'lost');
    assert.equal(JSON.stringify(feed.state), before, 'what was known stays');
    assert.equal(feed.take(RECORDED.at(-1).whole), 'state');
  }
});

test('a new connection begins with the whole', () => {
  const messages = RECORDED.map(({ message }) => message);
  const feed = feedWith(...messages.slice(0, 2));
  feed.reset();
  assert.equal(feed.take(messages[2]), 'lost', 'the numbers of another run of the server mean something else');
  assert.equal(feed.take(messages[0]), 'state');
  assert.equal(feed.state.clients.length, messages[0].clients.length);
});

test('messages of another version mean nothing', () => {
  const feed = new Feed();
  assert.equal(feed.take({ type: 'state', clients: [], status: {} }), 'nothing');
  assert.equal(feed.take(RECORDED[0].message), 'state');
  assert.equal(feed.take({ type: 'invented' }), 'nothing');
});

const row = (id, change) => ({ id, status: 'connected', last_packet_at_ms: null, last_sound_at_ms: null, volume: 100, ...change });
const whole = (now_ms, clients, server = {}) => ({ type: 'whole', revision: 1, now_ms, clients, server });

test('ages are those at the time of the message', () => {
  const feed = feedWith(whole(10000, [row('a', { last_sound_at_ms: 4000 }), row('b', { status: 'offline', last_packet_at_ms: -5000 }), row('c', { status: 'sounding' })],
    { listeners: 2, refused_senders: [{ address: 'x:1', since_at_ms: 1000, last_at_ms: 9000 }] }));
  const ages = () => feed.state.clients.map((client) => [client.last_sound_ms_ago, client.last_packet_ms_ago]);
  assert.deepEqual(ages(), [[6000, null], [null, 15000], [0, null]]);
  assert.deepEqual(feed.state.refused.map((sender) => [sender.since_ms_ago, sender.last_ms_ago]), [[9000, 1000]]);
  assert.equal(feed.take({ type: 'changes', from: 1, revision: 1, now_ms: 11000 }), 'state');
  assert.deepEqual(ages(), [[7000, null], [null, 16000], [0, null]]);
});

test('only sounding clients have a level', () => {
  const feed = feedWith(whole(0, [row('a', { status: 'sounding' }), row('b', { status: 'sounding' })]));
  const levels = () => feed.state.clients.map((client) => client.rms_dbfs);
  assert.deepEqual(levels(), [-120, -120]);
  assert.equal(feed.take({ type: 'levels', levels: { a: [-20, -9], b: [0, 0] } }), 'levels');
  assert.deepEqual([levels(), feed.levels.a], [[-20, 0], [-20, -9]]);
  feed.take({ type: 'changes', from: 1, revision: 2, now_ms: 1, clients: [{ id: 'a', status: 'connected' }] });
  assert.deepEqual(levels(), [-120, 0]);
});

test('older events do not undo an answer', () => {
  const client = (now_ms, volume) => ({ ...row('a', { volume }), now_ms });
  const answer = { id: 'a', now_ms: 5000, name: '', volume: 60, muted: false, sounding_from_dbfs: -60, configured: true, stats: {} };
  assert.equal(withAnswer(client(4900, 50), answer).volume, 60, 'the change of before is on its way');
  assert.equal(withAnswer(client(5000, 50), answer).volume, 60);
  assert.equal(withAnswer(client(5001, 70), answer).volume, 70, 'somebody else changed it later');
  assert.equal(withAnswer(client(4900, 50), null).volume, 50);
  assert.equal(withAnswer(client(0, 60), { ...answer, now_ms: 900000, volume: 10 }).volume, 60, 'the server began again');
  assert.equal(withAnswer(client(4900, 50), answer).status, 'connected', 'the rest is that of the events');
  assert.ok(!('stats' in withAnswer(client(4900, 50), answer)));
});
