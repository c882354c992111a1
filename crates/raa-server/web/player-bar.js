// The player's bar: play button, state, volume and meter of the mix.
//
// Always: the space bar does what the button does; a wall display that reloads continues to play where
// the browser allows it.

import { folderOf } from './address.js';
import { byId } from './dom.js';
import { Fader } from './fader.js';
import { Meter } from './meter.js';
import { Interruptions, PeakHold, soundWords } from './model.js';
import { Player } from './player.js';

/** States in which the button starts the player. In 'needs-click' the browser waits for this very click. */
const STARTABLE = ['stopped', 'needs-click', 'failed'];

export class PlayerBar {
  #text;
  #memory;
  #notes;
  #player;
  #volume = byId('player-volume');
  #meter = new Meter(byId('mix-rms'), byId('mix-peak'));
  #peakHold = new PeakHold();
  #interruptions = new Interruptions();
  #interrupted = 0; // interruptions in the last minute
  #reconnects = 0; // in addition to those that the player counts

  /**
   * @param {(key: string, ...values: any[]) => string} text
   * @param {import('./memory.js').Memory} memory
   * @param {import('./notes.js').Notes} notes
   */
  constructor(text, memory, notes) {
    this.#text = text;
    this.#memory = memory;
    this.#notes = notes;
    new Fader(byId('player-fader'), this.#volume);
    this.#volume.value = memory.volume;
    this.#volume.setAttribute('aria-label', text('playerVolume'));
    this.#player = new Player({ url: folderOf(document.baseURI), volume: this.#volume.value / 100 });
    this.#listenToPlayer();
    this.#listenToPerson();
    this.#showVolume();
    this.#showState();
    if (memory.isPlaying) this.#player.play();
  }

  #listenToPlayer() {
    let before = this.#player.state;
    this.#player.addEventListener('state', () => {
      if (before === 'playing' && this.#player.state !== 'stopped') this.#reconnects += 1;
      before = this.#player.state;
      this.#showState();
    });
    this.#player.addEventListener('reason', () => this.#showState());
    this.#player.addEventListener('stats', () => {
      this.#interrupted = this.#countInterruptions();
      this.#showState();
    });
    this.#player.addEventListener('level', () => this.#showLevel());
  }

  #countInterruptions() {
    const { underruns, skips } = this.#player.stats;
    return this.#interruptions.next(performance.now(), underruns + skips + this.#reconnects);
  }

  #listenToPerson() {
    const button = byId('play');
    // The press itself may start the sound, so the state that counts is the one before it.
    let pressedIn = this.#player.state;
    for (const event of ['pointerdown', 'keydown']) button.addEventListener(event, () => { pressedIn = this.#player.state; });
    button.addEventListener('click', () => this.#toggle(pressedIn));
    this.#volume.addEventListener('input', () => this.#setVolume());
    addEventListener('keydown', (event) => {
      if (event.key !== ' ' || event.target.closest('input, select, button')) return;
      event.preventDefault();
      if (!event.repeat) this.#toggle(this.#player.state);
    });
  }

  #toggle(state) {
    if (STARTABLE.includes(state)) this.#player.play();
    else this.#player.stop();
    this.#memory.isPlaying = this.#player.state !== 'stopped';
  }

  #setVolume() {
    this.#player.volume = this.#volume.value / 100;
    this.#memory.volume = this.#volume.value;
    this.#showVolume();
  }

  #showVolume() {
    byId('player-percent').textContent = `${this.#volume.value} %`;
  }

  #showState() {
    const { state, reason } = this.#player;
    const words = this.#words(state, reason);
    const label = this.#text(STARTABLE.includes(state) ? 'play' : 'stop');
    byId('player').dataset.state = state;
    byId('player').dataset.reason = reason ?? '';
    byId('player-title').textContent = words;
    byId('player-detail').textContent = this.#detail(state);
    byId('play').title = label;
    byId('play').setAttribute('aria-label', label);
    // A screen reader reads this aloud whenever it changes.
    if (byId('player-live').textContent !== words) byId('player-live').textContent = words;
    this.#explain(reason);
    if (state !== 'playing') this.#showLevel();
  }

  /** Returns the trouble in two or three words, if there is one that lasts, else the state. */
  #words(state, reason) {
    const short = (state === 'failed' || this.#isTrying(state)) && this.#text(`short_${reason}`);
    return short && !(reason === 'unreachable' && state !== 'offline') ? short : this.#text(state);
  }

  #isTrying(state) {
    return ['connecting', 'reconnecting', 'offline'].includes(state);
  }

  /** Says what the trouble is and what helps. That the server is away is said by the list below. */
  #explain(reason) {
    const help = this.#text(`trouble_${reason}`);
    if (help) this.#notes.show('player', help);
    else this.#notes.clear('player');
  }

  #detail(state) {
    if (state === 'playing') return soundWords({ delayMs: this.#player.delayMs, interrupted: this.#interrupted }, this.#text);
    return this.#text(this.#isTrying(state) && this.#player.reason ? 'offlineDetail' : DETAILS[state]);
  }

  /** Shows the level that the person hears: after this player's volume. */
  #showLevel() {
    const { rmsDbfs, peakDbfs } = this.#player.level;
    const volumeDb = 20 * Math.log10(Math.max(this.#player.volume, 1e-6));
    this.#meter.show(rmsDbfs + volumeDb, this.#peakHold.next(performance.now(), peakDbfs + volumeDb));
  }
}

const DETAILS = {
  stopped: 'stoppedDetail',
  'needs-click': 'needsClickDetail',
  connecting: 'connectingDetail',
  reconnecting: 'reconnectingDetail',
  offline: 'offlineDetail',
  failed: 'failedDetail',
};
