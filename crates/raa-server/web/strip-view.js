// Draws a computer's last ten minutes: a column for each second with a sound.
//
// Always: a second costs one shift of the picture and one column, and nothing at all while the strip is empty; ticks and the
// base line belong to the style sheet.

import { LOST, STRIP_SECONDS, UNHEARD } from './strip.js';

const HEIGHT = 22;
/** A single second must be seen on a strip that is narrower than 600 pixels. */
const COLUMN = 4;

/** Colours of the style sheet, which change with the theme. */
export class StripColours {
  #read;
  sound = '';
  unheard = '';
  lost = '';

  /** @param {(name: string) => string} read the colour of a custom property */
  constructor(read) {
    this.#read = read;
    this.refresh();
  }

  refresh() {
    [this.sound, this.unheard, this.lost] = ['--sound', '--text-3', '--warn'].map(this.#read);
  }
}

/** Reads colours as the browser computes them: light-dark() means nothing to a canvas. @param {string} name */
export function computedColour(name) {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

export class StripView {
  #context;
  #peaks;
  #colours;
  /** @type {number | null} the newest second in the picture */
  #drawnTo = null;
  #isBlank = true;

  /** @param {HTMLCanvasElement} canvas @param {import('./strip.js').Peaks} peaks @param {StripColours} colours */
  constructor(canvas, peaks, colours) {
    canvas.width = STRIP_SECONDS;
    canvas.height = HEIGHT;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.#peaks = peaks;
    this.#colours = colours;
  }

  /** Shows the seconds up to and with this one. @param {number} second */
  draw(second) {
    const passed = this.#drawnTo === null ? STRIP_SECONDS : second - this.#drawnTo;
    if (passed === 0) return;
    this.#drawnTo = second;
    if (this.#isBlank && this.#peaks.isEmpty) return;
    if (passed < 0 || passed >= 60) {
      this.#drawAll(second);
      return;
    }
    this.#shift(passed);
    for (let one = second - passed + 1; one <= second; one++) this.#column(one, second);
    if (this.#peaks.isEmpty) this.redraw();
  }

  /** Draws other peaks from now on. @param {import('./strip.js').Peaks} peaks */
  use(peaks) {
    this.#peaks = peaks;
    this.#context.clearRect(0, 0, STRIP_SECONDS, HEIGHT);
    this.#isBlank = true;
    this.#drawnTo = null;
  }

  /** Forgets the picture, as after a new connection or another theme. */
  redraw() {
    const second = this.#drawnTo;
    this.#drawnTo = null;
    if (second !== null) this.#drawAll(second);
  }

  /** @param {number} second */
  #drawAll(second) {
    this.#context.clearRect(0, 0, STRIP_SECONDS, HEIGHT);
    this.#drawnTo = second;
    this.#isBlank = true;
    for (let one = second - STRIP_SECONDS + 1; one <= second; one++) this.#column(one, second);
  }

  /** @param {number} seconds */
  #shift(seconds) {
    const context = this.#context;
    context.globalCompositeOperation = 'copy';
    context.drawImage(context.canvas, -seconds, 0);
    context.globalCompositeOperation = 'source-over';
  }

  /** @param {number} second @param {number} newest */
  #column(second, newest) {
    const { share, marks } = this.#peaks.at(second);
    if (share === 0 && marks === 0) return;
    this.#isBlank = false;
    const x = STRIP_SECONDS - COLUMN - (newest - second);
    const height = Math.max(4, share * (HEIGHT - 2));
    this.#context.fillStyle = marks & UNHEARD ? this.#colours.unheard : this.#colours.sound;
    if (share > 0) this.#context.fillRect(x, HEIGHT - height, COLUMN, height);
    this.#context.fillStyle = this.#colours.lost;
    if (marks & LOST) this.#context.fillRect(x, HEIGHT - 3, COLUMN, 3);
  }
}
