// What a row shows below itself when a person opens it: figures, the level from which the computer counts as sounding, and
// the button that forgets it.
//
// Always: made when it is opened for the first time; keeps its height while it is open, so that rows below stay in place;
// asks for the figures, which the events do not have, only while it is open and can be seen.

import { setHidden, setText } from './dom.js';
import { facts, notice } from './model.js';

/** Time between two readings of the figures. */
const READ_EVERY_MS = 1000;

const template = document.getElementById('details-template');

export class Details {
  #text;
  #parts = {};
  #client = null;
  #read;
  #figures = null; // the newest that were read
  #opening = null; // identifies the time from opening to closing; null while no figures are read

  /**
   * @param {{text: Function, read: () => Promise<object | null>, send: (change: object) => Promise<boolean>,
   *   forget: () => Promise<boolean>}} options
   */
  constructor(element, { text, read, send, forget }) {
    this.#text = text;
    this.#read = read;
    this.element = element;
    element.append(template.content.cloneNode(true));
    for (const part of element.querySelectorAll('[data-part]')) this.#parts[part.dataset.part] = part;
    for (const label of element.querySelectorAll('[data-text]')) label.textContent = text(label.dataset.text);
    this.#listenToThreshold(send);
    this.#listenToForget(forget);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  open(client) {
    this.element.hidden = false;
    this.#figures = null;
    this.show(client);
    this.#keepHeight();
    this.#follow();
  }

  close() {
    this.element.hidden = true;
    this.stop();
  }

  /** Reads no more figures, because the client is gone or nobody looks. */
  stop() {
    this.#opening = null;
  }

  /** Figures grow, and a problem may come; what has no room then is scrolled to. */
  #keepHeight() {
    this.element.style.height = '';
    this.element.style.height = `${Math.ceil(this.element.getBoundingClientRect().height)}px`;
  }

  async #follow() {
    const opening = {};
    this.#opening = opening;
    while (this.#opening === opening) {
      if (!document.hidden) this.#take(await this.#read(), opening);
      await new Promise((done) => setTimeout(done, READ_EVERY_MS));
    }
  }

  /** Without an answer the last figures stay; the list says that the server is away. */
  #take(figures, opening) {
    if (figures === null || this.#opening !== opening) return;
    const isFirst = this.#figures === null;
    this.#figures = figures;
    this.show(this.#client);
    if (isFirst) this.#keepHeight();
  }

  show(client) {
    this.#client = client;
    const { facts: list, threshold, from, problem, offline } = this.#parts;
    const pairs = facts(this.#figures, this.#text);
    if (list.children.length === 0) {
      for (const _ of pairs) list.append(document.createElement('dt'), document.createElement('dd'));
    }
    pairs.flat().forEach((words, i) => setText(list.children[i], words));
    setText(problem, notice(client, this.#text));
    // Servers before this field have no such setting.
    setHidden(threshold, client.sounding_from_dbfs === undefined);
    if (document.activeElement !== from) from.value = client.sounding_from_dbfs;
    offline.classList.toggle('unused', client.status !== 'offline');
  }

  #listenToThreshold(send) {
    const { from, common } = this.#parts;
    from.addEventListener('change', async () => {
      const value = Number(from.value);
      if (from.value.trim() === '' || !(await send({ sounding_from_dbfs: value }))) from.value = this.#client.sounding_from_dbfs;
    });
    common.addEventListener('click', () => send({ sounding_from_dbfs: null }));
  }

  #listenToForget(forget) {
    const { forget: first, sure, yes, no } = this.#parts;
    const ask = (isAsked) => {
      first.hidden = isAsked;
      sure.hidden = !isAsked;
      (isAsked ? no : first).focus();
    };
    first.addEventListener('click', () => ask(true));
    no.addEventListener('click', () => ask(false));
    yes.addEventListener('click', async () => {
      if (await forget()) this.stop();
      ask(false);
    });
  }
}
