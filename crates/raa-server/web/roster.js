// @ts-nocheck
// The places of all computers: rows in groups, in one or two columns.
//
// Always: a computer keeps its place (order.js); rows that nobody can see are not drawn; the list is one stop of the Tab key,
// with the arrow keys inside.

import { byId, instance, label, make, setHidden } from './dom.js';
import { Dragging } from './dragging.js';
import { Folded } from './folded.js';
import { Heading, foldKey } from './heading.js';
import { Places, inColumns } from './order.js';
import { Refused } from './refused.js';
import { cleanName } from './names.js';
import { Row, looks } from './row.js';

/** From this width of the list on, in CSS pixels, it has two columns. */
const TWO_COLUMNS_PX = 1400;

/** The key of a section's heading among the lines that the arrow keys reach. */
const keyOf = (id) => `group ${id}`;

export class Roster {
  #room;
  #text;
  #places = new Places();
  #rows = new Map(); // by id
  #headings = new Map(); // by section: of those that are shown
  #sections = [];
  #order = []; // what the arrow keys reach, in the order in which it is shown: ids of computers, and keys of headings
  #here = null; // one of them
  #columns = 1;
  #folded;
  #refused;
  #tidy;
  #sortButton;
  #observer;
  #last = null; // the arguments of the newest update
  #search = byId('search');
  #box = byId('columns');

  /** @param {object} room as Row's, with `groups`, `openGroup(id)`, `memory` and `peaksOf(id)` */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    const rest = byId('rest');
    this.#tidy = make('div', 'tidy');
    const tidyButton = make('button', 'btn', this.#text('sortAgain'));
    tidyButton.dataset.testid = 'sort-again';
    tidyButton.addEventListener('click', () => this.#again());
    const newGroup = make('button', 'btn', this.#text('newGroup'));
    newGroup.dataset.testid = 'new-group';
    newGroup.addEventListener('click', () => room.openGroup(null));
    this.#sortButton = tidyButton;
    this.#tidy.append(newGroup, make('span', 'grow'), tidyButton);
    rest.append(this.#tidy);
    this.#folded = new Folded(rest, this.#text, room.notes, () => this.#placeFolded());
    this.#refused = new Refused(rest, this.#text);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { root: byId('places'), rootMargin: '100px' });
    new ResizeObserver(([{ contentRect }]) => this.#resized(contentRect.width)).observe(byId('roster'));
    this.#search.addEventListener('input', () => this.#again());
    this.#box.addEventListener('focusin', (event) => this.#focused(event));
    this.#box.addEventListener('pointerdown', (event) => this.#pressed(event));
    new Dragging(this.#box, byId('places'), room.groups);
  }

  /** @param {import('./room.js').Computer[]} computers @param {object} server */
  update(computers, server) {
    this.#last = [computers, server];
    this.#show({});
  }

  /** The computer that keys act on. */
  get here() {
    return this.#rows.get(this.#here)?.computer ?? null;
  }

  /** The group that keys act on, if its heading is chosen. */
  get hereGroup() {
    return this.#headingOf(this.#here)?.group ?? null;
  }

  row(id) {
    return this.#rows.get(id);
  }

  get rows() {
    return this.#rows;
  }

  tick(nowMs) {
    for (const row of this.#rows.values()) if (row.isVisible) row.tick(nowMs);
  }

  draw(second) {
    for (const row of this.#rows.values()) if (row.isVisible) row.draw(second);
  }

  levels(levels) {
    for (const [id, level] of Object.entries(levels)) {
      const row = this.#rows.get(id);
      if (row?.isVisible && row.computer.isSounding) row.level(level);
    }
  }

  /** Moves the focus: to the next or previous line, the first or the last, or the next computer that sounds. */
  go(where) {
    if (where === 'next') this.#goToSounding();
    else {
      const at = this.#order.indexOf(this.#here);
      const to = { down: Math.min(this.#order.length - 1, at + 1), up: Math.max(0, at - 1), first: 0, last: this.#order.length - 1, here: Math.max(0, at) }[where];
      this.#focus(this.#order[to]);
    }
  }

  /** A folded group opens for it. */
  #goToSounding() {
    const all = this.#sections.flatMap(({ id, ids }) => [keyOf(id), ...ids]);
    const at = all.indexOf(this.#here);
    const sounding = all.filter((id) => this.#rows.get(id)?.computer.isSounding);
    const next = sounding.find((id) => all.indexOf(id) > at) ?? sounding[0];
    if (next === undefined) return;
    const { id } = this.#sections.find(({ ids }) => ids.includes(next));
    if (this.#isFolded(id)) this.#fold(id, false);
    this.#focus(next);
  }

  #focus(key) {
    (this.#headingOf(key)?.button ?? this.#rows.get(key)?.element)?.focus();
  }

  #headingOf(key) {
    return this.#headings.get([...this.#headings.keys()].find((id) => keyOf(id) === key));
  }

  /** A search shows what it finds, also in folded groups. */
  #isFolded(id) {
    return id !== 'new' && this.#hasGroups && this.#search.value.trim() === '' && this.#room.memory.foldedGroups.includes(foldKey(id));
  }

  #fold(id, isFolded) {
    const others = this.#room.memory.foldedGroups.filter((key) => key !== foldKey(id));
    this.#room.memory.foldedGroups = isFolded ? [...others, foldKey(id)] : others;
    this.#build();
    this.#showCounts(this.#last[0]);
  }

  #again() {
    if (this.#last) this.#show({ isAsked: true });
  }

  #resized(width) {
    const columns = width >= TWO_COLUMNS_PX ? 2 : 1;
    if (columns === this.#columns) return;
    this.#columns = columns;
    this.#again();
  }

  #show({ isAsked = false }) {
    const [computers, server] = this.#last;
    this.#retire(new Set(computers.map(({ id }) => id)));
    for (const computer of computers) this.#rowOf(computer).update(computer);
    const options = { search: this.#search.value, revision: server.groups_revision, isAsked };
    const { sections, folded, isNew, isUntidy } = this.#places.next(computers, server.groups ?? [], options);
    this.#sections = sections;
    if (isNew) this.#build();
    else this.#append(sections.find(({ id }) => id === 'new'));
    this.#showCounts(computers);
    this.#folded.show(folded);
    this.#placeFolded();
    this.#refused.show(server.refused);
    this.#sortButton.style.visibility = isUntidy ? 'visible' : 'hidden';
    setHidden(this.#tidy, computers.length === 0);
    const rows = sections.reduce((sum, { ids }) => sum + ids.length, 0) + folded.length;
    setHidden(byId('nothing'), computers.length === 0 || rows > 0);
  }

  #rowOf(computer) {
    const { id } = computer;
    if (!this.#rows.has(id)) {
      const row = new Row(id, this.#room);
      this.#rows.set(id, row);
      this.#observer.observe(row.element);
    }
    const row = this.#rows.get(id);
    row.revive();
    return row;
  }

  #retire(known) {
    for (const [id, row] of this.#rows) if (!known.has(id)) row.retire();
  }

  /** Puts all rows into their places. */
  #build() {
    const focused = document.activeElement;
    const known = new Set(this.#last[0].map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!known.has(id)) this.#remove(id, row);
    const before = this.#headings;
    this.#headings = new Map();
    const columns = inColumns(this.#sections, this.#columns, (id) => this.#isFolded(id)).map((parts) => this.#column(parts, before));
    this.#box.replaceChildren(...columns);
    this.#order = this.#sections.flatMap(({ id, ids }) => [...(this.#headings.has(id) ? [keyOf(id)] : []), ...(this.#isFolded(id) ? [] : ids)]);
    if (this.#here === null || !this.#order.includes(this.#here)) this.#choose(this.#order.find((key) => this.#rows.has(key)) ?? this.#order[0] ?? null);
    if (focused !== document.activeElement && this.#box.contains(focused)) focused.focus({ preventScroll: true });
  }

  #remove(id, row) {
    this.#observer.unobserve(row.element);
    row.element.remove();
    this.#rows.delete(id);
  }

  #column(parts, headings) {
    const { element } = instance('column-template', this.#text);
    for (const part of parts) element.append(...this.#sectionOf(part, headings));
    return element;
  }

  /** @param {Map<any, Heading>} headings those of before, which keep the focus */
  #sectionOf({ id, name, ids, isContinued, of }, headings) {
    const list = make('div', 'list', ...ids.map((one) => this.#rows.get(one).element));
    list.setAttribute('role', 'list');
    list.dataset.section = String(id);
    const title = id === null ? this.#text('noGroup') : id === 'new' ? this.#text('group_new') : cleanName(name);
    list.setAttribute('aria-label', title);
    const hasHeading = !isContinued && (id !== null || this.#hasGroups);
    if (!hasHeading) return [list];
    const heading = headings.get(id) ?? new Heading(id, { text: this.#text, fold: (isFolded) => this.#fold(id, isFolded), open: () => this.#room.openGroup(id) });
    heading.show(title, of, this.#isFolded(id), list);
    this.#headings.set(id, heading);
    return [heading.element, list];
  }

  get #hasGroups() {
    return (this.#last[1].groups ?? []).length > 0;
  }

  /** Adds the rows that came since, below all others. */
  #append(section) {
    if (!section) return;
    const added = section.ids.filter((id) => !this.#rows.get(id)?.element.isConnected || this.#folded.list.contains(this.#rows.get(id).element));
    if (added.length === 0) return;
    if (!this.#headings.has('new')) {
      const column = this.#box.lastElementChild;
      column.append(...this.#sectionOf({ ...section, ids: [], isContinued: false, of: 0 }, new Map()));
      this.#order.push(keyOf('new'));
    }
    const heading = this.#headings.get('new');
    heading.list.append(...added.map((id) => this.#rows.get(id).element));
    heading.count(section.ids.length);
    this.#order.push(...added);
    if (this.#here === null) this.#choose(added[0]);
  }

  /** Says in the headings how many sound, and of folded groups how many were not seen. */
  #showCounts(computers) {
    const found = new Map(computers.map((computer) => [computer.id, computer]));
    for (const { id, ids } of this.#sections) {
      const there = ids.map((one) => found.get(one)).filter(Boolean);
      this.#headings.get(id)?.showCounts(there.filter(({ isSounding }) => isSounding).length, there.filter((one) => looks(one).fresh).length);
    }
  }

  #placeFolded() {
    const rows = this.#folded.isOpen ? this.#folded.ids.map((id) => this.#rows.get(id)?.element).filter(Boolean) : [];
    for (const element of [...this.#folded.list.children]) if (!rows.includes(element)) element.remove();
    for (const [i, element] of rows.entries()) if (this.#folded.list.children[i] !== element) this.#folded.list.insertBefore(element, this.#folded.list.children[i] ?? null);
  }

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.#rows.get(target.dataset.id);
      if (!row) continue;
      row.isVisible = isIntersecting;
      if (!isIntersecting || !row.computer) continue;
      row.tick(this.#room.now());
      row.draw(this.#room.second());
    }
  }

  #focused(event) {
    const line = event.target.closest('.row, .group');
    if (line) this.#choose(line.dataset.id);
  }

  #pressed(event) {
    const row = event.target.closest('.row');
    if (row) this.#choose(row.dataset.id);
  }

  /** Makes a line the one that keys act on, and the list's stop for the Tab key. */
  #choose(key) {
    this.#headingOf(this.#here)?.setStop(false);
    const before = this.#rows.get(this.#here)?.element;
    if (before) {
      before.tabIndex = -1;
      before.classList.remove('here');
    }
    const isFirst = this.#here === null;
    this.#here = key;
    this.#headingOf(key)?.setStop(true);
    const element = this.#rows.get(key)?.element;
    if (!element) return;
    element.tabIndex = 0;
    element.classList.toggle('here', element.contains(document.activeElement) || !isFirst);
  }

  /** Puts the person's language into what is not made again. */
  relabel() {
    label(byId('roster'), this.#text);
  }
}
