// The client's icon in the tray, for which Wine shows a window, and its menu.
//
// Always: the state is read from the screen. Wine paints an icon over the previous one without clearing it, so a single
// pixel decides: the loudspeaker's left edge, or the red disc behind the mark.

import { eventually, sleep } from './processes.js';

/** A window that exists while there is an icon. */
export const TRAY_TITLE = 'Wine System Tray';
/** The icon's position in the window. */
const ICON = { x: 2, y: 2, size: 16 };
const STATE_PIXEL = { x: 2, y: 8 };
const COLOURS = { active: [22, 163, 74], silent: [139, 144, 152], error: [217, 32, 32], muted: [240, 138, 0] };
const MAX_DISTANCE = 40;
/** The menu's items from top to bottom, without separators. */
const ITEMS = ['settings', 'mute', 'startWithWindows', 'page', 'diagnostics', 'about', 'quit'];
/** Width of the space to the left of an item's text, where its tick may be. */
const TICK_WIDTH = 16;
/** Smaller heights are separators, or parts of letters. */
const MIN_TEXT_HEIGHT = 5;

export class Tray {
  constructor(desktop) {
    this.desktop = desktop;
  }

  async shown(timeoutMs = 15_000) {
    this.place = this.desktop.place(await this.desktop.window(TRAY_TITLE, timeoutMs));
    return this;
  }

  /** 'active', 'silent', 'error' or 'muted'; null for a colour that none of them has. */
  get state() {
    const { x, y } = this.#icon;
    const [colour] = this.desktop.pixels({ x: x + STATE_PIXEL.x, y: y + STATE_PIXEL.y, width: 1, height: 1 });
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

  /** Returns the icon's tooltip; `pc` is the computer of this tray. */
  async tooltip(pc) {
    const { x, y } = this.#middle;
    let tries = 0;
    // A change of the icon takes the tooltip away until the pointer comes again. Wine does not notice a pointer that returns to
    // the same pixel.
    return eventually('a tooltip is shown', async () => {
      tries += 1;
      await this.desktop.point(x + 300, y + 300);
      await this.desktop.point(x + (tries % 4), y);
      await sleep(1000);
      return pc.look('tooltip');
    }, 15_000);
  }

  async click(button = 1) {
    const { x, y } = this.#middle;
    await this.desktop.click(x, y, button);
  }

  /** Opens the menu and clicks an item; `beforeClick` is called while the menu is open. */
  async choose(item, beforeClick = () => {}) {
    const before = this.#windows().length;
    await this.click(3);
    const menu = await eventually('the menu is open', () => this.#windows()[before]);
    const middles = await eventually('the menu is painted', () => this.#textMiddles(menu, ITEMS.length));
    beforeClick(menu);
    await this.desktop.click(menu.x + menu.width / 2, menu.y + middles[ITEMS.indexOf(item)]);
  }

  get #icon() {
    return { x: this.place.x + ICON.x, y: this.place.y + ICON.y };
  }

  get #middle() {
    const { x, y } = this.#icon;
    return { x: x + ICON.size / 2, y: y + ICON.size / 2 };
  }

  // The menu is the newest of the client's windows.
  #windows() {
    return this.desktop.placesOfClass('raa-client');
  }

  // Returns the middles of the lines of text, once there are as many as expected.
  #textMiddles(place, count) {
    const { width, height } = place;
    const pixels = this.desktop.pixels(place).map(String);
    const background = pixels[2 * width + 2];
    const middles = [];
    for (let y = 0, from = 0; y < height; y++) {
      const empty = pixels.slice(y * width + TICK_WIDTH, (y + 1) * width - 2).every((pixel) => pixel === background);
      if (!empty) continue;
      if (y - from >= MIN_TEXT_HEIGHT) middles.push((from + y) >> 1);
      from = y + 1;
    }
    return middles.length === count ? middles : null;
  }
}
