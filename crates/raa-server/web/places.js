// Decides when the rows of the list may change their places, and which presses were meant for another row.
//
// Rows keep their places while a hand is near. A wall display that nobody touches shows the right order all the time.
// Always: no row moves under a pointer that was used lately; a press on a row that has just come to this place does
// nothing, because the person aimed at the row that was there before.

/** How long the rows keep their places after a hand was over the list: a pointer that rests there may be about to click. */
const HAND_RESTS_MS = 60_000;
/** How long they keep them while the pointer is elsewhere on the page, perhaps on its way to the list. */
const HAND_NEAR_MS = 3000;
/** How long they keep them after the last key: a half-typed name must not stop the list for ever. */
const TYPING_RESTS_MS = 30_000;
/** A person needs this long to see that a row has moved, and to stop the finger. */
const UNSEEN_MS = 800;

/**
 * Returns whether the rows must keep their places.
 * @param {{isPressing: boolean, handStaysMs: number, typedMsAgo: number}} hand `handStaysMs`: as Hand returns it
 */
export function isHeld({ isPressing, handStaysMs, typedMsAgo }) {
  return isPressing || handStaysMs > 0 || typedMsAgo < TYPING_RESTS_MS;
}

/** Knows for how long a person's hand must still be expected near the list. */
export class Hand {
  #until = -Infinity;

  /** A hand did something. A mouse shows where it is; a finger may come down anywhere. */
  note(nowMs, { isInList, isMouse }) {
    this.#until = nowMs + (isInList || !isMouse ? HAND_RESTS_MS : HAND_NEAR_MS);
  }

  /** Returns how long the rows must still keep their places, in ms; 0 or less if they need not. */
  staysMs(nowMs) {
    return this.#until - nowMs;
  }
}

/** Knows which presses hit a row that came under the pointer by itself. */
export class Aim {
  #aimed = null; // the row under the mouse when it last moved
  #moved = new Set(); // the rows that have changed their places since then
  #lastMoved = new Set(); // those of the latest change
  #movedAt = -Infinity;

  /** The mouse moved, and is over this row (or over none: null). */
  pointer(row) {
    this.#aimed = row;
    this.#moved = new Set();
  }

  /** The list was arranged; orders are lists of everything that takes a line. */
  arranged(nowMs, before, after) {
    const places = new Map(after.map((row, i) => [row, i]));
    const moved = new Set(before.filter((row, i) => places.get(row) !== i));
    if (moved.size === 0) return;
    // Rows that were not there before are as new at their places as those that moved; those at the end displaced nothing.
    after.slice(0, before.length).forEach((row) => { if (!before.includes(row)) moved.add(row); });
    this.#lastMoved = moved;
    this.#movedAt = nowMs;
    for (const row of moved) this.#moved.add(row);
  }

  /** Returns whether a press on this row was meant for another one. */
  isStray(nowMs, row, { isMouse }) {
    if (nowMs - this.#movedAt < UNSEEN_MS && this.#lastMoved.has(row)) return true;
    return isMouse && row !== this.#aimed && this.#moved.has(row);
  }
}
