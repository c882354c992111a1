// The places of the computers: groups in the room's order, and each computer in its own place.
//
// Always: pure; nothing that a computer does moves a row: a new one is added at the end, one that is gone leaves its place
// empty, until a person sorts, searches or changes the groups.

import { cleanName, title } from '../server/names.js';

/** From this number on, offline clients without settings are folded. */
const FOLD_FROM = 4;

/** Made once: creating a collator costs more than sorting a list. */
const NAMES = new Intl.Collator(undefined, { numeric: true });

/**
 * Returns whether a client's name, ID or address contains the search.
 * @param {{id: string, name?: string, address?: string | null}} client @param {string} search
 */
export function matches(client, search) {
  const wanted = cleanName(search).toLowerCase();
  return [title(client), client.id, client.address ?? ''].some((text) => text.toLowerCase().includes(wanted));
}


/**
 * @typedef {object} Section a group's rows, or those of no group (`id` null), or those that came later (`id` 'new')
 * @property {Raa.SectionId} id
 * @property {string} name
 * @property {string[]} ids
 */

/**
 * Returns the sections and the ids that are folded into one line: offline, without settings, and many. A search folds nothing.
 * @param {Raa.Computer[]} computers
 * @param {{id: number, name: string}[]} groups
 * @returns {{sections: Section[], folded: string[]}}
 */
export function arrange(computers, groups, search = '') {
  const found = computers.filter(({ client }) => matches(client, search));
  const left = search.trim() ? [] : found.filter(isLeftOver);
  const folded = left.length < FOLD_FROM ? [] : left.sort(byName).map(({ id }) => id);
  const rest = found.filter(({ id }) => !folded.includes(id));
  const known = new Set(groups.map(({ id }) => id));
  /** @type {Section[]} */
  const sections = groups.map(({ id, name }) => ({ id, name, ids: idsOf(rest.filter(({ group }) => group === id).sort(byPlace)) }));
  sections.push({ id: null, name: '', ids: idsOf(rest.filter(({ group }) => group === null || !known.has(group)).sort(byName)) });
  return { sections: sections.filter(({ id, ids }) => ids.length > 0 || (id !== null && !search.trim())), folded };
}

/** @param {Raa.Computer[]} list */
const idsOf = (list) => list.map(({ id }) => id);
/** Orders computers by name. @param {Raa.Computer} a @param {Raa.Computer} b */
export const byName = (a, b) => NAMES.compare(a.title, b.title) || (a.id < b.id ? -1 : 1);
/** @param {Raa.Computer} a @param {Raa.Computer} b */
const byPlace = (a, b) => (a.place ?? 0) - (b.place ?? 0) || byName(a, b);

/** Returns whether nobody has given an offline client settings; servers before this field folded nothing. @param {Raa.Computer} computer */
function isLeftOver({ isOffline, client }) {
  return isOffline && client.configured === false;
}

/** Keeps the places of all computers. */
export class Places {
  /** @type {string | null} what a person decides: groups and search */
  #key = null;
  /** @type {Section[]} */
  #sections = [];
  /** @type {string[]} */
  #folded = [];

  /**
   * @param {Raa.Computer[]} computers @param {{id: number, name: string}[]} groups
   * @param {{search?: string, revision?: number, isAsked?: boolean}} [options] isAsked: a person wants them sorted
   * @returns {{sections: Section[], folded: string[], isNew: boolean, isUntidy: boolean}} isNew: rows may move; isUntidy:
   *   sorting would change something
   */
  next(computers, groups, { search = '', revision = 0, isAsked = false } = {}) {
    const key = JSON.stringify([search, revision, groups.map(({ id, name }) => [id, name])]);
    const isNew = isAsked || key !== this.#key || (this.#sections.length === 0 && this.#folded.length === 0);
    if (isNew) {
      this.#key = key;
      ({ sections: this.#sections, folded: this.#folded } = arrange(computers, groups, search));
    } else this.#add(computers, search);
    const there = new Set(computers.map(({ id }) => id));
    this.#folded = this.#folded.filter((id) => there.has(id));
    const isUntidy = this.#sections.some(({ id, ids }) => id === 'new' || ids.some((one) => !there.has(one)));
    return { sections: this.#sections, folded: this.#folded, isNew, isUntidy };
  }

  /** Adds those that came, or came back, at the end. @param {Raa.Computer[]} computers @param {string} search */
  #add(computers, search) {
    const placed = new Set(this.#sections.flatMap(({ ids }) => ids));
    const hidden = new Set(this.#folded);
    const added = computers.filter((one) => !placed.has(one.id) && !(hidden.has(one.id) && one.isOffline) && matches(one.client, search));
    if (added.length === 0) return;
    this.#folded = this.#folded.filter((id) => !added.some((one) => one.id === id));
    const last = this.#sections.find(({ id }) => id === 'new');
    const ids = idsOf(added.sort(byName));
    if (last) last.ids = [...last.ids, ...ids];
    else this.#sections = [...this.#sections, { id: 'new', name: '', ids }];
  }
}

/**
 * Returns the sections in columns of about the same length; a group may go on in the next column, without a heading.
 * @param {Section[]} sections @param {number} columns
 * @param {(id: Raa.SectionId) => boolean} [isFolded] of a folded group there is the heading only
 * @returns {(Section & {isContinued: boolean, of: number})[][]} `of`: the number of rows of the whole group
 */
export function inColumns(sections, columns, isFolded = () => false) {
  /** @param {Section} section */
  const shown = ({ id, ids }) => (isFolded(id) ? [] : ids);
  const lines = sections.reduce((sum, section) => sum + shown(section).length + 1, 0);
  const height = Math.ceil(lines / columns);
  const result = Array.from({ length: columns }, () => /** @type {(Section & {isContinued: boolean, of: number})[]} */ ([]));
  let [column, used] = [0, 0];
  for (const section of sections) {
    let rest = shown(section);
    let isContinued = false;
    do {
      const isLast = column === columns - 1;
      if (!isLast && used + 2 > height) [column, used] = [column + 1, 0];
      const room = column === columns - 1 ? rest.length : Math.max(1, height - used - (isContinued ? 0 : 1));
      result[column]?.push({ ...section, ids: rest.slice(0, room), isContinued, of: section.ids.length });
      used += Math.min(room, rest.length) + (isContinued ? 0 : 1);
      rest = rest.slice(room);
      isContinued = true;
    } while (rest.length > 0);
  }
  return result;
}
