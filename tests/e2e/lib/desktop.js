// An invisible screen: an X server with a window manager, keyboard and mouse (xdotool), and screenshots.
//
// Always: a display number of its own; coordinates are pixels from the top left corner of the screen; a held key does not
// repeat, because on a busy machine every key is held for long; this process never blocks, because it also plays the sound.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { WINE_PATIENCE_MS } from './wine.js';
import { Program, eventually, sleep } from './processes.js';

const execute = promisify(execFile);

const WIDTH = 1024;
const HEIGHT = 768;

export class Desktop {
  constructor(world) {
    this.world = world;
  }

  get env() {
    return { DISPLAY: this.display, WAYLAND_DISPLAY: '' };
  }

  async start() {
    const { artifacts } = this.world;
    // Without -noreset the server resets when its last client disconnects, and refuses new ones in that moment.
    this.x = new Program('Xvfb', ['-displayfd', '1', '-noreset', '-r', '-screen', '0', `${WIDTH}x${HEIGHT}x24`, '-nolisten', 'tcp'], { logFile: join(artifacts, 'x.log') });
    const [number] = await this.x.line(/^\d+$/, WINE_PATIENCE_MS);
    this.display = `:${number}`;
    this.manager = new Program('openbox', ['--sm-disable'], { env: { ...this.env, HOME: this.world.dir }, logFile: join(artifacts, 'openbox.log') });
    await eventually('a window manager runs', async () => (await this.#ask('xprop', '-root', '_NET_SUPPORTING_WM_CHECK')).includes('window id'), WINE_PATIENCE_MS);
    return this;
  }

  /** Returns the IDs of visible windows with a matching title, oldest first. */
  async windows(title) {
    return (await this.#ask('xdotool', 'search', '--onlyvisible', '--name', title)).split('\n').filter(Boolean);
  }

  window(title) {
    return eventually(`a window is called ${title}`, async () => (await this.windows(title))[0], WINE_PATIENCE_MS);
  }

  gone(title) {
    return eventually(`no window is called ${title}`, async () => (await this.windows(title)).length === 0, WINE_PATIENCE_MS);
  }

  /** Whether what is typed goes to this window. */
  async hasKeyboard(window) {
    return (await this.#ask('xdotool', 'getwindowfocus')).trim() === window;
  }

  /** Returns { x, y, width, height } of a window's inner area. */
  async place(window) {
    const output = await this.#do('xwininfo', '-id', window);
    const number = (label) => Number(new RegExp(`${label}: +(-?\\d+)`).exec(output)[1]);
    return { x: number('Absolute upper-left X'), y: number('Absolute upper-left Y'), width: number('Width'), height: number('Height') };
  }

  /** Presses keys by their X names, such as 'ctrl+a' or 'Tab'. */
  async press(...keys) {
    for (const key of keys) await this.#do('xdotool', 'key', '--clearmodifiers', key);
  }

  async type(text) {
    await this.#do('xdotool', 'type', '--delay', '10', text);
  }

  async point(x, y) {
    await this.#do('xdotool', 'mousemove', String(x), String(y));
    await sleep(50);
  }

  async click(x, y, button = 1) {
    await this.point(x, y);
    await this.#do('xdotool', 'click', String(button));
  }

  async clipboard() {
    return this.#ask('xclip', '-selection', 'clipboard', '-out');
  }

  /** Saves a picture of a part of the screen with the artifacts, and returns its path. */
  async picture(name, { x, y, width, height } = { x: 0, y: 0, width: WIDTH, height: HEIGHT }) {
    const path = join(this.world.artifacts, `${name}.png`);
    await this.#do('import', '-silent', '-window', 'root', '-crop', `${width}x${height}+${x}+${y}`, '+repage', path);
    return path;
  }

  /** Returns the pixels of a part of the screen: an array of [red, green, blue], row by row. */
  async pixels({ x, y, width, height }) {
    const { stdout: bytes } = await execute('import', ['-silent', '-window', 'root', '-crop', `${width}x${height}+${x}+${y}`, '+repage', '-depth', '8', 'rgb:-'],
      { ...this.#options, encoding: 'buffer', maxBuffer: 1 << 26 });
    return Array.from({ length: bytes.length / 3 }, (_, i) => [...bytes.subarray(i * 3, i * 3 + 3)]);
  }

  async stop() {
    await this.manager?.stop();
    await this.x?.stop();
  }

  get #options() {
    return { env: { ...process.env, ...this.env }, encoding: 'utf8', timeout: WINE_PATIENCE_MS };
  }

  async #do(command, ...args) {
    return (await execute(command, args, this.#options)).stdout;
  }

  // As #do, for commands whose exit code only means that nothing was found.
  async #ask(command, ...args) {
    const { stdout } = await execute(command, args, this.#options).catch((failure) => failure);
    return stdout ?? '';
  }
}
