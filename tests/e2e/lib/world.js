// The environment of one test file: temporary folders, and everything that was started.
//
// Always: close() ends the programs, last first, and removes the temporary folder; logs and screenshots stay in
// target/e2e-artifacts/<name>.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ARTIFACTS, BIN_DIR } from './paths.js';
import { Server } from './server.js';
import { Program, takePriority } from './processes.js';
import { SoundServer } from './sound.js';
import { Lateness } from './lateness.js';
import { Listener } from './listener.js';
import { Sender } from './sender.js';
import { openChromium, openFirefox, openTabs } from './browser.js';
import { Desktop } from './desktop.js';
import { WindowsPc } from './wine.js';
import { Wire } from './wire.js';

// A test file that hangs must not block the whole run: its process ends, and with it all that it started.
const LIMIT_MS = 10 * 60_000;

export class World {
  constructor(name, { limitMs = LIMIT_MS } = {}) {
    takePriority();
    this.name = name;
    this.dir = mkdtempSync(join(tmpdir(), 'raa-e2e-'));
    this.artifacts = join(ARTIFACTS, name);
    rmSync(this.artifacts, { recursive: true, force: true });
    mkdirSync(this.artifacts, { recursive: true });
    this.closers = [];
    this.limit = setTimeout(() => {
      process.stderr.write(`${name} is not done after ${limitMs / 1000} s and is ended\n`);
      process.exit(1);
    }, limitMs);
  }

  /** Starts a server on free ports with its own state folder; `args` replace the option that disables the test music. */
  async server({ args = ['--no-test-music'], ...options } = {}) {
    const server = new Server(this, { args, ...options });
    this.onClose(() => server.stop());
    await server.start();
    return server;
  }

  async sound(name) {
    const sound = new SoundServer(name, this.dir, this.artifacts);
    this.onClose(() => sound.stop());
    return sound.start();
  }

  /** Starts the Linux client on the computer of the given sound server. */
  client(args, { sound, name = 'client' } = {}) {
    const home = join(this.dir, `home-${name}`);
    mkdirSync(home, { recursive: true });
    const client = new Program(join(BIN_DIR, 'raa-client'), args, {
      env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), XDG_STATE_HOME: join(home, '.state'), PULSE_SERVER: sound?.env.PULSE_SERVER ?? 'unix:/nonexistent', XDG_RUNTIME_DIR: sound?.env.XDG_RUNTIME_DIR ?? home },
      logFile: join(this.artifacts, `${name}.log`),
      realtime: 5,
    });
    this.onClose(() => client.stop());
    return client;
  }

  /** Starts a recording forwarder in front of a server. */
  async wire(server) {
    const wire = new Wire(this, server);
    this.onClose(() => wire.stop());
    return wire.start();
  }

  /** Starts a bad network in front of a server, with raa-relay's options; clients send to { port }. */
  async relay(server, options, name = 'relay') {
    const relay = this.program(join(BIN_DIR, 'raa-relay'), [`127.0.0.1:${server.udpPort}`, '--listen', '127.0.0.1:0', ...options], name);
    const [, port] = await relay.line(/^relaying 127\.0\.0\.1:(\d+) to /);
    return { port: Number(port) };
  }

  /** Starts a screen that nobody sees. */
  async desktop() {
    const desktop = new Desktop(this);
    this.onClose(() => desktop.stop());
    return desktop.start();
  }

  /** Starts a Windows PC (Wine) with this screen and sound server. */
  async windowsPc(options) {
    const pc = new WindowsPc(this, options);
    this.onClose(() => pc.stop());
    return pc.boot();
  }

  program(command, args, name = command, { realtime = 5 } = {}) {
    const program = new Program(command, args, { logFile: join(this.artifacts, `${name}.log`), realtime });
    this.onClose(() => program.stop());
    return program;
  }

  /** Starts watching how late this machine wakes a program that only waits. */
  lateness() {
    return Lateness.watch(this);
  }

  async listener(server) {
    const listener = new Listener(server.wsUrl);
    this.onClose(() => listener.stop());
    await listener.open();
    return listener;
  }

  async sender(server, options) {
    const sender = new Sender(server.udpPort, options);
    this.onClose(() => sender.stop());
    await sender.start();
    return sender;
  }

  async chromium(sound, options) {
    const browser = await openChromium(this, sound, options);
    this.onClose(() => browser.close());
    return browser;
  }

  async chromiumWithTabs() {
    const browser = await openTabs();
    this.onClose(() => browser.close());
    return browser;
  }

  async firefox(sound) {
    const browser = await openFirefox(sound);
    this.onClose(() => browser.close());
    return browser;
  }

  loop(sound, samples) {
    const player = sound.loop(samples);
    this.onClose(() => player.stop());
    return player;
  }

  record(sound) {
    const recorder = sound.record();
    this.onClose(() => recorder.stop());
    return recorder;
  }

  onClose(close) {
    this.closers.push(close);
  }

  async close() {
    const failures = [];
    for (const close of this.closers.reverse()) await Promise.resolve(close()).catch((error) => failures.push(error));
    clearTimeout(this.limit);
    rmSync(this.dir, { recursive: true, force: true });
    if (failures.length) throw failures[0];
  }
}
