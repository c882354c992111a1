// The panel of one group: its name, its place among the groups, the computers in it, and the button that deletes it. With no
// group yet it asks for the name of a new one.
//
// Always: a name that is being typed is not overwritten; a tick shows what the person wished until the server knows it.

import { make, setAttribute, setHidden, setText } from '../parts/dom.js';
import { byName } from '../room/order.js';
import { checkName, cleanName } from '../server/names.js';
import { Drawer } from './drawer.js';

/** @typedef {{label: HTMLElement, box: HTMLInputElement, name: HTMLElement, where: HTMLElement}} Tick */

/** @extends {Drawer<'group-panel-template'>} */
export class GroupPanel extends Drawer {
  /** @type {number | null} of the group; null while a new one has no name yet */
  #id = null;
  /** @type {Raa.GroupRow | null} */
  #group = null;
  /** @type {Map<string, Tick>} by id of a computer */
  #ticks = new Map();
  #listed = ''; // the computers that have a tick, in their order
  #isMaking = false;

  /** @param {Raa.Room} room */
  constructor(room) {
    super(room, 'group-panel-template');
  }

  /** @param {number | null} id null: a new group @param {Raa.Computer[]} computers @param {{groups?: {id: number, name: string}[]}} server */
  open(id, computers, server) {
    this.show(String(id ?? ''));
    [this.#id, this.#group, this.#listed] = [id, null, ''];
    this.#ticks.clear();
    this.#listen();
    this.update(computers, server);
    (id === null ? this.parts.input : this.parts.close).focus();
  }

  /** @param {Raa.Computer[]} computers @param {{groups?: {id: number, name: string}[]}} server */
  update(computers, server) {
    const { element } = this;
    if (!element) return;
    const groups = server.groups ?? [];
    const group = groups.find(({ id }) => id === this.#id) ?? null;
    // Another desk has deleted it. Until the events know a new group, there is none.
    if (!group && this.#group) {
      this.close();
      return;
    }
    const { title, input, actions, members, up, down } = this.parts;
    if (group && this.#group?.name !== group.name && document.activeElement !== input) input.value = cleanName(group.name);
    this.#group = group;
    const words = group ? cleanName(group.name) : this.text('newGroup');
    setText(title, words);
    setAttribute(element, 'aria-label', words);
    setHidden(actions, !group);
    setHidden(members, !group);
    up.disabled = group === groups[0];
    down.disabled = group === groups.at(-1);
    if (group) this.#showMembers(computers, groups);
  }

  /** @param {Raa.Computer[]} computers @param {Raa.GroupRow[]} groups */
  #showMembers(computers, groups) {
    const list = [...computers].sort(byName);
    const listed = list.map(({ id }) => id).join();
    if (listed !== this.#listed) this.#list(list, listed);
    for (const computer of list) {
      const { box, name, where } = this.#tickOf(computer.id);
      setText(name, computer.title);
      const other = computer.group === this.#id ? null : groups.find(({ id }) => id === computer.group);
      setText(where, other ? cleanName(other.name) : '');
      if (!this.room.groups.isBusy) box.checked = computer.group === this.#id;
    }
  }

  /** @param {Raa.Computer[]} list @param {string} listed */
  #list(list, listed) {
    this.#listed = listed;
    const focused = document.activeElement;
    const { members } = this.parts;
    const [legend] = members.children;
    members.replaceChildren(...(legend ? [legend] : []), ...list.map(({ id }) => this.#tickOf(id).label));
    if (focused instanceof HTMLElement && members.contains(focused)) focused.focus({ preventScroll: true });
  }

  /** @param {string} id */
  #tickOf(id) {
    const tick = this.#ticks.get(id) ?? this.#newTick(id);
    this.#ticks.set(id, tick);
    return tick;
  }

  /** @param {string} id @returns {Tick} */
  #newTick(id) {
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.dataset.id = id;
    box.addEventListener('change', () => this.room.groups.move(id, { to: box.checked ? this.#id : null }));
    const [name, where] = [make('bdi', 'cut'), make('small', 'cut')];
    return { label: make('label', 'line', box, name, where), box, name, where };
  }

  #listen() {
    const { naming, input, up, down, remove } = this.parts;
    const { groups } = this.room;
    naming.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#keep(input.value);
    });
    const act = (/** @type {(id: number) => void} */ run) => () => { if (this.#id !== null) run(this.#id); };
    up.addEventListener('click', act((id) => groups.reorder(id, { by: -1 })));
    down.addEventListener('click', act((id) => groups.reorder(id, { by: 1 })));
    remove.addEventListener('click', act((id) => groups.remove(id)));
  }

  /** @param {string} typed */
  async #keep(typed) {
    const { groups, notes } = this.room;
    if (!checkName(typed)) {
      notes.pass('groups', this.text('nameRule'));
      return;
    }
    const name = cleanName(typed);
    if (this.#id !== null) {
      if (name !== cleanName(this.#group?.name ?? '')) await groups.rename(this.#id, name);
      return;
    }
    if (this.#isMaking) return; // a second press of Enter
    const { element } = this;
    this.#isMaking = true;
    const id = await groups.make(name);
    this.#isMaking = false;
    if (element === null || this.element !== element || id === null) return;
    this.#id = id;
    element.dataset.id = String(id);
    this.room.refresh();
  }
}
