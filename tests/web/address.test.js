// The addresses that the page and the player put together, for every way to open the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clientCommand, commandDoubt, folderOf, socketUrl } from '../../crates/raa-server/web/server/address.js';

const HTTP = { home: 'http://raa.test:4011/', page: 'http://dash.test/board/index.html' };
const HTTPS = { home: 'https://raa.test/raa/', page: 'https://dash.test/board/' };

test('every sensible address leads to the mix', () => {
  const table = [
    [undefined, 'ws://raa.test:4011/ws'],
    [null, 'ws://raa.test:4011/ws'],
    ['', 'ws://raa.test:4011/ws'],
    ['  ', 'ws://raa.test:4011/ws'],
    ['host', 'ws://host:4011/ws'],
    ['host:8080', 'ws://host:8080/ws'],
    ['host:80', 'ws://host/ws'],
    ['host/raa', 'ws://host:4011/raa/ws'],
    ['host:8080/raa/', 'ws://host:8080/raa/ws'],
    ['192.0.2.7', 'ws://192.0.2.7:4011/ws'],
    ['192.0.2.7:8080', 'ws://192.0.2.7:8080/ws'],
    ['[2001:db8::7]', 'ws://[2001:db8::7]:4011/ws'],
    ['[2001:db8::7]:8080', 'ws://[2001:db8::7]:8080/ws'],
    ['2001:db8::7', 'ws://[2001:db8::7]:4011/ws'],
    [' host:8080 ', 'ws://host:8080/ws'],
    ['http://host', 'ws://host/ws'],
    ['http://host:4011/', 'ws://host:4011/ws'],
    ['HTTP://Host:4011/', 'ws://host:4011/ws'],
    ['http://[::1]:4011/', 'ws://[::1]:4011/ws'],
    ['https://host/raa', 'wss://host/raa/ws'],
    ['https://host/raa/', 'wss://host/raa/ws'],
    ['https://host/raa//', 'wss://host/raa/ws'],
    ['https://host/raa/index.html', 'wss://host/raa/ws'],
    ['https://host/raa/player.js', 'wss://host/raa/ws'],
    ['https://host/raa/?lang=ja#top', 'wss://host/raa/ws'],
    ['ws://host:4011', 'ws://host:4011/ws'],
    ['ws://host:4011/ws', 'ws://host:4011/ws'],
    ['ws://host:4011/ws?mix=other', 'ws://host:4011/ws'],
    ['wss://host/raa/ws', 'wss://host/raa/ws'],
    ['http://user:pw@host:4011/', 'ws://user:pw@host:4011/ws'],
    ['/raa', 'ws://dash.test/raa/ws'],
    ['./', 'ws://dash.test/board/ws'],
    ['../raa/', 'ws://dash.test/raa/ws'],
    ['//host/raa', 'ws://host/raa/ws'],
    [new URL('http://host:4011/'), 'ws://host:4011/ws'],
    [{ href: 'http://host:4011/' }, 'ws://host:4011/ws'], // as a page's location is
  ];
  for (const [url, expected] of table) assert.equal(socketUrl(url, 'main', HTTP), `${expected}?mix=main`, String(url));
});

test('a page on https connects by TLS', () => {
  const table = [[undefined, 'wss://raa.test/raa/ws'], ['host', 'wss://host/ws'], ['host:8443', 'wss://host:8443/ws'], ['::1', 'wss://[::1]/ws'],
    ['/raa', 'wss://dash.test/raa/ws'], ['http://host:4011/', 'ws://host:4011/ws']];
  for (const [url, expected] of table) assert.equal(socketUrl(url, 'main', HTTPS), `${expected}?mix=main`, String(url));
});

test('an address of no form is named', () => {
  const table = [['ftp://host/', '"ftp://host/"'], ['mailto:x@host', '"mailto:x@host"'], ['host:', '"host:"'], ['host:port', '"host:port"'],
    ['http://', '"http://"'], ['a b', '"a b"'], ['host:99999', '"host:99999"'], ['host:0', '"host:0"'], ['[::1', '"[::1"'],
    ['user@host', '"user@host"'], ['javascript:alert(1)', '"javascript:alert(1)"'], [7, '7'], [true, 'true'], [{}, '[object Object]'], [Symbol('x'), '[object Symbol]']];
  for (const [url, name] of table) {
    assert.throws(() => socketUrl(url, 'main', HTTP), (error) => error instanceof TypeError && error.message.startsWith(`url is ${name}; it must be `), name);
  }
  for (const [mix, name] of [['', '""'], [undefined, 'undefined'], [3, '3']]) {
    assert.throws(() => socketUrl('host', mix, HTTP), { name: 'TypeError', message: `mix is ${name}; it must be the name of a mix, as in "main"` });
  }
});

test('the name of a mix is encoded', () => {
  assert.equal(socketUrl('host', 'a&b=c', HTTP), 'ws://host:4011/ws?mix=a%26b%3Dc');
});

test('a folder has no password', () => {
  const table = [
    ['http://user:pw@host/', 'http://host/'],
    ['http://user@host:4011/raa/index.html?x=1#y', 'http://host:4011/raa/'],
    ['https://host/raa/', 'https://host/raa/'],
    ['http://[::1]:4011/', 'http://[::1]:4011/'],
  ];
  for (const [href, expected] of table) assert.equal(folderOf(href).href, expected);
});

test('the command fits every address of the page', () => {
  const table = [
    ['http://raa.test:4011/', 4010, 'raa-client --server raa.test'],
    ['http://raa.test:4011/', undefined, 'raa-client --server raa.test'],
    ['http://raa.test:4011/', 5000, 'raa-client --server raa.test:5000'],
    ['http://192.0.2.7:4011/', 4010, 'raa-client --server 192.0.2.7'],
    ['http://[::1]:4011/', 4010, "raa-client --server '[::1]'"],
    ['http://[2001:db8::7]/', 5000, "raa-client --server '[2001:db8::7]:5000'"],
    ['http://user:pw@raa.test/', 4010, 'raa-client --server raa.test'],
    ['https://raa.test/raa/', 5000, 'raa-client --server raa.test:5000'],
  ];
  for (const [page, port, command] of table) assert.equal(clientCommand(new URL(page), port), command, page);
});

test('a doubtful host of the command is recognised', () => {
  const table = [['http://raa.test:4011/', null], ['http://raa.test:4011/index.html', null], ['http://localhost:4011/', 'loopback'],
    ['http://127.0.0.1:4011/', 'loopback'], ['http://[::1]:4011/', 'loopback'], ['https://raa.test/', 'proxy'], ['http://raa.test/raa/', 'proxy']];
  for (const [page, doubt] of table) assert.equal(commandDoubt(new URL(page)), doubt, page);
});
