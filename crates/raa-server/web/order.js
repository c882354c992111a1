// The order of the clients: groups, order within them, and those that are folded into one line. Pure functions.
//
// Always: no DOM and no clock; the order depends on when something happened and not on how long ago it was, so passing
// time moves no row.

import { cleanName, title } from './names.js';

export const GROUPS = ['sounding', 'connected', 'offline'];
export const SORTS = ['name', 'heard', 'loudest'];
/** From this number on, offline clients without settings are folded. */
const FOLD_FROM = 4;

/** Made once: creating a collator costs more than sorting a list. */
const NAMES = new Intl.Collator(undefined, { numeric: true });

/** Returns whether a client's name, ID or address contains the search. */
export function matches(client, search) {
  const wanted = cleanName(search).toLowerCase();
  return [title(client), client.id, client.address ?? ''].some((text) => text.toLowerCase().includes(wanted));
}

/**
 * Returns the matching clients in groups by status, each in order; `folded` has those of the offline group that nobody
 * has given settings, if they are many. A search folds nothing.
 * @returns {Record<'sounding' | 'connected' | 'offline' | 'folded', object[]>}
 */
export function arrange(clients, { search = '', sort = 'name' } = {}) {
  const rank = RANKS[sort];
  const titles = new Map(clients.map((client) => [client.id, title(client)]));
  const order = (a, b) => isHum(a) - isHum(b) || compare(rank(a), rank(b))
    || NAMES.compare(titles.get(a.id), titles.get(b.id)) || (a.id < b.id ? -1 : 1);
  const found = clients.filter((client) => matches(client, search));
  const groups = Object.fromEntries(GROUPS.map((group) => [
    group, found.filter((client) => client.status === group).sort(order)]));
  const left = search.trim() ? [] : groups.offline.filter(isLeftOver);
  const folded = left.length < FOLD_FROM ? [] : left;
  const rest = new Set(folded);
  return { ...groups, offline: groups.offline.filter((client) => !rest.has(client)), folded };
}

/** Returns whether nobody has given an offline client settings; servers before this field folded nothing. */
function isLeftOver(client) {
  return client.status === 'offline' && client.configured === false;
}

/** Returns whether a client has sounded so steadily that it is probably a hum; it does not outrank others. */
function isHum(client) {
  return client.status === 'sounding' && client.steady === true;
}

/** Numbers by which clients are ordered before their names, the largest first. */
const RANKS = {
  name: () => 0,
  heard: (client) => (client.status === 'sounding' ? Infinity : heardAt(client)),
  loudest: (client) => client.rms_dbfs,
};

function compare(a, b) {
  return a === b ? 0 : b - a;
}

/** Returns when a client last sounded, on the server's clock; for an offline one of an earlier run, its last packet. */
function heardAt({ last_sound_at_ms: soundAt, last_packet_at_ms: packetAt }) {
  return soundAt ?? packetAt ?? -Infinity;
}

/** Arranges clients, but only if something has changed that their order or the search depends on. */
export class Arranger {
  #key = '';
  #groups = null;

  /** As `arrange`; returns the same object as before if the groups have the same clients in the same order. */
  next(clients, { search = '', sort = 'name' } = {}) {
    const parts = clients.map((client) => [client.id, client.name, client.status, client.address, isHum(client), isLeftOver(client),
      String(RANKS[sort](client))]);
    const key = JSON.stringify([search, sort, parts]);
    if (key === this.#key) return this.#groups;
    this.#key = key;
    const groups = arrange(clients, { search, sort });
    if (!this.#groups || !hasSameOrder(groups, this.#groups)) this.#groups = groups;
    return this.#groups;
  }
}

function hasSameOrder(a, b) {
  return [...GROUPS, 'folded'].every((group) => a[group].length === b[group].length
    && a[group].every((client, i) => client.id === b[group][i].id));
}
