// The panel that lies over the list at the right; on a phone it comes from below.
//
// Always: one is open at a time; Escape closes it and gives the focus back to where it was, or to the list if that is gone.

import { byId, instance, make } from '../parts/dom.js';

/** @type {Drawer | null} */
let current = null;

export class Drawer {
  /** @type {HTMLElement | null} */
  #element = null;
  /** @type {Element | null} */
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

  /**
   * Opens it with a template's content and returns its parts.
   * @template {'panel-template' | 'group-panel-template'} Id
   * @param {Id} template @param {{text: Raa.Text, testId: string, id: string}} options
   * @returns {{element: HTMLElement, parts: Raa.Parts[Id]}}
   */
  open(template, { text, testId, id }) {
    const cameFrom = document.activeElement;
    current?.close();
    current = this;
    this.#cameFrom = cameFrom?.isConnected && cameFrom !== document.body ? cameFrom : document.activeElement;
    const { element: content, parts } = instance(template, text);
    const element = make('section', 'panel', content);
    this.#element = element;
    element.dataset.testid = testId;
    element.dataset.id = id;
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return;
      event.stopPropagation();
      this.close();
    });
    parts.close.addEventListener('click', () => this.close());
    byId('roster').append(element);
    return { element, parts };
  }

  close() {
    if (!this.#element) return;
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.remove();
    this.#element = null;
    if (current === this) current = null;
    if (!hadFocus) return;
    if (this.#cameFrom instanceof HTMLElement && this.#cameFrom.isConnected) this.#cameFrom.focus({ preventScroll: true });
    else this.#focusList();
  }
}
