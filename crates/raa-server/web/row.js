// One client's row: made once, then updated in place.
//
// Always: a person's input has priority over the server's state (a slider that is being dragged and a
// name that is being typed are not overwritten); names are text and never HTML; an update without news
// changes nothing in the page; a row has the same height whatever it shows, unless a person opens it.

import { ApiError, forgetClient, patchClient, readClient } from './api.js';
import { Details } from './details.js';
import { setAttribute, setHidden, setText } from './dom.js';
import { Fader } from './fader.js';
import { withAnswer } from './feed.js';
import { Latest } from './latest.js';
import { Meter } from './meter.js';
import { PeakHold, condition, notice } from './model.js';
import { checkName, cleanName, isolated, title } from './names.js';
import { refusal } from './refusal.js';

/** A slider that is being dragged sends at most four times a second, fewer than the server permits (changes_per_second). */
const VOLUME_INTERVAL_MS = 250;
/** From this peak on the sound is probably distorted at its source. */
const HOT_DBFS = -0.5;

const template = document.getElementById('row-template');
/** Part of a row only while its name is typed: browsers walk through all forms of a page whenever a row is added or removed. */
const namingTemplate = document.getElementById('naming-template');

export class Row {
  #text;
  #notes;
  #client = null;
  #answer = null; // the server's newest answer to a change
  #parts = {};
  #volume;
  #mute;
  #waitMs = 0; // what the server asked for at the last change
  #meter;
  #peakHold = new PeakHold();
  #isHot = false;
  #naming = null; // { form, input } while a name is typed
  #typedAt = -Infinity;
  #fader;
  #details = null;
  #label = '';
  /** Whether the row has had a place in the order; until then it may be shown below all others. */
  wasPlaced = false;

  /** @param {(key: string, ...values: any[]) => string} text @param {import('./notes.js').Notes} notes */
  constructor(text, notes) {
    this.#text = text;
    this.#notes = notes;
    this.element = template.content.firstElementChild.cloneNode(true);
    for (const part of this.element.querySelectorAll('[data-part]')) this.#parts[part.dataset.part] = part;
    this.#meter = new Meter(this.#parts.rms, this.#parts.peak);
    this.#fader = new Fader(this.#parts.fader, this.#parts.volume);
    this.#volume = new Latest((volume) => this.#sendLatest({ volume }), VOLUME_INTERVAL_MS);
    this.#mute = new Latest((muted) => this.#sendLatest({ muted }), 0);
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

  /** Shows a client as the events have it, or with its newest change if they do not know that yet. */
  update(newest) {
    const client = withAnswer(newest, this.#answer);
    this.#client = client;
    const { condition: conditionLine, notice: noticeLine, scale, meter, name, id } = this.#parts;
    const { text: words, quality } = condition(client, this.#text);
    setAttribute(this.element, 'data-id', client.id);
    setAttribute(this.element, 'data-status', client.status);
    setAttribute(this.element, 'data-quality', quality);
    setText(conditionLine, words);
    const problem = notice(client, this.#text);
    setText(noticeLine, problem);
    setAttribute(noticeLine, 'title', problem);
    setHidden(noticeLine, !problem);
    setHidden(scale, Boolean(problem));
    setText(name, title(client));
    setText(id, client.id);
    if (!this.#mute.isBusy) this.#showMuted(client.muted);
    if (!this.#isDragging) this.#showVolume(client.volume);
    this.#nameControls(isolated(client));
    if (client.status !== 'sounding') this.level(null);
    setAttribute(meter, 'aria-valuenow', String(Math.round(Math.max(-60, client.rms_dbfs))));
    if (this.#details?.isOpen) this.#details.show(client);
  }

  /** The server no longer knows the client: nothing can be done here until the row leaves with the next arrangement. */
  retire() {
    this.element.inert = true;
    this.element.classList.add('gone');
    this.#details?.stop();
    this.level(null);
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
    return this.#volume.isBusy || this.#fader.isDragging;
  }

  #listen() {
    const { volume, fader, mute, rename, more } = this.#parts;
    volume.addEventListener('input', () => {
      setText(this.#parts.percent, `${volume.value} %`);
      this.#volume.give(Number(volume.value));
    });
    fader.addEventListener('dblclick', () => {
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
    more.addEventListener('click', () => this.#toggleDetails());
  }

  #toggleDetails() {
    const { details, more } = this.#parts;
    this.#details ??= new Details(details, {
      text: this.#text,
      read: () => this.#readFigures(),
      send: (change) => this.#send(change),
      forget: () => this.#attempt(() => forgetClient(this.#client.id)),
    });
    if (this.#details.isOpen) this.#details.close();
    else this.#details.open(this.#client);
    more.setAttribute('aria-expanded', String(this.#details.isOpen));
  }

  #edit(isEdited) {
    this.#clearError();
    if (isEdited) this.#beginNaming();
    else this.#endNaming();
  }

  #beginNaming() {
    const form = namingTemplate.content.firstElementChild.cloneNode(true);
    const [input] = form.elements;
    this.#naming = { form, input };
    this.#listenToNaming();
    this.#typedAt = performance.now();
    input.value = cleanName(this.#client.name);
    input.placeholder = this.#text('ownName'); // an empty name restores it
    input.setAttribute('aria-label', this.#text('nameOf', isolated(this.#client)));
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
      if (this.#naming?.input === input && input.value.trim() === cleanName(this.#client.name)) this.#edit(false);
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
    const typed = this.#naming.input.value.trim();
    const name = cleanName(typed);
    if (typed === cleanName(this.#client.name)) this.#edit(false);
    else if (typed && !checkName(typed)) this.#showError(this.#text('nameRule'));
    else if (await this.#send({ name: name || null })) this.#edit(false);
  }

  /** Sends a change; the row then shows the server's answer, or why it was refused and which value remains. */
  #send(change) {
    return this.#attempt(async () => {
      this.#answer = await patchClient(this.#client.id, change);
      this.update(this.#client);
    }, change);
  }

  /** Returns all figures of the client, or null if the server does not answer. */
  async #readFigures() {
    try {
      return await readClient(this.#client.id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return null;
    }
  }

  /** Sends a change that only counts with its newest value; gives the time to wait if the server limits changes. */
  async #sendLatest(change) {
    this.#waitMs = 0;
    await this.#send(change);
    return this.#waitMs;
  }

  async #attempt(action, change = {}) {
    try {
      await action();
      this.#clearError();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 429) this.#waitMs = error.retryAfterMs;
      this.#showError(refusal(error, change, this.#client, this.#text));
      if (!this.#fader.isDragging) this.#showVolume(this.#client.volume);
      this.#showMuted(this.#client.muted);
      return false;
    }
  }

  #showError(message) {
    this.#notes.pass(`client-${this.#client.id}`, this.#text('refusedChange', isolated(this.#client), message));
  }

  #clearError() {
    this.#notes.clear(`client-${this.#client.id}`);
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

  #nameControls(name) {
    if (this.#label === name) return;
    const labels = { volume: 'volumeOf', meter: 'levelOf', mute: 'muteOf', rename: 'rename', more: 'details' };
    for (const [part, key] of Object.entries(labels)) this.#parts[part].setAttribute('aria-label', this.#text(key, name));
    for (const part of ['mute', 'rename', 'more']) this.#parts[part].title = this.#text(labels[part], name);
    this.#label = name;
  }
}
