// RAA's player: plays a mix of an RAA server on any page. This is a public API.
//
//   import { Player } from 'http://SERVER:4011/player.js';
//   const player = new Player({ url: 'http://SERVER:4011/' });
//   player.addEventListener('state', () => { label.textContent = player.state; });
//   button.onclick = () => (player.state === 'stopped' ? player.play() : player.stop());
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
//
// While the mix plays, 'stats' events come once a second (read delayMs and stats) and 'level' events
// ten times a second (read level).
//
// Always: resumes by itself after a restart of the server or the network, until stop() or close();
// has at most one connection; needs no timers while it plays.

import { parseRtp } from './rtp.js';
import { Sound } from './sound.js';

/** The server sends every 20 ms; a connection without messages for this long is dead. */
const DEAD_AFTER_MS = 2000;
/** Time before the second attempt. Half of each pause is random, so that many players spread out. */
const RETRY_MIN_MS = 250;
/** The longest time between two attempts. */
const RETRY_MAX_MS = 5000;
/** Failed attempts in a row after which the state is 'offline'. */
const OFFLINE_AFTER = 3;
/** If the sound has not started within this time, the browser waits for a click. */
const ALLOWED_WITHIN_MS = 500;
/** Frames from one 'stats' event to the next: a second. */
const STATS_EVERY = 50;
/** Frames from one 'level' event to the next: a tenth of a second. */
const LEVEL_EVERY = 5;
/** Share of the newest frame's delay in the shown one. */
const DELAY_SMOOTHING = 0.05;

export class Player extends EventTarget {
  #url;
  #volume;
  #state = 'stopped';
  #wanted = false;
  #permitted = false; // sound has run on this page, so no click is needed
  #sound = null;
  #socket = null;
  #failures = 0;
  #retryTimer = 0;
  #watchTimer = 0;
  #lastMessage = 0;
  #delayMs = 0;
  #received = 0;
  #wake = () => this.#retryNow();
  #gesture = () => this.#sound?.resume();

  /**
   * @param {object} [options]
   * @param {string} [options.url] the server's page, such as 'http://host:4011/' or
   *   'https://host/raa/'; by default the folder that this file was loaded from
   * @param {string} [options.mix] name of the mix, 'main' by default
   * @param {number} [options.volume] 0 to 1, 1 by default
   */
  constructor({ url = new URL('./', import.meta.url).href, mix = 'main', volume = 1 } = {}) {
    super();
    this.#url = socketUrl(url, mix);
    this.#volume = clampVolume(volume);
    addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
  }

  get state() {
    return this.#state;
  }

  /** Volume of this player, 0 to 1, as amplitude. */
  get volume() {
    return this.#volume;
  }

  set volume(volume) {
    this.#volume = clampVolume(volume);
    if (this.#sound) this.#sound.volume = this.#volume;
  }

  /** Time from the arrival of audio at this computer to the loudspeaker, in ms, smoothed; 0 while nothing plays. */
  get delayMs() {
    return this.#state === 'playing' ? this.#delayMs : 0;
  }

  /** Counters since play(): frames, underruns, concealed, cut, stretched, dropped. */
  get stats() {
    return this.#sound?.counters ?? { frames: 0, underruns: 0, concealed: 0, cut: 0, stretched: 0, dropped: 0 };
  }

  /** Level of the mix before this player's volume: { rmsDbfs, peakDbfs }, each -120 in silence. */
  get level() {
    return this.#state === 'playing' ? this.#sound.level : { rmsDbfs: -120, peakDbfs: -120 };
  }

  /** Plays until stop(). Outside a click handler the state may become 'needs-click'. */
  play() {
    if (this.#wanted) {
      this.#sound?.resume();
      return;
    }
    this.#wanted = true;
    this.#failures = 0;
    this.#openSound();
    for (const event of ['pointerdown', 'keydown']) addEventListener(event, this.#gesture);
    this.#setState('connecting');
    this.#connect();
  }

  /** Stops without a clicking noise and releases the sound card. */
  stop() {
    this.#wanted = false;
    for (const event of ['pointerdown', 'keydown']) removeEventListener(event, this.#gesture);
    this.#dropSocket();
    clearTimeout(this.#retryTimer);
    this.#sound?.close();
    this.#sound = null;
    this.#setState('stopped');
  }

  /** Stops for good. */
  close() {
    this.stop();
    removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
  }

  #openSound() {
    const changed = () => sound === this.#sound && this.#soundChanged();
    const sound = new Sound(this.#volume, changed);
    this.#sound = sound;
    sound.resume();
    // Even if the browser allows sound, it takes a moment to start.
    setTimeout(changed, ALLOWED_WITHIN_MS);
  }

  async #connect() {
    const sound = this.#sound;
    try {
      await sound.ready(this.#permitted);
    } catch {
      if (sound !== this.#sound) return;
      if (this.#isSoundLost) this.#replaceSound();
      else this.#retryLater();
      return;
    }
    // stop() or another play() may have been called in between.
    if (sound !== this.#sound || this.#socket) return;
    sound.restart();
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#lastMessage = performance.now();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.#retryLater();
    this.#watchTimer = setInterval(() => this.#watch(), DEAD_AFTER_MS / 4);
  }

  #receive(data) {
    this.#lastMessage = performance.now();
    const packet = parseRtp(data);
    if (!packet) return;
    if (this.#isSoundLost) this.#replaceSound();
    else if (this.#sound.isAllowed) this.#play(packet);
  }

  #play(packet) {
    this.#failures = 0;
    this.#sound.play(packet);
    this.#follow(this.#sound.delayMs);
    this.#setState('playing');
    this.#received += 1;
    if (this.#received % LEVEL_EVERY === 0) this.dispatchEvent(new Event('level'));
    if (this.#received % STATS_EVERY === 0) this.dispatchEvent(new Event('stats'));
  }

  get #isSoundLost() {
    return this.#permitted && this.#sound.isDead;
  }

  /** Opens the sound output again after the sound card was lost: the computer slept, or it was unplugged, or its driver restarted. */
  #replaceSound() {
    this.#dropSocket();
    this.#sound.close();
    this.#openSound();
    this.#setState('reconnecting');
    this.#connectIn(RETRY_MIN_MS);
  }

  #follow(delayMs) {
    const fresh = this.#state !== 'playing';
    this.#delayMs = fresh ? delayMs : this.#delayMs + (delayMs - this.#delayMs) * DELAY_SMOOTHING;
  }

  #watch() {
    if (performance.now() - this.#lastMessage > DEAD_AFTER_MS) this.#retryLater();
  }

  #retryLater() {
    this.#dropSocket();
    this.#failures += 1;
    if (this.#state !== 'needs-click') {
      const trying = this.#state === 'connecting' ? 'connecting' : 'reconnecting';
      this.#setState(this.#failures > OFFLINE_AFTER ? 'offline' : trying);
    }
    const wait = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (this.#failures - 1));
    this.#connectIn(wait * (0.5 + Math.random()));
  }

  #connectIn(ms) {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#connect(), ms);
  }

  /** Tries again at once when the network or the page is back. */
  #retryNow() {
    if (!this.#wanted || document.visibilityState === 'hidden') return;
    this.#sound.resume(); // a phone call or a sleep may have suspended it
    if (this.#socket) {
      this.#watch();
    } else {
      clearTimeout(this.#retryTimer);
      this.#connect();
    }
  }

  #soundChanged() {
    if (this.#sound.isAllowed) {
      this.#permitted = true;
      if (this.#state === 'needs-click') this.#setState(this.#failures ? 'reconnecting' : 'connecting');
    } else if (!this.#permitted) {
      this.#setState('needs-click');
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

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new Event('state'));
  }
}

function socketUrl(base, mix) {
  const url = new URL('ws', new URL(base, location.href));
  url.protocol = url.protocol.replace('http', 'ws');
  url.searchParams.set('mix', mix);
  return url.href;
}

function clampVolume(volume) {
  return Number.isFinite(volume) ? Math.min(1, Math.max(0, volume)) : 1;
}
