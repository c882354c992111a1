// What a person changes for the whole room: sends it, shows it at once, and offers the way back.
//
// Always: the newest wish of a person counts, even while an older one is being sent; every change can be undone for six
// seconds here, and from the list of what happened for ever; a refused change is said in words, with the value that remains.

import { fieldsOf } from '../room/history.js';
import { ApiError, forgetClient, markSeen, patchClient, readLog, undoEntry } from '../server/api.js';
import { withAnswer } from '../server/feed.js';
import { isolated } from '../server/names.js';
import { Latest } from './latest.js';
import { refusal } from './refusal.js';

/** A slider that is being dragged sends at most four times a second, fewer than the server permits (changes_per_second). */
const VOLUME_INTERVAL_MS = 250;
/** How long the way back is offered. */
export const UNDO_MS = 6000;
/** A mute ends by itself after this time, unless the person says otherwise. */
const MUTE_S = 900;
/** What is shown before the server has answered. */
const WISHED = /** @type {const} */ (['muted', 'volume']);
/** The clocks of server and page, as the page knows it, differ by less than this. */
const CLOCKS_MS = 2000;

/** @typedef {{muted?: boolean, volume?: number}} Wish */
/** @typedef {{id: string} & Partial<Raa.ClientSettings>} Named a client, of which the name is known, or only the id */

export class Changes {
  #text;
  #notes;
  #history;
  #now;
  #onNews;
  #afterChange;
  /** @type {Map<string, Raa.ChangedClient>} the server's newest answer, by id */
  #answers = new Map();
  /** @type {Map<string, Wish>} what is being sent, by id */
  #wishes = new Map();
  /** @type {Map<string, Latest<Raa.ClientPatch>>} by id and field */
  #latest = new Map();
  /** @type {Map<string, Raa.Client>} */
  #clients = new Map();

  /**
   * @param {{text: Raa.Text, notes: import('../parts/notes.js').Notes, history: import('../room/history.js').History, now: () => number,
   *   onNews: () => void, afterChange: () => void}} options onNews: something looks different now
   */
  constructor({ text, notes, history, now, onNews, afterChange }) {
    this.#text = text;
    this.#notes = notes;
    this.#history = history;
    this.#now = now;
    this.#onNews = onNews;
    this.#afterChange = afterChange;
  }

  /** Returns the clients with what the person has just changed, if the events do not know it yet. @param {Raa.Client[]} clients */
  applied(clients) {
    this.#clients = new Map(clients.map((client) => [client.id, client]));
    return clients.map((client) => {
      const answer = this.#answers.get(client.id) ?? null;
      const wish = this.#wishes.get(client.id);
      const answered = answer ? withAnswer(client, answer) : client;
      if (answer && answered === client) this.#answers.delete(client.id);
      return wish ? { ...answered, ...wish } : answered;
    });
  }

  /**
   * Mutes a computer for everyone, or lets it be heard again.
   * @param {Raa.Computer} computer @param {boolean} muted @param {number | null} seconds null: until it is undone
   */
  mute(computer, muted, seconds = MUTE_S) {
    this.#wish(computer, 'muted', muted, muted && seconds !== null ? { muted, muted_for_s: seconds } : { muted }, 0);
  }

  /** Mutes or unmutes; what the person wished a moment ago counts, even before the page shows it. @param {Raa.Computer} computer */
  toggleMute(computer) {
    this.mute(computer, !this.#newest(computer, 'muted'));
  }

  /** Makes a computer louder or softer by steps. @param {Raa.Computer} computer @param {number} by */
  step(computer, by) {
    this.volume(computer, this.#newest(computer, 'volume') + by);
  }

  /** @template {'muted' | 'volume'} Field @param {Raa.Computer} computer @param {Field} field @returns {Raa.Computer[Field]} */
  #newest(computer, field) {
    return /** @type {Raa.Computer[Field] | undefined} */ (this.#wishes.get(computer.id)?.[field]) ?? computer[field];
  }

  /** @param {Raa.Computer} computer @param {number} volume */
  volume(computer, volume) {
    this.#wish(computer, 'volume', Math.min(200, Math.max(0, volume)), undefined, VOLUME_INTERVAL_MS);
  }

  /** Lets a computer be heard again, whatever silenced it: one change, with one way back. @param {Raa.Computer} computer */
  async hear(computer) {
    const change = { ...(computer.muted ? { muted: false } : {}), ...(computer.volume < 100 ? { volume: 100 } : {}) };
    if (Object.keys(change).length === 0) return;
    this.#wishes.set(computer.id, { ...this.#wishes.get(computer.id), ...change });
    this.#onNews();
    let answer = await this.#attempt(computer, change);
    // As Latest does for one field, if the server asks to wait.
    for (let again = 0; answer.waitMs > 0 && again < 3; again++) {
      await new Promise((next) => setTimeout(next, answer.waitMs));
      answer = await this.#attempt(computer, change);
    }
    this.#granted(computer.id, change, answer.isDone);
  }

  /** Sends a change of another field; returns whether it was taken. @param {Raa.Computer} computer @param {Raa.ClientPatch} change */
  async send(computer, change) {
    return (await this.#attempt(computer, change)).isDone;
  }

  /** @param {Raa.Computer} computer */
  forget(computer) {
    return this.#try(`client-${computer.id}`, () => forgetClient(computer.id), {}, computer.client);
  }

  /** Marks sounds as seen, for everyone. @param {{ids: number[]} | {until: number}} which */
  seen(which) {
    return this.#try('seen', () => markSeen(which), {}, null);
  }

  /**
   * Does something else for the room; says in words why it was refused. Returns whether it was done.
   * @param {string} key @param {() => Promise<unknown>} action
   */
  attempt(key, action) {
    return this.#try(key, action, {}, null);
  }

  /** Undoes an entry of the list of what happened. @param {Raa.Entry} entry */
  undo(entry) {
    return this.#try('undo', async () => {
      const answer = await undoEntry(entry.id);
      if (entry.client !== null) this.#answers.set(entry.client, answer);
      this.#onNews();
    }, {}, null);
  }

  /** @param {Raa.Computer} computer @param {'muted' | 'volume'} field @param {boolean | number} value @param {Raa.ClientPatch | undefined} change @param {number} intervalMs */
  #wish(computer, field, value, change, intervalMs) {
    const { id } = computer;
    this.#wishes.set(id, { ...this.#wishes.get(id), [field]: value });
    this.#onNews();
    const key = `${id} ${field}`;
    const latest = this.#latest.get(key) ?? new Latest((wanted) => this.#sendWish(id, field, wanted), intervalMs);
    this.#latest.set(key, latest);
    latest.give(change ?? { [field]: value });
  }

  /** @param {string} id @param {'muted' | 'volume'} field @param {Raa.ClientPatch} change */
  async #sendWish(id, field, change) {
    const client = this.#clients.get(id) ?? { id, name: '' };
    const { isDone, waitMs } = await this.#attempt({ id, client }, change);
    if (waitMs > 0) return waitMs;
    this.#granted(id, change, isDone);
    return 0;
  }

  /** Ends the wishes of a change; a newer wish is still to be sent. @param {string} id @param {Raa.ClientPatch} change */
  #granted(id, change, isDone = true) {
    const wish = { ...this.#wishes.get(id) };
    for (const field of WISHED) if (field in change && (!isDone || wish[field] === change[field])) delete wish[field];
    if (Object.keys(wish).length > 0) this.#wishes.set(id, wish);
    else this.#wishes.delete(id);
    this.#onNews();
  }

  /**
   * Returns whether a change was taken, and how long the server asks to wait.
   * @param {{id: string, client: Named}} computer @param {Raa.ClientPatch} change
   */
  async #attempt({ id, client }, change) {
    const sentAt = this.#now();
    let waitMs = 0;
    const isDone = await this.#try(`client-${id}`, async () => {
      this.#answers.set(id, await patchClient(id, change));
      this.#onNews();
      this.#offerUndo(client, change, sentAt);
      this.#afterChange();
    }, change, client, (error) => { waitMs = error.status === 429 ? error.retryAfterMs : 0; });
    return { isDone, waitMs };
  }

  /** @param {Named} client @param {Raa.ClientPatch} change @param {number} sentAt */
  #offerUndo(client, change, sentAt) {
    const [field] = /** @type {('muted' | 'volume' | 'name' | 'sounding_from_dbfs')[]} */ (Object.keys(change));
    if (!field) return;
    const words = this.#text(`did_${field}`, isolated(client), change[field], change.muted_for_s ? Math.round(change.muted_for_s / 60) : null);
    this.#notes.tell('undo', words, { ms: UNDO_MS, label: this.#text('undo'), act: () => this.#undoChange(client.id, change, sentAt - CLOCKS_MS) });
  }

  /** Undoes the entries of this change, and of no other one, be it of this desk or of another. @param {string} id @param {Raa.ClientPatch} change @param {number} sinceMs */
  async #undoChange(id, change, sinceMs) {
    let entries = this.#history.entriesOf(id, change, sinceMs);
    if (entries.length < fieldsOf(change).length) {
      const answer = await readLog({ client: id, limit: 20 }).catch(() => ({ entries: [] }));
      this.#history.add(answer.entries);
      entries = this.#history.entriesOf(id, change, sinceMs);
    }
    if (entries.length === 0) this.#notes.pass('undo', this.#text('notUndone'));
    for (const entry of entries) await this.undo(entry);
  }

  /** @param {string} key @param {() => Promise<unknown>} action @param {Raa.ClientPatch} change @param {Named | null} client @param {(error: ApiError) => void} [onError] */
  async #try(key, action, change, client, onError = () => {}) {
    try {
      await action();
      this.#notes.clear(key);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      onError(error);
      const words = refusal(error, change, client, this.#text);
      this.#notes.pass(key, client ? this.#text('refusedChange', isolated(client), words) : words);
      return false;
    }
  }
}
