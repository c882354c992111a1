// Whether the server is there.
// Always: reports an absence only when it lasts, and then each news about its cause; reports the return at once, whether the
// connection was lost or has only been silent.

/** How long the server may be away before that is reported. */
const AWAY_AFTER_MS = 1500;

/** Knows whether the server is there; a short absence does not count. */
export class Presence {
  #report;
  #isAway = false;
  /** @type {string | undefined} */
  #reason;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(isThere: boolean, reason?: string) => void} report */
  constructor(report) {
    this.#report = report;
  }

  /** Nothing has come for too long, although the connection is open. */
  silence() {
    if (this.#isAway) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isAway = true;
    this.#report(false, this.#reason);
  }

  /** @param {boolean} isUp @param {string} [reason] */
  note(isUp, reason) {
    if (isUp) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#reason = undefined;
      if (this.#isAway) this.#report(true);
      this.#isAway = false;
      return;
    }
    this.#reason = reason ?? this.#reason;
    if (this.#isAway) {
      this.#report(false, this.#reason);
      return;
    }
    // Failed attempts belong to the same outage.
    this.#timer ||= setTimeout(() => {
      this.#isAway = true;
      this.#report(false, this.#reason);
    }, AWAY_AFTER_MS);
  }
}
