// A dashboard of Zabbix as a person uses it in Chromium: signs in by the form, clicks, and looks.
//
// Always: after open() nothing here counts as a person's click unless it is one; waiting only reads attributes.

import { PATIENCE_MS, eventually, sleep } from '../../e2e/lib/processes.js';

const WIDGET = { type: 'raa_player', name: '', view_mode: 0 };
const STRING = 1;
const INTEGER = 0;

/** Returns a widget for dashboard.create. fields: values by name, with the defaults of the form for all others. */
export function widget({ x = 0, y = 0, width = 36, height = 5, refreshS = 10, ...fields }) {
  const values = { rf_rate: refreshS, ...fields };
  return { ...WIDGET, x, y, width, height, fields: Object.entries(values).map(([name, value]) => ({ type: typeof value === 'string' ? STRING : INTEGER, name, value })) };
}

export class Board {
  /** Signs in as Admin in a browser window of its own. */
  static async signIn(browser, origin, options = {}) {
    const board = new Board(await (await browser.newContext({ viewport: { width: 1180, height: 700 }, ...options })).newPage(), origin);
    await board.page.goto(`${origin}/index.php`);
    await board.page.fill('#name', 'Admin');
    await board.page.fill('#password', 'zabbix');
    await board.page.click('#enter');
    await board.page.waitForURL(/zabbix\.php/);
    return board;
  }

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    this.sockets = []; // { path, isOpen }
    this.errors = [];
    page.setDefaultTimeout(15_000);
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('websocket', (socket) => {
      const seen = { path: new URL(socket.url()).pathname, isOpen: true };
      this.sockets.push(seen);
      socket.on('close', () => { seen.isOpen = false; });
    });
  }

  async open(dashboardid) {
    await this.page.goto(`${this.origin}/zabbix.php?action=dashboard.view&dashboardid=${dashboardid}`);
    await this.page.locator('.raa-player').first().waitFor();
  }

  /** Opens it without Playwright looking into the page, which counts as a click; watch() gives what the page says instead. */
  async openUntouched(dashboardid) {
    await this.page.goto(`${this.origin}/zabbix.php?action=dashboard.view&dashboardid=${dashboardid}`, { waitUntil: 'commit' });
  }

  get player() {
    return this.page.locator('.raa-player:visible').first();
  }

  async becomes(state, timeoutMs = PATIENCE_MS) {
    try {
      await eventually(`the widget is ${state}`, async () => (await this.player.getAttribute('data-state', { timeout: 1000 })) === state, timeoutMs, 100);
    } catch (error) {
      throw new Error(`${error.message}; it shows: ${await this.player.innerText().catch(() => 'nothing')}`);
    }
  }

  /** Waits until it plays, and clicks on its button if the browser wants a click. */
  async plays() {
    await eventually('the widget is ready', async () => ['playing', 'needs-click'].includes(await this.player.getAttribute('data-state')), PATIENCE_MS, 100);
    if ((await this.player.getAttribute('data-state')) === 'needs-click') await this.player.locator('.raa-button').click();
    await this.becomes('playing');
  }

  /** Returns the WebSockets that are open now, as paths, after `settleMs`. */
  async openSockets(settleMs = 1000) {
    await sleep(settleMs);
    return this.sockets.filter(({ isOpen }) => isOpen).map(({ path }) => path).sort();
  }

  /** Shows the n-th page of the dashboard, from 1 on. */
  async showPage(n) {
    await this.page.locator('.dashboard-navigation-tabs li').nth(n - 1).locator('.sortable-item, [tabindex], span').first().click();
  }

  close() {
    return this.page.context().close();
  }
}
