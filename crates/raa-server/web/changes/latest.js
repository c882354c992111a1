// Sends the newest value, and no more often than an interval allows: for a slider that is being
// dragged. The timer is an argument, so that tests need not wait.
// Always: the last value is sent, again if the server asks to wait; there is one request at a time.

/** @template Value */
export class Latest {
  #send;
  #intervalMs;
  #later;
  /** @type {{value: Value} | null} that is waiting */
  #next = null;
  #busy = false;

  /**
   * @param {(value: Value) => Promise<number | undefined>} send must not reject; gives the time in ms after which the newest
   *   value must be sent again, if this one was not taken
   * @param {number} intervalMs the least time from the start of one request to the start of the next
   * @param {(run: () => void, ms: number) => void} later as setTimeout
   */
  constructor(send, intervalMs, later = (run, ms) => setTimeout(run, ms)) {
    this.#send = send;
    this.#intervalMs = intervalMs;
    this.#later = later;
  }

  /** Whether a value is waiting or being sent. */
  get isBusy() {
    return this.#busy;
  }

  /** @param {Value} value */
  give(value) {
    this.#next = { value };
    if (!this.#busy) this.#run(this.#next);
  }

  /** @param {{value: Value}} next */
  async #run({ value }) {
    this.#busy = true;
    this.#next = null;
    const interval = this.#pause(this.#intervalMs);
    const [waitMs] = await Promise.all([this.#send(value), interval]);
    if (waitMs !== undefined && waitMs > 0) {
      await this.#pause(waitMs);
      this.#next ??= { value };
    }
    if (this.#next) this.#run(this.#next);
    else this.#busy = false;
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return new Promise((done) => this.#later(done, ms));
  }
}
