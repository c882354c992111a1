// @ts-nocheck
// The panel that lies over the list at the right; on a phone it comes from below.
//
// Always: one is open at a time; Escape closes it and gives the focus back to where it was, or to the list if that is gone.

import { byId, instance, make } from './dom.js';

/** @type {Drawer | null} */
let current = null;

export class Drawer {
  #element = null;
  #cameFrom = null;
  #focusList;

  /** @param {() => void} focusList */
  constructor(focusList) {
    this.#focusList = focusList;
  }

  get isOpen() {
    return this.#element !== null;
  }

  /** The open panel. */
  get element() {
    return this.#element;
  }

  /** Opens it with a template's content and returns its parts. @param {string} template @param {{text: Function, testId: string, id: string}} options */
  open(template, { text, testId, id }) {
    const cameFrom = document.activeElement;
    current?.close();
    current = this;
    this.#cameFrom = cameFrom?.isConnected && cameFrom !== document.body ? cameFrom : document.activeElement;
    const { element, parts } = instance(template, text);
    this.#element = make('section', 'panel', element);
    this.#element.dataset.testid = testId;
    this.#element.dataset.id = id;
    this.#element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return;
      event.stopPropagation();
      this.close();
    });
    parts.close.addEventListener('click', () => this.close());
    byId('roster').append(this.#element);
    return parts;
  }

  close() {
    if (!this.#element) return;
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.remove();
    this.#element = null;
    if (current === this) current = null;
    if (!hadFocus) return;
    if (this.#cameFrom?.isConnected) this.#cameFrom.focus({ preventScroll: true });
    else this.#focusList();
  }
}
