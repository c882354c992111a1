// What the player tells an embedding page about who sounds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { followSounding, soundingNow } from '../../crates/raa-server/web/server/sounding.js';

const client = (id, change) => ({ id, name: '', status: 'sounding', muted: false, volume: 100, ...change });

test('only what can be heard sounds, in the order of names', () => {
  const list = [client('c', { name: 'Ward' }), client('a', { name: 'Fire\u202e' }), client('m', { muted: true }), client('z', { volume: 0 }), client('s', { status: 'connected' }), client('n')];
  assert.deepEqual(soundingNow(list), [{ id: 'a', name: 'Fire' }, { id: 'c', name: 'Ward' }, { id: 'n', name: 'n' }]);
});

test('a listener hears of changes only', async (t) => {
  const sockets = [];
  globalThis.WebSocket = class {
    constructor(url) { this.url = String(url); sockets.push(this); }

    close() {}
  };
  t.after(() => { delete globalThis.WebSocket; });
  const heard = [];
  const end = followSounding(new URL('ws://raa.example/raa/'), (list) => heard.push(list.map(({ id }) => id)));
  const [socket] = sockets;
  assert.equal(socket.url, 'ws://raa.example/raa/api/events');
  socket.onopen();
  const say = (message) => socket.onmessage({ data: JSON.stringify(message) });
  say({ type: 'whole', revision: 1, now_ms: 0, clients: [client('a'), client('b', { status: 'connected' })], server: {} });
  say({ type: 'levels', levels: { a: [-20, -10] } });
  say({ type: 'changes', from: 1, revision: 2, now_ms: 100, clients: [{ id: 'a', quality: 'bad' }] });
  say({ type: 'changes', from: 2, revision: 3, now_ms: 200, clients: [{ id: 'b', status: 'sounding' }] });
  socket.onclose();
  assert.deepEqual(heard, [['a'], ['a', 'b'], []]);
  end();
});
