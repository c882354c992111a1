// Messages at the bottom edge of the window: what was just done, with a way back, and what was refused.
//
// Always: they lie over the page and move nothing in it; one key has one message; a screen reader reads them, since they are
// in the page's second live region.

import { make } from './dom.js';

/** How long a refusal stays. */
const PASSING_MS = 12_000;

export class Notes {
  #element;
  /** @type {Map<string, {element: HTMLElement, timer: ReturnType<typeof setTimeout> | undefined}>} by key */
  #notes = new Map();

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
  }

  /** Says what was refused, for a while, or until it is clicked. @param {string} key @param {string} text */
  pass(key, text) {
    const note = this.#put(key, PASSING_MS, make('span', '', text));
    note.classList.add('bad');
    note.addEventListener('click', () => this.clear(key));
  }

  /**
   * Says what was done.
   * @param {string} key @param {string} text
   * @param {{ms: number, label?: string, act?: () => void}} options a button with a way back
   */
  tell(key, text, { ms, label = '', act }) {
    /** @type {HTMLElement[]} */
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

  /** Asks something, until it is answered. @param {string} key @param {Node[]} content */
  ask(key, ...content) {
    this.#put(key, 0, ...content);
  }

  /** @param {string} key */
  clear(key) {
    const note = this.#notes.get(key);
    if (!note) return;
    clearTimeout(note.timer);
    note.element.remove();
    this.#notes.delete(key);
  }

  /** @param {string} key @param {number} ms @param {Node[]} content */
  #put(key, ms, ...content) {
    this.clear(key);
    const element = make('p', '', ...content);
    element.dataset.note = key;
    this.#element.append(element);
    this.#notes.set(key, { element, timer: ms ? setTimeout(() => this.clear(key), ms) : undefined });
    return element;
  }
}
