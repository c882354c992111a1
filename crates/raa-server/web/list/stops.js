// The line of the list that the keyboard is at: a computer's row, or the heading of a group.
//
// Always: the whole list is one stop of the Tab key; the arrow keys reach each line that is shown and no other; keys act on
// the line that was chosen last.

import { around } from '../parts/dom.js';

/**
 * @typedef {import('./row.js').Row} Row
 * @typedef {import('./heading.js').Heading} Heading
 */

/** The key of a section's heading among the lines. @param {Raa.SectionId} id */
export const keyOf = (id) => `group ${id}`;

export class Stops {
  #rows;
  /** @type {string[]} ids of computers and keys of headings, as they are shown */
  #order = [];
  /** @type {Map<string, Heading>} by key */
  #headings = new Map();
  /** @type {string | null} one of the lines */
  #here = null;

  /** @param {HTMLElement} box has the lines @param {Map<string, Row>} rows by id */
  constructor(box, rows) {
    this.#rows = rows;
    box.addEventListener('focusin', ({ target }) => this.#touched(around(target, '.row, .group')));
    box.addEventListener('pointerdown', ({ target }) => this.#touched(around(target, '.row')));
  }

  /** The key of the chosen line; null if there is none. */
  get here() {
    return this.#here;
  }

  /** The chosen row. */
  get row() {
    return this.#here === null ? undefined : this.#rows.get(this.#here);
  }

  /** The chosen heading. */
  get heading() {
    return this.#here === null ? undefined : this.#headings.get(this.#here);
  }

  /** Takes what is shown now, in its order. @param {string[]} order @param {Map<Raa.SectionId, Heading>} headings */
  use(order, headings) {
    this.#order = order;
    this.#headings = new Map([...headings].map(([id, heading]) => [keyOf(id), heading]));
    if (this.#here === null || !order.includes(this.#here)) this.#choose(order.find((key) => this.#rows.has(key)) ?? order[0] ?? null);
  }

  /** Moves the focus to the next or previous line, the first or the last, or to the chosen one. @param {'down' | 'up' | 'first' | 'last' | 'here'} where */
  go(where) {
    const [at, last] = [this.#order.indexOf(this.#here ?? ''), this.#order.length - 1];
    this.focus(this.#order[{ down: Math.min(last, at + 1), up: Math.max(0, at - 1), first: 0, last, here: Math.max(0, at) }[where]]);
  }

  /** @param {string | undefined} key */
  focus(key) {
    if (key !== undefined) (this.#headings.get(key)?.button ?? this.#rows.get(key)?.element)?.focus();
  }

  /** @param {HTMLElement | null} line */
  #touched(line) {
    if (line) this.#choose(line.dataset.id ?? null);
  }

  /** Makes a line the one that keys act on, and the list's stop for the Tab key. @param {string | null} key */
  #choose(key) {
    const isFirst = this.#here === null;
    this.heading?.setStop(false);
    if (this.row) {
      this.row.element.tabIndex = -1;
      this.row.element.classList.remove('here');
    }
    this.#here = key;
    this.heading?.setStop(true);
    if (!this.row) return;
    const { element } = this.row;
    element.tabIndex = 0;
    element.classList.toggle('here', element.contains(document.activeElement) || !isFirst);
  }
}
