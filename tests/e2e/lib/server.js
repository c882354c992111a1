// The release server in its own process, and its API.
//
// Always: the first start asks for free ports and reads the real ones from the server's log line; every later start of
// the same Server uses the same ports and the same state folder, like a restart on a real machine.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS, Program, eventually } from './processes.js';
import { BIN_DIR } from './paths.js';

/** The name that the browsers have for this computer (lib/browser.js). */
const CONFIG = 'allowed_hosts = ["raa.test"]\n';

/** A test is quicker than a person, and the pages, the listeners and the test itself share one address. */
const ROOM = 'changes_per_second = 1000\nchanges_burst = 10000\n';

/** For work on the page: its files come from this folder instead of the binary. */
const WEB_DIR = process.env.RAA_WEB_DIR ? ['--web-dir', process.env.RAA_WEB_DIR] : [];

export class Server {
  /** config: lines of raa-server.toml instead of those that give tests room */
  constructor(world, { args = [], env = {}, config = ROOM, stateDir = join(world.dir, 'state') }) {
    this.world = world;
    mkdirSync(stateDir, { recursive: true });
    const file = join(stateDir, 'raa-server.toml');
    writeFileSync(file, CONFIG + config);
    this.args = ['--config', file, ...args, ...WEB_DIR];
    this.env = env;
    this.stateDir = stateDir;
    this.udpPort = 0;
    this.httpPort = 0;
  }

  async start() {
    this.program = new Program(join(BIN_DIR, 'raa-server'), this.args, {
      env: { HOME: this.world.dir, XDG_STATE_HOME: this.stateDir, UDP_PORT: String(this.udpPort), HTTP_PORT: String(this.httpPort), LOG_LEVEL: 'debug', ...this.env },
      logFile: join(this.world.artifacts, 'server.log'),
      realtime: 5,
    });
    const [line] = await this.program.line(/^.*"listening".*$/);
    this.udpPort = portIn(line, 'udp');
    this.httpPort = portIn(line, 'http');
    await eventually('the server is healthy', async () => (await fetch(`${this.url}/healthz`)).status === 200);
    return this;
  }

  /** Ends it like a power failure. */
  async kill() {
    await this.program.stop('SIGKILL');
  }

  async stop() {
    return this.program?.stop();
  }

  get url() {
    return `http://127.0.0.1:${this.httpPort}`;
  }

  /** The file that keeps what operators set. */
  get database() {
    return join(this.stateDir, 'raa', 'raa.sqlite');
  }

  get wsUrl() {
    return `ws://127.0.0.1:${this.httpPort}/ws?mix=main`;
  }

  /** An insecure origin, which a server on a LAN is for browsers. */
  get pageUrl() {
    return `http://raa.test:${this.httpPort}/`;
  }

  async get(path) {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  async clients() {
    return (await this.get('/api/clients')).clients;
  }

  async patch(id, body) {
    const response = await fetch(`${this.url}/api/clients/${id}`, { method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`PATCH ${id}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Returns the client with this ID as soon as `fits` accepts it. */
  client(id, fits = () => true, timeoutMs = PATIENCE_MS) {
    return eventually(`client ${id} is as it should be`, async () => (await this.clients()).find((client) => client.id === id && fits(client)), timeoutMs);
  }
}

function portIn(line, field) {
  const match = new RegExp(`"${field}":"[^"]*:(\\d+)"`).exec(line);
  if (!match) throw new Error(`no ${field} port in the server's line ${line}`);
  return Number(match[1]);
}
