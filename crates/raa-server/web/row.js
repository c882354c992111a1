// One client's row: made once, then updated in place.
//
// Always: a person's input has priority over the server's state (a slider that is being dragged and a
// name that is being typed are not overwritten); names are text and never HTML; an update without news
// changes nothing in the page.

import { ApiError, forgetClient, patchClient } from './api.js';
import { setAttribute, setHidden, setText } from './dom.js';
import { Latest } from './latest.js';
import { Meter } from './meter.js';
import { PeakHold, checkName, condition, facts, notice, title } from './model.js';

/** A slider that is being dragged sends at most ten times a second. */
const VOLUME_INTERVAL_MS = 100;
/** How long an error stays visible. */
const ERROR_SHOWN_MS = 8000;
/** From this peak on the sound is probably distorted at its source. */
const HOT_DBFS = -0.5;

const template = document.getElementById('row-template');
/** Part of a row only while its name is typed: browsers walk through all forms of a page whenever a row is added or removed. */
const namingTemplate = document.getElementById('naming-template');

export class Row {
  #text;
  #client = null;
  #parts = {};
  #volume;
  #mute;
  #meter;
  #peakHold = new PeakHold();
  #isHot = false;
  #naming = null; // { form, input } while a name is typed
  #typedAt = -Infinity;
  #errorTimer = 0;

  constructor(text) {
    this.#text = text;
    this.element = template.content.firstElementChild.cloneNode(true);
    for (const part of this.element.querySelectorAll('[data-part]')) this.#parts[part.dataset.part] = part;
    for (const label of this.element.querySelectorAll('[data-text]')) label.textContent = text(label.dataset.text);
    this.#meter = new Meter(this.#parts.rms, this.#parts.peak);
    this.#volume = new Latest((volume) => this.#send({ volume }), VOLUME_INTERVAL_MS);
    this.#mute = new Latest((muted) => this.#send({ muted }), 0);
    this.#listen();
  }

  get client() {
    return this.#client;
  }

  /** Whether a change is being sent to the server. */
  get isChanging() {
    return this.#volume.isBusy || this.#mute.isBusy;
  }

  /** Time since a key was last typed into the name; infinity while no name is being typed. */
  get typedMsAgo() {
    return this.#naming ? performance.now() - this.#typedAt : Infinity;
  }

  /** Shows a client as the server has it. */
  update(client) {
    this.#client = client;
    const { condition: conditionLine, notice: noticeLine, meter, name, id, offline, details } = this.#parts;
    const { text: words, quality } = condition(client, this.#text);
    setAttribute(this.element, 'data-id', client.id);
    setAttribute(this.element, 'data-status', client.status);
    setAttribute(this.element, 'data-quality', quality);
    setText(conditionLine, words);
    const problem = notice(client, this.#text);
    setText(noticeLine, problem);
    setHidden(noticeLine, !problem);
    setText(name, title(client));
    setText(id, client.id);
    if (!this.#mute.isBusy) this.#showMuted(client.muted);
    if (!this.#isDragging) this.#showVolume(client.volume);
    this.#label(title(client));
    const level = client.status === 'offline' ? -120 : client.level.rms_dbfs;
    if (client.status !== 'sounding') this.level(null);
    setAttribute(meter, 'aria-valuenow', String(Math.round(Math.max(-60, level))));
    setHidden(offline, client.status !== 'offline');
    if (!details.hidden) this.#showDetails();
  }

  /** Shows a level: [rms, peak] in dBFS, or null for silence. */
  level(level) {
    const [rms, peak] = level ?? [-120, -120];
    this.#meter.show(rms, this.#peakHold.next(performance.now(), peak));
    const isHot = peak >= HOT_DBFS;
    if (isHot !== this.#isHot) this.#parts.meter.classList.toggle('hot', isHot);
    this.#isHot = isHot;
  }

  get #isDragging() {
    return this.#volume.isBusy || this.#parts.volume.matches(':active');
  }

  #listen() {
    const { volume, mute, rename, more, details, forget, sure, yes, no } = this.#parts;
    volume.addEventListener('input', () => {
      setText(this.#parts.percent, `${volume.value} %`);
      this.#volume.give(Number(volume.value));
    });
    volume.addEventListener('dblclick', () => {
      volume.value = 100;
      volume.dispatchEvent(new Event('input'));
    });
    mute.addEventListener('click', () => {
      // The state that the button shows counts, even while an earlier click is being sent.
      const muted = mute.getAttribute('aria-pressed') !== 'true';
      this.#showMuted(muted);
      this.#mute.give(muted);
    });
    rename.addEventListener('click', () => this.#edit(true));
    more.addEventListener('click', () => {
      details.hidden = !details.hidden;
      more.setAttribute('aria-expanded', String(!details.hidden));
      this.#showDetails();
    });
    const ask = (isAsked) => {
      forget.hidden = isAsked;
      sure.hidden = !isAsked;
      (isAsked ? yes : forget).focus();
    };
    forget.addEventListener('click', () => ask(true));
    no.addEventListener('click', () => ask(false));
    yes.addEventListener('click', async () => {
      await this.#attempt(() => forgetClient(this.#client.id));
      ask(false);
    });
  }

  #edit(isEdited) {
    this.#parts.error.hidden = true;
    if (isEdited) this.#beginNaming();
    else this.#endNaming();
  }

  #beginNaming() {
    const form = namingTemplate.content.firstElementChild.cloneNode(true);
    const [input] = form.elements;
    this.#naming = { form, input };
    this.#listenToNaming();
    this.#typedAt = performance.now();
    input.value = this.#client.name;
    input.placeholder = this.#text('ownName'); // an empty name restores it
    input.setAttribute('aria-label', this.#text('nameOf', title(this.#client)));
    this.#parts.rename.after(form);
    this.#parts.rename.hidden = true;
    input.focus();
    input.select();
  }

  #listenToNaming() {
    const { form, input } = this.#naming;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#saveName();
    });
    input.addEventListener('keydown', (event) => {
      this.#typedAt = performance.now();
      // While an input method composes (as for Japanese), Escape belongs to it.
      if (event.key === 'Escape' && !event.isComposing) this.#edit(false);
    });
    input.addEventListener('blur', () => {
      // Leaving an unchanged field ends the editing; a changed one keeps what was typed.
      if (this.#naming?.input === input && input.value.trim() === this.#client.name) this.#edit(false);
    });
  }

  #endNaming() {
    if (!this.#naming) return; // it was left while the change was being sent
    const { form, input } = this.#naming;
    const hadFocus = document.activeElement === input;
    this.#naming = null;
    form.remove();
    this.#parts.rename.hidden = false;
    if (hadFocus) this.#parts.rename.focus(); // the focus stays elsewhere if the person has moved on
  }

  async #saveName() {
    const name = this.#naming.input.value.trim();
    if (name === this.#client.name) this.#edit(false);
    else if (name && !checkName(name)) this.#showError(this.#text('nameRule'));
    else if (await this.#send({ name: name || null })) this.#edit(false);
  }

  /** Sends a change; the row then shows the server's answer or its error. */
  async #send(change) {
    return this.#attempt(async () => this.update(await patchClient(this.#client.id, change)));
  }

  async #attempt(action) {
    try {
      await action();
      this.#parts.error.hidden = true;
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#showError(error.message || this.#text('notReached'));
      if (!this.#parts.volume.matches(':active')) this.#showVolume(this.#client.volume);
      this.#showMuted(this.#client.muted);
      return false;
    }
  }

  #showError(message) {
    setText(this.#parts.error, message);
    this.#parts.error.hidden = false;
    clearTimeout(this.#errorTimer);
    this.#errorTimer = setTimeout(() => { this.#parts.error.hidden ||= !this.#naming; }, ERROR_SHOWN_MS);
  }

  #showMuted(muted) {
    if (this.element.classList.contains('muted') !== muted) this.element.classList.toggle('muted', muted);
    setAttribute(this.#parts.mute, 'aria-pressed', String(muted));
  }

  #showVolume(volume) {
    const { volume: slider } = this.#parts;
    if (Number(slider.value) !== volume) slider.value = volume;
    setText(this.#parts.percent, `${volume} %`);
  }

  #label(name) {
    const labels = { volume: 'volumeOf', meter: 'levelOf', mute: 'muteOf', rename: 'rename', more: 'details' };
    if (this.#parts.volume.dataset.labelled === name) return;
    for (const [part, key] of Object.entries(labels)) this.#parts[part].setAttribute('aria-label', this.#text(key, name));
    this.#parts.mute.title = this.#text('muteOf', name);
    this.#parts.rename.title = this.#text('rename', name);
    this.#parts.more.title = this.#text('details', name);
    this.#parts.volume.dataset.labelled = name;
  }

  #showDetails() {
    const pairs = facts(this.#client, this.#text);
    const { facts: list } = this.#parts;
    if (list.children.length === 0) {
      for (const _ of pairs) list.append(document.createElement('dt'), document.createElement('dd'));
    }
    pairs.flat().forEach((words, i) => setText(list.children[i], words));
  }
}

