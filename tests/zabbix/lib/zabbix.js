// A real Zabbix 7.0: database, frontend behind nginx, and server, as scripts/lib/zabbix.sh has prepared them.
//
// nginx listens twice. `policy` has exactly the headers that Zabbix' own manual recommends, and passes /raa on to RAA;
// `open` has neither.
// Always: an empty database for each test file; ports that were free; ends with the test.

import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Program, eventually } from '../../e2e/lib/processes.js';
import { ROOT } from '../../e2e/lib/paths.js';

const DIR = process.env.RAA_ZABBIX_DIR ?? `/var/tmp/raa-zabbix-${process.getuid()}`;
const FRONTEND = join(DIR, 'frontend/usr/share/zabbix');
const SERVER = join(DIR, 'server');
const IS_ROOT = process.getuid() === 0;

/** zabbix.com/documentation/7.0/en/manual/best_practices/security/web_server. HSTS would have no effect on http. */
export const POLICY = "default-src 'self' *.openstreetmap.org; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; img-src 'self' data: *.openstreetmap.org; style-src 'self' 'unsafe-inline'; base-uri 'self'; form-action 'self';";

export class Zabbix {
  constructor(world) {
    this.world = world;
    this.token = null;
  }

  /** Takes the ports, so that RAA can be told the origins before Zabbix starts. */
  async reserve() {
    [this.databasePort, this.phpPort, this.policyPort, this.openPort] = await freePorts([0, 0, 0, 0]);
    [this.serverPort] = await freePorts([randomInt(20_000, 32_000)]); // zabbix_server takes none above 32767
    return this;
  }

  get policy() {
    return `http://127.0.0.1:${this.policyPort}`;
  }

  get open() {
    return `http://127.0.0.1:${this.openPort}`;
  }

  async start(raa) {
    await this.#startDatabase();
    this.#configureFrontend();
    this.#startFrontend();
    this.#startNginx(raa);
    await eventually('the frontend answers', async () => (await fetch(`${this.policy}/index.php`)).ok);
    this.token = await this.rpc('user.login', { username: 'Admin', password: 'zabbix' });
    return this;
  }

  /** Calls a method of Zabbix' API. */
  async rpc(method, params) {
    const response = await fetch(`${this.open}/api_jsonrpc.php`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json-rpc', ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}) },
      body: JSON.stringify({ jsonrpc: '2.0', method, params, id: 1 }),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.message} ${error.data}`);
    return result;
  }

  /** Installs the widget as a person does: a folder in modules/, which is then switched on. */
  async installModule() {
    const place = join(FRONTEND, 'modules/raa_player');
    rmSync(place, { recursive: true, force: true });
    symlinkSync(join(ROOT, 'zabbix/modules/raa_player'), place);
    await this.rpc('module.create', [{ id: 'raa_player', relative_path: 'modules/raa_player', status: 1, config: {} }]);
  }

  /** Starts zabbix_server, which asks for the items' values. */
  async startServer() {
    const run = join(this.world.dir, 'zabbix');
    mkdirSync(run, { recursive: true });
    const config = join(run, 'zabbix_server.conf');
    writeFileSync(config, [
      'LogType=console', `PidFile=${run}/pid`, `SocketDir=${run}`, 'AllowRoot=1',
      'DBHost=127.0.0.1', `DBPort=${this.databasePort}`, 'DBName=zabbix', 'DBUser=zabbix', 'DBPassword=zabbix',
      'ListenIP=127.0.0.1', `ListenPort=${this.serverPort}`, 'CacheUpdateFrequency=1', 'Timeout=4', 'AllowSoftwareUpdateCheck=0',
      'StartPollers=1', 'StartPollersUnreachable=1', 'StartHTTPPollers=0', 'StartHTTPAgentPollers=1', 'StartPingers=0',
      'StartDiscoverers=0', 'StartTrappers=2', 'StartReportWriters=0', 'ProblemHousekeepingFrequency=3600',
    ].join('\n'));
    const libraries = join(SERVER, 'usr/lib/x86_64-linux-gnu');
    this.server = this.#program(join(libraries, 'ld-linux-x86-64.so.2'),
      ['--library-path', libraries, join(SERVER, 'usr/sbin/zabbix_server'), '-f', '-c', config], 'zabbix-server');
    await this.server.line(/server #0 started/, 20_000);
  }

  async #startDatabase() {
    const bins = readdirSync('/usr/lib/postgresql').sort((a, b) => a - b);
    const program = `/usr/lib/postgresql/${bins.at(-1)}/bin/postgres`;
    const options = ['-D', join(DIR, 'database/data'), '-c', `port=${this.databasePort}`, '-c', 'listen_addresses=127.0.0.1',
      '-c', `unix_socket_directories=${join(DIR, 'database/sockets')}`, '-c', 'fsync=off', '-c', 'synchronous_commit=off', '-c', 'full_page_writes=off'];
    // Signals go to PostgreSQL itself: setpriv becomes the program, as runuser does not.
    const user = IS_ROOT ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'] : [];
    const [command, ...args] = [...user, program, ...options];
    this.#program(command, args, 'postgresql', 'SIGINT');
    const sql = (text) => execFileSync('psql', ['-q', '-h', '127.0.0.1', '-p', `${this.databasePort}`, '-U', 'postgres', '-c', text], { stdio: 'pipe' });
    await eventually('the database answers', () => sql('select 1'), undefined, 100);
    sql('drop database if exists zabbix');
    sql('create database zabbix owner zabbix template loaded');
  }

  #configureFrontend() {
    const values = { TYPE: 'POSTGRESQL', SERVER: '127.0.0.1', PORT: `${this.databasePort}`, DATABASE: 'zabbix', USER: 'zabbix', PASSWORD: 'zabbix', SCHEMA: '',
      KEY_FILE: '', CERT_FILE: '', CA_FILE: '', CIPHER_LIST: '', VAULT: '', VAULT_URL: '', VAULT_PREFIX: '', VAULT_DB_PATH: '', VAULT_TOKEN: '', VAULT_CERT_FILE: '', VAULT_KEY_FILE: '' };
    const lines = Object.entries(values).map(([key, value]) => `$DB['${key}'] = '${value}';`);
    writeFileSync(join(FRONTEND, 'conf/zabbix.conf.php'), ['<?php', ...lines, "$DB['ENCRYPTION'] = false; $DB['VERIFY_HOST'] = false;",
      `$ZBX_SERVER = '127.0.0.1'; $ZBX_SERVER_PORT = '${this.serverPort}'; $ZBX_SERVER_NAME = 'RAA test'; $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;`, ''].join('\n'));
  }

  // One process: further workers of PHP would outlive it.
  #startFrontend() {
    const settings = { memory_limit: '256M', post_max_size: '16M', upload_max_filesize: '2M', max_execution_time: 300, max_input_time: 300,
      'date.timezone': 'UTC', 'opcache.enable_cli': 1, 'opcache.revalidate_freq': 0, 'session.save_path': this.world.dir, log_errors: 1 };
    this.#program('php', [...Object.entries(settings).flatMap(([key, value]) => ['-d', `${key}=${value}`]), '-S', `127.0.0.1:${this.phpPort}`, '-t', FRONTEND],
      'php', 'SIGTERM', { LOCPATH: join(DIR, 'locale') });
  }

  #startNginx(raa) {
    const run = join(this.world.dir, 'nginx');
    mkdirSync(run, { recursive: true });
    chmodSync(this.world.dir, 0o755);
    const zabbix = `location / { proxy_pass http://127.0.0.1:${this.phpPort}; proxy_set_header Host $http_host; }
      # As in Zabbix' own nginx.conf: a location for RAA must come before these.
      location ~ /(api\\/|conf[^\\.]|include|locale) { deny all; return 404; }`;
    writeFileSync(join(run, 'nginx.conf'), `${IS_ROOT ? 'user root;' : ''} daemon off; worker_processes 1; pid ${run}/pid; error_log stderr;
events { worker_connections 256; }
http {
  access_log off; client_body_temp_path ${run}; proxy_temp_path ${run}; fastcgi_temp_path ${run}; uwsgi_temp_path ${run}; scgi_temp_path ${run};
  types { text/html html; text/css css; application/javascript js; image/svg+xml svg; application/json json; }
  server {
    listen 127.0.0.1:${this.policyPort};
    add_header Content-Security-Policy "${POLICY}" always;
    add_header X-Content-Type-Options nosniff always;
    ${nginxForRaa(raa)}
    ${zabbix}
  }
  server { listen 127.0.0.1:${this.openPort}; ${zabbix} }
}
`);
    this.#program(join(DIR, 'nginx/usr/sbin/nginx'), ['-p', run, '-c', join(run, 'nginx.conf'), '-e', 'stderr'], 'nginx');
  }

  #program(command, args, name, signal = 'SIGTERM', env = {}) {
    const program = new Program(command, args, { env, logFile: join(this.world.artifacts, `${name}.log`) });
    this.world.onClose(() => program.stop(signal, 5000));
    return program;
  }
}

/** Returns the part of nginx' configuration that docs/zabbix.md tells people to add, for an RAA server at `host:port`. */
export function nginxForRaa(raa) {
  return `location ^~ /raa/ {
      proxy_pass http://${raa}/;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1h;
      proxy_buffering off;
    }`;
}

/** Returns these ports once it has seen that they are free; for 0 any free port. */
async function freePorts(wanted) {
  const servers = await Promise.all(wanted.map((port) => new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
