// An invisible screen: an X server with a window manager, keyboard and mouse (xdotool), and screenshots.
//
// Always: a display number of its own; coordinates are pixels from the top left corner of the screen.

import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Program, eventually, sleep } from './processes.js';

const WIDTH = 1024;
const HEIGHT = 768;

export class Desktop {
  constructor(world) {
    this.world = world;
    this.pictures = 0;
  }

  get env() {
    return { DISPLAY: this.display, WAYLAND_DISPLAY: '' };
  }

  async start() {
    const { artifacts } = this.world;
    // Without -noreset the server resets when its last client disconnects, and refuses new ones in that moment.
    this.x = new Program('Xvfb', ['-displayfd', '1', '-noreset', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp'], { logFile: join(artifacts, 'x.log') });
    const [number] = await this.x.line(/^\d+$/);
    this.display = `:${number}`;
    this.manager = new Program('openbox', ['--sm-disable'], { env: { ...this.env, HOME: this.world.dir }, logFile: join(artifacts, 'openbox.log') });
    await eventually('a window manager runs', () => this.#ask('xprop', '-root', '_NET_SUPPORTING_WM_CHECK').includes('window id'));
    return this;
  }

  /** Returns the IDs of visible windows with a matching title, oldest first. */
  windows(title) {
    return this.#ask('xdotool', 'search', '--onlyvisible', '--name', title).split('\n').filter(Boolean);
  }

  window(title, timeoutMs = 15_000) {
    return eventually(`a window is called ${title}`, () => this.windows(title)[0], timeoutMs);
  }

  gone(title, timeoutMs = 10_000) {
    return eventually(`no window is called ${title}`, () => this.windows(title).length === 0, timeoutMs);
  }

  /** Returns the areas of a program's visible windows, including those without a title. */
  placesOfClass(name) {
    return this.#ask('xdotool', 'search', '--onlyvisible', '--class', name).split('\n').filter(Boolean).map((window) => this.place(window));
  }

  /** Returns { x, y, width, height } of a window's inner area. */
  place(window) {
    const output = this.#do('xwininfo', '-id', window);
    const number = (label) => Number(new RegExp(`${label}: +(-?\\d+)`).exec(output)[1]);
    return { x: number('Absolute upper-left X'), y: number('Absolute upper-left Y'), width: number('Width'), height: number('Height') };
  }

  activate(window) {
    this.#do('xdotool', 'windowactivate', '--sync', window);
  }

  /** Presses keys by their X names, such as 'ctrl+a' or 'Tab'. */
  async press(...keys) {
    for (const key of keys) {
      this.#do('xdotool', 'key', '--clearmodifiers', key);
      await sleep(60);
    }
  }

  async type(text) {
    this.#do('xdotool', 'type', '--delay', '30', text);
    await sleep(100);
  }

  async point(x, y) {
    this.#do('xdotool', 'mousemove', String(x), String(y));
    await sleep(50);
  }

  async click(x, y, button = 1) {
    await this.point(x, y);
    this.#do('xdotool', 'click', String(button));
    await sleep(100);
  }

  /** Saves a picture of a part of the screen with the artifacts, and returns its path. */
  picture(name, { x, y, width, height } = { x: 0, y: 0, width: WIDTH, height: HEIGHT }) {
    const path = join(this.world.artifacts, `${name}.png`);
    this.#do('import', '-silent', '-window', 'root', '-crop', `${width}x${height}+${x}+${y}`, '+repage', path);
    return path;
  }

  /** Returns the pixels of a part of the screen: an array of [red, green, blue], row by row. */
  pixels({ x, y, width, height }) {
    const bytes = execFileSync('import', ['-silent', '-window', 'root', '-crop', `${width}x${height}+${x}+${y}`, '+repage', '-depth', '8', 'rgb:-'], { env: { ...process.env, ...this.env }, maxBuffer: 1 << 26 });
    return Array.from({ length: bytes.length / 3 }, (_, i) => [...bytes.subarray(i * 3, i * 3 + 3)]);
  }

  async stop() {
    await this.manager?.stop();
    await this.x?.stop();
  }

  #do(command, ...args) {
    return execFileSync(command, args, { env: { ...process.env, ...this.env }, encoding: 'utf8', timeout: 10_000 });
  }

  // As #do, for commands whose exit code only means that nothing was found.
  #ask(command, ...args) {
    return spawnSync(command, args, { env: { ...process.env, ...this.env }, encoding: 'utf8', timeout: 10_000 }).stdout ?? '';
  }
}
