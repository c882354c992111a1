// What one widget shows: a button, what the sound does, its volume, a link to the mixer, and who sounds.
//
// Always: built once and then changed, however often Zabbix refreshes it; the sound itself belongs to the session.

import { List, SHOW, share } from './list.js';
import { session } from './session.js';
import { words } from './words.js';

const STARTABLE = ['stopped', 'needs-click', 'failed'];
/** Troubles that pass by themselves within a moment are not explained. */
const BRIEF = ['connecting', 'reconnecting'];

/** @typedef {{server: string, mix: string, autostart: boolean, volume: boolean, link: boolean, show: number}} Settings of the widget */

export class View {
  #text = words(document.documentElement.lang);
  /** @type {Settings | null} */
  #settings = null;
  /** @type {import('./session.js').Session | null} */
  #session = null;
  #root = element('div', 'raa-player');
  #button = element('button', 'raa-button');
  #state = element('span', 'raa-state');
  #bar = element('span', 'raa-level');
  #volume = element('input', 'raa-volume');
  #link = element('a', 'raa-link');
  #help = element('p', 'raa-help');
  #list;
  #listeners = {
    change: () => this.#show(),
    clients: () => this.#showClients(),
    levels: () => { if (this.#root.isConnected) this.#list.showLevels(this.#session?.feed.levels ?? {}); },
    level: () => this.#showLevel(),
  };

  /** @param {HTMLElement} body of the widget */
  constructor(body) {
    const meter = element('span', 'raa-meter raa-mix');
    meter.append(this.#bar);
    const line = element('div', 'raa-line');
    line.append(this.#button, this.#state, meter, this.#volume, this.#link);
    this.#root.append(line, this.#help);
    this.#list = new List(this.#root, this.#text);
    this.#setUpControls();
    body.append(this.#root);
  }

  /** Shows with these settings. @param {Settings} settings */
  update(settings) {
    const isOther = settings.server !== this.#settings?.server || settings.mix !== this.#settings?.mix;
    this.#settings = settings;
    this.#volume.hidden = !settings.volume;
    this.#link.hidden = !settings.link;
    if (isOther) this.#open(settings);
    if (this.#session === null) return;
    this.#show();
    this.#showClients();
  }

  close() {
    if (this.#session === null) return;
    for (const [event, listener] of Object.entries(this.#listeners)) this.#session.removeEventListener(event, listener);
    this.#session.release();
    this.#session = null;
  }

  /** @param {Settings} settings */
  #open({ server, mix, autostart }) {
    this.close();
    try {
      this.#session = session(server, mix);
    } catch (error) {
      this.#root.dataset.state = 'failed';
      this.#button.hidden = true;
      this.#say(this.#text('failed'), this.#text('badAddress', /** @type {Error} */ (error).message));
      return;
    }
    this.#button.hidden = false;
    for (const [event, listener] of Object.entries(this.#listeners)) this.#session.addEventListener(event, listener);
    this.#link.href = this.#session.mixer.href;
    this.#session.start(autostart);
  }

  #setUpControls() {
    this.#button.type = 'button';
    // The press itself may start the sound, so the state that counts is the one before it.
    /** @type {string} */
    let pressedIn = 'stopped';
    for (const event of ['pointerdown', 'keydown']) this.#button.addEventListener(event, () => { pressedIn = this.#session?.player.state ?? pressedIn; });
    this.#button.addEventListener('click', () => this.#session?.toggle(pressedIn));
    Object.assign(this.#volume, { type: 'range', min: 0, max: 100, step: 1 });
    this.#volume.setAttribute('aria-label', this.#text('volume'));
    this.#volume.title = this.#text('volume');
    this.#volume.addEventListener('input', () => { if (this.#session) this.#session.volume = Number(this.#volume.value) / 100; });
    Object.assign(this.#link, { target: '_blank', rel: 'noopener', textContent: this.#text('mixer') });
    this.#state.setAttribute('role', 'status');
  }

  #show() {
    if (!this.#session) return;
    const { player, blockedBy, host, mix, volume } = this.#session;
    const state = blockedBy === null ? player.state : 'blocked';
    this.#root.dataset.state = state;
    this.#root.dataset.reason = blockedBy ?? player.reason ?? '';
    this.#button.hidden = state === 'blocked';
    setText(this.#button, this.#text(STARTABLE.includes(state) ? 'play' : 'stop'));
    if (Number(this.#volume.value) !== Math.round(100 * volume)) this.#volume.value = String(Math.round(100 * volume));
    if (state === 'blocked') this.#say(this.#text('blocked'), this.#text('policy', blockedBy, host));
    else this.#say(this.#text(state, mix), BRIEF.includes(state) && player.reason === 'unreachable' ? '' : this.#text(`reason_${player.reason}`) ?? '');
    this.#showLevel();
  }

  /** @param {string} state @param {string} help */
  #say(state, help) {
    setText(this.#state, state);
    setText(this.#help, help);
    this.#help.hidden = help === '';
  }

  #showClients() {
    if (!this.#session || !this.#settings) return;
    const { feed, isFollowing, blockedBy } = this.#session;
    this.#list.show(isFollowing ? feed.state.clients : null, blockedBy === null ? this.#settings.show : SHOW.NOTHING);
  }

  #showLevel() {
    if (!this.#session || !this.#root.isConnected) return;
    const { player } = this.#session;
    const transform = `scaleX(${share(player.level.rmsDbfs + 20 * Math.log10(Math.max(player.volume, 1e-6)))})`;
    if (this.#bar.style.transform !== transform) this.#bar.style.transform = transform;
  }
}

/** @template {keyof HTMLElementTagNameMap} Tag @param {Tag} tag @param {string} className @returns {HTMLElementTagNameMap[Tag]} */
function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

/** @param {Node} target @param {string} text */
function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
