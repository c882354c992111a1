// Messages at the bottom edge of the window: what is wrong, and what helps.
//
// Always: they lie over the page and move nothing in it, since a message that pushes the list down would put another
// computer's button under the pointer; one key has one message, and the same words are shown once; a screen reader reads each aloud.

import { setHidden } from './dom.js';

/** How long a message about something that a person just did stays. */
const PASSING_MS = 12_000;

export class Notes {
  #element;
  #notes = new Map(); // by key: { element, timer }

  constructor(element) {
    this.#element = element;
  }

  /** Shows a message until it is cleared. */
  show(key, text) {
    this.#put(key, text, 0);
  }

  /** Shows a message for a while, or until it is clicked. */
  pass(key, text) {
    this.#put(key, text, PASSING_MS);
  }

  clear(key) {
    const note = this.#notes.get(key);
    if (!note) return;
    clearTimeout(note.timer);
    note.element.remove();
    this.#notes.delete(key);
    this.#hideRepetitions();
  }

  #put(key, text, ms) {
    const shown = this.#notes.get(key);
    if (ms === 0 && shown?.element.textContent === text) return;
    this.clear(key);
    const element = document.createElement('p');
    element.setAttribute('role', 'alert');
    element.dataset.note = key;
    element.textContent = text;
    if (ms) element.addEventListener('click', () => this.clear(key));
    this.#element.append(element);
    this.#notes.set(key, { element, timer: ms ? setTimeout(() => this.clear(key), ms) : 0 });
    this.#hideRepetitions();
  }

  /** The list and the player may have the same trouble. */
  #hideRepetitions() {
    const shown = new Set();
    for (const { element } of this.#notes.values()) {
      setHidden(element, shown.has(element.textContent));
      shown.add(element.textContent);
    }
  }
}
