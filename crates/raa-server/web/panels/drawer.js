// A panel that lies over the list at the right; on a phone it comes from below. `panel.js` and `group-panel.js` fill it.
//
// Always: one is open at a time; Escape closes it and gives the focus back to where it was, or to the list if that is gone.

import { byId, instance, make } from '../parts/dom.js';

/** @type {Drawer<any> | null} */
let current = null;

/** @template {'panel-template' | 'group-panel-template'} Id */
export class Drawer {
  #template;
  /** @type {HTMLElement | null} */
  #element = null;
  /** @type {Element | null} */
  #cameFrom = null;
  /** @type {Raa.Parts[Id]} those of the open panel */
  parts = /** @type {any} */ ({});

  /** @param {Raa.Room} room @param {Id} template */
  constructor(room, template) {
    this.room = room;
    this.text = room.text;
    this.#template = template;
  }

  get isOpen() {
    return this.#element !== null;
  }

  /** The open panel. */
  get element() {
    return this.#element;
  }

  /** Opens the panel with the template's content, about what has this id. @param {string} id */
  show(id) {
    const cameFrom = document.activeElement;
    current?.close();
    current = this;
    this.#cameFrom = cameFrom?.isConnected && cameFrom !== document.body ? cameFrom : document.activeElement;
    const { element: content, parts } = instance(this.#template, this.text);
    const element = make('section', 'panel', content);
    this.#element = element;
    this.parts = parts;
    element.dataset.testid = this.#template.replace('-template', '');
    element.dataset.id = id;
    element.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing) return;
      event.stopPropagation();
      this.close();
    });
    parts.close.addEventListener('click', () => this.close());
    byId('roster').append(element);
    return element;
  }

  close() {
    if (!this.#element) return;
    const hadFocus = this.#element.contains(document.activeElement);
    this.#element.remove();
    this.#element = null;
    if (current === this) current = null;
    if (!hadFocus) return;
    if (this.#cameFrom instanceof HTMLElement && this.#cameFrom.isConnected) this.#cameFrom.focus({ preventScroll: true });
    else this.room.focusList();
  }
}
