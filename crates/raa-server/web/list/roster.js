// The places of all computers: rows in groups, in one or two columns.
//
// Always: a computer keeps its place (order.js); rows that nobody can see are not drawn; the list is one stop of the Tab key,
// with the arrow keys inside.

import { byId, fill, frameOrHidden, instance, make, oncePerFrame, setHidden } from '../parts/dom.js';
import { looks } from '../room/looks.js';
import { Places, inColumns } from '../room/order.js';
import { cleanName } from '../server/names.js';
import { Dragging } from './dragging.js';
import { Folded } from './folded.js';
import { Heading, foldKey } from './heading.js';
import { Refused } from './refused.js';
import { Reveal } from './reveal.js';
import { Row } from './row.js';
import { Stops, keyOf } from './stops.js';

/** From this width of the list on, in CSS pixels, it has two columns. */
const TWO_COLUMNS_PX = 1400;

/**
 * @typedef {import('../room/room.js').Computer} Computer
 * @typedef {Map<Raa.SectionId, Heading>} Headings
 * @typedef {import('../room/order.js').Section & {isContinued: boolean, of: number}} Part
 */

export class Roster {
  #room;
  #text;
  #places = new Places();
  /** @type {Map<string, Row>} by id */
  #rows = new Map();
  /** @type {Headings} by section: of those that are shown */
  #headings = new Map();
  /** @type {import('../room/order.js').Section[]} */
  #sections = [];
  #stops;
  #reveal = new Reveal();
  #columns = 1;
  #isKnown = false; // there was an update
  #folded;
  #refused;
  #tidy;
  #sortButton;
  #observer;
  /** @type {Computer[]} of the newest update */
  #computers = [];
  /** @type {Raa.Server} of the newest update */
  #server = {};
  #search = byId('search');
  #box = byId('columns');

  /** @param {Raa.Room} room */
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
    byId('roster').append(this.#tidy); // below the list and not in it, where it would move with each new computer
    this.#folded = new Folded(rest, this.#text, room.notes, () => this.#placeFolded());
    this.#refused = new Refused(rest, this.#text);
    this.#observer = new IntersectionObserver((entries) => this.#seen(entries), { root: byId('places'), rootMargin: '100px' });
    new ResizeObserver(([entry]) => { if (entry) this.#resized(entry.contentRect.width); }).observe(byId('roster'));
    // With the next frame: the browser lays the page out for the key itself, too.
    this.#search.addEventListener('input', oncePerFrame(() => this.#again(), frameOrHidden));
    this.#stops = new Stops(this.#box, this.#rows);
    new Dragging(this.#box, byId('places'), room.groups);
  }

  /** @param {Computer[]} computers @param {Raa.Server} server */
  update(computers, server) {
    this.#computers = computers;
    this.#server = server;
    this.#isKnown = true;
    this.#show({});
  }

  /** The computer that keys act on. */
  get here() {
    return this.#stops.row?.computer ?? null;
  }

  /** The group that keys act on, if its heading is chosen. */
  get hereGroup() {
    return this.#stops.heading?.group ?? null;
  }

  get rows() {
    return this.#rows;
  }

  /** @param {number} nowMs */
  tick(nowMs) {
    for (const row of this.#rows.values()) if (row.isVisible) row.tick(nowMs);
  }

  /** @param {number} second */
  draw(second) {
    for (const row of this.#rows.values()) if (row.isVisible) row.draw(second);
  }

  /** @param {Raa.Levels} levels */
  levels(levels) {
    for (const [id, level] of Object.entries(levels)) {
      const row = this.#rows.get(id);
      if (row?.isVisible && row.computer.isSounding) row.level(level);
    }
  }

  /**
   * Moves the focus: to the next or previous line, the first or the last, or the next computer that sounds.
   * @param {'down' | 'up' | 'first' | 'last' | 'here' | 'next'} where
   */
  go(where) {
    if (where === 'next') this.#goToSounding();
    else this.#stops.go(where);
  }

  /** A folded group opens for it. */
  #goToSounding() {
    const all = this.#sections.flatMap(({ id, ids }) => [keyOf(id), ...ids]);
    const at = all.indexOf(this.#stops.here ?? '');
    const sounding = all.filter((id) => this.#rows.get(id)?.computer.isSounding);
    const next = sounding.find((id) => all.indexOf(id) > at) ?? sounding[0];
    if (next === undefined) return;
    const section = this.#sections.find(({ ids }) => ids.includes(next));
    if (section && this.#isFolded(section.id)) this.#fold(section.id, false);
    this.#stops.focus(next);
  }

  /** A search shows what it finds, also in folded groups. @param {Raa.SectionId} id */
  #isFolded(id) {
    return id !== 'new' && this.#hasGroups && this.#search.value.trim() === '' && this.#room.memory.foldedGroups.includes(foldKey(id));
  }

  /** @param {Raa.SectionId} id @param {boolean} isFolded */
  #fold(id, isFolded) {
    const others = this.#room.memory.foldedGroups.filter((key) => key !== foldKey(id));
    this.#room.memory.foldedGroups = isFolded ? [...others, foldKey(id)] : others;
    this.#build();
    this.#showCounts(this.#computers);
  }

  #again() {
    if (this.#isKnown) this.#show({ isAsked: true });
  }

  /** @param {number} width */
  #resized(width) {
    const columns = width >= TWO_COLUMNS_PX ? 2 : 1;
    if (columns === this.#columns) return;
    this.#columns = columns;
    this.#again();
  }

  #show({ isAsked = false }) {
    const [computers, server] = [this.#computers, this.#server];
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

  /** @param {Computer} computer */
  #rowOf(computer) {
    const { id } = computer;
    const row = this.#rows.get(id) ?? new Row(id, this.#room);
    if (!this.#rows.has(id)) {
      this.#rows.set(id, row);
      this.#observer.observe(row.element);
    }
    row.revive();
    return row;
  }

  /** @param {Set<string>} known */
  #retire(known) {
    for (const [id, row] of this.#rows) if (!known.has(id)) row.retire();
  }

  /** Puts all rows into their places. */
  #build() {
    const focused = document.activeElement;
    const known = new Set(this.#computers.map(({ id }) => id));
    for (const [id, row] of this.#rows) if (!known.has(id)) this.#remove(id, row);
    const before = this.#headings;
    this.#headings = new Map();
    const columns = inColumns(this.#sections, this.#columns, (id) => this.#isFolded(id));
    const rows = this.#sections.flatMap(({ ids }) => this.#elementsOf(ids));
    this.#reveal.bring(rows, () => fill(this.#box, columns.map((parts, i) => this.#column(i, parts, before))));
    this.#useStops();
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.#box.contains(focused)) focused.focus({ preventScroll: true });
  }

  #useStops() {
    const order = this.#sections.flatMap(({ id, ids }) => [...(this.#headings.has(id) ? [keyOf(id)] : []), ...(this.#isFolded(id) ? [] : ids)]);
    this.#stops.use(order, this.#headings);
  }

  /** @param {string} id @param {Row} row */
  #remove(id, row) {
    this.#observer.unobserve(row.element);
    row.element.remove();
    this.#rows.delete(id);
  }

  /** @param {number} i @param {Part[]} parts @param {Headings} headings */
  #column(i, parts, headings) {
    const element = this.#box.children[i] ?? instance('column-template', this.#text).element;
    const head = /** @type {Element} */ (element.firstElementChild);
    fill(element, [head, ...parts.flatMap((part) => this.#sectionOf(part, element, headings))]);
    return element;
  }

  /** @param {Part} part @param {Element} column @param {Headings} headings those of before, which keep the focus */
  #sectionOf({ id, name, ids, isContinued, of }, column, headings) {
    const list = /** @type {HTMLElement | null} */ (column.querySelector(`:scope > [data-section="${id}"]`)) ?? make('div', 'list');
    fill(list, this.#elementsOf(ids));
    list.setAttribute('role', 'list');
    list.dataset.section = String(id);
    const title = id === null ? this.#text('noGroup') : id === 'new' ? this.#text('group_new') : cleanName(name);
    list.setAttribute('aria-label', title);
    const hasHeading = !isContinued && (id !== null || this.#hasGroups);
    if (!hasHeading) return [list];
    const heading = headings.get(id) ?? new Heading(id, { text: this.#text, fold: (isFolded) => this.#fold(id, isFolded), open: () => { if (id !== 'new') this.#room.openGroup(id); } });
    heading.show(title, of, this.#isFolded(id), list);
    this.#headings.set(id, heading);
    return [heading.element, list];
  }

  get #hasGroups() {
    return (this.#server.groups ?? []).length > 0;
  }

  /** @param {string[]} ids */
  #elementsOf(ids) {
    return ids.flatMap((id) => this.#rows.get(id)?.element ?? []);
  }

  /** Adds the rows that came since, below all others. @param {import('../room/order.js').Section | undefined} section */
  #append(section) {
    if (!section) return;
    const added = section.ids.filter((id) => {
      const element = this.#rows.get(id)?.element;
      return !element?.isConnected || this.#folded.list.contains(element);
    });
    if (added.length === 0) return;
    if (!this.#headings.has('new')) {
      const column = /** @type {Element} */ (this.#box.lastElementChild);
      column.append(...this.#sectionOf({ ...section, ids: [], isContinued: false, of: 0 }, column, new Map()));
    }
    const heading = this.#headings.get('new');
    heading?.list?.append(...this.#elementsOf(added));
    heading?.count(section.ids.length);
    this.#useStops();
  }

  /** Says in the headings how many sound, and of folded groups how many were not seen. @param {Computer[]} computers */
  #showCounts(computers) {
    const found = new Map(computers.map((computer) => [computer.id, computer]));
    for (const { id, ids } of this.#sections) {
      const there = ids.flatMap((one) => found.get(one) ?? []);
      this.#headings.get(id)?.showCounts(there.filter(({ isSounding }) => isSounding).length, there.filter((one) => looks(one).fresh).length);
    }
  }

  #placeFolded() {
    const rows = this.#folded.isOpen ? this.#elementsOf(this.#folded.ids) : [];
    this.#reveal.bring(rows, () => fill(this.#folded.list, rows));
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    this.#reveal.prefer(entries.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target));
    for (const { target, isIntersecting } of entries) {
      const row = this.#rows.get(target.getAttribute('data-id') ?? '');
      if (!row) continue;
      row.isVisible = isIntersecting;
      if (!isIntersecting || !row.computer) continue;
      row.tick(this.#room.now());
      row.draw(this.#room.second());
    }
  }
}
