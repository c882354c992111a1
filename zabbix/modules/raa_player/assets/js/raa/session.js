// The sound of one mix of one server in this page, shared by all widgets that show it.
//
// Zabbix makes a new widget whenever somebody changes its properties, and takes the old one away a moment before. The
// sound must not notice. So a session outlives its last widget for a while.
// Always: one connection for the sound and one for the events, however many widgets there are.

import { folderOf, socketUrl } from '../player/server/address.js';
import { followEvents } from '../player/server/api.js';
import { Feed } from '../player/server/feed.js';
import { Player } from '../player/player.js';
import { blockingDirective, onBlocked } from './policy.js';

/** How long the sound goes on without a widget. */
const GRACE_MS = 5000;
const MODULE = new URL('../player/', import.meta.url).href;
const STARTABLE = ['stopped', 'needs-click', 'failed'];

/** @type {Map<string, Session>} */
const sessions = new Map();

/**
 * Returns the session of a mix, for a widget that gives it back with release().
 * @param {string} server @param {string} mix
 * @throws {TypeError} names the server or mix that can't be one
 */
export function session(server, mix) {
  const url = new URL(socketUrl(server, mix, { home: MODULE, page: location.href }));
  const found = sessions.get(url.href) ?? new Session(url, mix);
  sessions.set(url.href, found);
  found.retain();
  return found;
}

/** Events: 'change' (state of player or server), 'clients', 'levels' and 'level' (of the mix). */
export class Session extends EventTarget {
  #url;
  #widgets = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #graceTimer;
  #forget;
  #endEvents = () => {};
  feed = new Feed();
  /** Whether the events of the server arrive. */
  isFollowing = false;

  /** @param {URL} url @param {string} mix */
  constructor(url, mix) {
    super();
    this.#url = url;
    this.mix = mix;
    this.player = new Player({ url: this.mixer, mix, volume: this.#memory('volume', localStorageOf) ?? 1 });
    for (const event of ['state', 'reason', 'stats']) this.player.addEventListener(event, () => this.#tell('change'));
    this.player.addEventListener('level', () => this.#tell('level'));
    this.#forget = onBlocked(() => this.#stopIfBlocked());
    if (this.blockedBy === null) this.#follow();
  }

  /** The server's page. */
  get mixer() {
    const folder = folderOf(this.#url);
    folder.protocol = folder.protocol.replace('ws', 'http');
    return folder;
  }

  /** The directive of the page's policy that keeps the sound away, or null. */
  get blockedBy() {
    return blockingDirective(this.#url.host);
  }

  get host() {
    return this.#url.host;
  }

  get volume() {
    return this.player.volume;
  }

  /** @param {number} volume */
  set volume(volume) {
    this.player.volume = volume;
    this.#remember('volume', volume, localStorageOf);
    this.#tell('change');
  }

  /** Plays if a person did in this tab before; otherwise if the widget starts by itself. @param {boolean} isAutomatic */
  start(isAutomatic) {
    if (this.blockedBy === null && this.player.state === 'stopped' && (this.#memory('playing', sessionStorageOf) ?? isAutomatic)) this.player.play();
  }

  /** Does what the button says. @param {string} state of the player before the press, which itself may start the sound */
  toggle(state) {
    const starts = STARTABLE.includes(state);
    this.#remember('playing', starts, sessionStorageOf);
    if (starts) this.player.play();
    else this.player.stop();
  }

  retain() {
    this.#widgets += 1;
    clearTimeout(this.#graceTimer);
  }

  release() {
    this.#widgets -= 1;
    if (this.#widgets === 0) this.#graceTimer = setTimeout(() => this.#close(), GRACE_MS);
  }

  #close() {
    sessions.delete(this.#url.href);
    this.#endEvents();
    this.#forget();
    this.player.close();
  }

  #follow() {
    const handlers = {
      onState: () => this.#tell('clients'),
      onLevels: () => this.#tell('levels'),
      /** @param {boolean} isUp */
      onConnection: (isUp) => {
        if (this.isFollowing === isUp) return;
        this.isFollowing = isUp;
        this.#tell('clients');
      },
    };
    try {
      this.#endEvents = followEvents(this.feed, handlers, this.mixer);
    } catch {
      // A page on https may not use ws:. The player has that as its reason.
    }
  }

  /** A policy stays as it is until the page is loaded again, so further attempts would only fill the browser's console. */
  #stopIfBlocked() {
    if (this.blockedBy === null) return;
    this.player.stop();
    this.#endEvents();
    this.#tell('change');
  }

  /** @param {string} event */
  #tell(event) {
    this.dispatchEvent(new Event(event));
  }

  /** @param {string} key @param {() => Storage} storage */
  #memory(key, storage) {
    try {
      return JSON.parse(storage().getItem(this.#name(key)) ?? 'null');
    } catch {
      return null; // no storage, or something else's value
    }
  }

  /** @param {string} key @param {number | boolean} value @param {() => Storage} storage */
  #remember(key, value, storage) {
    try {
      storage().setItem(this.#name(key), JSON.stringify(value));
    } catch {
      // It works without memory.
    }
  }

  /** @param {string} key */
  #name(key) {
    return `raa.${key} ${this.#url.href}`;
  }
}

// What a person does with the sound is for this tab, which survives a reload; the volume is for this browser.
const sessionStorageOf = () => sessionStorage;
const localStorageOf = () => localStorage;
