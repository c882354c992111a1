// The player of the page: play button, state, volume, meter and lamp.
//
// Always: the space bar does what the button does; a page that reloads continues to play where the browser allows it; what
// keeps the player silent is said in words.

import { byId, setAttribute, setText } from '../parts/dom.js';
import { Fader, showValue } from '../parts/fader.js';
import { Meter } from '../parts/meter.js';
import { Player } from '../player.js';
import { Interruptions, soundWords } from '../room/figures.js';
import { Lamp } from '../room/levels.js';
import { folderOf } from '../server/address.js';

/** States in which the button starts the player. In 'needs-click' the browser waits for this very click. @type {string[]} */
const STARTABLE = ['stopped', 'needs-click', 'failed'];

export class PlayerBar {
  #text;
  #memory;
  #player;
  #volume = byId('player-volume');
  #meter;
  #lamp = new Lamp();
  #interruptions = new Interruptions();
  #interrupted = 0; // interruptions in the last minute
  #reconnects = 0; // in addition to those that the player counts
  #onChange;
  /** @type {Meter | null} */
  #wallMeter = null;

  /**
   * @param {{text: Raa.Text, memory: import('../page/memory.js').Memory, meters: import('../parts/meter.js').Meters, isWall: boolean, onChange: () => void}} room
   */
  constructor({ text, memory, meters, isWall, onChange }) {
    this.#text = text;
    this.#memory = memory;
    this.#onChange = onChange;
    this.#meter = new Meter(byId('mix-rms'), byId('mix-peak'), meters);
    new Fader(byId('player-fader'), this.#volume);
    showValue(this.#volume, memory.volume);
    this.#player = new Player({ url: folderOf(document.baseURI), volume: Number(this.#volume.value) / 100 });
    this.#listenToPlayer();
    this.#listenToPerson();
    this.#volume.setAttribute('aria-label', text('playerVolume'));
    this.#showVolume();
    this.#showState();
    if (memory.isPlaying || isWall) this.#player.play();
  }

  get state() {
    return this.#player.state;
  }

  get delayMs() {
    return this.#player.delayMs;
  }

  /** What keeps the player silent and what helps, in words; empty if the state says it all. */
  get trouble() {
    return this.#text(`trouble_${this.#player.reason}`) ?? '';
  }

  /** Lets another meter show what is heard, too. @param {Meter} meter */
  showOn(meter) {
    this.#wallMeter = meter;
  }

  toggle(state = this.#player.state) {
    if (STARTABLE.includes(state)) this.#player.play();
    else this.#player.stop();
    this.#memory.isPlaying = this.#player.state !== 'stopped';
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
    button.addEventListener('click', () => this.toggle(pressedIn));
    this.#volume.addEventListener('input', () => {
      this.#player.volume = Number(this.#volume.value) / 100;
      this.#memory.volume = Number(this.#volume.value);
      this.#showVolume();
    });
  }

  #showVolume() {
    setAttribute(this.#volume, 'aria-valuetext', this.#text('percent', Number(this.#volume.value)));
    byId('player-fader').title = `${this.#text('playerVolume')}: ${this.#volume.value} %`;
  }

  #showState() {
    const { state, reason } = this.#player;
    const label = this.#text(STARTABLE.includes(state) ? 'play' : 'stop');
    setAttribute(byId('player'), 'data-state', state);
    setAttribute(byId('player'), 'data-reason', reason ?? '');
    setText(byId('player-title'), this.#words(state, reason));
    setText(byId('player-detail'), this.#detail(state));
    byId('play').title = label;
    setText(byId('play-label'), `${label}: `);
    if (state !== 'playing') this.#showLevel();
    this.#onChange();
  }

  /**
   * Returns the trouble in two or three words, if there is one that lasts, else the state.
   * @param {import('../player.js').State} state @param {string | null} reason
   */
  #words(state, reason) {
    const short = (state === 'failed' || this.#isTrying(state)) && this.#text(`short_${reason}`);
    return short && !(reason === 'unreachable' && state !== 'offline') ? short : this.#text(state);
  }

  /** @param {string} state */
  #isTrying(state) {
    return ['connecting', 'reconnecting', 'offline'].includes(state);
  }

  /** @param {import('../player.js').State} state */
  #detail(state) {
    if (state === 'playing') return soundWords({ delayMs: this.#player.delayMs, interrupted: this.#interrupted }, this.#text);
    return this.#text(this.#isTrying(state) && this.#player.reason ? 'offlineDetail' : DETAILS[state]);
  }

  /** Shows the level that the person hears: after this player's volume. */
  #showLevel() {
    const { rmsDbfs, peakDbfs } = this.#player.level;
    const volumeDb = 20 * Math.log10(Math.max(this.#player.volume, 1e-6));
    for (const meter of [this.#meter, this.#wallMeter]) meter?.level(rmsDbfs + volumeDb, peakDbfs + volumeDb);
    byId('lamp').classList.toggle('on', this.#lamp.next(performance.now(), peakDbfs));
  }
}

/** @type {Record<Exclude<import('../player.js').State, 'playing'>, Raa.PlainKey>} */
const DETAILS = {
  stopped: 'stoppedDetail',
  'needs-click': 'needsClickDetail',
  connecting: 'connectingDetail',
  reconnecting: 'reconnectingDetail',
  offline: 'offlineDetail',
  failed: 'failedDetail',
};
