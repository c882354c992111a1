// A card of the band "now": who sounds, how long, how loud; or who sounded, when, and whether anybody has seen it.
//
// Always: made once for a slot and refilled with each sound; names are text; nothing in it changes its size; a name that is too long for its
// line gets the smaller letters that the style sheet has for it, before any of it is cut.

import { instance, setAttribute, setClass, setHidden, setText } from '../parts/dom.js';
import { Meter } from '../parts/meter.js';
import { Lamp } from '../room/levels.js';
import { looks } from '../room/looks.js';
import { age, clockTime, length, running } from '../texts/time.js';

/** A number that changes ten times a second cannot be read. */
const PEAK_EVERY_MS = 400;
/** How long a new card calls. */
const ARRIVED_MS = 3000;

export class CardView {
  #text;
  /** @type {Raa.Parts['card-template']} */
  #parts;
  #meter;
  #peakAt = -Infinity;
  #lamp = new Lamp();
  /** What the name was measured with. */
  #fitted = '';
  /** @type {number | null} which sound the card stands for */
  #sound = null;
  /** @type {Raa.Computer | null} */
  computer = null;

  /** @param {{text: Raa.Text, meters: import('../parts/meter.js').Meters}} room @param {(computer: Raa.Computer) => void} onSeen */
  constructor({ text, meters }, onSeen) {
    this.#text = text;
    const { element, parts } = instance('card-template', text);
    this.element = element;
    this.#parts = parts;
    this.#meter = new Meter(this.#parts.rms, this.#parts.peak, meters);
    this.#parts.seen.addEventListener('click', () => { if (this.computer) onSeen(this.computer); });
  }

  /** @param {Raa.Computer | null} computer null: the slot is empty @param {number} nowMs */
  show(computer, nowMs) {
    const isNew = computer !== null && (this.computer?.id !== computer.id || this.#sound !== computer.began);
    this.computer = computer;
    setClass(this.element, 'empty', computer === null);
    if (computer === null) {
      this.#meter.clear();
      this.element.removeAttribute('data-id');
      this.element.classList.remove('arrived');
      this.#sound = null;
      return;
    }
    if (isNew) this.#arrive(computer, nowMs);
    this.#fill(computer);
    this.tick(nowMs);
  }

  /** @param {Raa.Level} level @param {number} nowMs */
  level([rms, peak], nowMs) {
    if (!this.computer?.isSounding) return;
    this.#meter.level(rms, peak);
    if (nowMs - this.#peakAt < PEAK_EVERY_MS) return;
    this.#peakAt = nowMs;
    setClass(this.#parts.db, 'hot', this.#lamp.next(nowMs, peak));
    setText(this.#parts.db, this.#text('decibels', Math.round(peak)));
  }

  silence() {
    this.#meter.clear();
  }

  /** @param {number} nowMs */
  tick(nowMs) {
    const { computer } = this;
    if (!computer) return;
    setText(this.#parts.time, computer.isSounding ? running(nowMs - (computer.began ?? nowMs)) : clockTime(computer.began ?? nowMs));
    if (!computer.isSounding) setText(this.#parts.was, endedWords(computer, nowMs, this.#text));
    if (nowMs - (computer.began ?? 0) > ARRIVED_MS) this.element.classList.remove('arrived');
    this.#fit();
  }

  /** Measures the name, if that may have changed since the last time: a measure costs a layout. */
  #fit() {
    const { name, time, warned } = this.#parts;
    const key = [name.textContent, time.textContent.length, warned.hidden, innerWidth, innerHeight].join('|');
    if (key === this.#fitted || name.clientWidth === 0) return; // a card that is still hidden has no width
    this.#fitted = key;
    this.element.classList.remove('long', 'longer');
    for (const step of ['long', 'longer']) if (name.scrollWidth > name.clientWidth) this.element.classList.add(step);
  }

  /** @param {Raa.Computer} computer @param {number} nowMs */
  #arrive(computer, nowMs) {
    this.#sound = computer.began;
    this.#meter.clear();
    this.element.dataset.id = computer.id;
    this.element.classList.toggle('arrived', nowMs - (computer.began ?? 0) < ARRIVED_MS);
    setText(this.#parts.db, '');
    this.#lamp = new Lamp();
    this.#parts.db.classList.remove('hot');
  }

  /** @param {Raa.Computer} computer */
  #fill(computer) {
    const { name, warned, loss, seen, seenBy, muted } = this.#parts;
    for (const [look, isOn] of Object.entries(looks(computer))) setClass(this.element, look, isOn);
    setText(name, computer.title);
    setHidden(warned, computer.trouble === '');
    setText(loss, computer.loss === null ? '' : this.#text('percent', Math.round(computer.loss)));
    const isSilenced = this.element.classList.contains('silenced');
    setHidden(muted, !isSilenced);
    setText(muted, isSilenced ? this.#text(computer.muted ? 'mutedBy' : 'turnedDownBy', computer.silencedBy) : '');
    setHidden(seen, computer.isSeen);
    setHidden(seenBy, !computer.isSeen);
    setText(seenBy, this.#text('isSeen'));
    setAttribute(seen, 'aria-label', `${this.#text('seen')}: ${computer.label}`);
    if (!computer.isSounding) this.#meter.level(-120, -120);
  }
}

/**
 * Returns how long a sound was, how loud, and how long ago it ended.
 * @param {Raa.Computer} computer @param {number} nowMs @param {Raa.Text} text
 */
function endedWords({ began, ended, peak }, nowMs, text) {
  if (began === null) return '';
  const end = ended ?? began;
  return [length(end - began, text), peak === null ? '' : text('decibels', Math.round(peak)), text('endedAgo', age(nowMs - end, text))].filter(Boolean).join(' · ');
}
