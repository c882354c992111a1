// The page's view of the clients, as pure functions: words, levels and widths.
// Always: no DOM, no clock, no language of its own (texts come in through `text`).

/** The left end of the meters, in dBFS; the right end is 0. */
export const METER_FLOOR_DBFS = -60;

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

/** From this delay on a person notices that the sound comes later than what caused it. */
const LONG_DELAY_MS = 150;

/** Returns how the player's sound comes: its delay, and the interruptions in the last minute. */
export function soundWords({ delayMs, interrupted }, text) {
  const delay = text(delayMs < LONG_DELAY_MS ? 'delay' : 'longDelay', Math.round(delayMs));
  return `${delay} · ${interrupted ? text('interrupted', interrupted) : text('noGaps')}`;
}

/** Returns whether there is no client but the test music, so that the page explains how to add one. */
export function isUnused(clients) {
  return clients.every((client) => client.id === 'bgmtest0');
}

/** No computer that sends today did so this long ago: such a time comes from a wrong clock. */
const INCREDIBLE_MS = 20 * 365 * 86400e3;

/** Returns a time span in the largest unit that fits: 'now', '12 s ago', '3 min ago'. */
export function ago(msAgo, text) {
  if (msAgo === null || msAgo === undefined) return text('never');
  if (!(msAgo >= 0 && msAgo < INCREDIBLE_MS)) return text('timeUnknown');
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
  if (client.withheld && client.status !== 'offline') return { text: text('notInMix'), quality: 'bad' };
  const quality = client.quality ?? 'good';
  if (quality !== 'good') return { text: `${text(quality)} · ${complaint(client, text)}`, quality };
  if (client.status === 'offline') return { text: lastPacket(client, text), quality };
  if (client.status === 'sounding' && client.steady) return { text: text('hum'), quality };
  return { text: ago(client.last_sound_ms_ago, text), quality };
}

/** Returns when a client's last packet arrived; after a restart of the server with a wrong clock that is not known. */
function lastPacket(client, text) {
  const { last_packet_ms_ago: msAgo, seen_before: isSeen } = client;
  if ((msAgo ?? null) !== null || isSeen === undefined) return ago(msAgo, text);
  return text(isSeen ? 'timeUnknown' : 'neverSeen');
}

function complaint({ concealed_percent: missing, delay_ms: delay }, text) {
  return missing === null ? text('slow', delay) : text('missing', percent(missing));
}

/** Returns the problems that a person must solve, in one line; empty if there are none. */
export function notice(client, text) {
  const withheld = client.withheld ? text(known(text, 'withheld', client.withheld)) : null;
  const capture = client.capture_trouble ? text(known(text, 'capture', client.capture_trouble)) : null;
  const conflict = client.conflict ? text('conflict', client.conflict) : null;
  return [withheld, capture, conflict].filter(Boolean).join(' · ');
}

/** Returns the text's key for a word of the server, or the general one if a newer server has a word of its own. */
export function known(text, prefix, word) {
  return text(`${prefix}_${word}`) === undefined ? `${prefix}_other` : `${prefix}_${word}`;
}

/**
 * Returns a client's details as pairs of name and value, always the same number.
 * @param {object | null} figures the client as /api/clients has it; null if they are not known yet
 */
export function facts(figures, text) {
  return FACTS.map(([name, partsOf]) => {
    const parts = figures === null ? [UNKNOWN] : partsOf(figures, text, figures.stats);
    return [text(name), parts.map(unbroken).join(' · ')];
  });
}

const UNKNOWN = '–';

const FACTS = [
  ['quality', ({ quality }, text) => [quality ? text(quality) : UNKNOWN]],
  ['address', ({ address, status }, text) => [address ?? (status === 'offline' ? UNKNOWN : text('builtIn'))]],
  ['received', (_, text, stats) => [stats.received.toLocaleString(), ...counts(['lost', 'late', 'reordered', 'duplicate'], text, stats)]],
  ['frames', (_, text, stats) => counts(['repaired', 'concealed'], text, stats)],
  ['lately', (_, text, { loss_percent: loss, concealed_percent: concealed }) => (loss === null ? [UNKNOWN]
    : [text('beforeRepair', percent(loss)), text('afterRepair', percent(concealed))])],
  ['delayOf', (_, text, { delay_ms: delay, target_delay_ms: aim }) => [ms(delay), ...(aim > 0 ? [text('aim', Math.round(aim))] : [])]],
  ['jitter', (_, text, stats) => [ms(stats.jitter_ms, 1)]],
  ['drift', (_, text, stats) => [`${signed(stats.drift_ppm)} ppm`]],
  ['roundTrip', ({ round_trip_ms: roundTrip }) => [ms(roundTrip, 1)]],
  ['captureToMix', ({ capture_to_mix_ms: captureToMix }) => [ms(captureToMix)]],
  ['lastPacket', (figures, text) => [lastPacket(figures, text)]],
];

function counts(keys, text, stats) {
  return keys.map((key) => `${stats[key].toLocaleString()} ${text(key)}`);
}

function ms(value, digits = 0) {
  return value === null ? UNKNOWN : `${value.toFixed(digits)} ms`;
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
