// RAA's player: plays a mix of an RAA server on any page. This is a public API.
//
//   import { Player } from 'http://SERVER:4011/player.js';
//   const player = new Player({ url: 'http://SERVER:4011/' });
//   player.addEventListener('state', () => { label.textContent = player.state; });
//   player.addEventListener('reason', () => { help.textContent = player.reason ?? ''; });
//   button.onclick = () => (['stopped', 'failed'].includes(player.state) ? player.play() : player.stop());
//   ...
//   player.close();                       // for good: releases the socket and the sound card
//
// States; a 'state' event follows every change:
//   'stopped'       after stop(), and before the first play()
//   'needs-click'   the browser allows sound only after a click or key press, anywhere on the page
//   'connecting'    the first connection is being made
//   'playing'       the mix is playing, delayMs after its arrival at this computer
//   'reconnecting'  the connection was lost, or nothing arrived for two seconds; trying again
//   'offline'       several attempts have failed; still trying, for ever
//   'failed'        it cannot play here, and trying again would not help; play() tries once more
//
// Reasons; a 'reason' event follows every change, and `reason` is null while nothing is wrong. docs/embedding.md says what
// helps.
//   while it tries again: 'connection-lost', 'no-data', 'server-stopped', 'too-slow', 'unreachable', 'no-upgrade', 'origin-refused', 'too-many',
//   'access-denied', 'not-raa', 'audio-device', 'decoder-missing'
//   in the state 'failed': 'no-such-mix', 'no-webassembly', 'no-web-audio', 'decoder-blocked', 'insecure-address'
//
// An 'error' event with a `reason` comes when the state becomes 'failed'. 'sounding' events say who sounds: read `sounding`,
// a list of { id, name }. They come from the first listener for them on, whether the mix plays or not, until close().
//
// While the mix plays, 'stats' events come once a second (read delayMs and stats) and 'level' events
// ten times a second (read level).
//
// Always: resumes by itself after a restart of the server or the network, until stop() or close();
// has at most one connection; needs no timers while it plays.

import { socketUrl } from './server/address.js';
import { probe } from './server/probe.js';
import { followSounding } from './server/sounding.js';
import { parseRtp } from './sound/rtp.js';
import { Sound } from './sound/sound.js';

/** The server sends every 20 ms; a connection without messages for this long is dead. */
const DEAD_AFTER_MS = 2000;
/** Time before the second attempt. Half of each pause is random, so that many players spread out. */
const RETRY_MIN_MS = 250;
/** The longest time between two attempts. */
const RETRY_MAX_MS = 5000;
/** Failed attempts in a row after which the state is 'offline'. */
const OFFLINE_AFTER = 3;
/** Failed attempts from one question for the cause to the next; the first one is asked for at once. */
const PROBE_EVERY = 4;
/** Codes with which a server closes a connection on purpose. @type {Record<number, string>} */
const CLOSE_REASONS = { 1001: 'server-stopped', 1013: 'too-slow', 4404: 'no-such-mix' };
/** If the sound has not started within this time, the browser waits for a click. */
const ALLOWED_WITHIN_MS = 500;
/** If the sound has not started within this time after a click, the sound output does not work. */
const STARTS_WITHIN_MS = 3000;
/** Frames from one 'stats' event to the next: a second. */
const STATS_EVERY = 50;
/** Frames from one 'level' event to the next: a tenth of a second. */
const LEVEL_EVERY = 5;
/** Share of the newest frame's delay in the shown one. */
const DELAY_SMOOTHING = 0.05;

/** @typedef {'stopped' | 'needs-click' | 'connecting' | 'playing' | 'reconnecting' | 'offline' | 'failed'} State */

export class Player extends EventTarget {
  #url;
  #volume;
  /** @type {State} */
  #state = 'stopped';
  /** @type {string | null} */
  #reason = null;
  #wanted = false;
  #permitted = false; // sound has run on this page, so no click is needed
  /** @type {Sound | null} */
  #sound = null;
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  /** @type {string | null} why no connection can be made, as far as it is known */
  #cause = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #watchTimer;
  #lastMessage = 0;
  #delayMs = 0;
  #received = 0;
  /** @type {{id: string, name: string}[]} */
  #sounding = [];
  /** @type {(() => void) | null} */
  #unfollow = null;
  #wake = () => this.#retryNow();
  #gesture = () => this.#resumeByHand();

  /**
   * @param {object} [options]
   * @param {string | URL} [options.url] the server's page, such as 'http://host:4011/' or 'https://host/raa/', or its
   *   host, such as 'host:4011'; by default the folder that this file was loaded from (docs/embedding.md has all forms)
   * @param {string} [options.mix] name of the mix, 'main' by default
   * @param {number} [options.volume] 0 to 1, 1 by default
   * @throws {TypeError} names the url or mix that can't be one
   */
  constructor({ url, mix = 'main', volume = 1 } = {}) {
    super();
    this.#url = socketUrl(url, mix, { home: import.meta.url, page: location.href });
    this.#volume = clampVolume(volume);
    addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
  }

  get state() {
    return this.#state;
  }

  /** What is wrong, as one of the words at the top of this file; null if nothing is. */
  get reason() {
    return this.#reason;
  }

  /** Volume of this player, 0 to 1, as amplitude. */
  get volume() {
    return this.#volume;
  }

  /** @param {number} volume */
  set volume(volume) {
    this.#volume = clampVolume(volume);
    if (this.#sound) this.#sound.volume = this.#volume;
  }

  /** Time from the arrival of audio at this computer to the loudspeaker, in ms, smoothed; 0 while nothing plays. */
  get delayMs() {
    return this.#state === 'playing' ? this.#delayMs : 0;
  }

  /** Counters since play(): frames, underruns, concealed, cut, stretched, dropped, skips (gaps that the server left). */
  get stats() {
    return this.#sound?.counters ?? { frames: 0, underruns: 0, concealed: 0, cut: 0, stretched: 0, dropped: 0, skips: 0 };
  }

  /** Level of the mix before this player's volume: { rmsDbfs, peakDbfs }, each -120 in silence. */
  get level() {
    return this.#state === 'playing' && this.#sound ? this.#sound.level : { rmsDbfs: -120, peakDbfs: -120 };
  }

  /** Who sounds now, as { id, name }; known only while there is a listener for 'sounding' events. */
  get sounding() {
    return this.#sounding;
  }

  /**
   * @override
   * @param {string} type @param {EventListenerOrEventListenerObject | null} listener @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    if (type !== 'sounding' || this.#unfollow) return;
    this.#unfollow = followSounding(new URL('./', this.#url), (sounding) => {
      this.#sounding = sounding;
      this.dispatchEvent(new Event('sounding'));
    });
  }

  /** Plays until stop(). Outside a click handler the state may become 'needs-click'. */
  play() {
    if (this.#wanted) {
      this.#sound?.resume();
      return;
    }
    this.#wanted = true;
    this.#failures = 0;
    const missing = missingInBrowser();
    if (missing || !this.#openSound()) {
      this.#fail(missing ?? 'no-web-audio');
      return;
    }
    for (const event of ['pointerdown', 'keydown']) addEventListener(event, this.#gesture);
    this.#setState('connecting');
    this.#connect();
  }

  /** Stops without a clicking noise and releases the sound card. */
  stop() {
    this.#release();
    this.#setState('stopped');
  }

  /** Stops for good. */
  close() {
    this.stop();
    this.#unfollow?.();
    this.#unfollow = null;
    removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
  }

  #release() {
    this.#wanted = false;
    for (const event of ['pointerdown', 'keydown']) removeEventListener(event, this.#gesture);
    this.#dropSocket();
    clearTimeout(this.#retryTimer);
    this.#sound?.close();
    this.#sound = null;
  }

  /** Ends what cannot succeed here. @param {string} reason */
  #fail(reason) {
    this.#release();
    this.#setState('failed', reason);
    this.dispatchEvent(Object.assign(new Event('error'), { reason }));
  }

  /** Returns whether the browser has given a sound output. */
  #openSound() {
    /** @type {Sound | null} */
    let sound = null;
    const changed = () => { if (sound !== null && sound === this.#sound) this.#soundChanged(sound); };
    try {
      sound = new Sound(this.#volume, changed);
    } catch {
      return false; // switched off, or too many outputs are open
    }
    this.#sound = sound;
    sound.resume();
    // Even if the browser allows sound, it takes a moment to start.
    setTimeout(changed, ALLOWED_WITHIN_MS);
    return true;
  }

  async #connect() {
    const sound = this.#sound;
    if (!sound) return;
    try {
      await sound.ready(this.#permitted);
    } catch (error) {
      if (sound === this.#sound) this.#soundFailed(/** @type {Error} */ (error));
      return;
    }
    // stop() or another play() may have been called in between.
    if (sound !== this.#sound || this.#socket) return;
    sound.restart();
    let socket;
    try {
      socket = new WebSocket(this.#url);
    } catch {
      this.#fail('insecure-address'); // a page on https may not use ws:
      return;
    }
    let isOpen = false;
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#lastMessage = performance.now();
    socket.onopen = () => { isOpen = true; };
    socket.onmessage = ({ data }) => {
      isOpen = true;
      this.#receive(data);
    };
    socket.onclose = (event) => this.#closed(event?.code, isOpen);
    this.#watchTimer = setInterval(() => this.#watch(isOpen), DEAD_AFTER_MS / 4);
  }

  /** @param {Error} error of Sound.ready */
  #soundFailed(error) {
    if (error.name === 'CompileError') this.#fail('decoder-blocked');
    else if (error.name !== 'OutputError') this.#retryLater('decoder-missing');
    else if (this.#sound) this.#replaceSound(this.#sound);
  }

  /** @param {number | undefined} code @param {boolean} wasOpen */
  #closed(code, wasOpen) {
    const reason = CLOSE_REASONS[code ?? 0];
    if (reason === 'no-such-mix') this.#fail(reason);
    else this.#retryLater(reason ?? (wasOpen ? 'connection-lost' : 'unreachable'));
  }

  /** @param {ArrayBuffer} data */
  #receive(data) {
    this.#lastMessage = performance.now();
    const packet = parseRtp(data);
    const sound = this.#sound;
    if (!packet || !sound) return;
    if (this.#permitted && sound.isDead) this.#replaceSound(sound);
    else if (sound.isAllowed) this.#play(sound, packet);
  }

  /** @param {Sound} sound @param {{sequence: number, payload: Uint8Array}} packet */
  #play(sound, packet) {
    this.#failures = 0;
    this.#cause = null;
    sound.play(packet);
    this.#follow(sound.delayMs);
    this.#setState('playing');
    this.#received += 1;
    if (this.#received % LEVEL_EVERY === 0) this.dispatchEvent(new Event('level'));
    if (this.#received % STATS_EVERY === 0) this.dispatchEvent(new Event('stats'));
  }

  /** Opens the sound output again after the sound card was lost: the computer slept, or it was unplugged, or its driver restarted. @param {Sound} sound */
  #replaceSound(sound) {
    this.#dropSocket();
    sound.close();
    if (!this.#openSound()) {
      this.#fail('no-web-audio');
      return;
    }
    this.#setState('reconnecting', 'audio-device');
    this.#connectIn(RETRY_MIN_MS);
  }

  /** @param {number} delayMs */
  #follow(delayMs) {
    const fresh = this.#state !== 'playing';
    this.#delayMs = fresh ? delayMs : this.#delayMs + (delayMs - this.#delayMs) * DELAY_SMOOTHING;
  }

  /** @param {boolean} isOpen */
  #watch(isOpen) {
    if (performance.now() - this.#lastMessage > DEAD_AFTER_MS) this.#retryLater(isOpen ? 'no-data' : 'unreachable');
  }

  /** @param {string} reason */
  #retryLater(reason) {
    this.#dropSocket();
    if (reason === 'unreachable' && this.#failures % PROBE_EVERY === 0) this.#findCause();
    this.#failures += 1;
    // The cause that was found stays until something else is known.
    const known = reason === 'unreachable' && this.#state !== 'playing' ? (this.#cause ?? reason) : reason;
    if (this.#state !== 'needs-click') {
      const trying = this.#state === 'connecting' ? 'connecting' : 'reconnecting';
      this.#setState(this.#failures > OFFLINE_AFTER ? 'offline' : trying, known);
    }
    const wait = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (this.#failures - 1));
    this.#connectIn(wait * (0.5 + Math.random()));
  }

  /** Asks by HTTP why the connection can't be made, and shows the answer if it is still true. */
  async #findCause() {
    const sound = this.#sound;
    const cause = await probe(this.#url);
    if (sound !== this.#sound || this.#failures === 0) return;
    this.#cause = cause;
    if (cause === 'no-such-mix') this.#fail(cause);
    else if (TRYING.includes(this.#state)) this.#setState(this.#state, cause);
  }

  /** @param {number} ms */
  #connectIn(ms) {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), ms);
  }

  /** Tries again at once when the network or the page is back. */
  #retryNow() {
    if (!this.#wanted || document.visibilityState === 'hidden') return;
    this.#sound?.resume(); // a phone call or a sleep may have suspended it
    if (this.#socket) {
      this.#watch(true);
    } else {
      clearTimeout(this.#retryTimer);
      this.#connect();
    }
  }

  /** After a click nothing but the sound output itself can keep the sound from starting. */
  #resumeByHand() {
    const sound = this.#sound;
    sound?.resume();
    setTimeout(() => {
      if (sound && sound === this.#sound && this.#state === 'needs-click' && !sound.isAllowed) this.#setState('needs-click', 'audio-device');
    }, STARTS_WITHIN_MS);
  }

  /** @param {Sound} sound */
  #soundChanged(sound) {
    if (sound.isAllowed) {
      this.#permitted = true;
      if (this.#state === 'needs-click') this.#setState(this.#failures ? 'reconnecting' : 'connecting');
    } else if (!this.#permitted) {
      this.#setState('needs-click', this.#state === 'needs-click' ? this.#reason : null);
    } else if (this.#state === 'playing') {
      this.#setState('reconnecting');
    }
  }

  #dropSocket() {
    clearInterval(this.#watchTimer);
    if (!this.#socket) return;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  /** @param {State} state @param {string | null} [reason] */
  #setState(state, reason = null) {
    const [oldState, oldReason] = [this.#state, this.#reason];
    this.#state = state;
    this.#reason = reason;
    if (state !== oldState) this.dispatchEvent(new Event('state'));
    if (reason !== oldReason) this.dispatchEvent(new Event('reason'));
  }
}

/** @type {string[]} */
const TRYING = ['connecting', 'reconnecting', 'offline'];

/** Returns why this browser can't play at all, or null if it can. */
function missingInBrowser() {
  if (typeof WebAssembly !== 'object') return 'no-webassembly';
  return typeof AudioContext === 'function' ? null : 'no-web-audio';
}

/** @param {number} volume */
function clampVolume(volume) {
  return Number.isFinite(volume) ? Math.min(1, Math.max(0, volume)) : 1;
}
