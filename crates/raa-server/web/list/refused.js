// The senders whose packets the server refuses at the moment, each with the reason and what helps.
// Always: below everything else, so that it moves no row; shows what comes from the network as text and in isolation.

import { setHidden, setText } from '../parts/dom.js';
import { known } from '../room/figures.js';
import { ago } from '../texts/time.js';

export class Refused {
  #text;
  #section = document.createElement('section');
  #list = document.createElement('div');

  /** @param {HTMLElement} parent @param {Raa.Text} text */
  constructor(parent, text) {
    this.#text = text;
    const heading = document.createElement('h2');
    heading.className = 'refused-head';
    heading.textContent = text('group_refused');
    this.#section.dataset.section = 'refused';
    this.#section.hidden = true;
    this.#section.append(heading, this.#list);
    parent.append(this.#section);
  }

  /** @param {Raa.RefusedSender[]} [senders] as /api/status lists them; servers before this field list none */
  show(senders = []) {
    setHidden(this.#section, senders.length === 0);
    while (this.#list.children.length > senders.length) this.#list.lastElementChild?.remove();
    while (this.#list.children.length < senders.length) this.#list.append(newLine());
    senders.forEach((sender, i) => {
      const [address, facts, advice] = this.#list.children[i].children;
      setText(address, sender.address);
      setText(facts, this.#facts(sender));
      setText(advice, advise(sender, this.#text));
    });
  }

  /** @param {Raa.RefusedSender} sender */
  #facts({ packets, since_ms_ago: since, last_ms_ago: last }) {
    return [this.#text('refusedPackets', packets), this.#text('refusedSince', ago(since, this.#text)), this.#text('refusedLast', ago(last, this.#text))].join(' · ');
  }
}

/**
 * Returns what is wrong with a refused sender and what helps.
 * @param {Pick<Raa.RefusedSender, 'reason' | 'payload_type'>} sender @param {Raa.Text} text
 */
export function advise({ reason, payload_type: payloadType }, text) {
  return text(known(text, 'refused', reason), payloadType, reason);
}

function newLine() {
  const line = document.createElement('div');
  line.className = 'refused';
  line.dataset.testid = 'refused';
  line.append(document.createElement('bdi'), document.createElement('small'), document.createElement('p'));
  return line;
}
