// The panel of one computer: its name, volume and mute for everyone, its group, its figures, and the button that forgets it.
// It lies over the list at the right; on a phone it comes from below, with steps and a thumb to grip.
//
// Always: asks for the figures, which the events do not have, only while it is open and can be seen; what a person types or
// drags is not overwritten.

import { setAttribute, setHidden, setText } from '../parts/dom.js';
import { Fader, showValue } from '../parts/fader.js';
import { facts, notice } from '../room/figures.js';
import { readClient } from '../server/api.js';
import { checkName, cleanName } from '../server/names.js';
import { clockTime } from '../texts/time.js';
import { Drawer } from './drawer.js';

/** Time between two readings of the figures. */
const READ_EVERY_MS = 1000;
const STEP = 5;

/** @extends {Drawer<'panel-template'>} */
export class Panel extends Drawer {
  /** @type {Fader | null} */
  #fader = null;
  /** @type {Raa.Computer} the one that the panel is about, once it was opened */
  #computer = /** @type {any} */ (null);
  /** @type {Raa.Server} */
  #server = {};
  /** @type {Raa.ClientBody | null} */
  #figures = null;

  /** @param {Raa.Room} room */
  constructor(room) {
    super(room, 'panel-template');
  }

  get id() {
    return this.isOpen ? this.#computer.id : null;
  }

  /** @param {Raa.Computer} computer @param {Raa.Server} server */
  open(computer, server) {
    const element = this.show(computer.id);
    [this.#computer, this.#server, this.#figures] = [computer, server, null];
    element.setAttribute('aria-label', computer.title);
    this.#listen();
    this.parts.input.value = cleanName(computer.client.name ?? '');
    this.#fillGroups();
    this.update(computer, server);
    this.parts.close.focus();
    this.#follow(computer.id);
  }

  /** @param {Raa.Computer} computer @param {Raa.Server} server */
  update(computer, server) {
    if (!this.isOpen) return;
    const groupsBefore = JSON.stringify(this.#server.groups);
    this.#computer = computer;
    this.#server = server;
    if (groupsBefore !== JSON.stringify(server.groups)) this.#fillGroups();
    const { title, problem, volume, percent, unmute, muteState, threshold, from, offline, facts: list } = this.parts;
    const { client } = computer;
    setText(title, computer.title);
    setText(problem, notice(client, this.text));
    if (!this.#fader?.isDragging) showValue(volume, computer.volume);
    setAttribute(volume, 'aria-label', this.text('volumeOf', computer.label));
    setAttribute(volume, 'aria-valuetext', this.text('percent', computer.volume));
    setText(percent, this.text('percent', computer.volume));
    for (const button of [this.parts.mute15, this.parts.mute60, this.parts.muteEver]) setHidden(button, computer.muted);
    setHidden(unmute, !computer.muted);
    setText(muteState, this.#muteWords(computer));
    this.#showGroup();
    setHidden(threshold, client.sounding_from_dbfs === undefined);
    if (document.activeElement !== from) from.value = String(client.sounding_from_dbfs);
    offline.classList.toggle('unused', !computer.isOffline);
    this.#showFacts(list, client);
  }

  /** @param {Raa.Computer} computer */
  #muteWords({ muted, mutedUntil, silencedBy, silencedAt }) {
    if (!muted) return '';
    const words = [this.text('mutedBy', silencedBy)];
    if (silencedAt) words.push(this.text('since', clockTime(silencedAt)));
    words.push(mutedUntil ? this.text('until', clockTime(mutedUntil)) : this.text('mutedForEver'));
    return words.join(' · ');
  }

  /** @param {HTMLElement} list @param {Raa.Client} client */
  #showFacts(list, client) {
    const pairs = [['ID', client.id], ...facts(this.#figures, this.text)];
    if (list.children.length === 0) for (const _ of pairs) list.append(document.createElement('dt'), document.createElement('dd'));
    const cells = [...list.children];
    pairs.flat().forEach((words, i) => { if (cells[i]) setText(cells[i], words); });
  }

  /** Shows the group, but not while a person chooses one. */
  #showGroup() {
    const { group, grouping, up, down } = this.parts;
    const isChoosing = !grouping.hidden || this.room.groups.isBusy;
    if (!isChoosing) group.value = String(this.#computer.group ?? '');
    up.disabled = this.#computer.group === null && (this.#server.groups ?? []).length === 0;
    down.disabled = this.#computer.group === null;
  }

  #fillGroups() {
    const { group } = this.parts;
    group.setAttribute('aria-label', this.text('group'));
    group.replaceChildren(new Option(this.text('noGroup'), ''), ...(this.#server.groups ?? []).map(({ id, name }) => new Option(cleanName(name), String(id))), new Option(this.text('newGroup'), 'new'));
    group.value = this.parts.grouping.hidden ? String(this.#computer.group ?? '') : 'new';
  }

  #listen() {
    const { naming, input, fader, volume, less, plus, mute15, mute60, muteEver, unmute, from, common } = this.parts;
    const { changes } = this.room;
    this.#fader = new Fader(fader, volume);
    naming.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#saveName(input.value.trim());
    });
    input.placeholder = this.text('ownName'); // an empty name restores it
    volume.addEventListener('input', () => changes.volume(this.#computer, Number(volume.value)));
    less.addEventListener('click', () => changes.step(this.#computer, -STEP));
    plus.addEventListener('click', () => changes.step(this.#computer, STEP));
    less.setAttribute('aria-label', this.text('softer'));
    plus.setAttribute('aria-label', this.text('louder'));
    for (const [button, seconds] of /** @type {[HTMLElement, number | null][]} */ ([[mute15, 900], [mute60, 3600], [muteEver, null]])) button.addEventListener('click', () => changes.mute(this.#computer, true, seconds));
    unmute.addEventListener('click', () => changes.mute(this.#computer, false));
    from.addEventListener('change', async () => {
      const isDone = from.value.trim() !== '' && (await changes.send(this.#computer, { sounding_from_dbfs: Number(from.value) }));
      if (!isDone) from.value = String(this.#computer.client.sounding_from_dbfs);
    });
    common.addEventListener('click', () => changes.send(this.#computer, { sounding_from_dbfs: null }));
    this.#listenToGroups();
    this.#listenToForget();
  }

  #listenToGroups() {
    const { group, grouping, groupName, up, down } = this.parts;
    const { groups } = this.room;
    groupName.setAttribute('aria-label', this.text('groupName'));
    groupName.placeholder = this.text('groupName');
    group.addEventListener('change', () => {
      setHidden(grouping, group.value !== 'new');
      if (group.value === 'new') groupName.focus();
      else groups.move(this.#computer.id, { to: group.value === '' ? null : Number(group.value) });
    });
    grouping.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#makeGroup();
    });
    up.addEventListener('click', () => groups.move(this.#computer.id, { by: -1 }));
    down.addEventListener('click', () => groups.move(this.#computer.id, { by: 1 }));
  }

  #makeGroup() {
    const { grouping, groupName } = this.parts;
    if (!checkName(groupName.value)) {
      this.room.notes.pass('groups', this.text('nameRule'));
      return;
    }
    if (grouping.hidden) return; // a second press of Enter
    setHidden(grouping, true);
    this.parts.group.focus();
    this.room.groups.make(cleanName(groupName.value), [this.#computer.id]);
    groupName.value = '';
  }

  #listenToForget() {
    const { forget: first, sure, yes, no } = this.parts;
    const ask = (/** @type {boolean} */ isAsked) => {
      first.hidden = isAsked;
      sure.hidden = !isAsked;
      (isAsked ? no : first).focus();
    };
    first.addEventListener('click', () => ask(true));
    no.addEventListener('click', () => ask(false));
    yes.addEventListener('click', async () => {
      if (await this.room.changes.forget(this.#computer)) this.close();
      else ask(false);
    });
  }

  /** @param {string} typed */
  async #saveName(typed) {
    const name = cleanName(typed);
    if (typed && !checkName(typed)) this.room.notes.pass(`client-${this.#computer.id}`, this.text('nameRule'));
    else if (name !== cleanName(this.#computer.client.name ?? '')) await this.room.changes.send(this.#computer, { name: name || null });
  }

  /** @param {string} id */
  async #follow(id) {
    const { element } = this;
    if (element === null) return;
    while (this.element === element) {
      if (!document.hidden) {
        const figures = await readClient(id).catch(() => null);
        if (figures !== null && this.element === element) {
          this.#figures = figures;
          this.update(this.#computer, this.#server);
        }
      }
      await new Promise((done) => setTimeout(done, READ_EVERY_MS));
    }
  }
}
