// The client's icon in the tray that Wine shows in a window of its own, and the menu behind it.
//
// Always: the state is read from the screen. Wine paints an icon over the one before without clearing what was there,
// so it is one pixel that tells: the loudspeaker's left edge, or the red disc behind the mark.

import { eventually } from './processes.js';

const WINDOW = 'Wine System Tray';
/** The icon's place in the window. */
const ICON = { x: 2, y: 2, size: 16 };
const TELLING_PIXEL = { x: 2, y: 8 };
const COLOURS = { active: [22, 163, 74], silent: [139, 144, 152], error: [217, 32, 32], muted: [240, 138, 0] };
const MAX_DISTANCE = 40;
/** The middle of each item, from the menu's upper edge. */
const ITEMS = { settings: 11, mute: 37, startWithWindows: 54, page: 80, diagnostics: 97, about: 114, quit: 140 };
const MENU = { width: 173, height: 152 };

export class Tray {
  constructor(desktop) {
    this.desktop = desktop;
  }

  async shown(timeoutMs = 15_000) {
    this.place = this.desktop.place(await this.desktop.window(WINDOW, timeoutMs));
    return this;
  }

  /** 'active', 'silent', 'error' or 'muted'; null for a colour that none of them has. */
  get state() {
    const { x, y } = this.#icon;
    const [colour] = this.desktop.pixels({ x: x + TELLING_PIXEL.x, y: y + TELLING_PIXEL.y, width: 1, height: 1 });
    const distance = (state) => Math.hypot(...COLOURS[state].map((value, i) => value - colour[i]));
    return Object.keys(COLOURS).find((state) => distance(state) < MAX_DISTANCE) ?? null;
  }

  becomes(state, timeoutMs = 10_000) {
    return eventually(`the icon is ${state}`, () => this.state === state, timeoutMs);
  }

  picture(name) {
    const { x, y } = this.#icon;
    return this.desktop.picture(name, { x, y, width: ICON.size, height: ICON.size });
  }

  async click(button = 1) {
    const { x, y } = this.#icon;
    await this.desktop.click(x + ICON.size / 2, y + ICON.size / 2, button);
  }

  /** Opens the menu and clicks an item of it; `beforeClick` sees the menu. */
  async choose(item, beforeClick = () => {}) {
    await this.click(3);
    const { x, y } = await eventually('the menu is open', () => this.#menu());
    beforeClick({ x, y, ...MENU });
    await this.desktop.click(x + 60, y + ITEMS[item]);
  }

  get #icon() {
    return { x: this.place.x + ICON.x, y: this.place.y + ICON.y };
  }

  #menu() {
    return this.desktop.placesOfClass('raa-client').find(({ width, height }) => width === MENU.width && height === MENU.height);
  }
}
