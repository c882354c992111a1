// The player's bar: play button, state, volume and meter of the mix.
//
// Always: the space bar does what the button does; a wall display that reloads continues to play where
// the browser allows it.

import { byId } from './dom.js';
import { Meter } from './meter.js';
import { Interruptions, PeakHold } from './model.js';
import { Player } from './player.js';

/** States in which the button starts the player. In 'needs-click' the browser waits for this very click. */
const STARTABLE = ['stopped', 'needs-click'];

export class PlayerBar {
  #text;
  #memory;
  #player;
  #volume = byId('player-volume');
  #meter = new Meter(byId('mix-rms'), byId('mix-peak'));
  #peakHold = new PeakHold();
  #interruptions = new Interruptions();
  #interrupted = 0; // interruptions in the last minute

  /** @param {(key: string, ...values: any[]) => string} text @param {import('./memory.js').Memory} memory */
  constructor(text, memory) {
    this.#text = text;
    this.#memory = memory;
    this.#volume.value = memory.volume;
    this.#volume.setAttribute('aria-label', text('playerVolume'));
    this.#player = new Player({ url: document.baseURI, volume: this.#volume.value / 100 });
    this.#listenToPlayer();
    this.#listenToPerson();
    this.#showVolume();
    this.#showState();
    if (memory.isPlaying) this.#player.play();
  }

  #listenToPlayer() {
    this.#player.addEventListener('state', () => this.#showState());
    this.#player.addEventListener('stats', () => {
      this.#interrupted = this.#interruptions.next(performance.now(), this.#player.stats.underruns);
      this.#showState();
    });
    this.#player.addEventListener('level', () => this.#showLevel());
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
    const { state } = this.#player;
    const words = this.#text(state);
    const label = this.#text(STARTABLE.includes(state) ? 'play' : 'stop');
    byId('player').dataset.state = state;
    byId('player-title').textContent = words;
    byId('player-detail').textContent = this.#detail(state);
    byId('play').title = label;
    byId('play').setAttribute('aria-label', label);
    // A screen reader reads this aloud whenever it changes.
    if (byId('player-live').textContent !== words) byId('player-live').textContent = words;
    if (state !== 'playing') this.#showLevel();
  }

  #detail(state) {
    if (state !== 'playing') return this.#text(DETAILS[state]);
    const delay = this.#text('delay', Math.round(this.#player.delayMs));
    return `${delay} · ${this.#interrupted ? this.#text('interrupted', this.#interrupted) : this.#text('steady')}`;
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
};
