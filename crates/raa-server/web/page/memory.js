// What this browser remembers for the person who uses it.
//
// Always: a browser that keeps nothing, as a private window may, changes nothing else; a stored value
// that is not understood counts as not stored.

const PREFIX = 'raa.';
const DEFAULT_VOLUME = 80;
export const LANGUAGES = ['en', 'ja'];
/** @type {('light' | 'dark')[]} */
export const THEMES = ['light', 'dark'];

/** @param {string[]} values @param {string | null} value */
const oneOf = (values, value) => (value !== null && values.includes(value) ? value : '');

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

  /** The name of this desk, which others see next to its changes. */
  get desk() {
    return this.#get('desk') ?? '';
  }

  set desk(name) {
    this.#set('desk', name);
  }

  /** Whether the person was asked for the name of this desk. */
  get wasAsked() {
    return this.#get('asked') === 'true';
  }

  set wasAsked(wasAsked) {
    this.#set('asked', wasAsked);
  }

  /** The language that was chosen: one of LANGUAGES, or '' for the browser's. */
  get language() {
    return oneOf(LANGUAGES, this.#get('language'));
  }

  set language(language) {
    this.#set('language', language);
  }

  /** The theme that was chosen: one of THEMES, or '' for the system's. */
  get theme() {
    return oneOf(THEMES, this.#get('theme'));
  }

  set theme(theme) {
    this.#set('theme', theme);
  }

  /** Whether single keys, such as M, do something. */
  get singleKeys() {
    return this.#get('keys') !== 'false';
  }

  set singleKeys(isOn) {
    this.#set('keys', isOn);
  }

  /** The groups whose rows are hidden in this browser: ids, and 0 for the computers without a group. @returns {number[]} */
  get foldedGroups() {
    return (this.#get('foldedGroups') ?? '').split(' ').filter((id) => /^\d{1,10}$/.test(id)).map(Number);
  }

  set foldedGroups(ids) {
    this.#set('foldedGroups', ids.join(' '));
  }

  /** @param {string} key */
  #get(key) {
    try {
      return this.#storage().getItem(PREFIX + key);
    } catch {
      return null;
    }
  }

  /** @param {string} key @param {string | number | boolean} value */
  #set(key, value) {
    try {
      this.#storage().setItem(PREFIX + key, String(value));
    } catch {
      // The page works without memory.
    }
  }
}
