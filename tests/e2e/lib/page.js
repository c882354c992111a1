// The mixer page as a person uses it, in Chromium: real clicks and keys on elements with a data-testid.
//
// Always: collects the page's errors (console, exceptions, failed requests), so that a test can require that there are
// none.

import { PATIENCE_MS, eventually } from './processes.js';

export class MixerPage {
  static async open(browser, url, contextOptions = {}) {
    const context = await browser.newContext(contextOptions);
    const page = new MixerPage(await context.newPage());
    await page.page.goto(url);
    return page;
  }

  constructor(page) {
    this.page = page;
    this.complaints = [];
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => message.type() === 'error' && this.complaints.push(message.text()));
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('response', (response) => response.status() >= 400 && this.complaints.push(`${response.status()} ${response.url()}`));
  }

  get playButton() {
    return this.page.getByTestId('play');
  }

  row(id) {
    return this.page.locator(`[data-testid=row][data-id="${id}"]`);
  }

  playerState() {
    return this.page.locator('[data-state]').first().getAttribute('data-state');
  }

  becomes(state, timeoutMs = PATIENCE_MS) {
    return eventually(`the player is ${state}`, async () => (await this.playerState()) === state, timeoutMs);
  }

  /** Starts the player at full volume, so that its levels are those of the mix. */
  async play() {
    await this.page.getByTestId('player-volume').press('End');
    await this.playButton.click();
    await this.becomes('playing');
  }

  /** Calls `beforeClick`, then clicks on the middle of an element, and waits for nothing afterwards. */
  async clickAt(locator, beforeClick = () => {}) {
    await locator.scrollIntoViewIfNeeded();
    const box = await locator.boundingBox();
    await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    beforeClick();
    await this.page.mouse.down();
    await this.page.mouse.up();
  }

  /** The panel of the computer that was opened last. */
  get panel() {
    return this.page.getByTestId('panel');
  }

  async rename(id, name) {
    await this.showDetails(id);
    const input = this.panel.getByTestId('name-input');
    await input.fill('');
    await input.pressSequentially(name);
    await input.press('Enter');
  }

  /** Moves a volume slider to a value with the keyboard. */
  async setVolume(id, percent) {
    await this.showDetails(id);
    const slider = this.panel.getByTestId('panel-volume');
    await slider.focus();
    if (percent === 200) await slider.press('End');
    if (percent === 0) await slider.press('Home');
    for (let presses = 0; presses < 250; presses++) {
      const value = Number(await slider.inputValue());
      if (value === percent) return;
      await slider.press(value > percent ? 'ArrowLeft' : 'ArrowRight');
    }
    throw new Error(`the slider cannot be moved to ${percent}: it stays at ${await slider.inputValue()}`);
  }

  /** Opens the panel of a computer, if it is not open. */
  async showDetails(id) {
    if ((await this.panel.count()) && (await this.panel.getAttribute('data-id')) === id) return;
    await this.row(id).getByTestId('more').focus();
    await this.row(id).getByTestId('more').press('Enter');
    await this.panel.waitFor();
  }

  /** Closes the panel. */
  async hideDetails() {
    await this.page.keyboard.press('Escape');
    await this.panel.waitFor({ state: 'detached' });
  }

  /** Presses Tab until an element with this test ID has the focus, and returns the number of presses. */
  async tabTo(testId, limit = 60) {
    for (let presses = 1; presses <= limit; presses++) {
      await this.page.keyboard.press('Tab');
      if ((await this.page.evaluate(() => document.activeElement?.dataset?.testid)) === testId) return presses;
    }
    throw new Error(`${limit} presses of Tab do not reach ${testId}`);
  }

  scrollsSideways() {
    return this.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  }

  close() {
    return this.page.context().close();
  }
}
