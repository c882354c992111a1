// Draws a computer's last ten minutes: a column for each second with a sound.
//
// Always: a second moves the strip, draws its newest minute if it has a sound, and does nothing at all while the strip is empty;
// colours, ticks and the base line belong to the style sheet. It is no canvas, because each canvas is a layer of the compositor,
// and the layers of twenty rows make scrolling slow.

import { LOST, STRIP_SECONDS, UNHEARD } from '../room/strip.js';

const HEIGHT = 22;
/** A single second must be seen on a strip that is narrower than 600 pixels. */
const COLUMN = 4;
/** Seconds that are drawn together. */
const MINUTE = 60;
/** What a second can show: class names of the style sheet. */
const LOOKS = /** @type {const} */ (['heard', 'unheard', 'lost']);
/** The style sheet's numbers have 24 bits: far from the origin they no longer tell one second from the next. */
const FAR = 100_000;

/** @typedef {Partial<Record<typeof LOOKS[number], SVGPathElement>>} Minute */

export class StripView {
  #svg;
  #peaks;
  /** @type {Map<number, Minute>} by the minute of the server's clock: those with something to see */
  #minutes = new Map();
  /** @type {number | null} the newest second in the picture */
  #drawnTo = null;
  /** The second at x = 0. */
  #origin = 0;

  /** @param {SVGSVGElement} svg @param {import('../room/strip.js').Peaks} peaks */
  constructor(svg, peaks) {
    this.#svg = svg;
    this.#peaks = peaks;
  }

  /** Shows the seconds up to and with this one. @param {number} second */
  draw(second) {
    const passed = this.#drawnTo === null ? STRIP_SECONDS : second - this.#drawnTo;
    if (passed === 0) return;
    this.#drawnTo = second;
    if (this.#minutes.size === 0 && this.#peaks.isEmpty) return;
    if (this.#minutes.size === 0 || passed < 0 || passed >= MINUTE || second - this.#origin > FAR) {
      this.#drawAll(second);
      return;
    }
    this.#moveTo(second);
    for (const minute of this.#minutes.keys()) if ((minute + 1) * MINUTE <= second - STRIP_SECONDS) this.#remove(minute);
    // The peak of a second may come after it was drawn.
    for (const minute of this.#minutesWithNews(second - passed, second)) this.#drawMinute(minute);
  }

  /** @param {number} from @param {number} to the first and the last second that may be new */
  #minutesWithNews(from, to) {
    const minutes = new Set();
    for (let second = from; second <= to; second++) {
      const { share, marks } = this.#peaks.at(second);
      if (share > 0 || marks & LOST) minutes.add(minuteOf(second));
    }
    return minutes;
  }

  /** Draws other peaks from now on. @param {import('../room/strip.js').Peaks} peaks */
  use(peaks) {
    this.#peaks = peaks;
    this.#clear();
    this.#drawnTo = null;
  }

  #clear() {
    this.#minutes.clear();
    this.#svg.replaceChildren();
  }

  /** @param {number} second */
  #drawAll(second) {
    this.#clear();
    this.#origin = second;
    this.#moveTo(second);
    for (let minute = minuteOf(second - STRIP_SECONDS + 1); minute <= minuteOf(second); minute++) this.#drawMinute(minute);
  }

  /** Brings a second to the right end. @param {number} second */
  #moveTo(second) {
    this.#svg.setAttribute('viewBox', `${second - this.#origin + COLUMN - STRIP_SECONDS} 0 ${STRIP_SECONDS} ${HEIGHT}`);
  }

  /** @param {number} minute */
  #drawMinute(minute) {
    const shapes = this.#shapesOf(minute);
    const paths = this.#minutes.get(minute) ?? {};
    for (const look of LOOKS) {
      if (shapes[look] === '') continue;
      const path = paths[look] ?? this.#add(look);
      path.setAttribute('d', shapes[look]);
      paths[look] = path;
      this.#minutes.set(minute, paths);
    }
  }

  /** @param {typeof LOOKS[number]} look */
  #add(look) {
    const path = /** @type {SVGPathElement} */ (document.createElementNS(this.#svg.namespaceURI, 'path'));
    path.setAttribute('class', look);
    if (look === 'lost') this.#svg.append(path); // in front of the others
    else this.#svg.prepend(path);
    return path;
  }

  /** Returns the columns of a minute by their look. @param {number} minute */
  #shapesOf(minute) {
    const shapes = { heard: '', unheard: '', lost: '' };
    for (let second = minute * MINUTE; second < (minute + 1) * MINUTE; second++) {
      const { share, marks } = this.#peaks.at(second);
      const x = second - this.#origin;
      if (share > 0) shapes[marks & UNHEARD ? 'unheard' : 'heard'] += column(x, Math.max(4, share * (HEIGHT - 2)));
      if (marks & LOST) shapes.lost += column(x, 3);
    }
    return shapes;
  }

  /** @param {number} minute */
  #remove(minute) {
    for (const path of Object.values(this.#minutes.get(minute) ?? {})) path.remove();
    this.#minutes.delete(minute);
  }
}

/** Seconds of an earlier run of the server are negative. @param {number} second */
function minuteOf(second) {
  return Math.floor(second / MINUTE);
}

/** Returns the path of a column. @param {number} x @param {number} height */
function column(x, height) {
  return `M${x} ${HEIGHT}v${-height.toFixed(1)}h${COLUMN}V${HEIGHT}z`;
}
