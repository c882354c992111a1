// How a computer looks, and what is said of it, wherever it is shown: in rows, cards, chips and tiles.
//
// Always: pure; the same computer looks and reads the same everywhere.

import { age, running } from '../texts/time.js';
import { isSilenced } from './silenced.js';

/** Returns the looks of a computer, for rows, cards, chips and tiles. @param {Raa.Computer} computer */
export function looks(computer) {
  const { isSounding, isOffline, isSeen, began, isSteady } = computer;
  return { live: isSounding, offline: isOffline, silenced: isSilenced(computer), fresh: !isSeen && began !== null && !isSounding && !isSteady, bad: computer.trouble !== '' };
}

/**
 * Returns how long a computer sounds, or how long ago it sounded.
 * @param {Raa.Computer} computer @param {number} nowMs @param {Raa.Text} text
 */
export function lastWords({ isSounding, isOffline, began, ended }, nowMs, text) {
  if (isSounding) return running(nowMs - (began ?? nowMs));
  return isOffline ? text('offline') : age(ended === null ? null : nowMs - ended, text);
}

/** Returns a computer's state in words, for a screen reader. @param {Raa.Computer} computer @param {Raa.Text} text */
export function stateWords({ isSounding, isOffline, isSeen, began, muted, volume, trouble }, text) {
  const words = [text(isSounding ? 'stateSounding' : isOffline ? 'offline' : 'stateSilent')];
  if (!isSounding && !isSeen && began !== null) words.push(text('notSeen'));
  if (muted) words.push(text('mutedEveryone'));
  if (volume !== 100) words.push(text('volumeAt', volume));
  if (trouble) words.push(text('badNetwork'));
  return words;
}
