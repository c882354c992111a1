// Messages at the bottom edge of the window: what was just done, with a way back, and what was refused.
//
// Always: they lie over the page and move nothing in it; one key has one message; a screen reader reads them, since they are
// in the page's second live region.

import { make } from './dom.js';

/** How long a refusal stays. */
const PASSING_MS = 12_000;

export class Notes {
  #element;
  #notes = new Map(); // by key: { element, timer }

  constructor(element) {
    this.#element = element;
  }

  /** Says what was refused, for a while, or until it is clicked. */
  pass(key, text) {
    const note = this.#put(key, PASSING_MS, make('span', '', text));
    note.classList.add('bad');
    note.addEventListener('click', () => this.clear(key));
  }

  /** Says what was done. @param {{ms: number, label?: string, act?: () => void}} options a button with a way back */
  tell(key, text, { ms, label, act }) {
    const content = [make('span', '', text)];
    if (act) {
      const button = make('button', '', label);
      button.dataset.testid = 'note-undo';
      button.addEventListener('click', () => {
        this.clear(key);
        act();
      });
      content.push(button);
    }
    this.#put(key, ms, ...content);
  }

  /** Asks something, until it is answered. */
  ask(key, ...content) {
    this.#put(key, 0, ...content);
  }

  clear(key) {
    const note = this.#notes.get(key);
    if (!note) return;
    clearTimeout(note.timer);
    note.element.remove();
    this.#notes.delete(key);
  }

  #put(key, ms, ...content) {
    this.clear(key);
    const element = make('p', '', ...content);
    element.dataset.note = key;
    this.#element.append(element);
    this.#notes.set(key, { element, timer: ms ? setTimeout(() => this.clear(key), ms) : 0 });
    return element;
  }
}
