// What this listener does not hear now, and why.
//
// Always: pure; whoever is silenced longest comes first, so a new one never takes another's place.

/** Below this volume, in percent, a computer counts as not heard. */
const HARDLY_HEARD = 10;

/** Returns whether a computer cannot be heard by anybody. @param {{muted: boolean, volume: number}} client */
export function isSilenced({ muted, volume }) {
  return muted || volume < HARDLY_HEARD;
}

/**
 * Returns the computers that are not heard, in the order in which they became so.
 * @param {Raa.Computer[]} computers
 */
export function silenced(computers) {
  return computers.filter(isSilenced).sort((a, b) => (a.silencedAt ?? 0) - (b.silencedAt ?? 0) || (a.id < b.id ? -1 : 1));
}

/**
 * Returns in words how long a mute still lasts, or since when a computer is not heard.
 * @param {Raa.Computer} computer @param {number} nowMs @param {Raa.Text} text
 * @param {(atMs: number) => string} time
 */
export function silencedWords({ muted, volume, mutedUntil, silencedBy, silencedAt }, nowMs, text, time) {
  const words = [];
  if (!muted) words.push(text('volumeAt', volume));
  else if (mutedUntil) words.push(text('left', Math.max(1, Math.ceil((mutedUntil - nowMs) / 60_000))));
  if (silencedBy) words.push(text('by', silencedBy));
  if (silencedAt && !mutedUntil) words.push(text('since', time(silencedAt)));
  return words.join(' · ');
}
