// What a person does to the groups: each act, its way back, and both while other desks do something else.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { make, move, newIn, remove, rename, reorder } from '../../crates/raa-server/web/room/groups.js';

const GROUPS = [{ id: 1, name: 'A', clients: ['a', 'b', 'c'] }, { id: 2, name: 'B', clients: ['d'] }, { id: 3, name: 'C', clients: [] }];

/** Groups in short: 'A:abc B:d C:'. */
const short = (groups) => groups?.map(({ name, clients }) => `${name}:${clients.join('')}`).join(' ') ?? null;

/** As the server answers: new groups have an id. */
const stored = (groups) => groups.map((group, i) => ({ ...group, id: group.id ?? 10 + i }));

/** Returns the groups after an act, and after its undo with what another desk did in between. */
function done(act, meanwhile = (groups) => groups, before = GROUPS) {
  const after = stored(act.change(before));
  return [short(after), short(act.back(before, after)(meanwhile(after)))];
}

const START = 'A:abc B:d C:';
const byOther = (act) => (groups) => stored(act.change(groups));

test('a step moves a computer by one place', () => {
  for (const [id, by, words] of [['b', -1, 'A:bac B:d C:'], ['b', 1, 'A:acb B:d C:'], ['a', -1, START], ['c', 1, 'A:ab B:cd C:'], ['d', 1, 'A:abc B: C:d'],
    ['d', -1, 'A:abcd B: C:'], ['z', 1, START], ['z', -1, 'A:abc B:d C:z']]) assert.equal(short(move(id, { by }).change(GROUPS)), words, `${id} ${by}`);
  const below = [{ id: 1, name: 'A', clients: ['a'] }];
  assert.equal(short(move('a', { by: 1 }).change(below)), 'A:', 'below the last group are those without a group');
  assert.equal(short(move('z', { by: -1 }).change([])), '');
});

test('a step passes computers that are not shown', () => {
  const isShown = (id) => id !== 'b';
  assert.equal(short(move('c', { by: -1 }, isShown).change(GROUPS)), 'A:cab B:d C:');
  assert.equal(short(move('a', { by: 1 }, isShown).change(GROUPS)), 'A:bca B:d C:');
});

test('a computer goes where it is put', () => {
  for (const [id, where, words] of [['d', { to: 1, before: 'b' }, 'A:adbc B: C:'], ['a', { to: 2 }, 'A:bc B:da C:'], ['a', { to: null }, 'A:bc B:d C:'],
    ['z', { to: 3 }, 'A:abc B:d C:z'], ['a', { to: 1, before: 'c' }, 'A:bac B:d C:'], ['a', { to: 2, before: 'gone' }, 'A:bc B:da C:']]) {
    assert.equal(short(move(id, where).change(GROUPS)), words, JSON.stringify([id, where]));
  }
  assert.equal(move('a', { to: 9 }).change(GROUPS), null, 'a group that another desk has deleted');
});

test('each act has an exact way back', () => {
  for (const act of [move('b', { by: -1 }), move('c', { by: 1 }), move('b', { to: 2 }), move('b', { to: null }), move('z', { to: 1, before: 'b' }), make('New'), make('New', ['b', 'd', 'z']),
    rename(2, 'Plant'), remove(1), remove(2), remove(3), reorder(1, { by: 1 }), reorder(3, { to: 1 }), reorder(1, { to: null })]) {
    const [after, undone] = done(act);
    assert.notEqual(after, START);
    assert.equal(undone, START);
  }
});

test('groups are made, renamed, deleted and ordered', () => {
  assert.deepEqual([make('New', ['b']), rename(2, 'Plant'), remove(1), reorder(1, { by: 1 }), reorder(3, { to: 1 }), reorder(1, { to: null }), reorder(1, { by: -1 }), reorder(3, { by: 1 })]
    .map((act) => short(act.change(GROUPS))), ['A:ac B:d C: New:b', 'A:abc Plant:d C:', 'B:d C:', 'B:d A:abc C:', 'C: A:abc B:d', 'B:d C: A:abc', START, START]);
  assert.deepEqual([rename(9, 'x'), remove(9), reorder(9, { by: 1 }), reorder(1, { to: 9 })].map((act) => act.change(GROUPS)), [null, null, null, null]);
  const before = GROUPS;
  assert.equal(newIn(stored(make('New').change(before)), before).name, 'New');
  assert.equal(newIn(before, before), null);
});

test('an undo keeps what another desk did since', () => {
  assert.deepEqual(done(move('b', { to: 2 }), byOther(make('Other', ['z'])))[1], 'A:abc B:d C: Other:z');
  assert.deepEqual(done(move('b', { to: 2 }), byOther(move('c', { to: null })))[1], 'A:ab B:d C:');
  assert.deepEqual(done(remove(1), byOther(move('b', { to: 3 })))[1], 'A:ac B:d C:b', 'the computer that has a group by now stays there');
  assert.deepEqual(done(rename(2, 'Plant'), byOther(move('a', { to: 2 })))[1], 'A:bc B:da C:');
  assert.deepEqual(done(reorder(3, { to: 1 }), byOther(remove(1)))[1], 'B:d C:');
});

test('an undo does not undo another desk', () => {
  assert.equal(done(move('b', { to: 2 }), byOther(move('b', { to: 3 })))[1], null);
  assert.equal(done(rename(2, 'Plant'), byOther(rename(2, 'Works')))[1], null);
  assert.equal(done(make('New', ['b']), byOther(move('d', { to: 13 })))[1], null, 'the new group has another computer by now');
  assert.equal(done(make('New', ['b']), byOther(remove(13)))[1], null);
  assert.equal(done(move('b', { to: 2 }), byOther(remove(1)))[1], null, 'its former group is gone');
  assert.equal(done(reorder(1, { by: 1 }), byOther(remove(1)))[1], null);
});
