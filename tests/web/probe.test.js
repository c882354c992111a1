// Why a WebSocket can't be opened, by what an HTTP request to the same address gets.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { probe } from '../../crates/raa-server/web/server/probe.js';

const answer = (status, body = '') => new Response(body, { status });
const refused = (message) => answer(404, JSON.stringify({ error: { code: 'not_found', message } }));

async function cause(answers, pageOrigin = 'https://raa.test') {
  const asked = [];
  const request = async (url) => {
    asked.push(String(url));
    const next = answers.shift();
    if (!next) throw new TypeError('Failed to fetch');
    return next;
  };
  const word = await probe('wss://user:pw@raa.test/raa/ws?mix=main', request, pageOrigin);
  return { word, asked };
}

test('each answer has its cause', async () => {
  const table = [
    [[answer(426)], 'no-upgrade'],
    [[answer(426), answer(405)], 'no-upgrade'],
    [[answer(426), answer(403, JSON.stringify({ error: { code: 'origin_not_allowed' } }))], 'origin-refused'],
    [[answer(426), answer(403, '<h1>Forbidden</h1>')], 'no-upgrade'], // from a proxy
    [[answer(429)], 'too-many'],
    [[refused('mix is "x"; the only mix is "main"')], 'no-such-mix'],
    [[refused('there is no file /raa/ws')], 'not-raa'],
    [[answer(404, '<h1>Not found</h1>')], 'not-raa'],
    [[answer(200, '<h1>Welcome</h1>')], 'not-raa'],
    [[answer(401)], 'access-denied'],
    [[answer(403)], 'access-denied'],
    [[answer(502)], 'unreachable'],
    [[answer(503)], 'unreachable'],
    [[answer(504)], 'unreachable'],
    [[], 'unreachable'],
    [[null, answer(200, '<svg/>')], 'no-upgrade'],
    [[null, answer(404)], 'unreachable'],
  ];
  for (const [answers, expected] of table) assert.equal((await cause([...answers])).word, expected);
});

test('a page of an origin that is not allowed reads only files', async () => {
  for (const origin of ['https://zabbix.test', 'http://raa.test', 'https://raa.test:8443', 'null']) {
    assert.equal((await cause([null, answer(200, '<svg/>')], origin)).word, 'origin-refused', origin);
    assert.equal((await cause([null, answer(404)], origin)).word, 'unreachable', origin);
    assert.equal((await cause([answer(426), answer(405)], origin)).word, 'no-upgrade', origin);
  }
});

test('a password is never part of the request', async () => {
  const { asked } = await cause([]);
  assert.deepEqual(asked, ['https://raa.test/raa/ws?mix=main', 'https://raa.test/raa/icon.svg']);
});
