// The playout policy on simulated networks and clocks: hours pass in milliseconds. Runs are seeded, so
// the same seed gives the same run.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FRAME, Playout, SAMPLE_RATE } from '../../crates/raa-server/web/sound/playout.js';

const HOUR_S = 3600;

function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Sends one frame every 20 ms of the server's clock and plays it by the policy.
 * `arrivalS(n, sentS)` gives the arrival of frame n by this computer's clock, or null if the frame is lost.
 * `audioS(at)` gives the time of the sound card's clock at that moment.
 */
function simulate({ seconds, ppm = 0, first = 0, arrivalS = (n, sentS) => sentS, audioS = (at) => at, clockStepS }) {
  const playout = new Playout({ clockStepS });
  const arrivals = [];
  for (let n = 0; n < seconds * 50; n += 1) {
    const at = arrivalS(n, (n * 0.02) / (1 + ppm / 1e6));
    if (at !== null) arrivals.push({ n, at });
  }
  arrivals.sort((a, b) => a.at - b.at || a.n - b.n);
  const played = []; // { at, end, lead }
  for (const { n, at } of arrivals) {
    const plan = playout.frame(audioS(at), (first + n) & 0xffff);
    if (plan.action !== 'play') continue;
    const now = audioS(at) * SAMPLE_RATE;
    assert.ok(plan.at >= now - 1, `frame ${n} is scheduled ${now - plan.at} samples in the past`);
    const before = played.at(-1);
    if (before) assert.ok(plan.at >= before.end, `frame ${n} overlaps the one before it`);
    if (before && !plan.fresh) assert.equal(plan.at, before.end, `a hole before frame ${n}`);
    played.push({ n, at: plan.at, end: plan.at + plan.conceal * FRAME + plan.samples, leadMs: (plan.at - now) / 48 });
  }
  return { counters: playout.counters, played };
}

function maxLead(played) {
  assert.ok(played.length > 0, 'no frame was played');
  return played.reduce((max, { leadMs }) => Math.max(max, leadMs), -Infinity);
}

test('a steady network settles at 10 ms lead', () => {
  const { counters, played } = simulate({ seconds: 60 });
  assert.deepEqual([counters.underruns, counters.concealed, counters.cut], [0, 0, 0]);
  assert.ok(played.at(-1).leadMs < 15 && played.at(-1).leadMs > 5, `${played.at(-1).leadMs} ms`);
});

for (const ppm of [-500, 500]) {
  test(`clock drift of ${ppm} ppm costs nothing`, () => {
    const random = seeded(7);
    const { counters, played } = simulate({ seconds: HOUR_S, ppm, arrivalS: (n, sent) => sent + 0.01 * random() });
    assert.deepEqual([counters.underruns, counters.concealed, counters.cut], [0, 0, 0]);
    assert.ok(maxLead(played.slice(3000)) < 35, `${maxLead(played.slice(3000))} ms`);
  });
}

for (const stepMs of [10, 512 / 48, 20, 40]) {
  test(`clock steps of ${stepMs.toFixed(1)} ms cost nothing`, () => {
    const clockStepS = stepMs / 1000;
    // The clock shows the end of the block that is being played, and drifts slowly against the frames.
    const audioS = (at) => Math.ceil(at / clockStepS) * clockStepS;
    for (const ppm of [-200, -20, 20, 200]) {
      const random = seeded(5);
      const { counters, played } = simulate({ seconds: HOUR_S, ppm, audioS, clockStepS, arrivalS: (n, sent) => sent + 0.003 * random() });
      assert.deepEqual([counters.underruns, counters.concealed, counters.cut], [0, 0, 0], `${ppm} ppm`);
      assert.ok(maxLead(played.slice(3000)) < 35 + 2 * stepMs, `${maxLead(played.slice(3000))} ms`);
    }
  });
}

test('each sleep costs one gap, no lasting delay', () => {
  const arrivalS = (n, sent) => (sent % 60 > 30 && sent % 60 < 31 ? sent - (sent % 60) + 31 : sent);
  const { counters, played } = simulate({ seconds: 600, arrivalS });
  assert.equal(counters.underruns, 10);
  for (const { n, leadMs } of played) {
    if (n % 3000 > 1800) assert.ok(leadMs < 110, `frame ${n} waits ${leadMs} ms`);
  }
});

test('frames from a suspension are not played late', () => {
  const audioS = (at) => (at < 10 ? at : Math.max(10, at - 60));
  const { counters, played } = simulate({ seconds: 90, audioS });
  assert.equal(counters.underruns, 0);
  assert.ok(counters.cut > 2900, `${counters.cut} left out`);
  assert.ok(maxLead(played) < 250, `${maxLead(played)} ms`);
  assert.ok(maxLead(played.filter(({ n }) => n > 73 * 50)) < 65, 'the delay is back three seconds after');
});

test('a skipped listener continues live', () => {
  const { counters, played } = simulate({ seconds: 20, arrivalS: (n, sent) => (n >= 500 && n < 650 ? null : sent) });
  assert.deepEqual([counters.underruns, counters.concealed, counters.cut], [1, 0, 0]);
  assert.ok(maxLead(played) < 45, `${maxLead(played)} ms`);
});

test('the wait of a frame is reported', () => {
  const playout = new Playout();
  const { at } = playout.frame(1, 0);
  assert.ok(Math.abs(playout.waitS - (at / SAMPLE_RATE - 1)) < 1e-9);
  playout.frame(1.03, 1);
  assert.ok(Math.abs(playout.waitS - 0.02) < 1e-9, `${playout.waitS} s`);
});

test('jitter of 60 ms is learned', () => {
  const random = seeded(3);
  let last = 0;
  // TCP keeps the order: a frame that is held up holds up the ones behind it.
  const arrivalS = (n, sent) => (last = Math.max(last, sent + (random() < 0.02 ? 0.06 * random() : 0)));
  const { counters, played } = simulate({ seconds: 600, arrivalS });
  assert.ok(counters.underruns < 12, `${counters.underruns} underruns in ten minutes`);
  assert.ok(maxLead(played) < 120, `${maxLead(played)} ms`);
});

test('a stall leaves no delay after two seconds', () => {
  const arrivalS = (n, sent) => (n >= 500 && n < 650 ? 13 : sent);
  const { counters, played } = simulate({ seconds: 20, arrivalS });
  assert.equal(counters.underruns, 1);
  const later = played.filter(({ n }) => n > 650 + 100);
  assert.ok(maxLead(later) < 65, `${maxLead(later)} ms`);
  const end = played.at(-1);
  assert.ok(end.leadMs < 65, `${end.leadMs} ms`);
});

test('a burst at the start leaves no delay', () => {
  const { played } = simulate({ seconds: 10, arrivalS: (n, sent) => Math.max(sent, 0.5) });
  assert.ok(played.at(-1).leadMs < 60, `${played.at(-1).leadMs} ms`);
});

test('up to three lost frames are concealed', () => {
  for (const [lost, concealed] of [[1, 1], [3, 3], [4, 0]]) {
    const playout = new Playout();
    // Six frames at once are a lead of 150 ms.
    for (let n = 0; n < 6; n += 1) playout.frame(1, n);
    assert.equal(playout.frame(1.01, 6 + lost).conceal, concealed);
    assert.deepEqual([playout.counters.concealed, playout.counters.underruns], [concealed, 0]);
  }
});

test('a loss discovered too late is a break', () => {
  const { counters } = simulate({ seconds: 60, arrivalS: (n, sent) => (n === 2500 ? null : sent) });
  assert.deepEqual([counters.concealed, counters.underruns], [0, 1]);
});

test('sequence numbers wrap without a gap', () => {
  const { counters } = simulate({ seconds: 60, first: 65000 });
  assert.deepEqual([counters.underruns, counters.concealed, counters.dropped], [0, 0, 0]);
});

test('duplicate and late frames are discarded', () => {
  const playout = new Playout();
  playout.frame(1, 10);
  playout.frame(1.02, 11);
  assert.equal(playout.frame(1.021, 11).action, 'drop');
  assert.equal(playout.frame(1.022, 10).action, 'drop');
  assert.equal(playout.frame(1.04, 12).action, 'play');
});

test('after a restart any number is accepted', () => {
  const playout = new Playout();
  playout.frame(1, 10);
  playout.restart();
  assert.deepEqual([playout.frame(5, 3).action, playout.counters.underruns], ['play', 0]);
});

test('a skip by the server counts as a gap', () => {
  const playout = new Playout();
  const at = (n) => n * 0.02;
  for (let n = 0; n < 100; n += 1) playout.frame(at(n), n);
  assert.equal(playout.counters.skips, 0);
  // Ten frames are missing, although the next one is in time: the server has skipped this listener.
  for (let n = 100; n < 200; n += 1) playout.frame(at(n), n + 10);
  const { skips, underruns, concealed } = playout.counters;
  assert.deepEqual({ skips, underruns, concealed }, { skips: 1, underruns: 0, concealed: 0 });
});
