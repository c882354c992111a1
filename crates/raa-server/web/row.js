// One client's row: made once, then updated in place.
//
// Always: a person's hand goes before the server's word (a slider that is being dragged and a name
// that is being typed are not overwritten); names are text and never HTML.

import { ApiError, forgetClient, patchClient } from './api.js';
import { Latest } from './latest.js';
import { ago, checkName, condition, losingPercent, meterShare, title } from './model.js';

/** A dragged slider sends at most ten times a second. */
const VOLUME_INTERVAL_MS = 100;
/** Over how long the loss that a row shows is measured. */
const LOSS_WINDOW_MS = 10000;

const template = document.getElementById('row-template');

export class Row {
  #text;
  #client = null;
  #parts = {};
  #volume;
  #losses = []; // { at, stats }
  #losing = null;

  constructor(text) {
    this.#text = text;
    this.element = template.content.firstElementChild.cloneNode(true);
    for (const part of this.element.querySelectorAll('[data-part]')) this.#parts[part.dataset.part] = part;
    for (const label of this.element.querySelectorAll('[data-text]')) label.textContent = text(label.dataset.text);
    this.#volume = new Latest((volume) => this.#send({ volume }), VOLUME_INTERVAL_MS);
    this.#listen();
  }

  get client() {
    return this.#client;
  }

  /** Whether a person is busy here, so that the row should stay where it is. */
  get isHeld() {
    const { element } = this;
    return this.#volume.isBusy || element.matches(':hover:has(:active)') || !this.#parts.form.hidden
      || element.querySelector('input[type=range]:active') !== null;
  }

  /** Shows a client as the server has it. */
  update(client) {
    this.#client = client;
    const { element } = this;
    const name = title(client);
    this.#followLoss(client.stats);
    element.dataset.id = client.id;
    element.dataset.status = client.status;
    element.classList.toggle('muted', client.muted);
    const { text: words, isPoor } = condition(client, this.#losing, this.#text);
    element.classList.toggle('poor', isPoor);
    setText(this.#parts.condition, words);
    setText(this.#parts.name, name);
    setText(this.#parts.id, client.id);
    this.#parts.mute.setAttribute('aria-pressed', String(client.muted));
    if (!this.#isDragging) this.#showVolume(client.volume);
    this.#label(name);
    this.level(client.status === 'offline' ? null : [client.level.rms_dbfs, client.level.peak_dbfs]);
    this.#parts.forget.hidden = client.status !== 'offline';
    if (!this.#parts.details.hidden) this.#showDetails();
  }

  /** Shows a level: [rms, peak] in dBFS, or null for silence. */
  level(level) {
    const [rms, peak] = level ?? [-120, -120];
    this.#parts.rms.style.transform = `scaleX(${meterShare(rms).toFixed(3)})`;
    this.#parts.peak.style.transform = `translateX(${(100 * meterShare(peak)).toFixed(1)}%)`;
    this.#parts.peak.hidden = meterShare(peak) === 0;
    this.#parts.meter.setAttribute('aria-valuenow', String(Math.round(Math.max(-60, rms))));
  }

  get #isDragging() {
    return this.#volume.isBusy || this.#parts.volume.matches(':active');
  }

  #listen() {
    const { volume, mute, rename, form, input, more, details, forget, sure, yes, no } = this.#parts;
    volume.addEventListener('input', () => {
      setText(this.#parts.percent, `${volume.value} %`);
      this.#volume.give(Number(volume.value));
    });
    volume.addEventListener('dblclick', () => {
      volume.value = 100;
      volume.dispatchEvent(new Event('input'));
    });
    mute.addEventListener('click', () => this.#send({ muted: !this.#client.muted }));
    rename.addEventListener('click', () => this.#edit(true));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#saveName();
    });
    input.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.#edit(false);
      event.stopPropagation(); // space and letters are text here
    });
    input.addEventListener('blur', () => {
      // Leaving the field without a change is no wish; with one, the name is kept as typed.
      if (!form.hidden && input.value.trim() === this.#client.name) this.#edit(false);
    });
    more.addEventListener('click', () => {
      details.hidden = !details.hidden;
      more.setAttribute('aria-expanded', String(!details.hidden));
      this.#showDetails();
    });
    const ask = (isAsked) => {
      forget.disabled = isAsked;
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
    const { form, input, rename, error } = this.#parts;
    form.hidden = !isEdited;
    rename.hidden = isEdited;
    error.hidden = true;
    if (isEdited) {
      input.value = this.#client.name;
      input.focus();
      input.select();
    } else {
      rename.focus();
    }
  }

  async #saveName() {
    const name = this.#parts.input.value.trim();
    if (name === this.#client.name) this.#edit(false);
    else if (!checkName(name)) this.#showError(this.#text('nameRule'));
    else if (await this.#send({ name })) this.#edit(false);
  }

  /** Sends a change; the row shows what the server answers, or why it refused. */
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
      this.#showVolume(this.#client.volume);
      return false;
    }
  }

  #showError(message) {
    setText(this.#parts.error, message);
    this.#parts.error.hidden = false;
  }

  #showVolume(volume) {
    this.#parts.volume.value = volume;
    setText(this.#parts.percent, `${volume} %`);
  }

  #label(name) {
    const labels = { volume: 'volumeOf', meter: 'levelOf', mute: 'muteOf', rename: 'rename', input: 'nameOf', more: 'details' };
    if (this.#parts.volume.dataset.labelled === name) return;
    for (const [part, key] of Object.entries(labels)) this.#parts[part].setAttribute('aria-label', this.#text(key, name));
    this.#parts.mute.title = this.#text('muteOf', name);
    this.#parts.rename.title = this.#text('rename', name);
    this.#parts.more.title = this.#text('details', name);
    this.#parts.volume.dataset.labelled = name;
  }

  #followLoss(stats) {
    const at = performance.now();
    while (this.#losses.length > 1 && this.#losses[1].at < at - LOSS_WINDOW_MS) this.#losses.shift();
    this.#losing = losingPercent(this.#losses[0]?.stats, stats);
    if (at - (this.#losses.at(-1)?.at ?? -Infinity) > 900) this.#losses.push({ at, stats });
  }

  #showDetails() {
    const { address, stats, last_packet_ms_ago: lastPacket } = this.#client;
    const text = this.#text;
    const counted = (key) => `${stats[key].toLocaleString()} ${text(key)}`;
    const facts = [
      [text('address'), address ?? (this.#client.status === 'offline' ? '–' : text('builtIn'))],
      [text('received'), `${stats.received.toLocaleString()} · ${['lost', 'late', 'reordered', 'duplicate'].map(counted).join(' · ')}`],
      [text('concealed'), stats.concealed.toLocaleString()],
      [text('delayOf'), `${stats.delay_ms.toFixed(0)} ms`],
      [text('jitter'), `${stats.jitter_ms.toFixed(1)} ms`],
      [text('lastPacket'), ago(lastPacket, text)],
    ];
    const { facts: list } = this.#parts;
    if (list.children.length === 0) {
      for (const _ of facts) list.append(document.createElement('dt'), document.createElement('dd'));
    }
    facts.flat().forEach((words, i) => setText(list.children[i], words));
  }
}

/** Unchanged text is not written again: it would cost a layout. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
