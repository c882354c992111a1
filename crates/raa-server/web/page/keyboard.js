// Listens to keys, and does what keys.js says that they mean.
// Always: what concerns one computer acts on the row that was chosen last.

import { action } from './keys.js';

const STEP = 5;

export class Keyboard {
  #memory;
  #roster;
  #changes;
  #act;
  #move;

  /**
   * @param {{memory: import('./memory.js').Memory, roster: import('../list/roster.js').Roster, changes: import('../changes/changes.js').Changes,
   *   act: (what: string) => void, move: (by: -1 | 1, isRepeated: boolean) => void}} options
   */
  constructor({ memory, roster, changes, act, move }) {
    this.#memory = memory;
    this.#roster = roster;
    this.#changes = changes;
    this.#act = act;
    this.#move = move;
    addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest?.('dialog')) return;
    const row = target.closest?.('.row, .group') ?? null;
    if (event.altKey && row && ['ArrowUp', 'ArrowDown'].includes(event.key)) {
      event.preventDefault();
      this.#move(event.key === 'ArrowUp' ? -1 : 1, event.repeat);
      return;
    }
    const isField = target.matches?.('input:not([type=range], [type=checkbox]), select, textarea') ?? false;
    const isControl = target.matches?.('button, input, a, .scroll') ?? false;
    const wanted = action(event, { isField, isControl: isControl && !row, isInList: row !== null && !isField, singleKeys: this.#memory.singleKeys });
    if (wanted === null || (row && isControl && ['play', 'details'].includes(wanted))) return;
    event.preventDefault();
    if (!event.repeat || ['up', 'down', 'louder', 'softer'].includes(wanted)) this.#do(wanted);
  }

  /** @param {string} wanted */
  #do(wanted) {
    const here = this.#roster.here;
    if (wanted === 'up' || wanted === 'down' || wanted === 'first' || wanted === 'last' || wanted === 'next') this.#roster.go(wanted);
    else if (wanted === 'intoList') this.#roster.go('here');
    else if (wanted === 'mute') here && this.#changes.toggleMute(here);
    else if (wanted === 'louder') here && this.#changes.step(here, STEP);
    else if (wanted === 'softer') here && this.#changes.step(here, -STEP);
    else if (wanted === 'full') here && this.#changes.volume(here, 100);
    else this.#act(wanted);
  }
}
