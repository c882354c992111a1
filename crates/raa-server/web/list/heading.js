// The heading of a group in the list: its name, how many computers it has, how many sound, a button that folds it, and one
// that opens its panel.
//
// Always: made once for each group, so that it keeps the focus when rows move.

import { instance, setAttribute, setClass, setHidden, setText } from '../parts/dom.js';
import { keyOf } from './stops.js';

/** How the browser remembers that a group is folded; 0 stands for the computers without a group. @param {Raa.SectionId} id */
export const foldKey = (id) => Number(id ?? 0);

export class Heading {
  #text;
  #parts;
  #title = '';
  #count = 0;
  #sounding = 0;
  /** The list of its rows; a group that goes on in the next column has another one there. @type {HTMLElement | null} */
  list = null;

  /** @param {Raa.SectionId} id of the section @param {{text: Raa.Text, fold: (isFolded: boolean) => void, open: () => void}} options */
  constructor(id, { text, fold, open }) {
    this.#text = text;
    /** The id of the group; null for the computers without a group, and for new ones. */
    this.group = typeof id === 'number' ? id : null;
    const { element, parts } = instance('group-template', text);
    this.element = element;
    this.#parts = parts;
    this.element.dataset.id = keyOf(id);
    this.element.dataset.group = String(id);
    const { more } = this.#parts;
    this.button.addEventListener('click', () => { if (id !== 'new') fold(this.button.getAttribute('aria-expanded') === 'true'); });
    more.addEventListener('click', open);
    setHidden(more, this.group === null);
    if (id === 'new') this.button.removeAttribute('aria-expanded');
  }

  get button() {
    return this.#parts.fold;
  }

  /** @param {string} title @param {number} count @param {boolean} isFolded @param {HTMLElement} list */
  show(title, count, isFolded, list) {
    this.list = list;
    this.#title = title;
    setText(this.#parts.name, title);
    if (this.button.hasAttribute('aria-expanded')) setAttribute(this.button, 'aria-expanded', String(!isFolded));
    setClass(this.element, 'is-folded', isFolded);
    setAttribute(this.#parts.more, 'aria-label', this.#text('groupDetails', title));
    this.#parts.more.title = this.#text('groupDetails', title);
    this.count(count);
  }

  /** Shows the number of its computers. @param {number} count */
  count(count) {
    this.#count = count;
    setText(this.#parts.count, String(count));
    this.#label();
  }

  /** @param {number} sounding @param {number} unseen */
  showCounts(sounding, unseen) {
    this.#sounding = sounding;
    const isFolded = this.element.classList.contains('is-folded');
    setText(this.#parts.sounding, sounding ? this.#text('soundingCount', sounding) : '');
    setText(this.#parts.unseen, isFolded && unseen ? this.#text('unseenCount', unseen) : '');
    this.#label();
  }

  /** Makes it the list's stop for the Tab key, or not. @param {boolean} isStop */
  setStop(isStop) {
    for (const button of [this.button, this.#parts.more]) button.tabIndex = isStop ? 0 : -1;
  }

  #label() {
    const words = [this.#title, this.#text('computers', this.#count), this.#sounding ? this.#text('soundingCount', this.#sounding) : ''];
    setAttribute(this.button, 'aria-label', words.filter(Boolean).join(', '));
  }
}
