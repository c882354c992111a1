// The last ten minutes of all computers: the server's peaks, one a second, with the seconds that nobody heard.
//
// Always: pure; holds one strip for each computer; a connection begins with all seconds, which replace what was known.

import { isSilenced } from './silenced.js';
import { Peaks, UNHEARD, bytesOf } from './strip.js';

/** A mute is noted a moment after the second in which it began. */
const SLACK_MS = 1000;

export class Strips {
  /** @type {Map<string, Peaks>} by id */
  #peaks = new Map();

  /** Returns a computer's peaks, which live as long as the connection. @param {string} id */
  of(id) {
    const peaks = this.#peaks.get(id) ?? new Peaks();
    this.#peaks.set(id, peaks);
    return peaks;
  }

  /**
   * Takes a message of the type 'peaks'.
   * @param {Raa.AllPeaksMessage | Raa.PeaksMessage} message @param {Raa.Computer[]} computers
   * @param {number} epochMs Unix time at which the server's clock was 0
   */
  take(message, computers, epochMs) {
    const found = new Map(computers.map((computer) => [computer.id, computer]));
    const marksOf = (/** @type {string} */ id) => (/** @type {number} */ second) => marks(found.get(id), epochMs + second * 1000);
    if (message.first) {
      this.#peaks.clear();
      for (const [id, bytes] of Object.entries(message.clients)) this.of(id).fill(bytesOf(bytes), message.to_s, marksOf(id));
    } else for (const [id, byte] of Object.entries(message.clients)) this.of(id).note(message.at_s, byte, marksOf(id)(message.at_s));
  }

  /** Lets time pass up to this second of the server's clock. @param {number} second */
  advance(second) {
    for (const peaks of this.#peaks.values()) if (peaks.newest !== null) peaks.advance(second);
  }
}

/** Returns whether nobody heard a computer at this moment. @param {Raa.Computer | undefined} computer @param {number} unixMs */
function marks(computer, unixMs) {
  if (!computer || !isSilenced(computer)) return 0;
  return unixMs >= (computer.silencedAt ?? 0) - SLACK_MS ? UNHEARD : 0;
}
