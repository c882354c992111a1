// The page as a whole: takes the server's events, and gives them to the desk or the wall to show.
//
// Always: however many messages come, the page changes once per frame; a page that nobody can see keeps its title and icon
// true and draws nothing; with the events gone for 1.5 seconds nothing looks as if it sounded.

import { Absence } from '../bands/absence.js';
import { PlayerBar } from '../bands/player-bar.js';
import { Arranging } from '../changes/arranging.js';
import { Changes } from '../changes/changes.js';
import { byId, frameOrHidden, oncePerFrame } from '../parts/dom.js';
import { Meters } from '../parts/meter.js';
import { Notes } from '../parts/notes.js';
import { History } from '../room/history.js';
import { audible, computers, kept, silenceOf } from '../room/room.js';
import { isSilenced } from '../room/silenced.js';
import { Strips } from '../room/strips.js';
import { followEvents, setDesk } from '../server/api.js';
import { Feed } from '../server/feed.js';
import { ServerClock, clockTime } from '../texts/time.js';
import { Desk } from './desk.js';
import { PageReport } from './page-report.js';
import { Presence } from './presence.js';
import { Settings } from './settings.js';
import { tabIcon, tabTitle } from './tab.js';
import { Wall } from './wall.js';

const TICK_MS = 250;
/** The server sends at least once a second; two seconds after its end nothing may look as if it sounded, ticks included. */
const SILENT_MS = 1500;

export class Watch {
  #text;
  #memory;
  #feed = new Feed();
  #history = new History();
  #clock = new ServerClock();
  #strips = new Strips();
  /** @type {Raa.Computer[]} */
  #computers = [];
  /** @type {Raa.Server} */
  #server = {};
  #notes = new Notes(byId('notes'));
  #changes;
  #groups;
  #settings;
  #player;
  #desk;
  /** @type {Desk | Wall} */
  #view;
  #report;
  #absence;
  #presence;
  #messageAt = -Infinity;
  /** @type {number | null} the newest one that is drawn */
  #second = null;
  #soon = oncePerFrame(() => this.#update(), frameOrHidden);
  #levelsSoon = oncePerFrame(() => this.#showLevels());

  /** @param {{text: Raa.Text, memory: import('./memory.js').Memory, isWall: boolean, wallName: string}} options */
  constructor({ text, memory, isWall, wallName }) {
    this.#text = text;
    this.#memory = memory;
    setDesk(memory.desk);
    const afterChange = () => this.#settings.askDesk(this.#notes);
    this.#changes = new Changes({ text, notes: this.#notes, history: this.#history, now: () => this.now(), onNews: () => this.#soon(), afterChange });
    this.#groups = new Arranging({ text, notes: this.#notes, changes: this.#changes, afterChange, computerOf: (id) => this.#computerOf(id) });
    const room = this.#room();
    this.#settings = new Settings({ text, memory, onDesk: (name) => this.#named(name) });
    this.#player = new PlayerBar({ text, memory, meters: room.meters, isWall, onChange: () => this.#playerChanged() });
    this.#desk = isWall ? null : new Desk(room, this.#player, this.#settings);
    this.#view = this.#desk ?? this.#makeWall(room);
    this.#report = new PageReport(() => ({ view: isWall ? 'wall' : 'desk', name: wallName || memory.desk || text('wall'), state: this.#player.state, delayMs: this.#player.delayMs }));
    this.#absence = new Absence(text, this.#view.banner);
    this.#presence = new Presence((isThere, reason) => this.#showPresence(isThere, reason));
    this.#follow();
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener('visibilitychange', () => this.#soon());
  }

  /** The time on the server's clock. */
  now() {
    return this.#clock.now(performance.now());
  }

  #follow() {
    followEvents(this.#feed, {
      onState: () => {
        this.#messageAt = performance.now();
        this.#soon();
      },
      onLevels: () => {
        this.#messageAt = performance.now();
        if (!document.hidden) this.#levelsSoon();
      },
      onMessage: (message) => this.#take(message),
      onOpen: (send) => this.#report.connected(send),
      onConnection: (isUp, reason) => this.#presence.note(isUp, reason),
    });
  }

  /** @returns {Raa.Room} */
  #room() {
    return {
      text: this.#text,
      memory: this.#memory,
      notes: this.#notes,
      changes: this.#changes,
      groups: this.#groups,
      history: this.#history,
      meters: new Meters(),
      now: () => this.now(),
      second: () => this.#seconds(),
      peaksOf: (id) => this.#strips.of(id),
      nameOf: (id) => this.#computerOf(id)?.client.name ?? '',
      seen: ({ soundId }) => { if (soundId !== null) this.#changes.seen({ ids: [soundId] }); },
      allSeen: () => this.#allSeen(),
      refresh: () => this.#soon(),
      isUnheard: (id) => {
        const computer = this.#computerOf(id);
        return computer !== undefined && isSilenced(computer);
      },
      open: (id) => this.#desk?.open(id),
      openGroup: (id) => this.#desk?.openGroup(id),
      focusList: () => this.#desk?.focusList(),
    };
  }

  /** @param {Raa.Room} room */
  #makeWall(room) {
    document.documentElement.dataset.view = 'wall';
    const wall = new Wall(room);
    this.#player.showOn(wall.meter);
    return wall;
  }

  /** @param {Raa.Message} message */
  #take(message) {
    this.#messageAt = performance.now();
    if (message.type === 'log') {
      this.#history.take(message);
      this.#soon();
    } else if (message.type === 'peaks') {
      // The first ones come before the first frame, and what they mean depends on the clock and the computers of the state.
      if (message.first) this.#update();
      this.#strips.take(message, this.#computers, this.#server.epoch_ms ?? 0);
      if (message.first) this.#desk?.forgetPeaks();
      this.#second = null; // draw at once
    }
  }

  /** The newest whole second, on the server's clock. */
  #seconds() {
    return Math.floor((this.now() - (this.#server.epoch_ms ?? 0)) / 1000) - 1;
  }

  #update() {
    const { clients, server, refused } = this.#feed.state;
    this.#server = { ...server, refused };
    if (server.epoch_ms !== undefined) this.#clock.set(server.epoch_ms + this.#feed.nowMs, this.#messageAt);
    this.#computers = kept(this.#computers, computers(this.#changes.applied(clients), server));
    this.#showTab();
    if (document.hidden) return;
    this.#view.update(this.#computers, this.#server, { state: this.#player.state, trouble: this.#player.trouble }, this.now());
  }

  #showLevels() {
    if (!this.#absence.isStale) this.#view.levels(this.#feed.levels, performance.now());
  }

  #showTab() {
    const titles = this.#absence.isStale ? [] : audible(this.#computers).filter(({ isSteady }) => !isSteady).map(({ title }) => title);
    const words = tabTitle(titles, silenceOf(this.#player.state) ? this.#text('tabSilent') : null, this.#text);
    if (document.title !== words) document.title = words;
    const href = tabIcon(titles.length > 0);
    if (byId('icon').href !== href) byId('icon').href = href;
  }

  #tick() {
    const now = this.now();
    this.#view.clock(clockTime(now));
    if (this.#messageAt > -Infinity && performance.now() - this.#messageAt > SILENT_MS) this.#presence.silence();
    this.#report.tell();
    if (this.#absence.isStale) return;
    this.#desk?.speak(now);
    if (document.hidden) return;
    this.#view.tick(now);
    const second = this.#seconds();
    if (second === this.#second) return;
    this.#second = second;
    this.#strips.advance(second);
    this.#desk?.draw(second);
    // What is due changes by time alone, too: the card of a muted computer ends.
    this.#soon();
  }

  /** While the server is away, the page shows what was last known, and no sound. @param {boolean} isThere @param {string} [reason] */
  #showPresence(isThere, reason) {
    if (isThere) {
      if (this.#absence.isStale) this.#absence.end();
      this.#soon();
      return;
    }
    if (!this.#absence.isStale) this.#view.silence();
    const now = this.now();
    this.#absence.begin(this.#messageAt > -Infinity ? now - (performance.now() - this.#messageAt) : now, reason);
    this.#showTab();
  }

  #playerChanged() {
    if (!this.#report) return; // the page is being made
    this.#report.tell();
    this.#soon();
  }

  /** @param {string} name of this desk */
  #named(name) {
    setDesk(name);
    this.#report.tell();
  }

  #allSeen() {
    const newest = this.#history.newest[0];
    if (newest) this.#changes.seen({ until: newest.id });
  }

  /** @param {string | null} id */
  #computerOf(id) {
    return this.#computers.find((computer) => computer.id === id);
  }
}
