// What happened: the server's list, newest on top, with the buttons to mark a sound as seen and to undo a change.
//
// Always: while a pointer, a focus or a scroll position below the top is in it, new entries wait behind their number, so that
// no button moves; an entry that changes is updated in its place.

import { byId, icon, instance, make, setClass, setHidden, setText } from '../parts/dom.js';
import { canSee, canUndo, describe } from '../room/history.js';
import { readLog } from '../server/api.js';

/** Entries that are shown before "Older". */
const SHOWN = 100;
const PAGE = 100;

/** @typedef {{element: HTMLElement, parts: Raa.Parts['entry-template'], entry: Raa.Entry | null}} Line */

export class LogPane {
  #room;
  #text;
  #history;
  #element = byId('log');
  #list = make('ol', 'scroll');
  #waiting = make('button', 'btn first');
  #older = make('button', 'btn older');
  #end = make('li', '', this.#older);
  /** @type {Map<number, Line>} by id */
  #shown = new Map();
  #newestShown = -Infinity;
  #limit = SHOWN;
  #isHand = false;
  #isComplete = false; // the server has no older entries
  #version = -1; // of the history that is shown

  /** @param {Raa.Room} room */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    this.#history = room.history;
    const all = make('button', 'btn', icon('check'), this.#text('allSeen'));
    all.dataset.testid = 'all-seen';
    all.addEventListener('click', () => room.allSeen());
    this.#waiting.dataset.testid = 'waiting';
    this.#waiting.hidden = true;
    this.#waiting.addEventListener('click', () => this.#show(true));
    this.#older.textContent = this.#text('older');
    this.#older.addEventListener('click', () => this.#readOlder());
    const spacer = make('span', 'grow');
    this.#element.append(make('h2', '', make('span', '', this.#text('happened')), spacer, this.#waiting, all), this.#list);
    this.#list.tabIndex = 0;
    this.#list.setAttribute('aria-label', this.#text('happened'));
    this.#element.addEventListener('pointerenter', () => { this.#isHand = true; });
    this.#element.addEventListener('pointerleave', () => { this.#isHand = false; this.#show(); });
    this.#list.addEventListener('scroll', () => { if (this.#list.scrollTop === 0) this.#show(); }, { passive: true });
    byId('open-log').addEventListener('click', () => this.toggle());
  }

  toggle(isOpen = !this.#element.classList.contains('open')) {
    this.#element.classList.toggle('open', isOpen);
    byId('open-log').setAttribute('aria-expanded', String(isOpen));
  }

  update() {
    if (this.#history.version !== this.#version) this.#show();
    for (const { element, entry } of this.#shown.values()) {
      if (entry?.kind === 'sound' && entry.ended_ms === null) setClass(element, 'unheard', this.#room.isUnheard(entry.client));
    }
  }

  get #isHeld() {
    return this.#isHand || this.#list.scrollTop > 0 || this.#list.contains(document.activeElement);
  }

  #show(isAsked = false) {
    this.#version = this.#history.version;
    const all = this.#history.newest;
    const waiting = this.#isHeld && !isAsked && this.#shown.size > 0 ? all.filter(({ id }) => id > this.#newestShown) : [];
    setHidden(this.#waiting, waiting.length === 0);
    setText(this.#waiting, this.#text('newEntries', waiting.length));
    // As many as before, so that nothing below them moves either.
    const entries = all.slice(waiting.length, waiting.length + this.#limit);
    if (isAsked) this.#list.scrollTop = 0;
    const ids = new Set(entries.map(({ id }) => id));
    for (const [id, { element }] of this.#shown) {
      if (ids.has(id)) continue;
      element.remove();
      this.#shown.delete(id);
    }
    let next = this.#list.firstElementChild;
    for (const entry of entries) {
      const { element } = this.#lineOf(entry);
      if (element !== next) this.#list.insertBefore(element, next);
      else next = next.nextElementSibling;
    }
    if (this.#list.lastElementChild !== this.#end) this.#list.append(this.#end);
    setHidden(this.#end, all.length === 0 || this.#isComplete);
    this.#newestShown = entries[0]?.id ?? -Infinity;
  }

  /** @param {Raa.Entry} entry */
  #lineOf(entry) {
    const { id } = entry;
    const line = this.#shown.get(id) ?? this.#newLine(id);
    if (line.entry !== entry) this.#fill(line, entry);
    return line;
  }

  /** @param {number} id */
  #newLine(id) {
    /** @type {Line} */
    const line = { ...instance('entry-template', this.#text), entry: null };
    line.element.dataset.id = String(id);
    line.parts.seen.addEventListener('click', () => this.#room.changes.seen({ ids: [id] }));
    line.parts.undo.addEventListener('click', () => { if (line.entry) this.#room.changes.undo(line.entry); });
    this.#shown.set(id, line);
    return line;
  }

  /** @param {Line} line @param {Raa.Entry} entry */
  #fill(line, entry) {
    line.entry = entry;
    const { element, parts } = line;
    const { time, title, detail, look } = describe(entry.name ? entry : { ...entry, name: this.#room.nameOf(entry.client) }, this.#text, this.#room.now());
    setText(parts.time, time);
    setText(parts.name, title);
    setText(parts.detail, detail);
    parts.detail.title = detail;
    element.dataset.kind = entry.kind;
    for (const one of ['live', 'sound', 'act', 'system']) setClass(element, one, look === one);
    setClass(element, 'fresh', look === 'sound' && canSee(entry));
    setClass(element, 'done', ['sound', 'live'].includes(look) && !canSee(entry));
    setHidden(parts.seen, !canSee(entry));
    setHidden(parts.undo, !canUndo(entry));
    for (const key of /** @type {const} */ (['seen', 'undo'])) parts[key].setAttribute('aria-label', `${this.#text(key)}: ${title}`);
    parts.seen.title = this.#text('seen');
  }

  async #readOlder() {
    const oldest = this.#history.newest.at(-1);
    const answer = await readLog({ limit: PAGE, ...(oldest ? { before: oldest.id } : {}) }).catch(() => null);
    if (!answer) return;
    this.#history.add(answer.entries);
    this.#limit += PAGE;
    this.#isComplete = answer.next_before === null;
    this.#show();
  }
}
