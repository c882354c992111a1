// Levels, and what meters and lamps show of them.
//
// Always: pure: no DOM, and the time is an argument.

/** The left end of the meters, in dBFS; the right end is 0. */
const METER_FLOOR_DBFS = -60;

/** Returns a level's position on the meter, 0 to 1. @param {number} dbfs */
export function meterShare(dbfs) {
  return Math.min(1, Math.max(0, 1 - dbfs / METER_FLOOR_DBFS));
}

/** How fast a bar falls: 20 dB in 1.7 s, as on a studio's meter. */
const FALL_DB_PER_MS = 20 / 1700;
/** A peak is held for a moment before it falls, so that a person can see it. */
const PEAK_HOLD_MS = 1200;
const SILENCE_DBFS = -120;

/** What a meter shows between the levels, which come ten times a second: up at once, down slowly. */
export class Ballistics {
  #rms = SILENCE_DBFS;
  #peak = SILENCE_DBFS;
  #target = SILENCE_DBFS;
  #peakAt = 0;
  #at = 0;

  /** Takes a new level. @param {number} nowMs @param {number} rmsDbfs @param {number} peakDbfs */
  take(nowMs, rmsDbfs, peakDbfs) {
    this.next(nowMs);
    this.#target = rmsDbfs;
    this.#rms = Math.max(this.#rms, rmsDbfs);
    if (peakDbfs >= this.#peak) [this.#peak, this.#peakAt] = [peakDbfs, nowMs];
  }

  /** Returns what to show at `nowMs`. @param {number} nowMs */
  next(nowMs) {
    const passed = Math.max(0, nowMs - this.#at);
    const heldMs = Math.max(0, Math.min(passed, this.#peakAt + PEAK_HOLD_MS - this.#at));
    this.#rms = Math.max(this.#target, this.#rms - passed * FALL_DB_PER_MS);
    this.#peak = Math.max(SILENCE_DBFS, this.#peak - (passed - heldMs) * FALL_DB_PER_MS);
    this.#at = Math.max(this.#at, nowMs);
    return { rms: this.#rms, peak: this.#peak };
  }

  /** Whether the meter is empty and stays so until the next level. */
  get isAtRest() {
    return this.#rms <= METER_FLOOR_DBFS && this.#peak <= METER_FLOOR_DBFS;
  }
}

/** From this peak on the sound is probably distorted. */
const HOT_DBFS = -0.5;
const LAMP_MS = 5000;

/** A lamp that stays lit long enough to be seen. */
export class Lamp {
  #litAt = -Infinity;

  /** Returns whether the lamp is lit at `nowMs`, given the newest peak. @param {number} nowMs @param {number} peakDbfs */
  next(nowMs, peakDbfs) {
    if (peakDbfs >= HOT_DBFS) this.#litAt = nowMs;
    return nowMs - this.#litAt < LAMP_MS;
  }
}
