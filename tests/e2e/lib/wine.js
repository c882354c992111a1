// A Windows PC in Wine: its own prefix, a screen, perhaps a sound server, and the real raa-client.exe.
//
// Always: ends the programs in its prefix and no others; the exe's settings and log are copied to the artifacts at the
// end. RAA_WINE, RAA_WINE_PREFIX (a template) and RAA_CLIENT_EXE come from ./test.

import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS, Program, eventually } from './processes.js';
import { ROOT } from './paths.js';

/** As PATIENCE_MS, for what starts programs in Wine, which takes seconds even where nothing else runs. */
export const WINE_PATIENCE_MS = 3 * PATIENCE_MS;
const APP_DATA = ['AppData/Roaming', 'Application Data'];
const LOCAL_APP_DATA = ['AppData/Local', 'Local Settings/Application Data'];

export class WindowsPc {
  constructor(world, { name = 'pc', desktop, sound, language = 'C.UTF-8' } = {}) {
    this.world = world;
    this.name = name;
    this.desktop = desktop;
    this.sound = sound;
    this.language = language;
    this.prefix = join(world.dir, `wine-${name}`);
    this.exe = required('RAA_CLIENT_EXE');
    this.runs = 0;
    this.questions = 0;
  }

  /** Makes a prefix with its own registry and users; Windows' own files, which are large, stay in the template. */
  boot() {
    const template = required('RAA_WINE_PREFIX');
    mkdirSync(join(this.prefix, 'drive_c'), { recursive: true });
    for (const part of readdirSync(template).filter((part) => part !== 'drive_c')) copy(join(template, part), this.prefix);
    for (const part of readdirSync(join(template, 'drive_c')).filter((part) => part !== 'windows')) copy(join(template, 'drive_c', part), join(this.prefix, 'drive_c'));
    symlinkSync(join(template, 'drive_c/windows'), join(this.prefix, 'drive_c/windows'));
    // Wine opens web pages with this program.
    mkdirSync(this.#bin);
    writeFileSync(join(this.#bin, 'xdg-open'), `#!/bin/sh\nprintf '%s\\n' "$1" >>'${this.#openedPages}'\n`, { mode: 0o755 });
    this.#buildLooker();
    return this;
  }

  get env() {
    const home = join(this.world.dir, `home-${this.name}`);
    mkdirSync(home, { recursive: true });
    return {
      HOME: home, LANG: this.language, LC_ALL: this.language, ...this.#locale(), XDG_RUNTIME_DIR: home, PULSE_SERVER: 'unix:/nonexistent',
      ...this.sound?.env, ...this.desktop?.env, PATH: `${this.#bin}:${process.env.PATH}`,
      WINEPREFIX: this.prefix, WINEDEBUG: process.env.WINEDEBUG ?? '-all', WINEDLLOVERRIDES: 'mscoree,mshtml,winemenubuilder.exe=d',
    };
  }

  /** Starts the client and leaves it running. */
  start(...args) {
    this.runs += 1;
    this.client = this.#program([this.exe, ...args], `client-${this.runs}`);
    return this.client;
  }

  /** Waits until the client has ended by itself: { code, signal }. */
  ended() {
    return eventually('the client ends', () => this.client.end, WINE_PATIENCE_MS);
  }

  /** Runs a Windows program to its end: { code, output }. */
  async run(...args) {
    this.runs += 1;
    const program = this.#program(args, `run-${this.runs}`);
    const end = await Promise.race([program.exited, new Promise((_, fail) => setTimeout(() => fail(new Error(`${args.join(' ')} does not end`)), WINE_PATIENCE_MS).unref())]);
    return { code: end.code, output: program.lines.join('\n') };
  }

  /** Runs the client to its end. */
  runClient(...args) {
    return this.run(this.exe, ...args);
  }

  /** Asks tests/windows/look.c in Wine; returns null if it finds nothing. */
  async look(...words) {
    if (!this.looker?.running) {
      this.looker = this.#program([this.#lookerExe], 'look', 'pipe');
      this.looker.stdin.on('error', () => {}); // EPIPE: it was ended
    }
    const number = this.questions += 1;
    this.looker.stdin.write(`${[number, ...words].join('\t')}\n`);
    const [, found, text] = await this.looker.line(new RegExp(`^${number} (yes|no) ?(.*?)\\s*$`), WINE_PATIENCE_MS);
    return found === 'yes' ? text : null;
  }

  /** The pages that were opened in its browser. */
  get pages() {
    return existsSync(this.#openedPages) ? readFileSync(this.#openedPages, 'utf8').trim().split('\n') : [];
  }

  /** Path of %APPDATA%. */
  get appData() {
    return this.#userFolder(APP_DATA);
  }

  /** Path of %LOCALAPPDATA%. */
  get localAppData() {
    return this.#userFolder(LOCAL_APP_DATA);
  }

  #userFolder(names) {
    const users = join(this.prefix, 'drive_c/users');
    for (const user of readdirSync(users)) {
      for (const folder of names) {
        const path = join(users, user, folder);
        if (user !== 'Public' && existsSync(path)) return path;
      }
    }
    throw new Error(`no ${names[0]} in ${this.prefix}`);
  }

  /** The client's stored settings: { key: value }; empty while there are none. */
  get settings() {
    const text = this.#read(this.appData, 'raa-client.ini').replace(/^\ufeff/, '');
    return Object.fromEntries(text.split(/\r?\n/).map((line) => /^\s*([a-z_]+)\s*=\s*(.*)$/.exec(line)).filter(Boolean).map(([, key, value]) => [key, value.trim()]));
  }

  /** Appends a line to the client's settings, as a person with an editor would. */
  writeSetting(line) {
    appendFileSync(join(this.appData, 'raa-client', 'raa-client.ini'), `${line}\r\n`);
  }

  /** Removes the client's settings; it must not run. */
  forgetSettings() {
    rmSync(join(this.appData, 'raa-client'), { recursive: true, force: true });
  }

  /** Changes a value in the client's settings, as a person with an editor would. */
  editSetting(key, value) {
    const file = join(this.appData, 'raa-client', 'raa-client.ini');
    const text = readFileSync(file, 'utf8');
    const edited = text.replace(new RegExp(`^${key} *=.*?(?=\r?$)`, 'm'), `${key} = ${value}`);
    if (edited === text) throw new Error(`${file} has no other ${key}`);
    writeFileSync(file, edited);
  }

  get log() {
    return this.#read(this.localAppData, 'raa-client.log');
  }

  /** Waits for a line of the client's log from `from` (a length of the log) on. */
  logged(pattern, { from = 0 } = {}) {
    return eventually(`the client logs ${pattern}`, () => pattern.exec(this.log.slice(from)), WINE_PATIENCE_MS);
  }

  async stop() {
    for (const [folder, file] of [[this.appData, 'raa-client.ini'], [this.localAppData, 'raa-client.log']]) {
      const path = join(folder, 'raa-client', file);
      if (existsSync(path)) copyFileSync(path, join(this.world.artifacts, `${this.name}-${file}`));
    }
    spawnSync('wineserver', ['-k'], { env: { ...process.env, ...this.env }, timeout: WINE_PATIENCE_MS });
    for (const program of [this.client, this.looker]) await program?.stop('SIGKILL');
  }

  // Wine takes its language from the system's locale. It is generated here, since most systems lack it.
  #locale() {
    if (this.language === 'C.UTF-8') return {};
    const folder = join(this.world.dir, 'locales');
    const [name, charset] = this.language.split('.');
    if (!existsSync(join(folder, this.language))) {
      mkdirSync(folder, { recursive: true });
      spawnSync('localedef', ['-i', name, '-f', charset, join(folder, this.language)]);
    }
    return { LOCPATH: folder };
  }

  get #bin() {
    return join(this.prefix, 'bin');
  }

  get #openedPages() {
    return join(this.prefix, 'pages');
  }

  get #lookerExe() {
    return join(this.world.dir, 'look.exe');
  }

  #buildLooker() {
    const exe = this.#lookerExe;
    if (existsSync(exe)) return;
    const built = spawnSync('x86_64-w64-mingw32-gcc', ['-O1', '-s', '-o', exe, join(ROOT, 'tests/windows/look.c'), '-lntdll', '-lshell32'], { encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`tests/windows/look.c is not built: ${built.error ?? built.stderr}`);
  }

  #read(folder, file) {
    const path = join(folder, 'raa-client', file);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  #program(args, log, stdin = 'ignore') {
    return new Program(required('RAA_WINE'), args, { env: this.env, logFile: join(this.world.artifacts, `${this.name}-${log}.log`), stdin });
  }
}

function copy(from, toFolder) {
  const copied = spawnSync('cp', ['-a', from, toFolder]);
  if (copied.status !== 0) throw new Error(`the Wine prefix cannot be copied: ${copied.stderr}`);
}

function required(variable) {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: run this by ./test e2e`);
  return value;
}
