// Sends the newest value and never more often than an interval allows: for a slider that is
// dragged. The timer is an argument, so that tests need no waiting.
// Always: the last value given is sent; one request at a time.

export class Latest {
  #send;
  #intervalMs;
  #later;
  #next = null; // { value } that waits
  #busy = false;

  /**
   * @param {(value: any) => Promise<void>} send must not reject
   * @param {number} intervalMs from the start of one request to the start of the next, at least
   * @param {(run: () => void, ms: number) => void} later as setTimeout
   */
  constructor(send, intervalMs, later = (run, ms) => setTimeout(run, ms)) {
    this.#send = send;
    this.#intervalMs = intervalMs;
    this.#later = later;
  }

  /** Whether a value waits or is on its way. */
  get isBusy() {
    return this.#busy;
  }

  give(value) {
    this.#next = { value };
    if (!this.#busy) this.#run();
  }

  async #run() {
    this.#busy = true;
    const { value } = this.#next;
    this.#next = null;
    const rested = new Promise((done) => this.#later(done, this.#intervalMs));
    await Promise.all([this.#send(value), rested]);
    if (this.#next) this.#run();
    else this.#busy = false;
  }
}
