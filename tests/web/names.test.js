// Names that nobody can see, or that read otherwise than they are written.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkName, cleanName, isolated, title } from '../../crates/raa-server/web/server/names.js';

test('a name that nobody can see gives way to the ID', () => {
  for (const name of ['', ' ', '\u200b', '\u3164', '\u2800', '\u115f\u1160', '\uffa0', '\u00ad', '\ufeff\u2060', '\u202e', '\ue000', '\u0000', null, undefined]) {
    assert.equal(title({ id: '5f0a11c2', name }), '5f0a11c2', JSON.stringify(name));
  }
  for (const name of ['Ward 3', '監視室', 'عنبر', '🫀', 'é']) assert.equal(title({ id: '5f0a11c2', name }), name);
});

test('a name keeps its letters and loses its direction controls', () => {
  assert.equal(title({ id: 'a', name: 'Ward\u202e 3' }), 'Ward 3');
  assert.equal(title({ id: 'a', name: '\u2067Ward\u2069\u200f 3\u061c' }), 'Ward 3');
  assert.equal(cleanName('a\nb\u2028c\td'), 'a b c d');
  assert.equal(cleanName('e\u0301'), 'é', 'composed');
  assert.equal(cleanName('👩‍⚕️'), '👩‍⚕️', 'joined characters stay joined');
});

test('a name in a sentence is isolated from it', () => {
  assert.equal(isolated({ id: 'a', name: 'عنبر 3' }), '\u2068عنبر 3\u2069');
});

test('names have 1 to 64 characters, one of them visible', () => {
  const table = [['', false], ['  ', false], ['a', true], ['監'.repeat(64), true], ['x'.repeat(65), false], ['\u200b', false], ['\u3164', false],
    ['\u202e', false], [`\u202e${'x'.repeat(64)}`, true], ['e\u0301'.repeat(64), true]];
  for (const [name, isRight] of table) assert.equal(checkName(name), isRight, JSON.stringify(name));
});
