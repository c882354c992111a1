// The page at a desk: its bands, the places, the list of what happened, the panels, and the keys.
//
// Always: shows what it is given and asks the room for every change; one panel is open at a time.

import { HeldBand } from '../bands/held-band.js';
import { LogPane } from '../bands/log-pane.js';
import { NowBand } from '../bands/now-band.js';
import { Empty } from '../list/empty.js';
import { Roster } from '../list/roster.js';
import { GroupPanel } from '../panels/group-panel.js';
import { Panel } from '../panels/panel.js';
import { byId, setText } from '../parts/dom.js';
import { Spoken } from '../room/spoken.js';
import { Keyboard } from './keyboard.js';

export class Desk {
  #room;
  #player;
  #settings;
  /** @type {Raa.Computer[]} */
  #computers = [];
  /** @type {Raa.Server} */
  #server = {};
  #spoken = new Spoken();
  #roster;
  #held;
  #now;
  #log;
  #panel;
  #groupPanel;
  #empty;
  /** Where the server's absence is said. */
  banner = byId('banner');

  /** @param {Raa.Room} room @param {import('../bands/player-bar.js').PlayerBar} player @param {import('./settings.js').Settings} settings */
  constructor(room, player, settings) {
    this.#room = room;
    this.#player = player;
    this.#settings = settings;
    this.#roster = new Roster(room);
    this.#held = new HeldBand(room);
    this.#now = new NowBand(room);
    this.#log = new LogPane(room);
    this.#panel = new Panel(room);
    this.#groupPanel = new GroupPanel(room);
    this.#empty = new Empty(room.text, room.notes);
    const { memory, changes } = room;
    new Keyboard({ memory, changes, roster: this.#roster, act: (what) => this.#act(what), move: (by, isRepeated) => this.#move(by, isRepeated) });
    byId('open-find').addEventListener('click', () => this.#find());
  }

  /** @param {Raa.Computer[]} computers @param {Raa.Server} server @param {Raa.PlayerState} player @param {number} nowMs */
  update(computers, server, player, nowMs) {
    this.#computers = computers;
    this.#server = server;
    this.#roster.update(computers, server);
    this.#now.update(computers, nowMs);
    this.#held.update(computers, player, server.walls ?? [], nowMs);
    this.#log.update();
    this.#updatePanel();
    this.#groupPanel.update(computers, server);
    this.#empty.update(computers, server.udp_port);
    const { text } = this.#room;
    setText(byId('summary'), [text('computers', computers.length), text('listening', server.listeners ?? 0)].join(' · '));
  }

  #updatePanel() {
    if (!this.#panel.isOpen) return;
    const computer = this.#computerOf(this.#panel.id);
    if (computer) this.#panel.update(computer, this.#server);
    else this.#panel.close();
  }

  /** @param {Raa.Levels} levels @param {number} now of this page's clock */
  levels(levels, now) {
    this.#roster.levels(levels);
    for (const [id, level] of Object.entries(levels)) {
      this.#now.level(id, level, now);
      this.#held.level(id, level);
    }
  }

  /** @param {string} words the time */
  clock(words) {
    setText(byId('clock'), words);
  }

  /** @param {number} nowMs */
  tick(nowMs) {
    this.#now.tick(nowMs);
    this.#roster.tick(nowMs);
  }

  /** Says what has begun to sound, for a screen reader. @param {number} nowMs */
  speak(nowMs) {
    const sounding = this.#computers.filter(({ isSounding, isSteady }) => isSounding && !isSteady).map(({ id, title, began }) => ({ id, title, beganAt: began }));
    const words = this.#spoken.next(sounding, nowMs, this.#room.text);
    if (words) setText(byId('spoken'), words);
  }

  /** @param {number} second the newest one of the strips, on the server's clock */
  draw(second) {
    this.#roster.draw(second);
  }

  /** Shows no sound, because nothing is known. */
  silence() {
    for (const row of this.#roster.rows.values()) row.silence();
    this.#now.silence();
  }

  /** Draws the peaks of a new connection. */
  forgetPeaks() {
    for (const row of this.#roster.rows.values()) row.forgetPeaks();
  }

  focusList() {
    this.#roster.go('here');
  }

  /** Opens a computer's panel, or closes it. @param {string} id */
  open(id) {
    const computer = this.#computerOf(id);
    if (this.#panel.isOpen && this.#panel.id === id) this.#panel.close();
    else if (computer) this.#panel.open(computer, this.#server);
  }

  /** @param {number | null} id null: a new group */
  openGroup(id) {
    this.#groupPanel.open(id, this.#computers, this.#server);
  }

  /** @param {string | null} id */
  #computerOf(id) {
    return this.#computers.find((computer) => computer.id === id);
  }

  /** What keys ask for, besides what concerns one row. @param {string} what */
  #act(what) {
    if (what === 'play') this.#player.toggle();
    else if (what === 'seen') this.#seeNewest();
    else if (what === 'allSeen') this.#room.allSeen();
    else if (what === 'find') this.#find();
    else if (what === 'help') this.#settings.open();
    else if (what === 'details') this.#openHere();
    else if (what === 'back') this.#back();
  }

  #seeNewest() {
    const [newest] = this.#now.shown.filter(({ isSeen }) => !isSeen).sort((a, b) => (b.began ?? 0) - (a.began ?? 0));
    if (newest) this.#room.seen(newest);
  }

  #openHere() {
    const { here } = this.#roster;
    if (here) this.open(here.id);
  }

  #find() {
    byId('search').parentElement?.classList.add('open');
    byId('search').focus();
  }

  #back() {
    if (this.#panel.isOpen) this.#panel.close();
    else if (this.#groupPanel.isOpen) this.#groupPanel.close();
    else if (byId('search').value) {
      byId('search').value = '';
      byId('search').dispatchEvent(new Event('input'));
    } else this.#log.toggle(false);
    byId('search').parentElement?.classList.remove('open');
  }

  /** Moves the chosen computer, or the group whose heading is chosen. @param {-1 | 1} by @param {boolean} isRepeated */
  #move(by, isRepeated) {
    const { groups } = this.#room;
    if (isRepeated && groups.isBusy) return;
    const { here, hereGroup } = this.#roster;
    if (here) groups.move(here.id, { by });
    else if (hereGroup !== null) groups.reorder(hereGroup, { by });
  }
}
