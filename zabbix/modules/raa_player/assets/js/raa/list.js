// Who sounds: one row for each computer, with its name and level.
//
// Always: a computer that fell silent stays for ten seconds, since a short alarm would be gone before a person looks; at
// most a hundred rows; levels move by transforms alone.

import { title } from '../player/server/names.js';

/** How long a computer that fell silent stays in the list of those that sound. */
const STAYS_MS = 10_000;
const MAX_ROWS = 100;
/** The left end of the bars, in dBFS. */
const FLOOR_DBFS = -60;

export const SHOW = { NOTHING: 0, SOUNDING: 1, ALL: 2 };

/** Returns the clients to list, those that sound first, then by name. @param {Raa.Client[]} clients @param {number} show one of SHOW */
export function listed(clients, show) {
  const isShown = (/** @type {Raa.Client} */ client) => isSounding(client) || show === SHOW.ALL || (show === SHOW.SOUNDING && silentMs(client) < STAYS_MS);
  return clients.filter((client) => show !== SHOW.NOTHING && isShown(client))
    .sort((a, b) => Number(isSounding(b)) - Number(isSounding(a)) || title(a).localeCompare(title(b)) || (a.id < b.id ? -1 : 1));
}

/** Returns a level's share of the bar, 0 to 1, in steps of a hundredth. @param {number} dbfs */
export function share(dbfs) {
  return Math.round(100 * Math.min(1, Math.max(0, 1 - dbfs / FLOOR_DBFS))) / 100;
}

/** @param {Raa.Client} client */
const isSounding = (client) => client.status === 'sounding';
/** @param {Raa.Client} client */
const silentMs = (client) => client.last_sound_ms_ago ?? Infinity;

export class List {
  #root = document.createElement('ul');
  #note = document.createElement('p');
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #text;

  /** @param {HTMLElement} parent @param {import('./words.js').Words} text */
  constructor(parent, text) {
    this.#text = text;
    this.#root.className = 'raa-list';
    this.#note.className = 'raa-note';
    parent.append(this.#root, this.#note);
  }

  /** @param {Raa.Client[] | null} clients null if they are not known now @param {number} show one of SHOW */
  show(clients, show) {
    const all = listed(clients ?? [], show);
    const shown = all.slice(0, MAX_ROWS);
    const ids = new Set(shown.map(({ id }) => id));
    for (const id of [...this.#rows.keys()]) if (!ids.has(id)) this.#rows.delete(id);
    const elements = shown.map((client) => this.#row(client).show(client));
    if (elements.length !== this.#root.children.length || elements.some((element, i) => element !== this.#root.children[i])) {
      this.#root.replaceChildren(...elements);
    }
    this.#root.hidden = elements.length === 0;
    setText(this.#note, show === SHOW.NOTHING ? '' : this.#noteOf(clients, all.length - shown.length, all.length, show));
    this.#note.hidden = this.#note.textContent === '';
  }

  /** @param {Raa.Levels} levels */
  showLevels(levels) {
    for (const [id, row] of this.#rows) row.showLevel(levels[id]?.[0] ?? -120);
  }

  /** @param {Raa.Client} client */
  #row(client) {
    const row = this.#rows.get(client.id) ?? new Row(this.#text, client.id);
    this.#rows.set(client.id, row);
    return row;
  }

  /** @param {Raa.Client[] | null} clients @param {number} hidden @param {number} count @param {number} show */
  #noteOf(clients, hidden, count, show) {
    if (clients === null) return this.#text('noList');
    if (count === 0) return this.#text(show === SHOW.ALL ? 'nobody' : 'silent');
    return hidden > 0 ? this.#text('more', hidden) : '';
  }
}

class Row {
  #text;
  #element = document.createElement('li');
  #name = part('raa-name');
  #bar = part('raa-level');
  #figure = part('raa-figure');
  #isSounding = false;

  /** @param {import('./words.js').Words} text @param {string} id */
  constructor(text, id) {
    this.#text = text;
    this.#element.dataset.id = id;
    const meter = part('raa-meter');
    meter.append(this.#bar);
    this.#element.append(this.#name, meter, this.#figure);
  }

  /** @param {Raa.Client} client */
  show(client) {
    this.#isSounding = isSounding(client);
    this.#element.dataset.status = client.status;
    setText(this.#name, title(client));
    this.#name.title = title(client);
    if (this.#isSounding && !client.muted) this.showLevel(client.rms_dbfs);
    else this.#rest(client);
    return this.#element;
  }

  /** Shows the level of a row that sounds. @param {number} dbfs */
  showLevel(dbfs) {
    if (!this.#isSounding) return;
    const transform = `scaleX(${share(dbfs)})`;
    if (this.#bar.style.transform !== transform) this.#bar.style.transform = transform;
    setText(this.#figure, dbfs > -120 ? this.#text('level', Math.round(dbfs)) : '');
  }

  /** @param {Raa.Client} client */
  #rest(client) {
    this.#isSounding = false;
    this.#bar.style.transform = 'scaleX(0)';
    const silent = silentMs(client);
    const ended = silent < STAYS_MS ? this.#text('ended', Math.max(1, Math.round(silent / 1000))) : '';
    setText(this.#figure, client.muted ? this.#text('muted') : client.status === 'offline' ? this.#text('offlineClient') : ended);
  }
}

/** @param {string} className */
function part(className) {
  const element = document.createElement('span');
  element.className = className;
  return element;
}

/** @param {Node} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
