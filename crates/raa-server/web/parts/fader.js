// A slider that a swipe cannot move by accident.
//
// A browser's own slider jumps to the finger as soon as it is touched, also when the finger only wants to scroll. Here a
// finger must begin on the thumb and move sideways first, and then moves the value from where it is. A mouse works as on any slider, and the
// keyboard belongs to the input itself. The element around the input has `touch-action: pan-y`, so that the browser takes
// over whatever begins upwards or downwards.
// Always: a touch that ends as scrolling, or without a sideways move, changes nothing.

/** A finger that has moved this far sideways, in CSS pixels, wants to move the slider. */
const SIDEWAYS_PX = 12;

/**
 * What a finger's movement means.
 * @returns {'drag' | 'other' | 'unknown'}
 * @param {number} dx @param {number} dy
 */
export function meaning(dx, dy) {
  if (Math.abs(dx) < SIDEWAYS_PX && Math.abs(dy) < SIDEWAYS_PX) return 'unknown';
  return Math.abs(dx) > 2 * Math.abs(dy) ? 'drag' : 'other';
}

/**
 * Returns a slider's value after a movement over a share of its length.
 * @param {{from: number, min: number, max: number, share: number}} movement
 */
export function moved({ from, min, max, share }) {
  return Math.round(Math.min(max, Math.max(min, from + (max - min) * share)));
}

/** A finger this near to the thumb, in CSS pixels, has gripped it. */
const GRIP_PX = 28;

/** Shows a value on a slider. @param {HTMLInputElement} input @param {number} value */
export function showValue(input, value) {
  if (Number(input.value) !== value) input.value = String(value);
  const share = `${((value - Number(input.min)) / (Number(input.max) - Number(input.min))) * 100}%`;
  if (input.style.getPropertyValue('--v') !== share) input.style.setProperty('--v', share);
}

export class Fader {
  #element;
  #input;
  /** @type {{id: number, x: number, y: number, from: number, isDragging: boolean} | null} */
  #press = null;

  /** @param {HTMLElement} element contains the input @param {HTMLInputElement} input */
  constructor(element, input) {
    this.#element = element;
    this.#input = input;
    input.addEventListener('input', () => showValue(input, Number(input.value)));
    element.addEventListener('pointerdown', (event) => this.#begin(event));
    element.addEventListener('pointermove', (event) => this.#move(event));
    element.addEventListener('pointerup', (event) => this.#end(event));
    element.addEventListener('pointercancel', (event) => this.#cancel(event));
    element.addEventListener('lostpointercapture', (event) => this.#end(event));
  }

  /** Whether a person is moving the slider with a pointer. */
  get isDragging() {
    return this.#press?.isDragging ?? false;
  }

  /** @param {PointerEvent} event */
  #begin(event) {
    if (event.button !== 0 || !event.isPrimary || this.#press) return;
    const isMouse = event.pointerType === 'mouse';
    if (!isMouse && !this.#isNearThumb(event.clientX)) return;
    this.#press = { id: event.pointerId, x: event.clientX, y: event.clientY, from: Number(this.#input.value), isDragging: isMouse };
    if (!isMouse) return;
    event.preventDefault(); // no selection of text while it is dragged
    this.#input.focus({ preventScroll: true });
    this.#element.setPointerCapture(event.pointerId);
    const { left, width } = this.#input.getBoundingClientRect();
    const { min, max } = this.#range;
    this.#press.from = moved({ from: min, min, max, share: (event.clientX - left) / width });
    this.#set(this.#press.from);
  }

  /** A finger must grip the thumb: one that lands on the track may mean anything. @param {number} x */
  #isNearThumb(x) {
    const { left, width } = this.#input.getBoundingClientRect();
    const { min, max } = this.#range;
    return Math.abs(x - (left + (width * (Number(this.#input.value) - min)) / (max - min))) <= GRIP_PX;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const press = this.#press;
    if (press === null || event.pointerId !== press.id) return;
    const dx = event.clientX - press.x;
    if (!press.isDragging) {
      const wanted = meaning(dx, event.clientY - press.y);
      if (wanted === 'other') this.#press = null;
      if (wanted !== 'drag') return;
      press.isDragging = true;
      press.x = event.clientX; // the way up to here decided what the finger means, and moves nothing
      this.#element.setPointerCapture(press.id);
      return;
    }
    this.#set(moved({ ...this.#range, from: press.from, share: dx / this.#input.clientWidth }));
  }

  /** @param {PointerEvent} event */
  #end(event) {
    if (event.pointerId === this.#press?.id) this.#press = null;
  }

  /** The browser has begun to scroll: the value is what it was. @param {PointerEvent} event */
  #cancel(event) {
    const press = this.#press;
    if (press === null || event.pointerId !== press.id) return;
    this.#press = null;
    if (press.isDragging) this.#set(press.from);
  }

  /** @param {number} value */
  #set(value) {
    if (Number(this.#input.value) === value) return;
    this.#input.value = String(value);
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
  }

  get #range() {
    return { min: Number(this.#input.min), max: Number(this.#input.max) };
  }
}
