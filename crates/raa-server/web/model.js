// The page's view of the clients, as pure functions: groups, order, words and widths.
// Always: no DOM, no clock, no language of its own (texts come in through `text`).

export const GROUPS = ['sounding', 'connected', 'offline'];
export const SORTS = ['name', 'heard', 'loudest'];
/** The left end of the meters, in dBFS; the right end is 0. */
export const METER_FLOOR_DBFS = -60;

/** Returns a client's name, else its ID. */
export function title(client) {
  return client.name || client.id;
}

/** Made once: creating a collator costs more than sorting a list. */
const NAMES = new Intl.Collator(undefined, { numeric: true });

/** Returns whether a client's name, ID or address contains the search. */
export function matches(client, search) {
  const wanted = search.trim().toLowerCase();
  return [client.name, client.id, client.address ?? ''].some((text) => text.toLowerCase().includes(wanted));
}

/**
 * Returns the matching clients in groups by status, each in order.
 * @returns {Record<'sounding' | 'connected' | 'offline', object[]>}
 */
export function arrange(clients, { search = '', sort = 'name' } = {}) {
  const byName = (a, b) => NAMES.compare(title(a), title(b)) || (a.id < b.id ? -1 : 1);
  const rank = RANKS[sort];
  const order = (a, b) => rank(a) - rank(b) || byName(a, b);
  const found = clients.filter((client) => matches(client, search));
  return Object.fromEntries(GROUPS.map((group) => [
    group, found.filter((client) => client.status === group).sort(order)]));
}

/** Numbers by which clients are ordered before their names, the least first. */
const RANKS = {
  name: () => 0,
  heard: (client) => coarse(lastSoundMsAgo(client) ?? Number.POSITIVE_INFINITY),
  loudest: (client) => -client.level.rms_dbfs,
};

/** Arranges clients, but only if something has changed that their order or the search depends on. */
export class Arranger {
  #key = '';
  #groups = null;

  /** As `arrange`; returns the same object as before if the groups have the same clients in the same order. */
  next(clients, { search = '', sort = 'name' } = {}) {
    const parts = clients.map((client) => [client.id, client.name, client.status, client.address, RANKS[sort](client)]);
    const key = JSON.stringify([search, sort, parts]);
    if (key === this.#key) return this.#groups;
    this.#key = key;
    const groups = arrange(clients, { search, sort });
    if (!this.#groups || !hasSameOrder(groups, this.#groups)) this.#groups = groups;
    return this.#groups;
  }
}

function hasSameOrder(a, b) {
  return GROUPS.every((group) => a[group].length === b[group].length
    && a[group].every((client, i) => client.id === b[group][i].id));
}

/** Returns the time since a client's last sound; for an offline one of an earlier run, since its last packet. */
export function lastSoundMsAgo(client) {
  return client.last_sound_ms_ago ?? (client.status === 'offline' ? client.last_packet_ms_ago : null);
}

/** Rounds a time, so that all clients that sound now are equal and passing seconds do not shuffle the rows. */
function coarse(msAgo) {
  return msAgo < 2000 ? 0 : msAgo === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : Math.floor(msAgo / 10000);
}

/** Returns a level's position on the meter, 0 to 1. */
export function meterShare(dbfs) {
  return Math.min(1, Math.max(0, 1 - dbfs / METER_FLOOR_DBFS));
}

/** A peak is held for a moment before it falls, so that a person can see it. */
const PEAK_HOLD_MS = 1000;
const PEAK_FALL_DB_PER_MS = 0.02;

export class PeakHold {
  #dbfs = -120;
  #setAt = 0;

  /** Returns the peak to show at `nowMs`, given the newest one. */
  next(nowMs, dbfs) {
    const falling = this.#dbfs - Math.max(0, nowMs - this.#setAt - PEAK_HOLD_MS) * PEAK_FALL_DB_PER_MS;
    if (dbfs < falling) return falling;
    this.#dbfs = dbfs;
    this.#setAt = nowMs;
    return dbfs;
  }
}

/** How long an interruption counts. */
const INTERRUPTIONS_WINDOW_MS = 60000;

/** Counts the interruptions of a player's sound in the last minute. */
export class Interruptions {
  #notes = []; // { at, total }

  /** Takes the player's total count at `nowMs` and returns the interruptions of the last minute. */
  next(nowMs, total) {
    // A smaller total means that the player was started again.
    if (total < (this.#notes.at(-1)?.total ?? 0)) this.#notes = [];
    this.#notes.push({ at: nowMs, total });
    // The newest reading from before the window is the one to count from.
    while (this.#notes.length > 1 && this.#notes[1].at <= nowMs - INTERRUPTIONS_WINDOW_MS) this.#notes.shift();
    return total - this.#notes[0].total;
  }
}

/** How long the rows keep their places after the pointer's last move over them. */
const HAND_RESTS_MS = 2000;
/** How long they keep them after the last key: a half-typed name must not stop the list for ever. */
const TYPING_RESTS_MS = 30000;

/**
 * Returns whether the rows must keep their places, so that nobody hits the wrong computer's button.
 * @param {{isPressing: boolean, handMsAgo: number, typedMsAgo: number}} hand
 */
export function isHeld({ isPressing, handMsAgo, typedMsAgo }) {
  return isPressing || handMsAgo < HAND_RESTS_MS || typedMsAgo < TYPING_RESTS_MS;
}

/** Returns whether there is no client but the test music, so that the page explains how to add one. */
export function isUnused(clients) {
  return clients.every((client) => client.id === 'bgmtest0');
}

/** Returns a time span in the largest unit that fits: 'now', '12 s ago', '3 min ago'. */
export function ago(msAgo, text) {
  if (msAgo === null || msAgo === undefined) return text('never');
  const seconds = Math.floor(msAgo / 1000);
  if (seconds < 2) return text('now');
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, length] = units.find(([, unitLength]) => seconds >= unitLength);
  return text(`${unit}sAgo`, Math.floor(seconds / length));
}

/**
 * Returns the text next to the level: that sound is missing or slow, else when the client last sounded.
 * @returns {{text: string, quality: 'good' | 'fair' | 'bad'}}
 */
export function condition(client, text) {
  const quality = client.quality ?? 'good';
  if (quality !== 'good') return { text: `${text(quality)} · ${complaint(client, text)}`, quality };
  const msAgo = client.status === 'offline' ? client.last_packet_ms_ago : client.last_sound_ms_ago;
  return { text: ago(msAgo, text), quality };
}

/** A client whose quality is not good although next to nothing is missing has a long delay. */
function complaint({ stats }, text) {
  const missing = stats.concealed_percent;
  return missing < 0.5 ? text('slow', Math.round(stats.delay_ms)) : text('missing', percent(missing));
}

/** Returns the problem that a person must solve: another computer with the same ID; empty if there is none. */
export function notice(client, text) {
  return client.conflict ? text('conflict', client.conflict) : '';
}

/** Returns a client's details as pairs of name and value, always the same number. */
export function facts(client, text) {
  const { address, stats, round_trip_ms: roundTrip, capture_to_mix_ms: captureToMix } = client;
  const count = (key) => `${stats[key].toLocaleString()} ${text(key)}`;
  const ms = (value, digits = 0) => (value === null ? '–' : `${value.toFixed(digits)} ms`);
  const aim = stats.target_delay_ms > 0 ? [text('aim', Math.round(stats.target_delay_ms))] : [];
  const lately = stats.loss_percent === null ? ['–']
    : [text('beforeRepair', percent(stats.loss_percent)), text('afterRepair', percent(stats.concealed_percent))];
  return [
    [text('quality'), client.quality ? text(client.quality) : '–'],
    [text('address'), address ?? (client.status === 'offline' ? '–' : text('builtIn'))],
    [text('received'), stats.received.toLocaleString(), ...['lost', 'late', 'reordered', 'duplicate'].map(count)],
    [text('frames'), count('repaired'), count('concealed')],
    [text('lately'), ...lately],
    [text('delayOf'), ms(stats.delay_ms), ...aim],
    [text('jitter'), ms(stats.jitter_ms, 1)],
    [text('drift'), `${signed(stats.drift_ppm)} ppm`],
    [text('roundTrip'), ms(roundTrip, 1)],
    [text('captureToMix'), ms(captureToMix)],
    [text('lastPacket'), ago(client.last_packet_ms_ago, text)],
  ].map(([name, ...parts]) => [name, parts.map(unbroken).join(' · ')]);
}

/** Makes a narrow screen break a list between its parts and not within them. */
function unbroken(part) {
  return part.replaceAll(' ', '\u00a0');
}

/** Formats a percentage, with tenths where they matter. */
function percent(value) {
  return value >= 9.95 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

function signed(value) {
  const size = Math.abs(value).toFixed(1);
  return size === '0.0' ? '0' : `${value < 0 ? '−' : '+'}${size}`;
}

/** Returns whether a name has 1 to 64 characters (code points), not counting space around it. */
export function checkName(name) {
  const characters = [...name.trim()].length;
  return characters >= 1 && characters <= 64;
}
