// The words about a computer's and the player's figures.
//
// Always: pure: no DOM, no clock, no language of its own (texts come in through `text`).

import { ago } from '../texts/time.js';

/** How long an interruption counts. */
const INTERRUPTIONS_WINDOW_MS = 60000;

/** Counts the interruptions of a player's sound in the last minute. */
export class Interruptions {
  /** @type {{at: number, total: number}[]} */
  #notes = [];

  /**
   * Takes the player's total count at `nowMs` and returns the interruptions of the last minute.
   * @param {number} nowMs @param {number} total
   */
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

/**
 * Returns how the player's sound comes: its delay, and what was wrong with it in the last minute; nothing if nothing was.
 * @param {{delayMs: number, interrupted: number}} sound @param {Raa.Text} text
 */
export function soundWords({ delayMs, interrupted }, text) {
  const delay = text(delayMs < LONG_DELAY_MS ? 'delay' : 'longDelay', Math.round(delayMs));
  return interrupted ? `${delay} · ${text('interrupted', interrupted)}` : delay;
}

/**
 * Returns when a client's last packet arrived; after a restart of the server with a wrong clock that is not known.
 * @param {Raa.ClientBody} client @param {Raa.Text} text
 */
function lastPacket(client, text) {
  const { last_packet_ms_ago: msAgo, seen_before: isSeen } = client;
  if (msAgo !== null || isSeen === undefined) return ago(msAgo, text);
  return text(isSeen ? 'timeUnknown' : 'neverSeen');
}

/** Returns the problems that a person must solve, in one line; empty if there are none. @param {Raa.ClientRow} client @param {Raa.Text} text */
export function notice(client, text) {
  const withheld = client.withheld ? text(known(text, 'withheld', client.withheld)) : null;
  const capture = client.capture_trouble ? text(known(text, 'capture', client.capture_trouble)) : null;
  const conflict = client.conflict ? text('conflict', client.conflict) : null;
  return [withheld, capture, conflict].filter(Boolean).join(' · ');
}

/**
 * Returns the text's key for a word of the server, or the general one if a newer server has a word of its own.
 * @template {'withheld' | 'capture' | 'error' | 'refused'} Prefix
 * @param {Raa.Text} text @param {Prefix} prefix @param {string} word
 * @returns {`${Prefix}_other`}
 */
export function known(text, prefix, word) {
  const key = text(`${prefix}_${word}`) === undefined ? `${prefix}_other` : `${prefix}_${word}`;
  return /** @type {`${Prefix}_other`} */ (key);
}

/**
 * Returns a client's details as pairs of name and value, always the same number.
 * @param {Raa.ClientBody | null} figures the client as /api/clients has it; null if they are not known yet
 * @param {Raa.Text} text
 * @returns {[string, string][]}
 */
export function facts(figures, text) {
  return FACTS.map(([name, partsOf]) => {
    const parts = figures === null ? [UNKNOWN] : partsOf(figures, text, figures.stats);
    return [text(name), parts.map(unbroken).join(' · ')];
  });
}

const UNKNOWN = '–';

/** @type {[Raa.PlainKey, (figures: Raa.ClientBody, text: Raa.Text, stats: Raa.Stats) => string[]][]} */
const FACTS = [
  ['quality', ({ quality }, text) => [quality ? text(quality) : UNKNOWN]],
  ['address', ({ address, status }, text) => [address ?? (status === 'offline' ? UNKNOWN : text('builtIn'))]],
  ['received', (_, text, stats) => [stats.received.toLocaleString(), ...counts(['lost', 'late', 'reordered', 'duplicate'], text, stats)]],
  ['frames', (_, text, stats) => counts(['repaired', 'concealed'], text, stats)],
  ['lately', (_, text, { loss_percent: loss, concealed_percent: concealed }) => (loss === null || concealed === null ? [UNKNOWN]
    : [text('beforeRepair', percent(loss)), text('afterRepair', percent(concealed))])],
  ['delayOf', (_, text, { delay_ms: delay, target_delay_ms: aim }) => [ms(delay), ...(aim > 0 ? [text('aim', Math.round(aim))] : [])]],
  ['jitter', (_, text, stats) => [ms(stats.jitter_ms, 1)]],
  ['drift', (_, text, stats) => [`${signed(stats.drift_ppm)} ppm`]],
  ['roundTrip', ({ round_trip_ms: roundTrip }) => [ms(roundTrip, 1)]],
  ['captureToMix', ({ capture_to_mix_ms: captureToMix }) => [ms(captureToMix)]],
  ['lastPacket', (figures, text) => [lastPacket(figures, text)]],
];

/** @param {('lost' | 'late' | 'reordered' | 'duplicate' | 'repaired' | 'concealed')[]} keys @param {Raa.Text} text @param {Raa.Stats} stats */
function counts(keys, text, stats) {
  return keys.map((key) => `${stats[key].toLocaleString()} ${text(key)}`);
}

/** @param {number | null} value @param {number} [digits] */
function ms(value, digits = 0) {
  return value === null ? UNKNOWN : `${value.toFixed(digits)} ms`;
}

/** Makes a narrow screen break a list between its parts and not within them. @param {string} part */
function unbroken(part) {
  return part.replaceAll(' ', '\u00a0');
}

/** Formats a percentage, with tenths where they matter. @param {number} value */
function percent(value) {
  return value >= 9.95 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

/** @param {number} value */
function signed(value) {
  const size = Math.abs(value).toFixed(1);
  return size === '0.0' ? '0' : `${value < 0 ? '−' : '+'}${size}`;
}
