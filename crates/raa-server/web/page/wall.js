// The wall: read from three metres, with nothing to press. Left: who sounds and who sounded; right: a tile for each computer,
// always in the same place.
//
// Always: every size follows the screen (wall.css); the newest card is on top, since nobody presses here.

import { CardView } from '../bands/card-view.js';
import { calmWords } from '../bands/now-band.js';
import { byId, icon, make, setAttribute, setClass, setHidden, setText } from '../parts/dom.js';
import { Meter } from '../parts/meter.js';
import { byRank, isDue } from '../room/cards.js';
import { lastWords, looks } from '../room/looks.js';
import { Places } from '../room/order.js';
import { lastSounded, silenceOf, sounds } from '../room/room.js';
import { isSilenced } from '../room/silenced.js';
import { title } from '../server/names.js';
import { dayAndTime, length } from '../texts/time.js';

const CARDS = 3;
const EARLIER = 8;
/** Columns of tiles, and the size of their names in percent of the width, by the largest number of computers that they are for. */
const COLUMNS = [[4, 1, 2.6], [20, 3, 1.8], [48, 5, 1.24], [100, 8, 0.98], [200, 12, 0.8], [350, 14, 0.6], [600, 20, 0.5], [Infinity, 28, 0.38]];
/** From this number on a tile is a place, and names are read on the left. */
const MANY = 100;

/** Above this many letters, why the wall is silent has two small lines. */
const LONG_REASON = 60;

/** Returns how many columns and rows of tiles there are for a number of computers, and how large their names are. @param {number} count */
function grid(count) {
  const [, columns = 1, size = 1] = COLUMNS.find(([most = 0]) => count <= most) ?? [];
  return { columns, rows: Math.max(3, Math.ceil(count / columns)), size };
}

/** @typedef {{element: HTMLElement, line: HTMLElement, name: HTMLElement, last: HTMLElement, computer: Raa.Computer | null}} Tile */

export class Wall {
  #room;
  #text;
  #element = byId('wall');
  #time = make('span', 'time');
  #state = make('span', 'state');
  #stateWords = [make('b'), make('span')];
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
  #shownPast = ''; // what the list of earlier sounds was made of
  /** @type {Raa.Computer[]} those of the cards */
  #due = [];
  #fitted = ''; // the names whose sizes are right
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
    this.#state.append(icon('ear', 'ear-icon'), icon('mute', 'muted-icon'), make('span', 'words', ...this.#stateWords));
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

  /** @param {Raa.Computer[]} computers @param {Raa.Server} server @param {Raa.PlayerState} player @param {number} nowMs */
  update(computers, server, player, nowMs) {
    this.#showTop(computers, player);
    this.#showCards(computers, nowMs);
    this.#showTiles(computers, server);
    this.#showHistory(nowMs);
    this.tick(nowMs);
  }

  /** @param {number} nowMs */
  #showHistory(nowMs) {
    const onCards = this.#due.map(({ soundId }) => soundId);
    const made = [this.#room.history.version, ...onCards].join();
    if (made === this.#shownPast) return;
    this.#shownPast = made;
    const earlier = this.#room.history.newest.filter(({ id, kind, ended_ms: ended }) => kind === 'sound' && ended !== null && !onCards.includes(id)).slice(0, EARLIER);
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

  /** @param {Raa.Levels} levels @param {number} now of this page's clock */
  levels(levels, now) {
    for (const [id, level] of Object.entries(levels)) this.#views.find(({ computer }) => computer?.id === id)?.level(level, now);
  }

  silence() {
    for (const view of this.#views) view.silence();
  }

  /** @param {Raa.Computer[]} computers @param {Raa.PlayerState} player */
  #showTop(computers, player) {
    const silence = silenceOf(player.state);
    setClass(this.#element, 'dumb', silence !== null);
    const reason = silence ? this.#text(silence, player.trouble) : '';
    setText(this.#stateWords[0], this.#text(silence ? 'hearNothing' : 'playing'));
    setText(this.#stateWords[1], reason);
    setClass(this.#stateWords[1], 'long', reason.length > LONG_REASON);
    const [notHeard, offline] = [computers.filter(isSilenced).length, computers.filter(({ isOffline }) => isOffline).length];
    const counts = [make('span', '', this.#text('computers', computers.length))];
    if (offline) counts.push(make('span', '', this.#text('offlineCount', offline)));
    if (notHeard) counts.unshift(make('span', 'not-heard', icon('mute'), this.#text('notHeard', notHeard)));
    const words = counts.map(({ textContent }) => textContent).join('|');
    if (this.#counts.dataset.words === words) return;
    this.#counts.dataset.words = words;
    this.#counts.replaceChildren(...counts);
  }

  /** @param {Raa.Computer[]} computers @param {number} nowMs */
  #showCards(computers, nowMs) {
    const due = sounds(computers).filter((sound) => isDue(sound, nowMs)).sort(byRank);
    const found = new Map(computers.map((computer) => [computer.id, computer]));
    this.#due = due.slice(0, CARDS).flatMap(({ id }) => found.get(id) ?? []);
    setAttribute(this.#left, 'data-cards', String(this.#due.length));
    this.#views.forEach((view, i) => view.show(this.#due[i] ?? null, nowMs));
    setHidden(this.#calm, due.length > 0);
    this.#showCalm(computers, nowMs);
    const rest = due.slice(CARDS).flatMap(({ id }) => found.get(id) ?? []);
    const sounding = rest.filter(({ isSounding }) => isSounding).length;
    setText(this.#moreCount, rest.length ? this.#text(sounding ? 'alsoSounding' : 'alsoUnseen', sounding || rest.length) : '');
    setText(this.#moreNames, rest.map((one) => one.title).join(' · '));
    setHidden(this.#more, rest.length === 0);
  }

  /** @param {Raa.Computer[]} computers @param {number} nowMs */
  #showCalm(computers, nowMs) {
    const last = lastSounded(computers);
    const { first, name, words } = this.#calmParts;
    setText(first, this.#text('calm') + (last ? ` ${this.#text('lastWas')}` : ''));
    setText(name, last?.title ?? '');
    setText(words, last ? calmWords(last, nowMs, this.#text) : '');
  }

  /** @param {Raa.Computer[]} computers @param {Raa.Server} server */
  #showTiles(computers, server) {
    const known = new Map(computers.map((computer) => [computer.id, computer]));
    const { sections, folded } = this.#places.next(computers, server.groups ?? [], { revision: server.groups_revision });
    const ids = [...sections.flatMap(({ ids: list }) => list), ...folded.filter((id) => known.has(id))];
    if (ids.join() !== this.#tiles.dataset.ids) this.#placeTiles(ids);
    for (const id of ids) this.#fillTile(this.#tileOf(id), known.get(id) ?? null);
    this.#fit(ids.map((id) => this.#tileOf(id)));
  }

  /** Gives names that are cut smaller letters; all are measured at once, since a measure costs a layout. @param {Tile[]} tiles */
  #fit(tiles) {
    const fitted = [innerWidth, innerHeight, ...tiles.map(({ name }) => name.textContent)].join('|');
    if (fitted === this.#fitted) return;
    this.#fitted = fitted;
    for (const { element } of tiles) element.classList.remove('long');
    const long = tiles.filter(({ line }) => line.scrollHeight > line.clientHeight + 1 || line.scrollWidth > line.clientWidth);
    for (const { element } of long) element.classList.add('long');
  }

  /** @param {string[]} ids */
  #placeTiles(ids) {
    this.#tiles.dataset.ids = ids.join();
    const { columns, rows, size } = grid(ids.length);
    this.#tiles.style.setProperty('--size', String(size));
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
    const line = make('b', '', name);
    const element = make('div', 'tile', line, make('small', '', icon('mute', 'muted-icon'), icon('warn', 'warn-icon'), last));
    element.dataset.testid = 'tile';
    element.dataset.id = id;
    element.setAttribute('role', 'listitem');
    /** @type {Tile} */
    const tile = { element, line, name, last, computer: null };
    this.#byId.set(id, tile);
    return tile;
  }

  /** @param {Tile} tile @param {Raa.Computer | null} computer */
  #fillTile(tile, computer) {
    tile.computer = computer;
    setClass(tile.element, 'gone', computer === null);
    if (!computer) return;
    for (const [look, isOn] of Object.entries(looks(computer))) setClass(tile.element, look, isOn);
    setText(tile.name, computer.title);
  }
}
