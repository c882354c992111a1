// A click must never reach another computer than the one that the person saw: when rows may move, and which presses count.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { meaning, moved } from '../../crates/raa-server/web/fader.js';
import { Aim, Hand, isHeld } from '../../crates/raa-server/web/places.js';

test('rows stay in place while a hand is near', () => {
  const away = { isPressing: false, handStaysMs: 0, typedMsAgo: Infinity };
  const held = [{}, { isPressing: true }, { handStaysMs: 1 }, { handStaysMs: -1 }, { typedMsAgo: 20000 }, { typedMsAgo: 31000 }];
  assert.deepEqual(held.map((hand) => isHeld({ ...away, ...hand })), [false, true, true, false, true, false]);
});

test('a resting pointer holds the rows for a minute', () => {
  const hand = new Hand();
  assert.ok(hand.staysMs(0) <= 0, 'nobody is there');
  hand.note(0, { isInList: true, isMouse: true });
  assert.deepEqual([3000, 59_000, 61_000].map((now) => hand.staysMs(now) > 0), [true, true, false]);
  hand.note(70_000, { isInList: false, isMouse: true });
  assert.deepEqual([72_000, 74_000].map((now) => hand.staysMs(now) > 0), [true, false], 'the mouse is elsewhere');
  hand.note(80_000, { isInList: false, isMouse: false });
  assert.ok(hand.staysMs(130_000) > 0, 'a finger may come down anywhere');
});

test('a press on a row that came by itself is stray', () => {
  const mouse = { isMouse: true };
  const aim = new Aim();
  aim.pointer('a');
  aim.arranged(10_000, ['a', 'b', 'c'], ['c', 'a', 'b']);
  assert.equal(aim.isStray(99_000, 'c', mouse), true, 'c came under a resting mouse');
  assert.equal(aim.isStray(99_000, 'a', mouse), false, 'a is what the mouse pointed at');
  aim.pointer('c');
  assert.equal(aim.isStray(10_500, 'c', mouse), true, 'nobody sees and stops within half a second');
  assert.equal(aim.isStray(11_000, 'c', mouse), false, 'the mouse has moved to it since');
});

test('a finger counts once the move could be seen', () => {
  const aim = new Aim();
  const finger = { isMouse: false };
  aim.arranged(0, ['a', 'b', 'c'], ['a', 'c', 'b']);
  assert.deepEqual([aim.isStray(500, 'c', finger), aim.isStray(500, 'a', finger), aim.isStray(900, 'c', finger)], [true, false, false]);
});

test('rows at the end of the list displace nothing', () => {
  const aim = new Aim();
  aim.arranged(0, ['a', 'b'], ['a', 'b', 'c']);
  assert.deepEqual(['a', 'b', 'c'].map((row) => aim.isStray(100, row, { isMouse: false })), [false, false, false]);
  aim.arranged(0, ['a', 'b'], ['x', 'a', 'b']);
  assert.deepEqual(['x', 'a', 'b'].map((row) => aim.isStray(100, row, { isMouse: false })), [true, true, true]);
});

test('only a sideways finger moves a fader', () => {
  const table = [[0, 0, 'unknown'], [8, 8, 'unknown'], [12, 0, 'drag'], [-30, 5, 'drag'], [0, 12, 'other'], [3, -40, 'other'], [20, 15, 'other']];
  for (const [dx, dy, expected] of table) assert.equal(meaning(dx, dy), expected, `${dx}, ${dy}`);
});

test('a fader moves from where it is and stays in its range', () => {
  const range = { min: 0, max: 200 };
  assert.deepEqual([moved({ ...range, from: 100, share: 0.25 }), moved({ ...range, from: 100, share: -2 }), moved({ ...range, from: 190, share: 0.5 })], [150, 0, 200]);
});
