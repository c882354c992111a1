// How long it takes from an act until pages show it.
//
// Always: both ends are read from this machine's clock; "shown" is the first animation frame of a page in which the element
// is visible. A busy machine may be late several times, but not each time; a page that is always late fails.

import assert from 'node:assert/strict';
import { PATIENCE_MS } from './processes.js';

/** How often something is tried until it is in time. */
export const ATTEMPTS = 6;

/**
 * Resolves to the Unix time at which a page shows an element: one that fits `selector`, is visible, and has a text that fits
 * `text`; or, with `isGone`, at which it shows none.
 */
export function shownAt(page, { selector, text = '', isGone = false }) {
  return page.evaluate(({ selector: which, source, gone, limit }) => new Promise((resolve, reject) => {
    const pattern = new RegExp(source, 's');
    const isShown = () => [...document.querySelectorAll(which)].some((one) => one.checkVisibility({ visibilityProperty: true }) && pattern.test(one.textContent));
    const end = performance.now() + limit;
    const look = () => {
      if (isShown() !== gone) resolve(Date.now());
      else if (performance.now() > end) reject(new Error(`${which} ${source} is ${gone ? 'still' : 'not'} shown after ${limit} ms`));
      else requestAnimationFrame(look);
    };
    look();
  }), { selector, source: text instanceof RegExp ? text.source : text, gone: isGone, limit: PATIENCE_MS });
}

/**
 * Acts up to six times, and fails unless each view shows what it must within `limitMs` once. Each view is [page, what it shows, as in shownAt].
 * `undo` is called before another attempt. Returns the longest time in ms.
 */
export async function within(limitMs, what, views, act, undo = () => {}) {
  const tried = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt) await undo();
    const shown = views.map(([page, element]) => shownAt(page, element));
    for (const one of shown) one.catch(() => {}); // awaited below
    await Promise.all(views.map(([page]) => page.evaluate(() => 0))); // the pages are watching
    const from = Date.now();
    await act();
    const times = (await Promise.all(shown)).map((at) => at - from);
    assert.ok(times.every((ms) => ms > 0), `${what}: it was shown already (${times.join(', ')} ms)`);
    tried.push(`${times.join(', ')} ms`);
    if (times.every((ms) => ms <= limitMs)) return Math.max(...times);
  }
  return assert.fail(`${what}: not within ${limitMs} ms (${tried.join('; ')})`);
}
