// @ts-nocheck
// The page as a whole: takes the server's events, and shows them in the bands, the places, the list of what happened, or on
// the wall.
//
// Always: however many messages come, the page changes once per frame; a page that nobody can see keeps its title and icon
// true and draws nothing; with the events gone for 1.5 seconds nothing looks as if it sounded.

import { clientCommand, commandDoubt } from './address.js';
import { followEvents, setDesk } from './api.js';
import { Arranging } from './arranging.js';
import { Changes } from './changes.js';
import { byId, oncePerFrame, setClass, setHidden, setText } from './dom.js';
import { Feed } from './feed.js';
import { GroupPanel } from './group-panel.js';
import { HeldBand } from './held-band.js';
import { History } from './history.js';
import { Keyboard } from './keyboard.js';
import { LogPane } from './log-pane.js';
import { Meters } from './meter.js';
import { isUnused } from './model.js';
import { Notes } from './notes.js';
import { NowBand } from './now-band.js';
import { Panel } from './panel.js';
import { PlayerBar } from './player-bar.js';
import { Presence } from './presence.js';
import { audible, computers, pageMessage, silenceOf } from './room.js';
import { Roster } from './roster.js';
import { Settings } from './settings.js';
import { Spoken } from './spoken.js';
import { StripColours, computedColour } from './strip-view.js';
import { Peaks, UNHEARD, bytesOf } from './strip.js';
import { isSilenced } from './silenced.js';
import { tabIcon, tabTitle } from './tab.js';
import { ServerClock, clockTime } from './time.js';

const TICK_MS = 250;
/** A hidden page has no frames. */
const HIDDEN_FRAME_MS = 300;
/** The server sends at least once a second; two seconds after its end nothing may look as if it sounded, ticks included. */
const SILENT_MS = 1500;
const DELAY_EVERY_MS = 5000;

export class Watch {
  #text;
  #memory;
  #isWall;
  #pageName;
  #feed = new Feed();
  #history = new History();
  #clock = new ServerClock();
  #peaks = new Map(); // id -> Peaks
  #computers = [];
  #server = {};
  #colours = new StripColours(computedColour);
  #notes = new Notes(byId('notes'));
  #spoken = new Spoken();
  #changes;
  #settings;
  #player;
  #held;
  #now;
  #roster;
  #log;
  #panel;
  #groupPanel;
  #groups;
  #wall = null;
  #presence;
  #send = () => {};
  #told = { words: '', at: -Infinity };
  #messageAt = -Infinity;
  #staleSince = null;
  #second = null;
  #soon = oncePerFrame(() => this.#update(), (run) => (document.hidden ? setTimeout(run, HIDDEN_FRAME_MS) : requestAnimationFrame(run)));
  #levelsSoon = oncePerFrame(() => this.#showLevels());

  /**
   * @param {{text: Function, memory: import('./memory.js').Memory, isWall: boolean, wallName: string,
   *   WallView: typeof import('./wall.js').Wall | null}} options
   */
  constructor({ text, memory, isWall, wallName, WallView }) {
    this.#text = text;
    this.#memory = memory;
    this.#isWall = isWall;
    this.#pageName = () => wallName || memory.desk || text('wall');
    setDesk(memory.desk);
    const afterChange = () => this.#settings.askDesk(this.#notes);
    this.#changes = new Changes({ text, notes: this.#notes, history: this.#history, now: () => this.now(), onNews: this.#soon, afterChange });
    this.#groups = new Arranging({ text, notes: this.#notes, changes: this.#changes, afterChange, computerOf: (id) => this.#computerOf(id) });
    const room = this.#room();
    this.#settings = new Settings({ text, memory, onDesk: (name) => this.#named(name), onTheme: () => this.#recolour() });
    this.#player = new PlayerBar({ text, memory, meters: room.meters, isWall, onChange: () => this.#playerChanged() });
    if (WallView) this.#makeWall(WallView, room);
    else this.#makeDesk(room);
    this.#presence = new Presence((isThere, reason) => this.#showPresence(isThere, reason));
    followEvents(this.#feed, {
      onState: () => this.#heard(),
      onLevels: () => this.#levelsHeard(),
      onMessage: (message) => this.#take(message),
      onOpen: (send) => {
        this.#send = send;
        this.#told.words = '';
        this.#tellServer();
      },
      onConnection: (isUp, reason) => this.#presence.note(isUp, reason),
    });
    setInterval(() => this.#tick(), TICK_MS);
    document.addEventListener('visibilitychange', this.#soon);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#recolour());
  }

  /** The time on the server's clock. */
  now() {
    return this.#clock.now(performance.now());
  }

  #room() {
    return {
      text: this.#text,
      notes: this.#notes,
      changes: this.#changes,
      history: this.#history,
      meters: new Meters(),
      colours: this.#colours,
      now: () => this.now(),
      second: () => this.#seconds(),
      peaksOf: (id) => this.#peaksOf(id),
      open: (id) => this.#open(id),
      seen: (computer) => this.#seen(computer),
      allSeen: () => this.#allSeen(),
      refresh: this.#soon,
      isUnheard: (id) => {
        const computer = this.#computerOf(id);
        return Boolean(computer && isSilenced(computer));
      },
      nameOf: (id) => this.#computerOf(id)?.client.name ?? '',
      memory: this.#memory,
      groups: this.#groups,
      openGroup: (id) => this.#groupPanel.open(id, this.#computers, this.#server),
      focusList: () => this.#roster.go('here'),
    };
  }

  #makeDesk(room) {
    this.#roster = new Roster(room);
    this.#held = new HeldBand(room);
    this.#now = new NowBand(room);
    this.#log = new LogPane(room);
    this.#panel = new Panel(room);
    this.#groupPanel = new GroupPanel(room);
    new Keyboard({ memory: this.#memory, roster: this.#roster, changes: this.#changes, act: (what) => this.#act(what), move: (by, isRepeated) => this.#move(by, isRepeated) });
    byId('copy').addEventListener('click', () => this.#copy());
    byId('open-find').addEventListener('click', () => this.#find());
  }

  #makeWall(WallView, room) {
    document.documentElement.dataset.view = 'wall';
    this.#wall = new WallView(room);
    this.#player.showOn(this.#wall.meter);
  }

  #heard() {
    this.#messageAt = performance.now();
    this.#soon();
  }

  #levelsHeard() {
    this.#messageAt = performance.now();
    if (!document.hidden) this.#levelsSoon();
  }

  #take(message) {
    this.#messageAt = performance.now();
    if (message.type === 'log') {
      this.#history.take(message);
      this.#soon();
    } else if (message.type === 'peaks') {
      // The first ones come before the first frame, and what they mean depends on the clock and the computers of the state.
      if (message.first) this.#update();
      this.#takePeaks(message);
    }
  }

  #takePeaks({ first, to_s: toSecond, at_s: second, clients }) {
    const found = new Map(this.#computers.map((computer) => [computer.id, computer]));
    if (first) {
      this.#peaks.clear();
      for (const row of this.#roster?.rows.values() ?? []) row.forgetPeaks();
    }
    for (const [id, data] of Object.entries(clients)) {
      const computer = found.get(id);
      if (first) this.#peaksOf(id).fill(bytesOf(data), toSecond, (one) => this.#marks(computer, one));
      else this.#peaksOf(id).note(second, data, this.#marks(computer, second));
    }
    this.#second = null; // draw at once
  }

  /** Returns whether a second was not heard. */
  #marks(computer, second) {
    if (!computer || !isSilenced(computer)) return 0;
    return (this.#server.epoch_ms ?? 0) + second * 1000 >= (computer.silencedAt ?? 0) - 1000 ? UNHEARD : 0;
  }

  #peaksOf(id) {
    if (!this.#peaks.has(id)) this.#peaks.set(id, new Peaks());
    return this.#peaks.get(id);
  }

  /** The newest whole second, on the server's clock. */
  #seconds() {
    return Math.floor((this.now() - (this.#server.epoch_ms ?? 0)) / 1000) - 1;
  }

  #update() {
    const { clients, server, refused } = this.#feed.state;
    this.#server = { ...server, refused };
    if (server.epoch_ms !== undefined) this.#clock.set(server.epoch_ms + this.#feed.nowMs, this.#messageAt);
    this.#computers = computers(this.#changes.applied(clients), server);
    const now = this.now();
    this.#showTab();
    if (document.hidden) return;
    if (this.#wall) this.#updateWall(now);
    else this.#updateDesk(now);
  }

  #updateWall(now) {
    this.#wall.update(this.#computers, this.#server, this.#playerState, now);
    this.#wall.showHistory(now);
  }

  #updateDesk(now) {
    this.#roster.update(this.#computers, this.#server);
    this.#now.update(this.#computers, now);
    this.#held.update(this.#computers, this.#playerState, this.#server.walls ?? [], now);
    this.#log.update();
    this.#updatePanel();
    this.#groupPanel.update(this.#computers, this.#server);
    const counts = [this.#text('computers', this.#computers.length), this.#text('listening', this.#server.listeners ?? 0)];
    setText(byId('summary'), counts.join(' · '));
    this.#showEmpty();
  }

  #updatePanel() {
    const computer = this.#computerOf(this.#panel.id);
    if (this.#panel.isOpen && computer) this.#panel.update(computer, this.#server);
    else if (this.#panel.isOpen) this.#panel.close();
  }

  #showEmpty() {
    const isEmpty = isUnused(this.#computers.map(({ client }) => client));
    setHidden(byId('empty'), !isEmpty);
    const command = clientCommand(location, this.#server.udp_port);
    setText(byId('command'), command);
    setText(byId('address'), command.split(' ').at(-1).replaceAll("'", ''));
    const doubt = commandDoubt(location);
    setHidden(byId('doubt'), doubt === null);
    setText(byId('doubt'), this.#text(`doubt_${doubt}`) ?? '');
  }

  #showLevels() {
    if (this.#staleSince !== null) return;
    const now = performance.now();
    const { levels } = this.#feed;
    this.#roster?.levels(levels);
    for (const [id, level] of Object.entries(levels)) {
      (this.#now ?? this.#wall).level(id, level, now);
      this.#held?.level(id, level);
    }
  }

  #showTab() {
    const titles = this.#staleSince === null ? audible(this.#computers).filter(({ isSteady }) => !isSteady).map(({ title }) => title) : [];
    const silence = silenceOf(this.#player.state);
    const words = tabTitle(titles, silence ? this.#text('tabSilent') : null, this.#text);
    if (document.title !== words) document.title = words;
    const href = tabIcon(titles.length > 0);
    if (byId('icon').href !== href) byId('icon').href = href;
  }

  #tick() {
    const now = this.now();
    const words = clockTime(now);
    if (this.#wall) this.#wall.clock(words);
    else setText(byId('clock'), words);
    this.#speak(now);
    if (this.#messageAt > -Infinity && performance.now() - this.#messageAt > SILENT_MS) this.#presence.silence();
    this.#tellServer();
    if (document.hidden || this.#staleSince !== null) return;
    (this.#wall ?? this.#now).tick(now);
    this.#roster?.tick(now);
    const second = this.#seconds();
    if (second === this.#second) return;
    this.#second = second;
    this.#drawStrips(second);
  }

  #drawStrips(second) {
    for (const peaks of this.#peaks.values()) if (peaks.newest !== null) peaks.advance(second);
    const began = performance.now();
    this.#roster?.draw(second);
    globalThis.raaStripsMs = performance.now() - began; // the tests read it
    // What is due changes by time alone, too: the card of a muted computer ends.
    this.#soon();
  }

  #speak(now) {
    if (this.#wall || this.#staleSince !== null) return;
    const sounding = this.#computers.filter(({ isSounding, isSteady }) => isSounding && !isSteady).map(({ id, title, began }) => ({ id, title, beganAt: began }));
    const words = this.#spoken.next(sounding, now, this.#text);
    if (words) setText(byId('spoken'), words);
  }

  /** While the server is away, the page shows what was last known, and no sound. */
  #showPresence(isThere, reason) {
    if (isThere && this.#staleSince === null) return;
    const banner = this.#wall?.banner ?? byId('banner');
    setClass(byId('app'), 'stale', !isThere);
    setClass(byId('wall'), 'stale', !isThere);
    setHidden(banner, isThere);
    if (isThere) {
      this.#staleSince = null;
      banner.replaceChildren();
      this.#soon();
      return;
    }
    if (this.#staleSince === null) this.#silence();
    this.#staleSince ??= this.#messageAt > -Infinity ? this.now() - (performance.now() - this.#messageAt) : this.now();
    const title = this.#text('downTitle', clockTime(this.#staleSince));
    const detail = this.#text(`trouble_${reason}`) ?? this.#text('downDetail');
    if (banner.textContent === title + detail) return;
    banner.dataset.note = 'server';
    const small = document.createElement('small');
    small.textContent = detail;
    banner.replaceChildren(title, small);
    this.#showTab();
  }

  #silence() {
    for (const row of this.#roster?.rows.values() ?? []) row.silence();
    (this.#now ?? this.#wall).silence();
  }

  get #playerState() {
    return { state: this.#player.state, trouble: this.#player.trouble };
  }

  #playerChanged() {
    if (!this.#player) return; // it is being made
    this.#tellServer();
    this.#soon();
  }

  /** Tells the server what this page plays, so that every desk sees a wall that is silent. */
  #tellServer() {
    if (!this.#player) return;
    const message = pageMessage({ view: this.#isWall ? 'wall' : 'desk', name: this.#pageName(), state: this.#player.state, delayMs: this.#player.delayMs });
    const { delay_ms: _, ...state } = message;
    const words = JSON.stringify(state);
    const now = performance.now();
    const isDelayDue = this.#isWall && now - this.#told.at > DELAY_EVERY_MS;
    if (words === this.#told.words && !isDelayDue) return;
    this.#told = { words, at: now };
    this.#send(message);
  }

  #named(name) {
    setDesk(name);
    this.#tellServer();
  }

  #recolour() {
    this.#colours.refresh();
    for (const row of this.#roster?.rows.values() ?? []) row.redraw();
  }

  #computerOf(id) {
    return this.#computers.find((computer) => computer.id === id);
  }

  #open(id) {
    const computer = this.#computerOf(id);
    if (this.#panel.isOpen && this.#panel.id === id) this.#panel.close();
    else if (computer) this.#panel.open(computer, this.#server);
  }

  #seen({ soundId }) {
    if (soundId !== null) this.#changes.seen({ ids: [soundId] });
  }

  #allSeen() {
    const newest = this.#history.newest[0];
    if (newest) this.#changes.seen({ until: newest.id });
  }

  /** What keys ask for, beside what concerns one row. */
  #act(what) {
    const act = {
      play: () => this.#player.toggle(),
      seen: () => {
        const [newest] = this.#now.shown.filter(({ isSeen }) => !isSeen).sort((a, b) => b.began - a.began);
        if (newest) this.#seen(newest);
      },
      allSeen: () => this.#allSeen(),
      find: () => this.#find(),
      help: () => this.#settings.open(),
      details: () => { if (this.#roster.here) this.#open(this.#roster.here.id); },
      back: () => this.#back(),
    }[what];
    act?.();
  }

  #find() {
    byId('search').parentElement.classList.add('open');
    byId('search').focus();
  }

  #back() {
    if (this.#panel.isOpen) this.#panel.close();
    else if (this.#groupPanel.isOpen) this.#groupPanel.close();
    else if (byId('search').value) {
      byId('search').value = '';
      byId('search').dispatchEvent(new Event('input'));
    } else this.#log.toggle(false);
    byId('search').parentElement.classList.remove('open');
  }

  /** Moves the chosen computer, or the group whose heading is chosen. */
  #move(by, isRepeated) {
    if (isRepeated && this.#groups.isBusy) return;
    const { here, hereGroup } = this.#roster;
    if (here) this.#groups.move(here.id, { by });
    else if (hereGroup !== null) this.#groups.reorder(hereGroup, { by });
  }

  async #copy() {
    const words = byId('address').textContent;
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      // Without https the clipboard is closed: the selection can be copied by the older way, or by hand.
      getSelection().selectAllChildren(byId('address'));
      if (!document.execCommand('copy')) {
        this.#notes.tell('copied', this.#text('copyByHand'), { ms: 6000 });
        return;
      }
    }
    this.#notes.tell('copied', this.#text('copied', words), { ms: 3000 });
  }
}
