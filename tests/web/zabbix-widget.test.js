// The Zabbix widget's pure parts: which computers it lists, and its texts.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SHOW, listed, share } from '../../zabbix/modules/raa_player/assets/js/raa/list.js';
import { LANGUAGES, words } from '../../zabbix/modules/raa_player/assets/js/raa/words.js';

const client = (id, status, silentMs = null, name = id) => ({ id, name, status, last_sound_ms_ago: status === 'sounding' ? 0 : silentMs });
const CLIENTS = [client('d', 'offline'), client('b', 'connected', 9000), client('c', 'connected', 11_000), client('e', 'sounding', 0, 'Zoo'), client('a', 'sounding', 0, 'Ape')];

test('each setting lists its computers, sounding ones first', () => {
  const table = [[SHOW.NOTHING, ''], [SHOW.SOUNDING, 'a e b'], [SHOW.ALL, 'a e b c d']];
  for (const [show, expected] of table) assert.equal(listed(CLIENTS, show).map(({ id }) => id).join(' '), expected, `show ${show}`);
});

test('a level becomes a share of the bar', () => {
  for (const [dbfs, expected] of [[-120, 0], [-60, 0], [-30, 0.5], [0, 1], [6, 1]]) assert.equal(share(dbfs), expected, `${dbfs} dBFS`);
});

test('both languages have the same texts with the same values', () => {
  const [en, ja] = [LANGUAGES.en, LANGUAGES.ja];
  assert.deepEqual(Object.keys(ja), Object.keys(en));
  assert.ok(Object.keys(en).length > 30);
  for (const key of Object.keys(en)) assert.equal(ja[key].length > 0 && typeof ja[key], typeof en[key], key);
});

test('the user’s language is taken, else English', () => {
  for (const [lang, expected] of [['ja', '停止'], ['ja_JP', '停止'], ['en', 'Stop'], ['de', 'Stop'], ['', 'Stop']]) assert.equal(words(lang)('stop'), expected, lang);
});

test('an unknown reason has no text', () => assert.equal(words('en')('reason_null'), undefined));

test('every reason of the player has a text', async () => {
  const { readFile } = await import('node:fs/promises');
  const source = await readFile(new URL('../../docs/embedding.md', import.meta.url), 'utf8');
  const reasons = [...source.split('| `reason` |')[1].matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, word]) => word));
  assert.ok(reasons.length >= 16, `${reasons}`);
  for (const reason of reasons) assert.ok(LANGUAGES.en[`reason_${reason}`], reason);
});
