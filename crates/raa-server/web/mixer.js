// The mixer: a row for every computer, in groups, with search and order.
//
// Always: rows are made once, and move only when their order changes and no hand is near (places.js); whatever comes or
// goes meanwhile moves no row; however many messages come, the rows change once per frame, and not at all while nobody
// can see them; while the server is away, nothing looks as if it sounded.

import { clientCommand, commandDoubt } from './address.js';
import { followEvents } from './api.js';
import { byId, fill, oncePerFrame, setHidden, setText } from './dom.js';
import { Feed } from './feed.js';
import { Folded } from './folded.js';
import { watchAim, watchHand } from './hands.js';
import { isUnused } from './model.js';
import { Arranger, GROUPS, SORTS, matches } from './order.js';
import { Aim, Hand, isHeld } from './places.js';
import { Presence } from './presence.js';
import { Refused } from './refused.js';
import { Row } from './row.js';

/** With more computers sounding than this, their meters jump instead of gliding, which costs less. */
const MANY_SOUNDING = 20;
/** Making more rows at once would delay a frame visibly. */
const NEW_ROWS_PER_FRAME = 50;

export class Mixer {
  #text;
  #memory;
  #notes;
  #main = byId('main');
  #search = byId('search');
  #sort = byId('sort');
  #sortAgain = byId('sort-again');
  #rows = new Map(); // by id
  #groups = {}; // by status: { section, count, list }
  #added; // the section of the rows that came while the others were held
  #folded;
  #refused;
  #clients = []; // those that have a row
  #feed = new Feed();
  #arranger = new Arranger();
  #arranged = null; // the newest arrangement
  #placed = null; // the arrangement that the page shows
  #foldedNow = []; // the clients that the folded line stands for
  #hand = new Hand();
  #aim = new Aim();
  #updateSoon = oncePerFrame(() => this.#update());

  /**
   * @param {(key: string, ...values: any[]) => string} text
   * @param {import('./memory.js').Memory} memory
   * @param {import('./notes.js').Notes} notes
   */
  constructor(text, memory, notes) {
    this.#text = text;
    this.#memory = memory;
    this.#notes = notes;
    for (const group of GROUPS) this.#groups[group] = makeGroup(text(`group_${group}`), { group }, this.#main);
    this.#folded = new Folded(this.#groups.offline.section, text, notes, () => this.#placeFolded());
    this.#added = makeGroup(text('group_new'), { section: 'new' }, this.#main);
    const refused = makeGroup(text('group_refused'), { section: 'refused' }, this.#main);
    this.#refused = new Refused(refused.section, refused.list, text);
    this.#setUpTools();
    watchHand(this.#main, this.#hand);
    watchAim(this.#main, this.#aim, () => this.#notes.pass('moved', text('justMoved')));
    const presence = new Presence((isThere, reason) => this.#showPresence(isThere, reason));
    followEvents(this.#feed, {
      onState: this.#updateSoon,
      onLevels: oncePerFrame(() => this.#showLevels()),
      onConnection: (isUp, reason) => presence.note(isUp, reason),
    });
  }

  #setUpTools() {
    this.#search.placeholder = this.#text('search');
    this.#search.setAttribute('aria-label', this.#text('search'));
    this.#search.addEventListener('input', () => this.#place({ isAsked: true }));
    this.#sort.setAttribute('aria-label', this.#text('sort'));
    for (const sort of SORTS) this.#sort.add(new Option(this.#text(`sort_${sort}`), sort));
    this.#sort.value = this.#memory.sort;
    this.#sort.addEventListener('change', () => {
      this.#memory.sort = this.#sort.value;
      this.#place({ isAsked: true });
    });
    this.#sortAgain.title = this.#text('sortAgainHint');
    this.#sortAgain.disabled = true;
    this.#sortAgain.addEventListener('click', () => this.#place({ isAsked: true }));
    this.#showCommand();
    const doubt = commandDoubt(location);
    byId('doubt').hidden = doubt === null;
    byId('doubt').textContent = this.#text(`doubt_${doubt}`) ?? '';
  }

  #showCommand(udpPort) {
    setText(byId('command'), clientCommand(location, udpPort));
  }

  #update() {
    const { clients, server, refused } = this.#feed.state;
    this.#retireRows(new Set(clients.map((client) => client.id)));
    this.#makeRows(clients);
    this.#clients = clients.filter((client) => this.#rows.has(client.id));
    for (const client of this.#clients) this.#rows.get(client.id).update(client);
    const counts = [this.#text('computers', clients.length), this.#text('listening', server.listeners)];
    setText(byId('summary'), [...counts, location.host].join(' · '));
    this.#showCommand(server.udp_port);
    this.#refused.show(refused);
    this.#arrange();
    if (this.#isInUse) this.#addRows();
    else this.#place();
    this.#sortAgain.disabled = this.#arranged === this.#placed;
    const sounding = this.#clients.filter((client) => client.status === 'sounding');
    this.#main.classList.toggle('many', sounding.length > MANY_SOUNDING);
  }

  /** Lets the rows of clients that no longer exist wait for the next arrangement, which removes them. */
  #retireRows(known) {
    for (const [id, row] of this.#rows) {
      if (known.has(id)) continue;
      row.retire();
      this.#rows.delete(id);
      this.#placed = null;
    }
  }

  /** Makes rows for new clients; those beyond the limit get theirs in the next frames. */
  #makeRows(clients) {
    const added = clients.filter((client) => !this.#rows.has(client.id));
    for (const client of added.slice(0, NEW_ROWS_PER_FRAME)) this.#rows.set(client.id, new Row(this.#text, this.#notes));
    if (added.length > NEW_ROWS_PER_FRAME) this.#updateSoon();
  }

  /** Shows the rows of clients that came while no row may move, below all others. */
  #addRows() {
    const folded = new Set(this.#arranged.folded.map(({ id }) => id));
    const added = this.#clients.filter((client) => !folded.has(client.id) && !this.#rows.get(client.id).wasPlaced
      && matches(client, this.#search.value));
    for (const { id } of added) {
      const row = this.#rows.get(id);
      if (!row.element.isConnected) this.#added.list.append(row.element);
    }
    setText(this.#added.count, String(this.#added.list.children.length));
    setHidden(this.#added.section, this.#added.list.children.length === 0);
  }

  #showLevels() {
    for (const [id, row] of this.#rows) {
      if (row.client?.status === 'sounding') row.level(this.#feed.levels[id] ?? null);
    }
  }

  /** While the server is away, the rows show what was last known, and no sound. */
  #showPresence(isThere, reason) {
    this.#main.classList.toggle('stale', !isThere);
    if (isThere) {
      this.#notes.clear('server');
      return;
    }
    for (const row of this.#rows.values()) row.level(null);
    this.#notes.show('server', this.#text(`trouble_${reason}`) ?? this.#text('noServer'));
  }

  /** Whether a person is using the list, so that no row may move. */
  get #isInUse() {
    const rows = [...this.#rows.values()];
    return isHeld({
      isPressing: this.#main.querySelector('.row :active') !== null || rows.some((row) => row.isChanging),
      handStaysMs: this.#hand.staysMs(performance.now()),
      typedMsAgo: Math.min(...rows.map((row) => row.typedMsAgo)),
    });
  }

  #arrange() {
    this.#arranged = this.#arranger.next(this.#clients, { search: this.#search.value, sort: this.#sort.value });
  }

  /** Shows the newest arrangement; `isAsked`: a person asked for it and expects that rows move. */
  #place({ isAsked = false } = {}) {
    this.#arrange();
    const groups = this.#arranged;
    setHidden(byId('empty'), !isUnused(this.#clients));
    setHidden(byId('nothing'), this.#clients.length === 0 || GROUPS.some((group) => groups[group].length > 0) || groups.folded.length > 0);
    this.#foldedNow = groups.folded;
    this.#folded.show(groups.folded.map(({ id }) => id));
    this.#sortAgain.disabled = true;
    if (groups === this.#placed && this.#added.section.hidden) {
      this.#placeFolded();
      return;
    }
    const before = this.#lines;
    const focused = document.activeElement;
    this.#placed = groups;
    for (const group of GROUPS) {
      const { section, count, list } = this.#groups[group];
      const elements = this.#elementsOf(groups[group]);
      const number = elements.length + (group === 'offline' ? groups.folded.length : 0);
      setHidden(section, number === 0);
      setHidden(list, elements.length === 0);
      setText(count, String(number));
      fill(list, elements);
    }
    this.#placeFolded();
    for (const element of [...this.#added.list.children]) element.remove();
    setHidden(this.#added.section, true);
    if (!isAsked) this.#aim.arranged(performance.now(), before, this.#lines);
    // A row that was moved has lost the keyboard's focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  }

  /** Opens or closes the list behind the folded line, which is below everything else in its group and moves only that. */
  #placeFolded() {
    fill(this.#folded.list, this.#folded.isOpen ? this.#elementsOf(this.#foldedNow) : []);
  }

  #elementsOf(clients) {
    const rows = clients.map(({ id }) => this.#rows.get(id)).filter(Boolean);
    for (const row of rows) row.wasPlaced = true;
    return rows.map(({ element }) => element);
  }

  /** Everything that takes a line in the list now, from top to bottom. */
  get #lines() {
    return [...this.#main.querySelectorAll('.group:not([hidden]) > h2, .row, .folded:not([hidden])')];
  }
}

function makeGroup(title, dataset, parent) {
  const section = document.createElement('section');
  section.className = 'group';
  Object.assign(section.dataset, dataset);
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
