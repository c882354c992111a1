// What a screen reader says about sounds: who began, joined into one sentence, at most every five seconds.
//
// Always: pure; sixty seconds of noise give at most twelve messages; a name is said once per sound.

const EVERY_MS = 5000;
/** More names than this are counted instead. */
const NAMES = 3;

export class Spoken {
  #saidAt = -Infinity;
  /** @type {string[]} */
  #waiting = [];
  /** @type {Map<string, number | null>} the beginning of the sound that was noticed, by id */
  #known = new Map();

  /**
   * Takes what sounds now and returns the sentence to say, or null.
   * @param {{id: string, title: string, beganAt: number | null}[]} sounding @param {number} nowMs @param {Raa.Text} text
   */
  next(sounding, nowMs, text) {
    for (const { id, title, beganAt } of sounding) {
      if (this.#known.get(id) === beganAt) continue;
      this.#known.set(id, beganAt);
      if (!this.#waiting.includes(title)) this.#waiting.push(title);
    }
    const alive = new Set(sounding.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!alive.has(id)) this.#known.delete(id);
    if (this.#waiting.length === 0 || nowMs - this.#saidAt < EVERY_MS) return null;
    const names = this.#waiting;
    this.#waiting = [];
    this.#saidAt = nowMs;
    const others = names.length - NAMES;
    return text('sounds', names.slice(0, NAMES).join(', '), Math.max(0, others), names.length);
  }
}
