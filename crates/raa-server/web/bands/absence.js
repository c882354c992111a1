// What the page says while the server does not answer: since when, and why as far as that is known.
//
// Always: has its own place, so that nothing moves; the page is marked as stale as long as the words are there.

import { byId, make, setClass, setHidden } from '../parts/dom.js';
import { clockTime } from '../texts/time.js';

export class Absence {
  #text;
  #banner;
  /** @type {number | null} */
  #since = null;

  /** @param {Raa.Text} text @param {HTMLElement} banner gets the words */
  constructor(text, banner) {
    this.#text = text;
    this.#banner = banner;
  }

  /** Whether the server is away, so that nothing on the page is news. */
  get isStale() {
    return this.#since !== null;
  }

  /** @param {number} sinceMs when the server was last heard @param {string | undefined} reason one of probe's */
  begin(sinceMs, reason) {
    this.#since ??= sinceMs;
    this.#mark(true);
    const title = this.#text('downTitle', clockTime(this.#since));
    const detail = this.#text(`trouble_${reason}`) ?? this.#text('downDetail');
    if (this.#banner.textContent === title + detail) return;
    this.#banner.dataset.note = 'server';
    this.#banner.replaceChildren(title, make('small', '', detail));
  }

  end() {
    this.#since = null;
    this.#mark(false);
    this.#banner.replaceChildren();
  }

  /** @param {boolean} isStale */
  #mark(isStale) {
    for (const id of ['app', 'wall']) setClass(byId(id), 'stale', isStale);
    setHidden(this.#banner, !isStale);
  }
}
