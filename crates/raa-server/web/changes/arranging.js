// Changes the room's groups at the server, one act after the other, and offers the way back.
//
// Always: an act is applied to the groups as the server has them now, and again if another desk was quicker, so nothing that
// another desk did is lost; an act that no longer fits says so in words and changes nothing.

import { make, move, newIn, remove, rename, reorder } from '../room/groups.js';
import { ApiError, readGroups, writeGroups } from '../server/api.js';
import { isolate } from '../server/names.js';
import { UNDO_MS } from './changes.js';

/** A deleted group can't be undone from the list of what happened, and is much work to make again. */
const UNDO_REMOVE_MS = 60_000;
/** How often another desk may be quicker. */
const ATTEMPTS = 6;
const PAUSE_MS = 60;

/** @typedef {{before: Raa.Group[], after: Raa.Group[]}} Done */

export class Arranging {
  #text;
  #notes;
  #changes;
  #computerOf;
  #afterChange;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();
  #waiting = 0;

  /**
   * @param {{text: Raa.Text, notes: import('../parts/notes.js').Notes, changes: import('./changes.js').Changes, afterChange: () => void,
   *   computerOf: (id: string) => Raa.Computer | undefined}} options
   */
  constructor({ text, notes, changes, afterChange, computerOf }) {
    this.#text = text;
    this.#notes = notes;
    this.#changes = changes;
    this.#afterChange = afterChange;
    this.#computerOf = computerOf;
  }

  /** Whether an act has not reached the server yet. */
  get isBusy() {
    return this.#waiting > 0;
  }

  /** Moves a computer. @param {string} id @param {import('../room/groups.js').Where} where */
  move(id, where) {
    return this.#do(move(id, where, (one) => this.#computerOf(one) !== undefined), ({ after }) => {
      const group = after.find(({ clients }) => clients.includes(id));
      return this.#text('did_move', this.#label(id), group ? isolate(group.name) : null, group ? group.clients.indexOf(id) + 1 : 0);
    });
  }

  /** Makes a group and returns its id, null if it could not be made. @param {string} name @param {string[]} [clients] */
  async make(name, clients = []) {
    const done = await this.#do(make(name, clients), () => this.#text('did_make', isolate(name)));
    return done ? newIn(done.after, done.before)?.id ?? null : null;
  }

  /** @param {number} id @param {string} name */
  rename(id, name) {
    return this.#do(rename(id, name), ({ before }) => this.#text('did_rename', isolate(nameIn(before, id)), isolate(name)));
  }

  /** @param {number} id */
  remove(id) {
    return this.#do(remove(id), ({ before }) => this.#text('did_remove', isolate(nameIn(before, id))), { key: 'undo-group', ms: UNDO_REMOVE_MS });
  }

  /** Moves a group. @param {number} id @param {{by?: -1 | 1, to?: number | null}} where */
  reorder(id, where) {
    return this.#do(reorder(id, where), ({ after }) => this.#text('did_reorder', isolate(nameIn(after, id)), after.findIndex((group) => group.id === id) + 1));
  }

  /** @param {string} id */
  #label(id) {
    return this.#computerOf(id)?.label ?? id;
  }

  /**
   * Returns the groups before and after an act, or null if it was not done.
   * @param {import('../room/groups.js').Act} act @param {(done: Done) => string} words @param {{key: string, ms: number}} [note]
   */
  async #do(act, words, { key, ms } = { key: 'undo', ms: UNDO_MS }) {
    const done = await this.#inTurn(() => this.#write(act.change));
    if (!done || same(done.before, done.after)) return done;
    const undo = () => this.#inTurn(() => this.#write(act.back(done.before, done.after)));
    this.#notes.tell(key, words(done), { ms, label: this.#text('undo'), act: undo });
    this.#afterChange();
    return /** @type {Done | null} */ (done);
  }

  /** @param {() => Promise<Done | null>} action */
  #inTurn(action) {
    this.#waiting += 1;
    const turn = this.#last.then(action).finally(() => { this.#waiting -= 1; });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** @param {import('../room/groups.js').Change} change */
  async #write(change) {
    /** @type {Done | null} */
    let done = null;
    await this.#changes.attempt('groups', async () => { done = await this.#applied(change); });
    return done;
  }

  /** @param {import('../room/groups.js').Change} change */
  async #applied(change) {
    for (let attempt = 1; ; attempt++) {
      const { revision, groups } = await readGroups();
      const wanted = change(groups);
      if (wanted === null) {
        this.#notes.pass('undo', this.#text('groupsChanged'));
        return null;
      }
      try {
        const { groups: after } = await writeGroups({ revision, groups: this.#known(wanted, groups) });
        return { before: groups, after };
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'changed_since' || attempt >= ATTEMPTS) throw error;
        await new Promise((next) => setTimeout(next, Math.random() * PAUSE_MS));
      }
    }
  }

  /**
   * The server gives no new place to a computer that it does not know.
   * @param {Raa.GroupPut[]} wanted @param {Raa.Group[]} now
   */
  #known(wanted, now) {
    const placed = new Set(now.flatMap(({ clients }) => clients));
    return wanted.map((group) => ({ ...group, clients: group.clients.filter((id) => placed.has(id) || this.#computerOf(id)) }));
  }
}

/** @param {Raa.Group[]} groups @param {number} id */
const nameIn = (groups, id) => groups.find((group) => group.id === id)?.name ?? '';
/** @param {Raa.Group[]} a @param {Raa.Group[]} b */
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
