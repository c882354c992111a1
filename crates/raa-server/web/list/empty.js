// What an empty room shows: how to add the first computer, with the server's address to copy.
//
// Always: the address is the one that this page was opened with, and a doubtful one has a warning; copying works without
// https too.

import { byId, setHidden, setText } from '../parts/dom.js';
import { isUnused } from '../room/room.js';
import { clientCommand, commandDoubt } from '../server/address.js';

export class Empty {
  #text;
  #notes;

  /** @param {Raa.Text} text @param {import('../parts/notes.js').Notes} notes */
  constructor(text, notes) {
    this.#text = text;
    this.#notes = notes;
    byId('copy').addEventListener('click', () => this.#copy());
  }

  /** @param {Raa.Computer[]} computers @param {number | undefined} udpPort of the server */
  update(computers, udpPort) {
    setHidden(byId('empty'), !isUnused(computers));
    const command = clientCommand(location, udpPort);
    setText(byId('command'), command);
    setText(byId('address'), (command.split(' ').at(-1) ?? '').replaceAll("'", ''));
    const doubt = commandDoubt(location);
    setHidden(byId('doubt'), doubt === null);
    setText(byId('doubt'), this.#text(`doubt_${doubt}`) ?? '');
  }

  async #copy() {
    const words = byId('address').textContent;
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      // Without https the clipboard is closed: the selection can be copied by the older way, or by hand.
      getSelection()?.selectAllChildren(byId('address'));
      if (!document.execCommand('copy')) {
        this.#notes.tell('copied', this.#text('copyByHand'), { ms: 6000 });
        return;
      }
    }
    this.#notes.tell('copied', this.#text('copied', words), { ms: 3000 });
  }
}
