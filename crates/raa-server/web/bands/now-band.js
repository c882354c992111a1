// The band "now": cards in slots, the line of a calm room, or that the server does not answer.
//
// Always: one height, whatever it shows; which sound has which slot is decided in cards.js.

import { byId, icon, make, setAttribute, setHidden, setText } from '../parts/dom.js';
import { OneStop } from '../parts/one-stop.js';
import { Cards } from '../room/cards.js';
import { lastSounded, sounds } from '../room/room.js';
import { age, clockTime, length } from '../texts/time.js';
import { CardView } from './card-view.js';

const NARROWEST = [0, 2];
/** Slots by the width of the window, in CSS pixels, as in the style sheet. */
const SLOTS = [[1181, 4], [981, 3], NARROWEST];

export class NowBand {
  #room;
  #text;
  #element = byId('now');
  #cards;
  #stop;
  /** @type {CardView[]} */
  #views = [];
  #calm = make('p', 'calm');
  #also = make('p', 'also cut');
  #name = make('bdi');
  #parts = [make('span'), make('span')];

  /** @param {Raa.Room} room */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    this.#also.dataset.testid = 'also';
    this.#calm.dataset.testid = 'calm';
    this.#calm.append(icon('calm'), make('span', 'cut', this.#parts[0], ' ', make('strong', '', this.#name), ' ', this.#parts[1]));
    this.#element.append(this.#calm, this.#also);
    this.#cards = new Cards(0);
    this.#stop = new OneStop(this.#element, '.card button');
    addEventListener('resize', () => this.#resize());
    this.#resize();
  }

  /** The computers that have a card. @returns {Raa.Computer[]} */
  get shown() {
    return this.#views.flatMap(({ computer }) => computer ?? []);
  }

  /** @param {Raa.Computer[]} computers @param {number} nowMs */
  update(computers, nowMs) {
    const byComputer = new Map(computers.map((computer) => [computer.id, computer]));
    const { slots, rest } = this.#cards.update(sounds(computers), nowMs);
    slots.forEach((id, i) => this.#views[i]?.show(byComputer.get(id ?? '') ?? null, nowMs));
    const isCalm = slots.every((id) => id === null);
    for (const { element } of this.#views) setHidden(element, isCalm);
    this.#stop.update();
    setHidden(this.#calm, !isCalm);
    if (isCalm) this.#showCalm(computers, nowMs);
    const more = rest.flatMap((id) => byComputer.get(id) ?? []);
    setHidden(this.#also, more.length === 0);
    setText(this.#also, alsoWords(more, this.#text));
    setAttribute(this.#also, 'title', more.map(({ title }) => title).join(', '));
  }

  /** @param {number} nowMs */
  tick(nowMs) {
    for (const view of this.#views) view.tick(nowMs);
  }

  /** @param {string} id @param {Raa.Level} level @param {number} nowMs */
  level(id, level, nowMs) {
    this.#views.find(({ computer }) => computer?.id === id)?.level(level, nowMs);
  }

  silence() {
    for (const view of this.#views) view.silence();
  }

  /** @param {Raa.Computer[]} computers @param {number} nowMs */
  #showCalm(computers, nowMs) {
    const last = lastSounded(computers);
    setText(this.#parts[0], this.#text('calm') + (last ? ` ${this.#text('lastWas')}` : ''));
    setText(this.#name, last ? last.title : '');
    setText(this.#parts[1], last ? calmWords(last, nowMs, this.#text) : '');
  }

  #resize() {
    const [, count] = SLOTS.find(([width]) => innerWidth >= width) ?? NARROWEST;
    if (count === this.#views.length) return;
    for (const view of this.#views.splice(count)) view.element.remove();
    while (this.#views.length < count) {
      const view = new CardView(this.#room, (computer) => this.#room.seen(computer));
      this.#views.push(view);
      this.#element.insertBefore(view.element, this.#calm);
    }
    this.#cards.resize(count);
    this.#room.refresh();
  }
}

/**
 * Returns when the last sound was, how long ago, and how long it lasted.
 * @param {Raa.Sounded} computer @param {number} nowMs @param {Raa.Text} text
 */
export function calmWords({ began, ended }, nowMs, text) {
  return `${clockTime(began)} · ${text('agoWords', age(nowMs - (ended ?? began), text))} · ${length((ended ?? began) - began, text)}`;
}

/** Counts and names what has no card. @param {Raa.Computer[]} computers @param {Raa.Text} text */
function alsoWords(computers, text) {
  const sounding = computers.filter(({ isSounding }) => isSounding);
  const parts = [];
  if (sounding.length) parts.push(text('alsoSounding', sounding.length));
  if (computers.length > sounding.length) parts.push(text('alsoUnseen', computers.length - sounding.length));
  return parts.length ? `${parts.join(' · ')}: ${computers.map(({ title }) => title).join(' · ')}` : '';
}
