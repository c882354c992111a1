// Tells the server what this page plays, so that every desk sees a wall that is silent.
//
// Always: a state is told once on each connection, at once; the delay of a wall follows every few seconds.

import { pageMessage } from '../room/room.js';

const DELAY_EVERY_MS = 5000;

export class PageReport {
  #describe;
  /** @type {(message: Raa.PageMessage) => void} */
  #send = () => {};
  #told = { words: '', at: -Infinity };

  /** @param {() => {view: 'desk' | 'wall', name: string, state: string, delayMs: number}} describe the page as it is now */
  constructor(describe) {
    this.#describe = describe;
  }

  /** A new connection knows nothing yet. @param {(message: Raa.PageMessage) => void} send */
  connected(send) {
    this.#send = send;
    this.#told.words = '';
    this.tell();
  }

  /** Sends what has changed. */
  tell() {
    const message = pageMessage(this.#describe());
    const { delay_ms: _, ...state } = message;
    const words = JSON.stringify(state);
    const now = performance.now();
    const isDelayDue = message.view === 'wall' && now - this.#told.at > DELAY_EVERY_MS;
    if (words === this.#told.words && !isDelayDue) return;
    this.#told = { words, at: now };
    this.#send(message);
  }
}
