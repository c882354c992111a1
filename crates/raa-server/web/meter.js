// A meter: a bar for the level and a mark for the peak.
//
// Always: both move by transforms, which the compositor handles alone, because every sounding computer needs this ten
// times a second; a change of less than a tenth of a percent touches nothing.

import { meterShare } from './model.js';

const STEPS = 1000;

export class Meter {
  #bar;
  #mark;
  #shown = { rms: 0, peak: 0 }; // the initial state in the style sheet

  /** @param {HTMLElement} bar as wide as the meter @param {HTMLElement} mark as wide, with its line on the left */
  constructor(bar, mark) {
    this.#bar = bar;
    this.#mark = mark;
  }

  /** Shows both levels, in dBFS. */
  show(rmsDbfs, peakDbfs) {
    const rms = Math.round(meterShare(rmsDbfs) * STEPS);
    const peak = Math.round(meterShare(peakDbfs) * STEPS);
    if (rms !== this.#shown.rms) this.#bar.style.transform = `scaleX(${rms / STEPS})`;
    if (peak !== this.#shown.peak) {
      this.#mark.style.transform = `translateX(${(100 * peak) / STEPS}%)`;
      this.#mark.hidden = peak === 0;
    }
    this.#shown = { rms, peak };
  }
}
