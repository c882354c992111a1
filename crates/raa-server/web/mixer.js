// The mixer: a row for every computer, in groups, with search and order.
//
// Always: rows are made once, and move only when their order changes and nobody is using one; however
// many messages come, the rows change once per frame, and not at all while nobody can see them.

import { followEvents } from './api.js';
import { byId, fill, oncePerFrame, setHidden, setText } from './dom.js';
import { Arranger, GROUPS, SORTS, isHeld, isUnused } from './model.js';
import { Row } from './row.js';

/** How long the server may be away before the page reports it. */
const BANNER_AFTER_MS = 1500;
/** With more computers sounding than this, their meters jump instead of gliding, which costs less. */
const MANY_SOUNDING = 20;
/** Making more rows at once would delay a frame visibly. */
const NEW_ROWS_PER_FRAME = 50;

export class Mixer {
  #text;
  #memory;
  #main = byId('main');
  #search = byId('search');
  #sort = byId('sort');
  #rows = new Map(); // by id
  #groups = {}; // by status: { section, count, list }
  #clients = []; // those that have a row
  #arranger = new Arranger();
  #placed = null; // the arrangement that the page shows
  #hand;
  #give = oncePerFrame((state) => this.#update(state));

  /** @param {(key: string, ...values: any[]) => string} text @param {import('./memory.js').Memory} memory */
  constructor(text, memory) {
    this.#text = text;
    this.#memory = memory;
    this.#hand = new Hand(this.#main);
    for (const group of GROUPS) this.#groups[group] = makeGroup(text(`group_${group}`), group, this.#main);
    this.#setUpTools();
    const banner = new Banner(byId('banner'));
    followEvents({
      onState: this.#give,
      onLevels: oncePerFrame((levels) => this.#showLevels(levels)),
      onConnection: (isUp) => banner.note(isUp),
    });
  }

  #setUpTools() {
    this.#search.placeholder = this.#text('search');
    this.#search.setAttribute('aria-label', this.#text('search'));
    this.#search.addEventListener('input', () => this.#place());
    this.#sort.setAttribute('aria-label', this.#text('sort'));
    for (const sort of SORTS) this.#sort.add(new Option(this.#text(`sort_${sort}`), sort));
    this.#sort.value = this.#memory.sort;
    this.#sort.addEventListener('change', () => {
      this.#memory.sort = this.#sort.value;
      this.#place();
    });
    const host = location.hostname;
    byId('command').textContent = `raa-client --server ${host.includes(':') ? `[${host}]` : host}`;
  }

  #update(state) {
    this.#dropRows(new Set(state.clients.map((client) => client.id)));
    this.#makeRows(state);
    this.#clients = state.clients.filter((client) => this.#rows.has(client.id));
    for (const client of this.#clients) this.#rows.get(client.id).update(client);
    const counts = [this.#text('computers', state.clients.length), this.#text('listening', state.status.listeners)];
    setText(byId('summary'), [location.host, ...counts].join(' · '));
    if (!this.#isInUse) this.#place();
    const sounding = this.#clients.filter((client) => client.status === 'sounding');
    this.#main.classList.toggle('many', sounding.length > MANY_SOUNDING);
  }

  /** Removes the rows of clients that no longer exist. */
  #dropRows(known) {
    for (const [id, row] of this.#rows) {
      if (known.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
      this.#placed = null;
    }
  }

  /** Makes rows for new clients; those beyond the limit get theirs in the next frames. */
  #makeRows(state) {
    const added = state.clients.filter((client) => !this.#rows.has(client.id));
    for (const client of added.slice(0, NEW_ROWS_PER_FRAME)) this.#rows.set(client.id, new Row(this.#text));
    if (added.length > NEW_ROWS_PER_FRAME) this.#give(state);
  }

  #showLevels(levels) {
    for (const [id, row] of this.#rows) {
      if (row.client.status === 'sounding') row.level(levels[id] ?? null);
    }
  }

  /** Whether a person is using a row, so that none may move. */
  get #isInUse() {
    const rows = [...this.#rows.values()];
    return isHeld({
      isPressing: this.#main.querySelector('.row :active') !== null || rows.some((row) => row.isChanging),
      handMsAgo: this.#hand.msAgo,
      typedMsAgo: Math.min(...rows.map((row) => row.typedMsAgo)),
    });
  }

  #place() {
    const groups = this.#arranger.next(this.#clients, { search: this.#search.value, sort: this.#sort.value });
    setHidden(byId('empty'), !isUnused(this.#clients));
    setHidden(byId('nothing'), this.#clients.length === 0 || GROUPS.some((group) => groups[group].length > 0));
    if (groups === this.#placed) return;
    this.#placed = groups;
    const focused = document.activeElement;
    for (const group of GROUPS) {
      const { section, count, list } = this.#groups[group];
      const elements = groups[group].map((client) => this.#rows.get(client.id).element);
      setHidden(section, elements.length === 0);
      setText(count, String(elements.length));
      fill(list, elements);
    }
    // A row that was moved has lost the keyboard's focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  }
}

/** Knows when a person's hand was last over an element. */
class Hand {
  #at = -Infinity;

  constructor(element) {
    for (const event of ['pointermove', 'pointerdown', 'keydown', 'wheel']) {
      element.addEventListener(event, () => { this.#at = performance.now(); }, { passive: true });
    }
    element.addEventListener('pointerleave', () => { this.#at = -Infinity; });
  }

  get msAgo() {
    return performance.now() - this.#at;
  }
}

/** Reports that the server does not respond, unless it is back within a moment. */
class Banner {
  #element;
  #timer = 0;

  constructor(element) {
    this.#element = element;
  }

  note(isUp) {
    if (!isUp) {
      // Failed attempts belong to the same outage.
      this.#timer ||= setTimeout(() => { this.#element.hidden = false; }, BANNER_AFTER_MS);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#element.hidden = true;
  }
}

function makeGroup(title, group, parent) {
  const section = document.createElement('section');
  section.className = 'group';
  section.dataset.group = group;
  section.hidden = true;
  const heading = document.createElement('h2');
  const count = document.createElement('b');
  heading.append(`${title} `, count);
  const list = document.createElement('div');
  list.className = 'list';
  section.append(heading, list);
  parent.append(section);
  return { section, count, list };
}
