// The client's settings dialog, filled in with the keyboard and read from inside Wine.
//
// Always: no key is pressed before the dialog is in front and has the keyboard; what was typed is read from the control, and
// typed again if it is something else. So nothing here depends on the speed of the machine.

import { WINE_PATIENCE_MS } from './wine.js';
import { eventually, nowMs, sleep } from './processes.js';

/** IDs from crates/raa-client/resources/resource.h, with the keys that lead to the controls in English. */
export const CONTROLS = {
  server: { id: '102', key: 'alt+s' },
  serverNote: { id: '104' },
  name: { id: '106', key: 'alt+n' },
  source: { id: '109', key: 'alt+o' },
};
/** How long keys may take until they are pressed again; keys arrive in their order, so that later ones win. */
const RETYPE_MS = 10_000;

export class Dialog {
  constructor(desktop, pc, title) {
    this.desktop = desktop;
    this.pc = pc;
    this.title = title;
  }

  /** Waits until it is open, in front, and has the keyboard in its first field; returns its window. */
  async ready() {
    const window = await this.desktop.window(this.title);
    await eventually(`${this.title} has the keyboard`, async () => await this.desktop.hasKeyboard(window) && await this.#focus() === CONTROLS.server.id, WINE_PATIENCE_MS);
    return window;
  }

  /** Whether the keyboard can be moved into this field. That also means that all earlier keys have had their effect. */
  go(field) {
    const { id, key } = CONTROLS[field];
    return this.#until(`the keyboard is in the field ${field}`, () => this.desktop.press(key), async () => await this.#focus() === id);
  }

  /** Replaces the text of a field. */
  async fill(field, text) {
    await this.go(field);
    await this.#until(`the field ${field} contains ${text}`, async () => {
      await this.desktop.press('ctrl+a');
      await this.desktop.type(text);
    }, async () => await this.text(field) === text);
  }

  /** Selects the only line of a list that begins with this letter; it must be `line`. */
  async choose(field, letter, line) {
    await this.go(field);
    await this.#until(`${line} is selected in ${field}`, () => this.desktop.press(letter), async () => await this.text(field) === line);
  }

  /** Returns the text of a control, or null. */
  text(field) {
    return this.pc.look('text', this.title, CONTROLS[field].id);
  }

  /** Presses Enter or Esc, which close it. */
  async close(key) {
    await this.desktop.press(key);
    await this.desktop.gone(this.title);
  }

  #focus() {
    return this.pc.look('focus', this.title);
  }

  // Acts until it has the desired effect; once is enough unless keys were lost.
  #until(what, act, isDone) {
    return eventually(what, async () => {
      await act();
      const end = nowMs() + RETYPE_MS;
      do {
        if (await isDone()) return true;
        await sleep(50);
      } while (nowMs() < end);
      return false;
    }, WINE_PATIENCE_MS);
  }
}
