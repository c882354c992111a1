// The computers of the room as the page shows them, made of the server's events.
//
// Always: pure; the only file that knows the names of the server's fields for sounds, mutes, groups and walls; every moment is
// in milliseconds of Unix time.

import { isolated, title } from '../server/names.js';
import { isSilenced } from './silenced.js';

/**
 * @typedef {object} Computer
 * @property {string} id
 * @property {string} title its name, else its ID
 * @property {string} label the title for the middle of a sentence
 * @property {boolean} isSounding
 * @property {boolean} isOffline
 * @property {boolean} isSteady a hum, or the server's own music
 * @property {number | null} began begin of the present or the last sound
 * @property {number | null} ended end of the last sound; null while it sounds
 * @property {number | null} peak of the last sound, in dBFS; null while it sounds
 * @property {number | null} soundId entry of that sound in the log
 * @property {boolean} isSeen
 * @property {boolean} muted
 * @property {number} volume in percent
 * @property {number | null} mutedUntil
 * @property {string} silencedBy who muted it or turned it down
 * @property {number | null} silencedAt
 * @property {number | null} loss in percent, if the network is bad
 * @property {string} trouble 'bad' if the network is, else ''
 * @property {number | null} group
 * @property {number | null} place in the group
 * @property {Raa.Client} client as in the events
 */

/** The server's own music, which has a fixed ID. */
const TEST_MUSIC = 'bgmtest0';

/**
 * Returns the room's computers.
 * @param {Raa.Client[]} clients as in feed.state @param {Raa.Server} server as in feed.state
 * @returns {Computer[]}
 */
export function computers(clients, server) {
  const epoch = server.epoch_ms ?? 0;
  return clients.map((client) => computer(client, (ms) => (ms === null || ms === undefined ? null : epoch + ms)));
}

/** @param {Raa.Client} client @param {(ms: number | null | undefined) => number | null} unix @returns {Computer} */
function computer(client, unix) {
  const isSounding = client.status === 'sounding';
  const by = client.muted ? client.muted_by : client.volume_by;
  const isBad = client.quality === 'bad' && client.status !== 'offline';
  return {
    id: client.id,
    title: title(client),
    label: isolated(client),
    isSounding,
    isOffline: client.status === 'offline',
    isSteady: client.steady === true || client.id === TEST_MUSIC,
    began: unix(client.last_sound_began_at_ms),
    ended: isSounding ? null : unix(client.last_sound_at_ms),
    peak: isSounding ? null : client.last_sound_peak_dbfs ?? null,
    soundId: client.last_sound_id ?? null,
    isSeen: client.last_sound_seen === true,
    muted: client.muted,
    volume: client.volume,
    mutedUntil: client.muted ? unix(client.muted_until_ms) : null,
    silencedBy: isSilenced(client) ? by?.name ?? '' : '',
    silencedAt: unix(client.muted ? client.muted_since_ms : client.volume_since_ms),
    loss: isBad ? client.concealed_percent ?? null : null,
    trouble: isBad ? 'bad' : '',
    group: client.group ?? null,
    place: client.place ?? null,
    client,
  };
}

/** What is compared apart. */
const CLIENT = new Set(['client']);
/** What differs from message to message and is shown nowhere. */
const MOMENTS = new Set(['now_ms', 'rms_dbfs', 'last_packet_ms_ago', 'last_packet_at_ms', 'last_sound_ms_ago']);

/**
 * Returns the computers as they are now, with the object of before for each that looks the same: hundreds of rows need not
 * compare what they show ten times a second.
 * @param {Computer[]} before @param {Computer[]} now @returns {Computer[]}
 */
export function kept(before, now) {
  const known = new Map(before.map((one) => [one.id, one]));
  return now.map((one) => {
    const other = known.get(one.id);
    return other && isSame(one, other, CLIENT) && isSame(one.client, other.client, MOMENTS) ? other : one;
  });
}

/**
 * Returns whether two objects have the same values, apart from some.
 * @template {object} Kind
 * @param {Kind} one @param {Kind} other @param {Set<string>} apart
 */
function isSame(one, other, apart) {
  const names = /** @type {(string & keyof Kind)[]} */ (Object.keys(one));
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name] || apart.has(name));
}

/** Returns the newest sounds, for cards.js. @param {Computer[]} list @returns {import('./cards.js').Sound[]} */
export function sounds(list) {
  return list.flatMap((one) => (one.began === null ? [] : [{
    id: one.id,
    beganAt: one.began,
    endedAt: one.isSounding ? null : one.ended ?? one.began,
    isSeen: one.isSeen,
    isSilenced: isSilenced(one),
    isSteady: one.isSteady,
  }]));
}

/** Returns the computer that sounded last, or null. @param {Computer[]} list @returns {Raa.Sounded | null} */
export function lastSounded(list) {
  let last = null;
  for (const one of list) {
    if (hasSounded(one) && !one.isSounding && one.id !== TEST_MUSIC && (last === null || one.began > last.began)) last = one;
  }
  return last;
}

/** Returns whether there is no computer but the test music, so that the page explains how to add one. @param {{id: string}[]} list */
export function isUnused(list) {
  return list.every(({ id }) => id === TEST_MUSIC);
}

/** @param {Computer} one @returns {one is Raa.Sounded} */
function hasSounded(one) {
  return one.began !== null;
}

/** Returns what sounds and can be heard, newest first. @param {Computer[]} list */
export function audible(list) {
  return list.filter((one) => one.isSounding && !isSilenced(one)).sort((a, b) => Number(a.isSteady) - Number(b.isSteady) || (b.began ?? 0) - (a.began ?? 0));
}

/** Returns the walls that nobody hears, of those that the server knows. @param {Raa.WallRow[]} [walls] */
export function silentWalls(walls = []) {
  return walls.filter(({ state }) => state !== 'playing');
}

/** What the server is told about this page's player. @type {Record<string, Raa.PageMessage['state']>} */
const PAGE_STATES = { playing: 'playing', 'needs-click': 'needs_click', stopped: 'stopped' };

/**
 * Returns the message with which a page tells the server what it plays.
 * @param {{view: 'desk' | 'wall', name: string, state: string, delayMs: number}} page
 * @returns {Raa.PageMessage}
 */
export function pageMessage({ view, name, state, delayMs }) {
  const playing = PAGE_STATES[state] ?? 'no_sound';
  return { type: 'page', view, name, state: playing, delay_ms: playing === 'playing' ? Math.round(delayMs) : null };
}

/** @type {Record<string, 'silent_click' | 'silent_stopped' | 'silent_failed' | null>} */
const SILENCES = { playing: null, 'needs-click': 'silent_click', stopped: 'silent_stopped', failed: 'silent_failed' };

/**
 * Returns why this page is silent, as a key of the texts; null while it plays.
 * @param {string} state @returns {'silent_click' | 'silent_stopped' | 'silent_failed' | 'silent_connection' | null}
 */
export function silenceOf(state) {
  return state in SILENCES ? SILENCES[state] : 'silent_connection';
}
