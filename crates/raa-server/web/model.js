// What the page shows of the clients, as pure functions: groups, order, words and widths.
// Always: no DOM, no clock, no language of its own (texts come in through `text`).

export const GROUPS = ['sounding', 'connected', 'offline'];
export const SORTS = ['name', 'heard', 'loudest'];
/** The left end of the meters, in dBFS; the right end is 0. */
export const METER_FLOOR_DBFS = -60;

/** What to call a client: its name, else its id. */
export function title(client) {
  return client.name || client.id;
}

/** Made once: a collator costs more to make than a list takes to sort. */
const NAMES = new Intl.Collator(undefined, { numeric: true });

/** Whether a client is what a person typed to find: in its name, id or address. */
export function matches(client, search) {
  const wanted = search.trim().toLowerCase();
  return [client.name, client.id, client.address ?? ''].some((text) => text.toLowerCase().includes(wanted));
}

/**
 * The clients that match, in groups by status, each in order.
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

/** What a client is ordered by before its name, the least first. */
const RANKS = {
  name: () => 0,
  heard: (client) => coarse(heardMsAgo(client) ?? Number.POSITIVE_INFINITY),
  loudest: (client) => -client.level.rms_dbfs,
};

/** Arranges clients, and only when something has changed that their order or their finding depends on. */
export class Arranger {
  #key = '';
  #groups = null;

  /** As `arrange`; the very same object as before when the groups hold the same clients in the same order. */
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

/** How long ago a client was heard; an offline one of an earlier run by its last packet. */
export function heardMsAgo(client) {
  return client.last_sound_ms_ago ?? (client.status === 'offline' ? client.last_packet_ms_ago : null);
}

/** Who sounds now was heard at the same time; seconds that tick must not shuffle the rows. */
function coarse(msAgo) {
  return msAgo < 2000 ? 0 : msAgo === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : Math.floor(msAgo / 10000);
}

/** A level's place on the meter, 0 to 1. */
export function meterShare(dbfs) {
  return Math.min(1, Math.max(0, 1 - dbfs / METER_FLOOR_DBFS));
}

/** A peak stays where it was for a moment and then falls, so that an eye can catch it. */
const PEAK_HOLD_MS = 1000;
const PEAK_FALL_DB_PER_MS = 0.02;

export class PeakHold {
  #dbfs = -120;
  #setAt = 0;

  /** The peak to show at `nowMs`, when the newest one is `dbfs`. */
  next(nowMs, dbfs) {
    const falling = this.#dbfs - Math.max(0, nowMs - this.#setAt - PEAK_HOLD_MS) * PEAK_FALL_DB_PER_MS;
    if (dbfs < falling) return falling;
    this.#dbfs = dbfs;
    this.#setAt = nowMs;
    return dbfs;
  }
}

/** How long a player's interruptions are told. */
const INTERRUPTIONS_WINDOW_MS = 60000;

/** How often a player's sound was interrupted in the last minute. */
export class Interruptions {
  #notes = []; // { at, total }

  /** Takes the player's count of all its interruptions at `nowMs`; returns those of the last minute. */
  next(nowMs, total) {
    // A smaller count is that of a new start.
    if (total < (this.#notes.at(-1)?.total ?? 0)) this.#notes = [];
    this.#notes.push({ at: nowMs, total });
    // The newest reading from before the window is what counts from.
    while (this.#notes.length > 1 && this.#notes[1].at <= nowMs - INTERRUPTIONS_WINDOW_MS) this.#notes.shift();
    return total - this.#notes[0].total;
  }
}

/** How long after a hand's last move over the rows they stay where they are. */
const HAND_RESTS_MS = 2000;
/** A name half typed and left must not stop the list for ever. */
const TYPING_RESTS_MS = 30000;

/**
 * Whether the rows should keep their places, so that nobody hits the wrong computer's button.
 * @param {{isPressing: boolean, handMsAgo: number, typedMsAgo: number}} hand
 */
export function isHeld({ isPressing, handMsAgo, typedMsAgo }) {
  return isPressing || handMsAgo < HAND_RESTS_MS || typedMsAgo < TYPING_RESTS_MS;
}

/** Whether a newcomer should be told how to connect a computer: nothing but the test music is here. */
export function isUnused(clients) {
  return clients.every((client) => client.id === 'bgmtest0');
}

/** A time span in the largest unit that fits: 'now', '12 s ago', '3 min ago'. */
export function ago(msAgo, text) {
  if (msAgo === null || msAgo === undefined) return text('never');
  const seconds = Math.floor(msAgo / 1000);
  if (seconds < 2) return text('now');
  const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
  const [unit, length] = units.find(([, unitLength]) => seconds >= unitLength);
  return text(`${unit}sAgo`, Math.floor(seconds / length));
}

/**
 * What the row says beside the level: that sound is missing or slow, else when the client was heard.
 * @returns {{text: string, quality: 'good' | 'fair' | 'bad'}}
 */
export function condition(client, text) {
  const quality = client.quality ?? 'good';
  if (quality !== 'good') return { text: `${text(quality)} · ${complaint(client, text)}`, quality };
  const msAgo = client.status === 'offline' ? client.last_packet_ms_ago : client.last_sound_ms_ago;
  return { text: ago(msAgo, text), quality };
}

/** A client that misses next to nothing and is not good all the same is slow. */
function complaint({ stats }, text) {
  const missing = stats.concealed_percent;
  return missing < 0.5 ? text('slow', Math.round(stats.delay_ms)) : text('missing', percent(missing));
}

/** What a person must do something about: another computer with the same id; empty if there is none. */
export function notice(client, text) {
  return client.conflict ? text('conflict', client.conflict) : '';
}

/** All there is to know of a client's way here, as pairs of name and value, always as many. */
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

/** A narrow screen breaks a list between its parts and not in them. */
function unbroken(part) {
  return part.replaceAll(' ', '\u00a0');
}

/** A share as a person reads it: tenths as long as they matter. */
function percent(value) {
  return value >= 9.95 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

function signed(value) {
  const size = Math.abs(value).toFixed(1);
  return size === '0.0' ? '0' : `${value < 0 ? '−' : '+'}${size}`;
}

/** Names are 1 to 64 characters, counted as a person counts them, without space around. */
export function checkName(name) {
  const characters = [...name.trim()].length;
  return characters >= 1 && characters <= 64;
}
