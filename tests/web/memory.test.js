// What the browser remembers: defaults, stored values, and a browser that keeps nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Memory } from '../../crates/raa-server/web/memory.js';

function memoryWith(values) {
  const stored = new Map(Object.entries(values));
  const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value) };
  return { memory: new Memory(() => storage), stored };
}

const everything = ({ volume, isPlaying, sort }) => ({ volume, isPlaying, sort });

test('an empty memory gives the defaults', () => {
  assert.deepEqual(everything(memoryWith({}).memory), { volume: 80, isPlaying: false, sort: 'name' });
});

test('values of earlier versions are understood', () => {
  const { memory } = memoryWith({ 'raa.volume': '35', 'raa.playing': 'true', 'raa.sort': 'heard' });
  assert.deepEqual(everything(memory), { volume: 35, isPlaying: true, sort: 'heard' });
});

test('values that are not understood count as missing', () => {
  for (const volume of ['loud', '-1', '101', 'NaN']) {
    const { memory } = memoryWith({ 'raa.volume': volume, 'raa.playing': 'yes', 'raa.sort': 'colour' });
    assert.deepEqual(everything(memory), { volume: 80, isPlaying: false, sort: 'name' }, volume);
  }
});

test('changes are stored as text', () => {
  const { memory, stored } = memoryWith({});
  Object.assign(memory, { volume: '0', isPlaying: true, sort: 'loudest' });
  assert.deepEqual([...stored], [['raa.volume', '0'], ['raa.playing', 'true'], ['raa.sort', 'loudest']]);
  assert.deepEqual(everything(memory), { volume: 0, isPlaying: true, sort: 'loudest' });
});

test('a browser without storage remembers nothing', () => {
  const memory = new Memory(() => { throw new Error('access is denied'); });
  Object.assign(memory, { volume: '10', isPlaying: true, sort: 'heard' });
  assert.deepEqual(everything(memory), { volume: 80, isPlaying: false, sort: 'name' });
});
