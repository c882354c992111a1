// The last ten minutes of a computer: one peak a second.
//
// Always: pure; holds exactly ten minutes, whatever comes; a second that is missing is silence.

import { meterShare } from './levels.js';

export const STRIP_SECONDS = 600;
/** Marks of a second, in addition to its peak. */
export const LOST = 1;
export const UNHEARD = 2;

/** Returns the peak in dBFS of one of the server's bytes, and whether sound was missing. @param {number} byte */
export function decodePeak(byte) {
  const level = byte & 127;
  return { peakDbfs: level === 0 ? -120 : level - 121, isLossy: (byte & 128) !== 0 };
}

/** Returns the bytes of a text in base64. @param {string} base64 */
export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The peaks of one computer, by second of the server's clock. */
export class Peaks {
  #values = new Uint8Array(STRIP_SECONDS); // share of the height, 0 to 255
  #marks = new Uint8Array(STRIP_SECONDS);
  /** @type {number | null} the second of the newest value */
  #newest = null;

  /** The newest second that is known; null before the first. */
  get newest() {
    return this.#newest;
  }

  /**
   * Takes all seconds before `toSecond`, as the server gives them at connect.
   * @param {Uint8Array} bytes @param {number} toSecond @param {(second: number) => number} [marksOf]
   */
  fill(bytes, toSecond, marksOf = () => 0) {
    this.#values.fill(0);
    this.#marks.fill(0);
    this.#newest = toSecond - 1;
    bytes.forEach((byte, i) => this.note(toSecond - bytes.length + i, byte, marksOf(toSecond - bytes.length + i)));
  }

  /** Takes the server's byte of a second. @param {number} second @param {number} byte @param {number} [marks] */
  note(second, byte, marks = 0) {
    const newest = this.advance(second);
    if (second <= newest - STRIP_SECONDS) return;
    const { peakDbfs, isLossy } = decodePeak(byte);
    const index = indexOf(second);
    this.#values[index] = Math.round(meterShare(peakDbfs) * 255);
    this.#marks[index] = marks | (isLossy ? LOST : 0);
  }

  /** Lets time pass: what is older than ten minutes is forgotten. Returns the newest second. @param {number} second */
  advance(second) {
    const before = this.#newest ?? second - 1;
    for (let next = Math.max(before + 1, second - STRIP_SECONDS + 1); next <= second; next++) {
      this.#values[indexOf(next)] = 0;
      this.#marks[indexOf(next)] = 0;
    }
    this.#newest = Math.max(before, second);
    return this.#newest;
  }

  /** Returns the share of the height, 0 to 1, and the marks of a second. @param {number} second */
  at(second) {
    if (this.#newest === null || second > this.#newest || second <= this.#newest - STRIP_SECONDS) return { share: 0, marks: 0 };
    return { share: this.#values[indexOf(second)] / 255, marks: this.#marks[indexOf(second)] };
  }

  /** Whether nothing is to be drawn. */
  get isEmpty() {
    return !this.#values.some(Boolean) && !this.#marks.some(Boolean);
  }
}

/** Seconds of an earlier run of the server are negative. @param {number} second */
function indexOf(second) {
  return ((second % STRIP_SECONDS) + STRIP_SECONDS) % STRIP_SECONDS;
}
