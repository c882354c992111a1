// Times as the page says them: the clock, running times, ages and lengths.
//
// Always: pure; every moment is in milliseconds of Unix time on the server's clock, so that all desks and walls show the
// same second, whatever their own clocks say; an impossible time has words of its own and is never shown as a number.

/** No computer that sends today did so this long ago: such a time comes from a wrong clock. */
const INCREDIBLE_MS = 20 * 365 * 86400e3;

/** @param {number} number */
const two = (number) => String(number).padStart(2, '0');

/** Returns a moment as HH:MM:SS, in the time zone of this browser. @param {number} atMs */
export function clockTime(atMs) {
  const date = new Date(atMs);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/**
 * Returns a moment for a list: the time of day, with the date before it if it is not of the same day as `nowMs`.
 * @param {number} atMs @param {number} nowMs
 */
export function dayAndTime(atMs, nowMs) {
  const [date, today] = [new Date(atMs), new Date(nowMs)];
  const isToday = date.toDateString() === today.toDateString();
  return isToday ? clockTime(atMs) : `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockTime(atMs).slice(0, 5)}`;
}

/** Returns a running time: 0:07, 12:03, 1:00:09. @param {number} ms */
export function running(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @type {['second', number]} */
const SECOND = ['second', 1];
/** @type {['day' | 'hour' | 'minute' | 'second', number][]} */
const UNITS = [['day', 86400], ['hour', 3600], ['minute', 60], SECOND];

/**
 * Returns a span in the largest unit that fits: '38 s', '7 min', '3 h'; a dash if there is none.
 * @param {number | null | undefined} ms @param {Raa.Text} text
 */
export function age(ms, text) {
  if (ms === null || ms === undefined) return '–';
  if (!(ms > -5000 && ms < INCREDIBLE_MS)) return text('timeUnknown');
  const [unit, count] = inUnits(Math.max(0, Math.floor(ms / 1000)));
  return text(`span_${unit}`, count);
}

/**
 * Returns how long ago something was, in the largest unit that fits: 'now', '12 s ago', '3 min ago'.
 * @param {number | null | undefined} msAgo @param {Raa.Text} text
 */
export function ago(msAgo, text) {
  if (msAgo === null || msAgo === undefined) return text('never');
  if (!(msAgo >= 0 && msAgo < INCREDIBLE_MS)) return text('timeUnknown');
  const seconds = Math.floor(msAgo / 1000);
  if (seconds < 2) return text('justNow');
  const [unit, count] = inUnits(seconds);
  return text(`${unit}sAgo`, count);
}

/** Returns the largest unit that fits, and how many of it. @param {number} seconds @returns {[typeof UNITS[number][0], number]} */
function inUnits(seconds) {
  const [unit, unitLength] = UNITS.find(([, one]) => seconds >= one) ?? SECOND;
  return [unit, Math.floor(seconds / unitLength)];
}

/** Returns how long a sound was: tenths below a minute, since the shortest alarms are a tenth long. @param {number} ms @param {Raa.Text} text */
export function length(ms, text) {
  if (ms < 59_950) return text('span_second', (Math.max(100, ms) / 1000).toFixed(1));
  return ms < 3600e3 ? text('span_minutes_seconds', Math.floor(ms / 60e3), Math.floor(ms / 1000) % 60) : age(ms, text);
}

/** Knows what the server's clock shows, from the newest message that said it. */
export class ServerClock {
  /** @type {number | null} */
  #offsetMs = null;
  #fallback;

  /** @param {() => number} fallback this computer's clock, which counts until the server has said its time */
  constructor(fallback = Date.now) {
    this.#fallback = fallback;
  }

  /**
   * Takes the server's time at `monotonicMs` of this page. A step back of a few milliseconds is a slow message.
   * @param {number} unixMs @param {number} monotonicMs
   */
  set(unixMs, monotonicMs) {
    const offset = unixMs - monotonicMs;
    const isSlowMessage = this.#offsetMs !== null && offset < this.#offsetMs && this.#offsetMs - offset < 500;
    if (!isSlowMessage) this.#offsetMs = offset;
  }

  /** @param {number} monotonicMs */
  now(monotonicMs) {
    return this.#offsetMs === null ? this.#fallback() : this.#offsetMs + monotonicMs;
  }
}
