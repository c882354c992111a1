// The band that says what this listener does not hear: a chip for each computer, or that everything is heard; and, in red,
// when the page itself is silent or a wall of the room is.
//
// Always: says that nothing is heard before the program has started (index.html); has its place even if there is nothing to
// say; while a pointer or the focus is in it, a chip that is over leaves its place empty, so that no button comes under the
// hand.

import { byId, icon, instance, make, setClass, setHidden, setText } from '../parts/dom.js';
import { Meter } from '../parts/meter.js';
import { OneStop } from '../parts/one-stop.js';
import { looks } from '../room/looks.js';
import { silenceOf, silentWalls } from '../room/room.js';
import { silenced, silencedWords } from '../room/silenced.js';
import { clockTime } from '../texts/time.js';

/** @typedef {{element: HTMLElement, parts: Raa.Parts['chip-template'], meter: Meter, computer: Raa.Computer}} Chip */

export class HeldBand {
  #room;
  #text;
  #element = byId('held');
  #title = make('b');
  #icon = icon('mute');
  #words = make('span', 'cut');
  #chips = make('span', 'chips');
  #walls = make('span', 'dumb-pages cut');
  /** @type {Map<string, Chip>} by id */
  #shown = new Map();
  #isHeld = false;
  #stop;

  /** @param {Raa.Room} room */
  constructor(room) {
    this.#room = room;
    this.#text = room.text;
    this.#walls.dataset.testid = 'silent-walls';
    this.#chips.setAttribute('role', 'list');
    this.#chips.setAttribute('aria-label', this.#text('notHeardBand'));
    this.#title.append(this.#icon, this.#words);
    this.#element.replaceChildren(this.#title, this.#chips, this.#walls);
    this.#stop = new OneStop(this.#chips, 'button');
    for (const event of ['pointerenter', 'focusin']) this.#element.addEventListener(event, () => { this.#isHeld = true; });
    for (const event of ['pointerleave', 'focusout']) this.#element.addEventListener(event, () => { this.#isHeld = false; });
  }

  /**
   * @param {Raa.Computer[]} computers
   * @param {Raa.PlayerState} player @param {Raa.WallRow[]} walls @param {number} nowMs
   */
  update(computers, player, walls, nowMs) {
    const list = silenced(computers);
    const silence = silenceOf(player.state);
    setClass(this.#element, 'dumb', silence !== null);
    setText(this.#words, silence ? `${this.#text('hearNothing')}: ${this.#text(silence, player.trouble)}` : list.length ? this.#text('notHeard', list.length) : this.#text('everythingHeard'));
    this.#title.title = silence ? player.trouble : '';
    this.#title.dataset.note = silence && player.trouble ? 'player' : '';
    this.#icon.toggleAttribute('hidden', !silence && list.length === 0);
    this.#update(list, nowMs);
    this.#showWalls(walls);
  }

  /** @param {string} id @param {Raa.Level} level */
  level(id, [rms, peak]) {
    this.#shown.get(id)?.meter.level(rms, peak);
  }

  /** @param {Raa.Computer[]} list @param {number} nowMs */
  #update(list, nowMs) {
    const ids = new Set(list.map(({ id }) => id));
    for (const [id, chip] of this.#shown) {
      if (ids.has(id)) continue;
      if (this.#isHeld && !chip.element.contains(document.activeElement)) chip.element.classList.add('gone');
      else this.#remove(id);
    }
    for (const computer of list) this.#show(computer, nowMs);
    this.#stop.update();
  }

  /** @param {string} id */
  #remove(id) {
    this.#shown.get(id)?.element.remove();
    this.#shown.delete(id);
  }

  /** @param {Raa.Computer} computer @param {number} nowMs */
  #show(computer, nowMs) {
    const chip = this.#shown.get(computer.id) ?? this.#add(computer);
    const { element, parts, meter } = chip;
    chip.computer = computer;
    element.classList.remove('gone');
    setClass(element, 'live', looks(computer).live);
    setText(parts.name, computer.title);
    setText(parts.words, silencedWords(computer, nowMs, this.#text, (at) => clockTime(at).slice(0, 5)));
    element.title = `${computer.title}: ${parts.words.textContent}`;
    parts.hear.setAttribute('aria-label', `${this.#text('hear')}: ${computer.label}`);
    if (!computer.isSounding) meter.level(-120, -120);
  }

  /** @param {Raa.Computer} computer */
  #add(computer) {
    const { element, parts } = instance('chip-template', this.#text);
    element.dataset.id = computer.id;
    element.setAttribute('role', 'listitem');
    element.classList.add('silenced');
    const chip = { element, parts, meter: new Meter(parts.rms, parts.peak, this.#room.meters), computer };
    parts.hear.addEventListener('click', () => this.#room.changes.hear(chip.computer));
    this.#chips.append(element);
    this.#shown.set(computer.id, chip);
    return chip;
  }

  /** @param {Raa.WallRow[]} walls */
  #showWalls(walls) {
    const silent = silentWalls(walls);
    const words = silent.map(({ name, state }) => this.#text(/** @type {Exclude<`wall_${typeof state}`, 'wall_playing'>} */ (`wall_${state}`), name)).join(' · ');
    setText(this.#walls, words);
    this.#walls.title = words;
    setHidden(this.#walls, silent.length === 0);
  }
}

