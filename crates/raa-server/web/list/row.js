// One computer's row: made once, then updated in place.
//
// Always: a row has the same height and place whatever it shows; a slider that is being dragged is not overwritten; names are
// text and never HTML; an update without news changes nothing in the page.

import { instance, setAttribute, setClass, setHidden, setText } from '../parts/dom.js';
import { Fader, showValue } from '../parts/fader.js';
import { Meter } from '../parts/meter.js';
import { notice } from '../room/figures.js';
import { lastWords, looks, stateWords } from '../room/looks.js';
import { StripView } from './strip-view.js';

export class Row {
  #text;
  /** @type {Raa.Parts['row-template']} */
  #parts;
  #fader;
  #meter;
  #strip;
  #peaksOf;
  #label = '';
  #isTouched = false; // the row may differ from its computer: a hand is on the fader, or the row was retired
  #isGone = false;
  /** Whether the row can be seen, so that drawing it is worth the work. */
  isVisible = false;
  /** @type {Raa.Computer} set by the first update, which follows at once */
  computer = /** @type {any} */ (null);

  /**
   * @param {string} id
   * @param {Raa.Room} room
   */
  constructor(id, { text, changes, meters, peaksOf, open }) {
    this.#text = text;
    const { element, parts } = instance('row-template', text);
    this.element = element;
    this.#parts = parts;
    this.element.dataset.id = id;
    this.#peaksOf = () => peaksOf(id);
    const { rms, peak, strip, fader, volume, mute, more } = this.#parts;
    this.#meter = new Meter(rms, peak, meters);
    this.#strip = new StripView(strip, peaksOf(id));
    this.#fader = new Fader(fader, volume);
    volume.addEventListener('input', () => {
      this.#isTouched = true;
      changes.volume(this.computer, Number(volume.value));
    });
    fader.addEventListener('dblclick', () => changes.volume(this.computer, 100));
    mute.addEventListener('click', () => changes.toggleMute(this.computer));
    more.addEventListener('click', () => open(id));
  }

  /** @param {Raa.Computer} computer */
  update(computer) {
    if (computer === this.computer && !this.#isTouched) return;
    this.computer = computer;
    this.#isTouched = this.#fader.isDragging;
    const { name, warned, loss, mute, volume, percent } = this.#parts;
    const { client } = computer;
    setAttribute(this.element, 'data-status', client.status);
    setText(name, computer.title);
    for (const [look, isOn] of Object.entries(looks(computer))) setClass(this.element, look, isOn);
    const problem = notice(client, this.#text);
    setHidden(warned, !problem && !computer.trouble);
    setText(loss, computer.loss === null ? '' : this.#text('percent', Math.round(computer.loss)));
    setAttribute(warned, 'title', problem || (computer.loss === null ? this.#text('bad') : this.#text('missing', Math.round(computer.loss))));
    setAttribute(mute, 'aria-pressed', String(computer.muted));
    setClass(/** @type {HTMLElement} */ (mute.parentElement), 'off', computer.volume !== 100);
    if (!this.#fader.isDragging) showValue(volume, computer.volume);
    setAttribute(volume, 'aria-valuetext', this.#text('percent', computer.volume));
    setText(percent, this.#text('percent', computer.volume));
    this.#nameControls(computer);
    if (!computer.isSounding) this.#meter.level(-120, -120);
  }

  /** Says how long it sounds, or how long ago it sounded. @param {number} nowMs */
  tick(nowMs) {
    setText(this.#parts.last, lastWords(this.computer, nowMs, this.#text));
  }

  /** @param {Raa.Level} level */
  level([rms, peak]) {
    this.#meter.level(rms, peak);
  }

  /** Shows no sound, because nothing is known. */
  silence() {
    this.#meter.clear();
  }

  /** @param {number} second of the server's clock */
  draw(second) {
    this.#strip.draw(second);
  }

  /** Draws the peaks of a new connection. */
  forgetPeaks() {
    this.#strip.use(this.#peaksOf());
  }

  /** The server no longer knows the computer: its place stays empty until a person sorts. */
  retire() {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#isTouched = true;
    this.element.inert = true;
    this.element.classList.add('gone');
    for (const look of ['live', 'fresh']) this.element.classList.remove(look);
    this.#meter.clear();
  }

  revive() {
    if (!this.#isGone) return;
    this.#isGone = false;
    this.element.inert = false;
    this.element.classList.remove('gone');
  }

  /** @param {Raa.Computer} computer */
  #nameControls(computer) {
    const state = stateWords(computer, this.#text);
    setAttribute(this.element, 'aria-label', [computer.title, ...state].join(', '));
    if (this.#label === computer.label) return;
    this.#label = computer.label;
    const { volume, mute, more } = this.#parts;
    setAttribute(volume, 'aria-label', this.#text('volumeOf', computer.label));
    for (const [button, words] of /** @type {const} */ ([[mute, this.#text('muteOf', computer.label)], [more, this.#text('details', computer.label)]])) {
      setAttribute(button, 'aria-label', words);
      button.title = words;
    }
  }
}
