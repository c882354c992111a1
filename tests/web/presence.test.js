// Whether the page takes the server for there or away, with the timers of the test.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import { Presence } from '../../crates/raa-server/web/page/presence.js';

/** Calls `doing` with a Presence and a function that lets time pass; returns what was reported. */
function reports(doing) {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const reported = [];
    doing(new Presence((isThere, reason) => reported.push(isThere ? 'there' : `away ${reason ?? ''}`.trim())), (ms) => mock.timers.tick(ms));
    return reported;
  } finally {
    mock.timers.reset();
  }
}

test('a short absence is not reported', () => {
  assert.deepEqual(reports((presence, pass) => {
    presence.note(false);
    pass(1499);
    presence.note(true);
    pass(60_000);
  }), []);
});

test('an absence that lasts is reported once, and each news about its cause', () => {
  assert.deepEqual(reports((presence, pass) => {
    presence.note(false);
    pass(1000);
    presence.note(false, 'unreachable');
    pass(500);
    presence.note(false);
    presence.note(false, 'no-upgrade');
    presence.note(true);
    presence.note(true);
  }), ['away unreachable', 'away unreachable', 'away no-upgrade', 'there']);
});

test('the end of a silence is reported, although the connection never ended', () => {
  assert.deepEqual(reports((presence) => {
    presence.note(true);
    presence.silence();
    presence.silence();
    presence.note(true);
  }), ['away', 'there']);
});

test('a connection that ends during a silence is the same absence', () => {
  assert.deepEqual(reports((presence, pass) => {
    presence.silence();
    presence.note(false, 'unreachable');
    pass(5000);
    presence.note(true);
  }), ['away', 'away unreachable', 'there']);
});
