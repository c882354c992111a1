// Rows that a search or another order brings into the page: their contents are laid out a few in each frame, those in view
// first, so that no frame has to lay out a whole screen of them.
//
// Always: a row has its place and its height at once, and only its contents come later; the turn of each row comes.

import { frameOrHidden } from '../parts/dom.js';

/** Rows that get their contents in a frame. */
export const EACH_FRAME = 8;

/** @typedef {{isConnected: boolean, classList: Pick<DOMTokenList, 'add' | 'remove'>}} Line */

export class Reveal {
  /** @type {Set<Line>} in their order */
  #waiting = new Set();
  #isAsked = false;
  #nextFrame;

  /** @param {(run: () => void) => void} nextFrame */
  constructor(nextFrame = frameOrHidden) {
    this.#nextFrame = nextFrame;
  }

  /** Puts rows into the page; of those that are new in it the first ones get their contents at once. @param {Line[]} rows @param {() => void} put */
  bring(rows, put) {
    const absent = rows.filter(({ isConnected }) => !isConnected);
    put();
    for (const row of absent.filter(({ isConnected }) => isConnected)) {
      row.classList.add('later');
      this.#waiting.add(row);
    }
    if (!this.#isAsked) this.#show();
  }

  /** Brings rows that are in view before the others. @param {Line[]} rows */
  prefer(rows) {
    this.#waiting = new Set([...rows.filter((row) => this.#waiting.has(row)), ...this.#waiting]);
  }

  #show() {
    this.#isAsked = false;
    for (const row of [...this.#waiting].slice(0, EACH_FRAME)) {
      this.#waiting.delete(row);
      row.classList.remove('later');
    }
    if (this.#waiting.size === 0) return;
    this.#isAsked = true;
    this.#nextFrame(() => this.#show());
  }
}
