// What happened, as the server keeps it: its newest entries, and what to say and do about each.
//
// Always: pure; newest first; at most KEPT entries and the older ones that somebody asks for; an entry that comes again replaces the older one, so a sound's line gets
// its end without moving.

import { cleanName, title } from '../server/names.js';
import { dayAndTime, length } from '../texts/time.js';

const KEPT = 1000;
const UNDOABLE = ['muted', 'unmuted', 'volume', 'name', 'sounding_from'];

export class History {
  /** @type {Map<number, Raa.Entry>} */
  #entries = new Map();
  /** How many are kept: more once somebody has asked for older ones, which must not go while they are read. */
  #kept = KEPT;
  /** Changes with every news. */
  version = 0;

  /** Takes a message of the type 'log'. @param {{first?: boolean, entries: Raa.Entry[]}} message */
  take({ first, entries }) {
    this.version += 1;
    if (first) {
      this.#entries.clear();
      this.#kept = KEPT;
    }
    for (const entry of entries) this.#entries.set(entry.id, entry);
    const surplus = this.#entries.size - this.#kept;
    if (surplus > 0) for (const id of [...this.#entries.keys()].sort((a, b) => a - b).slice(0, surplus)) this.#entries.delete(id);
  }

  /** Adds older entries, as GET /api/log gives them. @param {Raa.Entry[]} entries */
  add(entries) {
    this.version += 1;
    for (const entry of entries) if (!this.#entries.has(entry.id)) this.#entries.set(entry.id, entry);
    this.#kept = Math.max(KEPT, this.#entries.size);
  }

  /** Returns the entries, newest first. @returns {Raa.Entry[]} */
  get newest() {
    return [...this.#entries.values()].sort((a, b) => b.id - a.id);
  }

  /**
   * Returns the entries that a change of a client has made, at or after this moment, as far as they are known and can be undone.
   * @param {string} client @param {Raa.ClientPatch} sent @param {number} [sinceMs]
   * @returns {Raa.Entry[]}
   */
  entriesOf(client, sent, sinceMs = -Infinity) {
    const candidates = this.newest.filter((entry) => entry.client === client && (entry.ended_ms ?? entry.at_ms) >= sinceMs && canUndo(entry));
    return fieldsOf(sent).flatMap((field) => candidates.find((entry) => matches(entry, field, sent)) ?? []);
  }
}

/** Fields of a change that have an entry of their own, and its kinds. @type {Record<string, string[]>} */
const KINDS = { muted: ['muted', 'unmuted'], volume: ['volume'], name: ['name'], sounding_from_dbfs: ['sounding_from'] };

/** Returns the fields of a change that have an entry of their own. @param {Raa.ClientPatch} sent */
export function fieldsOf(sent) {
  return Object.keys(sent).filter((field) => field in KINDS);
}

/**
 * Returns whether an entry is that of a field's change. Only the server knows what a name or level is that was removed.
 * @param {Raa.Entry} entry @param {string} field @param {Raa.ClientPatch} sent
 */
function matches({ kind, to }, field, sent) {
  if (!KINDS[field]?.includes(kind)) return false;
  if (field === 'muted') return (kind === 'muted') === sent.muted;
  const value = /** @type {Record<string, unknown>} */ (sent)[field];
  return value === null || to === value;
}

/** Returns whether a change can be undone. @param {Pick<Raa.Entry, 'kind' | 'undone'>} entry */
export function canUndo({ kind, undone }) {
  return UNDOABLE.includes(kind) && !undone;
}

/** Returns whether somebody may still mark a sound as seen. @param {Pick<Raa.Entry, 'kind' | 'seen_by'>} entry */
export function canSee({ kind, seen_by: seenBy }) {
  return kind === 'sound' && !seenBy;
}

/**
 * Returns an entry in words.
 * @param {Raa.Entry} entry @param {Raa.Text} text @param {number} nowMs
 * @returns {{time: string, title: string, detail: string, look: string}} look: 'sound', 'live', 'act' or 'system'
 */
export function describe(entry, text, nowMs) {
  const isSound = entry.kind === 'sound';
  const look = isSound ? (entry.ended_ms === null ? 'live' : 'sound') : entry.client === null ? 'system' : 'act';
  const named = entry.client === null ? text(`log_${entry.kind}`) ?? entry.kind : title({ id: entry.client, name: entry.name });
  const parts = isSound ? soundParts(entry, text) : actParts(entry, text, nowMs);
  return { time: dayAndTime(entry.at_ms, nowMs), title: named, detail: parts.filter(Boolean).join(' · '), look };
}

/** @param {Raa.Entry} entry @param {Raa.Text} text */
function soundParts({ at_ms: at, ended_ms: ended, peak_dbfs: peak, count, seen_by: seenBy }, text) {
  return [
    ended === null ? text('soundsNow') : length(ended - at, text),
    peak === null ? '' : text('decibels', Math.round(peak)),
    count > 1 ? text('times', count) : '',
    seenBy ? `✓ ${seenBy.name}` : '',
  ];
}

/** @param {Raa.Entry} entry @param {Raa.Text} text @param {number} nowMs */
function actParts(entry, text, nowMs) {
  const words = entry.client === null ? '' : change(entry, text, nowMs);
  return [
    words,
    entry.kind === 'server_started' && entry.to ? String(entry.to) : '',
    entry.count > 1 ? text(entry.kind === 'suppressed' ? 'entries' : 'times', entry.count) : '',
    entry.by && entry.by.kind !== 'server' ? text('by', entry.by.name) : '',
    entry.undone ? text('undone') : '',
  ];
}

/** @param {Raa.Entry} entry @param {Raa.Text} text @param {number} nowMs */
function change({ kind, from, to, at_ms: at, ended_ms: ended }, text, nowMs) {
  if (kind === 'muted') return to?.until_ms ? text('mutedFor', Math.round((to.until_ms - at) / 60_000)) : text('mutedForEver');
  if (kind === 'volume') return text('volumeFromTo', from, to);
  if (kind === 'name') return text('nameFromTo', cleanName(from ?? '') || '–', cleanName(to ?? '') || '–');
  if (kind === 'sounding_from') return text('countsFromTo', to ?? '–');
  if (kind === 'network_bad') return [text('log_network_bad'), ended === null ? '' : length(ended - at, text)].filter(Boolean).join(' · ');
  if (kind === 'capture') return text(`capture_${to ?? 'ended'}`) ?? text('capture_other');
  if (kind === 'offline' && ended !== null && ended !== undefined) return `${text('log_offline')} – ${dayAndTime(ended, nowMs)}`;
  return text(`log_${kind}`) ?? kind;
}
