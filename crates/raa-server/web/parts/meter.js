// A meter: a bar for the level and a mark for the peak, drawn at the screen's rate.
//
// Always: both move by transforms, which the compositor handles alone; a change of less than a tenth of a percent touches
// nothing; no frame is asked for while all meters are empty.

import { Ballistics, meterShare } from '../room/levels.js';

const STEPS = 1000;
/** With more moving meters than this, each moves at the rate of the levels. */
const MANY = 24;
const MANY_EVERY_MS = 100;

/** Moves all meters of a page. */
export class Meters {
  /** @type {Set<Meter>} */
  #moving = new Set();
  #isWaiting = false;
  #drawnAt = -Infinity;

  /** @param {Meter} meter */
  add(meter) {
    this.#moving.add(meter);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame((now) => this.#frame(now));
  }

  /** @param {number} now */
  #frame(now) {
    this.#isWaiting = false;
    if (this.#moving.size > MANY && now - this.#drawnAt < MANY_EVERY_MS) {
      this.#again();
      return;
    }
    this.#drawnAt = now;
    for (const meter of this.#moving) if (!meter.frame(performance.now())) this.#moving.delete(meter);
    if (this.#moving.size) this.#again();
  }

  #again() {
    this.#isWaiting = true;
    requestAnimationFrame((now) => this.#frame(now));
  }
}

export class Meter {
  #bar;
  #mark;
  #meters;
  #ballistics = new Ballistics();
  #shown = { rms: 0, peak: 0 }; // the initial state in the style sheet

  /** @param {HTMLElement} bar as wide as the meter @param {HTMLElement} mark as wide, with its line on the left @param {Meters} meters */
  constructor(bar, mark, meters) {
    this.#bar = bar;
    this.#mark = mark;
    this.#meters = meters;
  }

  /** Takes a level in dBFS. @param {number} rmsDbfs @param {number} peakDbfs */
  level(rmsDbfs, peakDbfs) {
    this.#ballistics.take(performance.now(), rmsDbfs, peakDbfs);
    if (!this.#ballistics.isAtRest || this.#shown.rms || this.#shown.peak) this.#meters.add(this);
  }

  /** Empties the meter at once. */
  clear() {
    this.#ballistics = new Ballistics();
    this.#show(0, 0);
  }

  /** Moves the meter; returns whether it must move again. @param {number} nowMs */
  frame(nowMs) {
    const { rms, peak } = this.#ballistics.next(nowMs);
    this.#show(Math.round(meterShare(rms) * STEPS), Math.round(meterShare(peak) * STEPS));
    return !this.#ballistics.isAtRest;
  }

  /** @param {number} rms @param {number} peak */
  #show(rms, peak) {
    if (rms !== this.#shown.rms) this.#bar.style.transform = `scaleX(${rms / STEPS})`;
    if (peak !== this.#shown.peak) {
      this.#mark.style.transform = `translateX(${(99 * peak) / STEPS}%)`;
      this.#mark.hidden = peak === 0;
    }
    this.#shown = { rms, peak };
  }
}
