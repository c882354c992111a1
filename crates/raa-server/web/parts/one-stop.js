// A band with many buttons is one stop of the Tab key: the arrow keys go from button to button.
//
// Always: exactly one of the buttons that can be seen is the stop; a button that has the focus stays the stop.

/** What cannot be seen; asked without a layout, since bands change often. */
const UNSEEN = '[hidden], .gone, .empty';

export class OneStop {
  #band;
  #selector;
  /** @type {HTMLElement | null} */
  #stop = null;

  /** @param {HTMLElement} band @param {string} selector of its buttons */
  constructor(band, selector) {
    this.#band = band;
    this.#selector = selector;
    band.addEventListener('focusin', ({ target }) => {
      if (target instanceof HTMLElement && target.matches(selector)) this.#choose(target);
    });
    band.addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** Makes sure that there is a stop; for every time that buttons came or went. */
  update() {
    const buttons = this.#buttons();
    for (const button of buttons) if (button !== this.#stop && button.tabIndex !== -1) button.tabIndex = -1;
    if (this.#stop === null || !buttons.includes(this.#stop)) this.#choose(buttons[0] ?? null);
  }

  /** @returns {HTMLElement[]} */
  #buttons() {
    return [...this.#band.querySelectorAll(this.#selector)].flatMap((one) => (one instanceof HTMLElement && one.closest(UNSEEN) === null ? one : []));
  }

  /** @param {HTMLElement | null} button */
  #choose(button) {
    if (this.#stop && this.#stop !== button) this.#stop.tabIndex = -1;
    this.#stop = button;
    if (button && button.tabIndex !== 0) button.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const buttons = this.#buttons();
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    buttons[Math.min(buttons.length - 1, Math.max(0, at + step))].focus();
  }
}
