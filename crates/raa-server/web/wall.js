// The wall: read from three metres, with nothing to press. Left: who sounds and who sounded; right: a tile for each computer,
// always in the same place.
//
// Always: every size follows the screen (wall.css); the newest card is on top, since nobody presses here.

import { CardView } from './card-view.js';
import { byRank, isDue } from './cards.js';
import { byId, icon, make, setClass, setHidden, setText } from './dom.js';
import { Meter } from './meter.js';
import { calmWords } from './now-band.js';
import { title } from './names.js';
import { Places } from './order.js';
import { lastSounded, silenceOf, sounds } from './room.js';
import { lastWords, looks } from './row.js';
import { isSilenced } from './silenced.js';
import { dayAndTime, length } from './time.js';

const CARDS = 3;
const EARLIER = 8;
/** Columns of tiles, by the largest number of computers that they are for. */
const COLUMNS = [[6, 1], [20, 3], [48, 5], [100, 8], [200, 12], [350, 14], [600, 20], [Infinity, 28]];
/** From this number on a tile is a place, and names are read on the left. */
const MANY = 100;

/** Returns how many columns and rows of tiles there are for a number of computers. @param {number} count */
export function grid(count) {
  const [, columns = 1] = COLUMNS.find(([most = 0]) => count <= most) ?? [];
  return { columns, rows: Math.max(4, Math.ceil(count / columns)) };
}

/** @typedef {{element: HTMLElement, name: HTMLElement, last: HTMLElement, computer: import('./room.js').Computer | null}} Tile */

export class Wall {
  #room;
  #text;
  #element = byId('wall');
  #time = make('span', 'time');
  #state = make('span', 'state');
  #stateWords = make('span', 'cut');
  #counts = make('span', 'counts');
  #left = make('div', 'left');
  #views;
  #calm;
  #calmParts = { first: make('span'), name: make('bdi'), words: make('span') };
  #banner = make('div', 'banner');
  #moreCount = make('b');
  #moreNames = make('span');
  #more = make('p', 'more cut', this.#moreCount, this.#moreNames);
  #past = make('ol');
  #tiles = make('div', 'tiles');
  #places = new Places();
  #version = -1; // of the history that is shown
  /** @type {Map<string, Tile>} by id */
  #byId = new Map();

  /** @param {Raa.Room} room */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    this.#views = Array.from({ length: CARDS }, () => new CardView(room, () => {}));
    this.#calm = make('p', 'calm', icon('calm'), make('span', '', this.#calmParts.first, make('strong', 'cut', this.#calmParts.name), this.#calmParts.words));
    this.#calm.dataset.testid = 'calm';
    this.#tiles.setAttribute('role', 'list');
    this.#tiles.setAttribute('aria-label', this.#text('places'));
    const [bar, mark] = [document.createElement('i'), document.createElement('u')];
    this.#state.append(icon('ear', 'ear-icon'), icon('mute', 'muted-icon'), this.#stateWords);
    const top = make('div', 'top', this.#time, this.#state, make('span', 'meter', bar, mark), this.#counts);
    this.#left.append(...this.#views.map(({ element }) => element), this.#calm, this.#banner, this.#more, make('div', 'past', make('h2', '', this.#text('earlier')), this.#past));
    this.#element.append(make('h1', 'unseen', this.#text('title')), top, this.#left, this.#tiles);
    this.#banner.hidden = true;
    this.#banner.setAttribute('role', 'alert');
    this.meter = new Meter(bar, mark, room.meters);
    this.#element.hidden = false;
  }

  /** Where the server's absence is said. */
  get banner() {
    return this.#banner;
  }

  /** @param {import('./room.js').Computer[]} computers @param {Raa.Server} server @param {Raa.PlayerState} player @param {number} nowMs */
  update(computers, server, player, nowMs) {
    this.#showTop(computers, player);
    this.#showCards(computers, nowMs);
    this.#showTiles(computers, server);
    this.tick(nowMs);
  }

  /** @param {number} nowMs */
  showHistory(nowMs) {
    if (this.#room.history.version === this.#version) return;
    this.#version = this.#room.history.version;
    const earlier = this.#room.history.newest.filter(({ kind, ended_ms: ended }) => kind === 'sound' && ended !== null).slice(0, EARLIER);
    this.#past.replaceChildren(...earlier.map((entry) => make('li', '', make('time', '', dayAndTime(entry.at_ms, nowMs)),
      make('b', 'cut', make('bdi', '', title({ id: entry.client ?? '', name: entry.name || this.#room.nameOf(entry.client) }))), make('span', '', length((entry.ended_ms ?? entry.at_ms) - entry.at_ms, this.#text)))));
  }

  /** @param {number} nowMs */
  tick(nowMs) {
    for (const view of this.#views) view.tick(nowMs);
    for (const { last, computer } of this.#byId.values()) if (computer) setText(last, lastWords(computer, nowMs, this.#text));
  }

  /** @param {string} words */
  clock(words) {
    setText(this.#time, words);
  }

  /** @param {string} id @param {Raa.Level} level @param {number} nowMs */
  level(id, level, nowMs) {
    this.#views.find(({ computer }) => computer?.id === id)?.level(level, nowMs);
  }

  silence() {
    for (const view of this.#views) view.silence();
  }

  /** @param {import('./room.js').Computer[]} computers @param {Raa.PlayerState} player */
  #showTop(computers, player) {
    const silence = silenceOf(player.state);
    setClass(this.#element, 'dumb', silence !== null);
    setText(this.#stateWords, silence ? this.#text(silence, player.trouble) : this.#text('playing'));
    const [notHeard, offline] = [computers.filter(isSilenced).length, computers.filter(({ isOffline }) => isOffline).length];
    const counts = [make('span', '', this.#text('computers', computers.length))];
    if (offline) counts.push(make('span', '', this.#text('offlineCount', offline)));
    if (notHeard) counts.unshift(make('span', 'not-heard', icon('mute'), this.#text('notHeard', notHeard)));
    const words = counts.map(({ textContent }) => textContent).join('|');
    if (this.#counts.dataset.words === words) return;
    this.#counts.dataset.words = words;
    this.#counts.replaceChildren(...counts);
  }

  /** @param {import('./room.js').Computer[]} computers @param {number} nowMs */
  #showCards(computers, nowMs) {
    const due = sounds(computers).filter((sound) => isDue(sound, nowMs)).sort(byRank);
    const found = new Map(computers.map((computer) => [computer.id, computer]));
    this.#views.forEach((view, i) => view.show(found.get(due[i]?.id ?? '') ?? null, nowMs));
    for (const { element } of this.#views) setHidden(element, due.length === 0);
    setHidden(this.#calm, due.length > 0);
    this.#showCalm(computers, nowMs);
    const rest = due.slice(CARDS).flatMap(({ id }) => found.get(id) ?? []);
    const sounding = rest.filter(({ isSounding }) => isSounding).length;
    setText(this.#moreCount, rest.length ? this.#text(sounding ? 'alsoSounding' : 'alsoUnseen', sounding || rest.length) : '');
    setText(this.#moreNames, rest.map((one) => one.title).join(' · '));
  }

  /** @param {import('./room.js').Computer[]} computers @param {number} nowMs */
  #showCalm(computers, nowMs) {
    const last = lastSounded(computers);
    const { first, name, words } = this.#calmParts;
    setText(first, this.#text('calm') + (last ? ` ${this.#text('lastWas')}` : ''));
    setText(name, last?.title ?? '');
    setText(words, last ? calmWords(last, nowMs, this.#text) : '');
  }

  /** @param {import('./room.js').Computer[]} computers @param {Raa.Server} server */
  #showTiles(computers, server) {
    const known = new Map(computers.map((computer) => [computer.id, computer]));
    const { sections, folded } = this.#places.next(computers, server.groups ?? [], { revision: server.groups_revision });
    const ids = [...sections.flatMap(({ ids: list }) => list), ...folded.filter((id) => known.has(id))];
    if (ids.join() !== this.#tiles.dataset.ids) this.#placeTiles(ids);
    for (const id of ids) this.#fillTile(this.#tileOf(id), known.get(id) ?? null);
  }

  /** @param {string[]} ids */
  #placeTiles(ids) {
    this.#tiles.dataset.ids = ids.join();
    const { columns, rows } = grid(ids.length);
    this.#tiles.style.setProperty('--columns', String(columns));
    this.#tiles.style.setProperty('--rows', String(rows));
    this.#tiles.classList.toggle('many', ids.length > MANY);
    this.#tiles.replaceChildren(...ids.map((id) => this.#tileOf(id).element));
  }

  /** @param {string} id */
  #tileOf(id) {
    const known = this.#byId.get(id);
    if (known) return known;
    const [name, last] = [make('bdi'), make('span')];
    const element = make('div', 'tile', make('b', '', name), make('small', '', icon('mute', 'muted-icon'), icon('warn', 'warn-icon'), last));
    element.dataset.testid = 'tile';
    element.dataset.id = id;
    element.setAttribute('role', 'listitem');
    /** @type {Tile} */
    const tile = { element, name, last, computer: null };
    this.#byId.set(id, tile);
    return tile;
  }

  /** @param {Tile} tile @param {import('./room.js').Computer | null} computer */
  #fillTile(tile, computer) {
    tile.computer = computer;
    setClass(tile.element, 'gone', computer === null);
    if (!computer) return;
    for (const [look, isOn] of Object.entries(looks(computer))) setClass(tile.element, look, isOn);
    setText(tile.name, computer.title);
  }
}
