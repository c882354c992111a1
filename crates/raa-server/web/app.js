// The mixer page: ties the player, the rows and the server's events together.
//
// Always: rows are made once and moved only when their order changes and no hand is on one; however
// many messages come, the rows change once a frame, and not at all while nobody can see them; what a
// person chose here (volume, order, that it played) is remembered by this browser.

import { followEvents } from './api.js';
import { fill, oncePerFrame, setHidden, setText } from './dom.js';
import { Meter } from './meter.js';
import { Arranger, GROUPS, Interruptions, PeakHold, SORTS, isHeld, isUnused } from './model.js';
import { Player } from './player.js';
import { Row } from './row.js';
import { pickLanguage, texts } from './texts.js';

const $ = (id) => document.getElementById(id);
const language = pickLanguage(navigator.languages ?? ['en']);
const text = texts(language);
const remembered = {
  get: (key, fallback) => { try { return localStorage.getItem(`raa.${key}`) ?? fallback; } catch { return fallback; } },
  set: (key, value) => { try { localStorage.setItem(`raa.${key}`, value); } catch { /* a private window forgets */ } },
};

/** How long the server may be away until the page says so. */
const BANNER_AFTER_MS = 1500;
/** With more sounding than this their meters jump instead of gliding, which costs less. */
const MANY = 20;
/** Making more rows at once would be a frame that everybody sees. */
const NEW_ROWS_PER_FRAME = 50;

translate();
startPlayer();
startMixer();

function translate() {
  document.documentElement.lang = language;
  document.title = text('title');
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
  $('player-volume').setAttribute('aria-label', text('playerVolume'));
  $('search').placeholder = text('search');
  $('search').setAttribute('aria-label', text('search'));
  $('sort').setAttribute('aria-label', text('sort'));
  for (const sort of SORTS) $('sort').add(new Option(text(`sort_${sort}`), sort));
}

function startPlayer() {
  const volume = $('player-volume');
  volume.value = remembered.get('volume', '80');
  const player = new Player({ url: document.baseURI, volume: volume.value / 100 });
  const showVolume = () => { $('player-percent').textContent = `${volume.value} %`; };
  const interruptions = new Interruptions();
  const peakHold = new PeakHold();
  let interrupted = 0;
  const details = {
    stopped: () => text('stoppedDetail'),
    'needs-click': () => text('needsClickDetail'),
    connecting: () => text('connectingDetail'),
    playing: () => `${text('delay', Math.round(player.delayMs))} · ${interrupted ? text('interrupted', interrupted) : text('steady')}`,
    reconnecting: () => text('reconnectingDetail'),
    offline: () => text('offlineDetail'),
  };
  const show = () => {
    const { state } = player;
    $('player').dataset.state = state;
    $('player-title').textContent = text(state);
    $('player-detail').textContent = details[state]();
    const label = text(state === 'stopped' || state === 'needs-click' ? 'play' : 'stop');
    $('play').title = label;
    $('play').setAttribute('aria-label', label);
    if ($('player-live').textContent !== text(state)) $('player-live').textContent = text(state);
    if (state !== 'playing') showMix();
  };
  const meter = new Meter($('mix-rms'), $('mix-peak'));
  const showMix = () => {
    const { rmsDbfs, peakDbfs } = player.level;
    const volumeDb = 20 * Math.log10(Math.max(player.volume, 1e-6)); // what is heard
    meter.show(rmsDbfs + volumeDb, peakHold.next(performance.now(), peakDbfs + volumeDb));
  };
  const toggle = (state) => {
    // In 'needs-click' this very click is what the browser waits for.
    if (state === 'stopped' || state === 'needs-click') player.play();
    else player.stop();
    remembered.set('playing', String(player.state !== 'stopped'));
  };
  // What counts is what the button said when it was pressed: the press itself may start the sound.
  let pressedIn = player.state;
  for (const event of ['pointerdown', 'keydown']) $('play').addEventListener(event, () => { pressedIn = player.state; });
  $('play').addEventListener('click', () => toggle(pressedIn));
  volume.addEventListener('input', () => {
    player.volume = volume.value / 100;
    remembered.set('volume', volume.value);
    showVolume();
  });
  addEventListener('keydown', (event) => {
    if (event.key !== ' ' || event.target.closest('input, select, button')) return;
    event.preventDefault();
    if (!event.repeat) toggle(player.state);
  });
  player.addEventListener('state', show);
  player.addEventListener('stats', () => {
    interrupted = interruptions.next(performance.now(), player.stats.underruns);
    show();
  });
  player.addEventListener('level', showMix);
  showVolume();
  show();
  // A wall display that reloads at night goes on by itself where the browser allows it.
  if (remembered.get('playing', 'false') === 'true') player.play();
}

function startMixer() {
  const rows = new Map();
  const lists = Object.fromEntries(GROUPS.map((group) => [group, makeGroup(group)]));
  let clients = [];
  $('sort').value = SORTS.includes(remembered.get('sort', 'name')) ? remembered.get('sort', 'name') : 'name';
  $('command').textContent = `raa-client --server ${location.hostname.includes(':') ? `[${location.hostname}]` : location.hostname}`;

  let handAt = -Infinity;
  for (const event of ['pointermove', 'pointerdown', 'keydown', 'wheel']) {
    $('main').addEventListener(event, () => { handAt = performance.now(); }, { passive: true });
  }
  $('main').addEventListener('pointerleave', () => { handAt = -Infinity; });
  const isBusy = () => isHeld({
    isPressing: $('main').querySelector('.row :active') !== null || [...rows.values()].some((row) => row.isChanging),
    handMsAgo: performance.now() - handAt,
    typedMsAgo: Math.min(...[...rows.values()].map((row) => row.typedMsAgo)),
  });
  const arranger = new Arranger();
  let placed = null;
  const place = () => {
    const groups = arranger.next(clients, { search: $('search').value, sort: $('sort').value });
    setHidden($('empty'), !isUnused(clients));
    setHidden($('nothing'), clients.length === 0 || GROUPS.some((group) => groups[group].length > 0));
    if (groups === placed) return;
    placed = groups;
    const focused = document.activeElement;
    for (const group of GROUPS) {
      const { section, count, list } = lists[group];
      const elements = groups[group].map((client) => rows.get(client.id).element);
      setHidden(section, elements.length === 0);
      setText(count, String(elements.length));
      fill(list, elements);
    }
    // A row that moved has lost the keyboard's focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  };

  const onState = (state) => {
    const known = new Set(state.clients.map((client) => client.id));
    for (const [id, row] of rows) {
      if (!known.has(id)) {
        row.element.remove();
        rows.delete(id);
        placed = null;
      }
    }
    const newcomers = state.clients.filter((client) => !rows.has(client.id));
    for (const client of newcomers.slice(0, NEW_ROWS_PER_FRAME)) rows.set(client.id, new Row(text));
    if (newcomers.length > NEW_ROWS_PER_FRAME) giveState(state); // the others come with the next frames
    clients = state.clients.filter((client) => rows.has(client.id));
    for (const client of clients) rows.get(client.id).update(client);
    setText($('summary'), `${location.host} · ${text('computers', state.clients.length)} · ${text('listening', state.status.listeners)}`);
    if (!isBusy()) place();
    const sounding = clients.filter((client) => client.status === 'sounding');
    $('main').classList.toggle('many', sounding.length > MANY);
  };
  const giveState = oncePerFrame(onState);
  const onLevels = (levels) => {
    for (const [id, row] of rows) {
      if (row.client.status === 'sounding') row.level(levels[id] ?? null);
    }
  };
  let bannerTimer = 0;
  const onConnection = (isUp) => {
    // A short break is mended before anybody needs to know of it; failed attempts are the same break.
    if (!isUp) {
      bannerTimer ||= setTimeout(() => { $('banner').hidden = false; }, BANNER_AFTER_MS);
      return;
    }
    clearTimeout(bannerTimer);
    bannerTimer = 0;
    $('banner').hidden = true;
  };

  $('search').addEventListener('input', place);
  $('sort').addEventListener('change', () => {
    remembered.set('sort', $('sort').value);
    place();
  });
  followEvents({ onState: giveState, onLevels: oncePerFrame(onLevels), onConnection });
}

function makeGroup(group) {
  const section = document.createElement('section');
  section.className = 'group';
  section.dataset.group = group;
  section.hidden = true;
  const heading = document.createElement('h2');
  const count = document.createElement('b');
  heading.append(`${text(`group_${group}`)} `, count);
  const list = document.createElement('div');
  list.className = 'list';
  section.append(heading, list);
  $('main').append(section);
  return { section, count, list };
}
