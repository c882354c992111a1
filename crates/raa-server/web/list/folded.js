// The line that stands for many offline computers without settings, and the list behind it.
//
// Always: what is forgotten is what the question named, whatever happens between question and answer; the button that
// asks and the one that confirms are at different places, so a double click forgets nothing.

import { refusal } from '../changes/refusal.js';
import { instance, make, setHidden, setText } from '../parts/dom.js';
import { ApiError, forgetClients } from '../server/api.js';

export class Folded {
  #text;
  #notes;
  /** @type {Raa.Parts['folded-template']} */
  #parts;
  /** @type {string[]} */
  #ids = [];
  /** @type {string[]} those that the question is about */
  #asked = [];

  /**
   * @param {HTMLElement} section gets the line and the list
   * @param {Raa.Text} text @param {import('../parts/notes.js').Notes} notes @param {() => void} onToggle
   */
  constructor(section, text, notes, onToggle) {
    this.#text = text;
    this.#notes = notes;
    const { element, parts } = instance('folded-template', text);
    this.line = element;
    this.#parts = parts;
    this.list = make('div', 'list');
    this.list.setAttribute('role', 'list');
    this.list.setAttribute('aria-label', text('offline'));
    section.append(this.line, this.list);
    this.isOpen = false;
    this.#parts.toggle.addEventListener('click', () => {
      this.isOpen = !this.isOpen;
      this.show(this.#ids);
      onToggle();
    });
    this.#listenToForget();
    this.show([]);
  }

  get ids() {
    return this.#ids;
  }

  /** Shows how many clients are folded. @param {string[]} ids */
  show(ids) {
    this.#ids = ids;
    setHidden(this.line, ids.length === 0);
    setHidden(this.list, ids.length === 0 || !this.isOpen);
    setText(this.#parts.words, this.#text('folded', ids.length));
    setText(this.#parts.toggle, this.#text(this.isOpen ? 'hideFolded' : 'showFolded'));
    this.#parts.toggle.setAttribute('aria-expanded', String(this.isOpen));
  }

  #listenToForget() {
    const { forget, no, yes, question } = this.#parts;
    forget.addEventListener('click', () => {
      this.#asked = this.#ids;
      question.textContent = this.#text('forgetFoldedSure', this.#asked.length);
      yes.textContent = this.#text('forgetFoldedYes', this.#asked.length);
      this.#ask(true);
    });
    no.addEventListener('click', () => this.#ask(false));
    yes.addEventListener('click', () => this.#forget());
  }

  /** @param {boolean} isAsked */
  #ask(isAsked) {
    const { forget, toggle, sure, no } = this.#parts;
    for (const button of [forget, toggle]) button.hidden = isAsked;
    sure.hidden = !isAsked;
    (isAsked ? no : forget).focus();
  }

  async #forget() {
    this.#ask(false);
    try {
      const { kept } = await forgetClients(this.#asked);
      if (kept.length > 0) this.#notes.pass('forget', this.#text('kept', kept.length));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#notes.pass('forget', refusal(error, {}, null, this.#text));
    }
  }
}
