// Which sounds have a card in the band "now", and in which slot.
//
// A person who was not looking must still find what sounded, and a hand must find the button where the eye saw it.
// Always: pure; the newest sound has a card; a card stays in its slot until its sound has ended and been seen, unless a
// newer sound needs the room; nothing is lost: what has no card is in `rest`, newest first.

/** A muted computer that sounds is shown as long as this; after that its meter moves in its chip. */
const SILENCED_MS = 30_000;
/** What nobody has marked as seen for a night and a day concerns nobody any more; the list still has it. */
const FORGOTTEN_MS = 24 * 3600e3;

/**
 * @typedef {object} Sound a computer's newest sound
 * @property {string} id
 * @property {number} beganAt
 * @property {number | null} endedAt null while it lasts
 * @property {boolean} isSeen
 * @property {boolean} isSilenced nobody hears it
 * @property {boolean} isSteady a hum, or music
 */

export class Cards {
  /** @type {(string | null)[]} */
  #slots;

  /** @param {number} count of slots */
  constructor(count) {
    this.#slots = new Array(count).fill(null);
  }

  /** Changes the number of slots, as for another width of the window. @param {number} count */
  resize(count) {
    const kept = this.#slots.slice(0, count);
    this.#slots = [...kept, ...new Array(Math.max(0, count - kept.length)).fill(null)];
  }

  /**
   * @param {Sound[]} sounds @param {number} nowMs
   * @returns {{slots: (string | null)[], rest: string[]}} ids of computers
   */
  update(sounds, nowMs) {
    const due = new Map(sounds.filter((sound) => isDue(sound, nowMs)).map((sound) => [sound.id, sound]));
    this.#slots = this.#slots.map((id) => (id !== null && due.has(id) ? id : null));
    const waiting = [...due.values()].filter(({ id }) => !this.#slots.includes(id)).sort(byRank);
    // Where one finds no slot, those that rank lower find none either.
    waiting.every((sound) => this.#place(sound, due));
    const rest = [...due.values()].filter(({ id }) => !this.#slots.includes(id)).sort(byRank);
    return { slots: [...this.#slots], rest: rest.map(({ id }) => id) };
  }

  /** Returns whether the sound got a slot. @param {Sound} sound @param {Map<string, Sound>} due */
  #place(sound, due) {
    let slot = this.#slots.indexOf(null);
    if (slot < 0) {
      const least = this.#slots.flatMap((id) => due.get(id ?? '') ?? []).sort(byRank).at(-1);
      if (least === undefined || byRank(sound, least) >= 0) return false;
      slot = this.#slots.indexOf(least.id);
    }
    this.#slots[slot] = sound.id;
    return true;
  }
}

/** Returns whether a sound still concerns somebody. @param {Sound} sound @param {number} nowMs */
export function isDue({ beganAt, endedAt, isSeen, isSilenced, isSteady }, nowMs) {
  if (isSilenced) return endedAt === null && nowMs - beganAt < SILENCED_MS;
  return endedAt === null ? !(isSeen && isSteady) : !isSeen && nowMs - endedAt < FORGOTTEN_MS;
}

/** Orders sounds by how much they need a card: seen ones and hums last, then the newest first. @param {Sound} a @param {Sound} b */
export function byRank(a, b) {
  return weight(a) - weight(b) || b.beganAt - a.beganAt || (a.id < b.id ? -1 : 1);
}

/** @param {Sound} sound */
function weight({ isSeen, isSteady, endedAt }) {
  if (isSteady && endedAt === null) return isSeen ? 3 : 1;
  return isSeen ? 2 : 0;
}
