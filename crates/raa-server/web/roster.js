// The places of all computers: rows in groups, in one or two columns.
//
// Always: a computer keeps its place (order.js); rows that nobody can see are not drawn; the list is one stop of the Tab key,
// with the arrow keys inside.

import { byId, instance, label, make, setHidden, setText } from './dom.js';
import { Dragging } from './dragging.js';
import { Folded } from './folded.js';
import { Places, inColumns } from './order.js';
import { Refused } from './refused.js';
import { Row } from './row.js';

/** From this width of the list on, in CSS pixels, it has two columns. */
const TWO_COLUMNS_PX = 1400;

export class Roster {
  #room;
  #text;
  #places = new Places();
  #rows = new Map(); // by id
  #groups = new Map(); // by section: the elements with its count of sounding computers
  #order = []; // ids as they are shown
  #here = null;
  #columns = 1;
  #folded;
  #refused;
  #tidy;
  #observer;
  #last = null; // the arguments of the newest update
  #search = byId('search');
  #box = byId('columns');

  /** @param {object} room as Row's, with `regroup(move)` and `peaksOf(id)` */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    const rest = byId('rest');
    this.#tidy = make('div', 'tidy');
    const tidyButton = make('button', 'btn', this.#text('sortAgain'));
    tidyButton.dataset.testid = 'sort-again';
    tidyButton.addEventListener('click', () => this.#again());
    this.#tidy.append(make('span', 'grow'), tidyButton);
    rest.append(this.#tidy);
    this.#folded = new Folded(rest, this.#text, room.notes, () => this.#placeFolded());
    this.#refused = new Refused(rest, this.#text);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { root: byId('places'), rootMargin: '100px' });
    new ResizeObserver(([{ contentRect }]) => this.#resized(contentRect.width)).observe(byId('roster'));
    this.#search.addEventListener('input', () => this.#again());
    this.#box.addEventListener('focusin', (event) => this.#focused(event));
    this.#box.addEventListener('pointerdown', (event) => this.#pressed(event));
    new Dragging(this.#box, room.regroup);
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

  /** Moves the focus: to the next or previous row, the first or the last, or the next one that sounds. */
  go(where) {
    const at = this.#order.indexOf(this.#here);
    const sounding = this.#order.filter((id) => this.#rows.get(id)?.computer.isSounding);
    const after = sounding.find((id) => this.#order.indexOf(id) > at) ?? sounding[0];
    const id = { down: this.#order[Math.min(this.#order.length - 1, at + 1)], up: this.#order[Math.max(0, at - 1)], first: this.#order[0],
      last: this.#order.at(-1), next: after, here: this.#here ?? this.#order[0] }[where];
    if (id !== undefined) this.#rows.get(id)?.element.focus();
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
    if (isNew) this.#build(sections);
    else this.#append(sections.find(({ id }) => id === 'new'));
    this.#showCounts(computers);
    this.#folded.show(folded);
    this.#placeFolded();
    this.#refused.show(server.refused);
    this.#tidy.style.visibility = isUntidy ? 'visible' : 'hidden';
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
  #build(sections) {
    const focused = document.activeElement;
    const known = new Set(this.#last[0].map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!known.has(id)) this.#remove(id, row);
    this.#groups.clear();
    this.#order = sections.flatMap(({ ids }) => ids);
    const columns = inColumns(sections, this.#columns).map((parts) => this.#column(parts));
    this.#box.replaceChildren(...columns);
    if (this.#here === null || !this.#order.includes(this.#here)) this.#choose(this.#order[0] ?? null);
    if (focused !== document.activeElement && this.#box.contains(focused)) focused.focus({ preventScroll: true });
  }

  #remove(id, row) {
    this.#observer.unobserve(row.element);
    row.element.remove();
    this.#rows.delete(id);
  }

  #column(parts) {
    const { element } = instance('column-template', this.#text);
    for (const part of parts) element.append(...this.#sectionOf(part));
    return element;
  }

  #sectionOf({ id, name, ids, isContinued, of }) {
    const list = make('div', 'list', ...ids.map((one) => this.#rows.get(one).element));
    list.setAttribute('role', 'list');
    list.dataset.section = String(id);
    const title = id === null ? this.#text('noGroup') : id === 'new' ? this.#text('group_new') : name;
    list.setAttribute('aria-label', title);
    const hasHeading = !isContinued && (id !== null || this.#hasGroups);
    if (!hasHeading) return [list];
    const heading = make('h2', 'group', make('bdi', '', title), make('span', '', String(of)), make('b', ''));
    this.#groups.set(id, { heading, list });
    return [heading, list];
  }

  get #hasGroups() {
    return (this.#last[1].groups ?? []).length > 0;
  }

  /** Adds the rows that came since, below all others. */
  #append(section) {
    if (!section) return;
    const added = section.ids.filter((id) => !this.#rows.get(id)?.element.isConnected || this.#folded.list.contains(this.#rows.get(id).element));
    if (added.length === 0) return;
    if (!this.#groups.has('new')) {
      const column = this.#box.lastElementChild;
      column.append(...this.#sectionOf({ ...section, ids: [], isContinued: false, of: 0 }));
    }
    const { heading, list } = this.#groups.get('new');
    list.append(...added.map((id) => this.#rows.get(id).element));
    setText(heading.children[1], String(section.ids.length));
    this.#order = [...this.#order, ...added];
    if (this.#here === null) this.#choose(this.#order[0]);
  }

  #showCounts(computers) {
    const sounding = new Map();
    for (const { isSounding, group } of computers) if (isSounding) sounding.set(group, (sounding.get(group) ?? 0) + 1);
    for (const [id, { heading }] of this.#groups) {
      const count = id === 'new' ? 0 : sounding.get(id) ?? 0;
      setText(heading.children[2], count ? this.#text('soundingCount', count) : '');
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
    const row = event.target.closest('.row');
    if (row) this.#choose(row.dataset.id);
  }

  #pressed(event) {
    const row = event.target.closest('.row');
    if (row) this.#choose(row.dataset.id);
  }

  /** Makes a row the one that keys act on, and the list's stop for the Tab key. */
  #choose(id) {
    const before = this.#rows.get(this.#here)?.element;
    if (before) {
      before.tabIndex = -1;
      before.classList.remove('here');
    }
    this.#here = id;
    const element = this.#rows.get(id)?.element;
    if (!element) return;
    element.tabIndex = 0;
    element.classList.toggle('here', element.contains(document.activeElement) || before !== undefined);
  }

  /** Puts the person's language into what is not made again. */
  relabel() {
    label(byId('roster'), this.#text);
  }
}
