// What this browser remembers for the person who uses it.
//
// Always: a browser that keeps nothing, as a private window may, changes nothing else; a stored value
// that is not understood counts as not stored.

import { SORTS } from './order.js';

const PREFIX = 'raa.';
const DEFAULT_VOLUME = 80;

export class Memory {
  #storage;

  /** @param {() => Storage} storage may throw: browsers can refuse access to it */
  constructor(storage = () => localStorage) {
    this.#storage = storage;
  }

  /** The player's volume, 0 to 100. */
  get volume() {
    const stored = this.#get('volume');
    const volume = Number(stored);
    return stored !== null && volume >= 0 && volume <= 100 ? volume : DEFAULT_VOLUME;
  }

  set volume(volume) {
    this.#set('volume', volume);
  }

  /** Whether the player was playing when the page was last used. */
  get isPlaying() {
    return this.#get('playing') === 'true';
  }

  set isPlaying(isPlaying) {
    this.#set('playing', isPlaying);
  }

  /** The order of the computers: one of SORTS. */
  get sort() {
    const stored = this.#get('sort');
    return SORTS.includes(stored) ? stored : SORTS[0];
  }

  set sort(sort) {
    this.#set('sort', sort);
  }

  #get(key) {
    try {
      return this.#storage().getItem(PREFIX + key);
    } catch {
      return null;
    }
  }

  #set(key, value) {
    try {
      this.#storage().setItem(PREFIX + key, String(value));
    } catch {
      // The page works without memory.
    }
  }
}
