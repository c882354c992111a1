// What the browser remembers: defaults, stored values, and a browser that keeps nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Memory } from '../../crates/raa-server/web/page/memory.js';

function memoryWith(values) {
  const stored = new Map(Object.entries(values));
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  return { memory: new Memory(() => storage), stored };
}

const everything = ({ volume, isPlaying, desk, language, theme, singleKeys }) => ({ volume, isPlaying, desk, language, theme, singleKeys });
const DEFAULTS = { volume: 80, isPlaying: false, desk: '', language: '', theme: '', singleKeys: true };

test('an empty memory gives the defaults', () => {
  assert.deepEqual(everything(memoryWith({}).memory), DEFAULTS);
});

test('values of earlier versions are understood', () => {
  const { memory } = memoryWith({ 'raa.volume': '35', 'raa.playing': 'true', 'raa.sort': 'heard', 'raa.desk': 'Night shift' });
  assert.deepEqual(everything(memory), { ...DEFAULTS, volume: 35, isPlaying: true, desk: 'Night shift' });
});

test('values that are not understood count as missing', () => {
  for (const volume of ['loud', '-1', '101', 'NaN']) {
    const { memory } = memoryWith({ 'raa.volume': volume, 'raa.playing': 'yes', 'raa.theme': 'pink', 'raa.language': 'fr' });
    assert.deepEqual(everything(memory), DEFAULTS, volume);
  }
});

test('changes are stored as text', () => {
  const { memory, stored } = memoryWith({});
  Object.assign(memory, { volume: '0', isPlaying: true, language: 'ja', singleKeys: false });
  assert.deepEqual([...stored], [['raa.volume', '0'], ['raa.playing', 'true'], ['raa.language', 'ja'], ['raa.keys', 'false']]);
  assert.deepEqual(everything(memory), { ...DEFAULTS, volume: 0, isPlaying: true, language: 'ja', singleKeys: false });
});

test('a browser without storage remembers nothing', () => {
  const memory = new Memory(() => { throw new Error('access is denied'); });
  Object.assign(memory, { volume: '10', isPlaying: true, desk: 'Night shift' });
  assert.deepEqual(everything(memory), DEFAULTS);
});

test('folded groups are remembered as numbers', () => {
  const { memory, stored } = memoryWith({});
  assert.deepEqual(memory.foldedGroups, []);
  memory.foldedGroups = [3, 0];
  assert.deepEqual([stored.get('raa.foldedGroups'), memory.foldedGroups], ['3 0', [3, 0]]);
  for (const [value, ids] of [['', []], ['x -1 2.5 7', [7]], ['[1,2]', []]]) assert.deepEqual(memoryWith({ 'raa.foldedGroups': value }).memory.foldedGroups, ids, value);
});
