// The client's icon in the tray, for which Wine shows a window, and its menu.
//
// Always: the state is read from the screen. Wine paints an icon over the previous one without clearing it, so a single
// pixel decides: the loudspeaker's left edge, or the red disc behind the mark. The window manager may move the window, so
// its place is looked up each time. Nothing is clicked before it is painted.

import { WINE_PATIENCE_MS } from './wine.js';
import { eventually, nowMs, sleep } from './processes.js';

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
/** How long the pointer rests on the icon until its tooltip should be there. */
const HOVER_MS = 3000;

export class Tray {
  constructor(desktop, pc) {
    this.desktop = desktop;
    this.pc = pc;
  }

  shown() {
    return this.#corner();
  }

  becomes(state) {
    let seen;
    return eventually(`the icon is ${state}`, async () => {
      seen = await this.#state();
      if (seen !== state) throw new Error(`it is ${seen}`);
      return true;
    }, WINE_PATIENCE_MS);
  }

  async picture(name) {
    return this.desktop.picture(name, { ...await this.#corner(), width: ICON.size, height: ICON.size });
  }

  tooltip() {
    let tries = 0;
    // A change of the icon takes the tooltip away until the pointer comes again. Wine does not notice a pointer that returns to
    // the same pixel.
    return eventually('a tooltip is shown', async () => {
      tries += 1;
      const { x, y } = await this.#middle();
      await this.desktop.point(x + 300, y + 300);
      await this.desktop.point(x + (tries % 4), y);
      const end = nowMs() + HOVER_MS;
      let text;
      while (!text && nowMs() < end) {
        text = await this.pc.look('tooltip');
        if (!text) await sleep(100);
      }
      return text;
    }, WINE_PATIENCE_MS);
  }

  async click(button = 1) {
    const { x, y } = await this.#middle();
    await this.desktop.click(x, y, button);
  }

  /** Opens the menu and clicks an item; `beforeClick` is called while the menu is open. */
  async choose(item, beforeClick = () => {}) {
    await this.click(3);
    const { menu, middles } = await eventually('the menu is open and painted', async () => {
      const place = await this.#menu();
      const found = place && await this.#textMiddles(place, ITEMS.length);
      return found && { menu: place, middles: found };
    }, WINE_PATIENCE_MS);
    await beforeClick(menu);
    await this.desktop.click(menu.x + menu.width / 2, menu.y + middles[ITEMS.indexOf(item)]);
    await eventually('the menu closes', async () => !await this.#menu(), WINE_PATIENCE_MS);
  }

  // 'active', 'silent', 'error' or 'muted'; null for a colour that none of them has.
  async #state() {
    const { x, y } = await this.#corner();
    const [colour] = await this.desktop.pixels({ x: x + STATE_PIXEL.x, y: y + STATE_PIXEL.y, width: 1, height: 1 });
    const distance = (state) => Math.hypot(...COLOURS[state].map((value, i) => value - colour[i]));
    return Object.keys(COLOURS).find((state) => distance(state) < MAX_DISTANCE) ?? null;
  }

  // Where the icon is, as soon as there is one.
  async #corner() {
    const { x, y } = await this.desktop.place(await this.desktop.window(TRAY_TITLE));
    return { x: x + ICON.x, y: y + ICON.y };
  }

  async #middle() {
    const { x, y } = await this.#corner();
    return { x: x + ICON.size / 2, y: y + ICON.size / 2 };
  }

  async #menu() {
    const place = await this.pc.look('menu');
    if (!place) return null;
    const [x, y, width, height] = place.split(' ').map(Number);
    return { x, y, width, height };
  }

  // Returns the middles of the lines of text, once there are as many as expected.
  async #textMiddles(place, count) {
    const { width, height } = place;
    const pixels = (await this.desktop.pixels(place)).map(String);
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
