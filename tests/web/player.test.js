// The player in a simulated browser, whose clock, sound card and network do what a test demands. The
// decoder is the real one, and every test plays real Opus packets.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

const realTimeout = setTimeout;

/** A mono frame of 20 ms as an Opus encoder sends it: TOC of CELT full band, then noise. */
const FRAME_BYTES = Uint8Array.from({ length: 80 }, (_, i) => (i === 0 ? 0xf8 : (i * 73) & 0xff));

let world;
let player;

beforeEach(() => { world = new World(); });
afterEach(() => player?.close());

class World {
  nowMs = 0;
  timers = [];
  contexts = [];
  sockets = [];
  isAllowed = true;
  isServerUp = true;
  listeners = new Map();
  latencyReads = 0;
  /** What a request by HTTP gets: a network error, unless a test says otherwise. */
  answer = () => { throw new TypeError('Failed to fetch'); };

  constructor({ userAgent = 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0' } = {}) {
    const world = this;
    const define = (name, value) => Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    define('performance', { now: () => this.nowMs });
    define('setTimeout', (run, ms) => this.timers.push({ at: this.nowMs + (ms ?? 0), run }) && this.timers.at(-1));
    define('setInterval', (run, ms) => {
      const timer = { at: this.nowMs + ms, run: () => { timer.at += ms; this.timers.push(timer); run(); } };
      this.timers.push(timer);
      return timer;
    });
    const clear = (timer) => { this.timers = this.timers.filter((other) => other !== timer); };
    define('clearTimeout', clear);
    define('clearInterval', clear);
    const listen = (event, run) => this.listeners.set(event, [...(this.listeners.get(event) ?? []), run]);
    define('addEventListener', listen);
    define('removeEventListener', (event, run) => this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other !== run)));
    define('document', { addEventListener: listen, removeEventListener: globalThis.removeEventListener, visibilityState: 'visible' });
    define('location', { href: 'http://raa.test/' });
    define('navigator', { userAgent });
    define('Worker', class {});
    define('AudioContext', class extends FakeContext { constructor(options) { super(world, options); } });
    define('WebSocket', class extends FakeSocket { constructor(url) { super(world, url); } });
    define('fetch', async (url) => this.answer(String(url)));
  }

  /** Lets time pass, in steps of a millisecond; the server, if it is up, sends a frame every 20 ms. */
  async pass(ms) {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += 1;
      for (const context of this.contexts) context.tick();
      for (const due of this.timers.filter((timer) => timer.at <= this.nowMs)) {
        clearTimeout(due);
        due.run();
      }
      for (const socket of this.sockets) socket.tick();
      await (this.nowMs % 20 ? null : new Promise(setImmediate));
    }
  }

  emit(event) {
    for (const run of this.listeners.get(event) ?? []) run(new Event(event));
  }

  get context() {
    return this.contexts.at(-1);
  }

  get open() {
    return this.sockets.filter((socket) => socket.isOpen);
  }
}

class FakeNode {
  gain = { value: 1, setTargetAtTime: (value) => { this.gain.value = value; } };
  offset = { value: 1 };
  connect() {}
  stop() {}
}

class FakeContext {
  state = 'suspended';
  currentTime = 0;
  scheduled = []; // { at, length }
  isCardThere = true;

  constructor(world, { sampleRate }) {
    assert.equal(sampleRate, 48000);
    this.world = world;
    world.contexts.push(this);
  }

  get outputLatency() {
    this.world.latencyReads += 1;
    return 0.05;
  }

  tick() {
    if (this.state === 'running' && this.isCardThere) this.currentTime += 0.001;
  }

  async resume() {
    if (this.state === 'closed' || !this.world.isAllowed) return;
    this.state = 'running';
    this.onstatechange?.();
  }

  async close() { this.state = 'closed'; }
  createGain() { return new FakeNode(); }
  createConstantSource() { return Object.assign(new FakeNode(), { start() {} }); }
  createBuffer(channels, length) { return { length, copyToChannel() {} }; }
  createBufferSource() {
    const node = new FakeNode();
    node.start = (at) => this.scheduled.push({ at: Math.round(at * 48000), length: node.buffer.length, heldMs: (at - this.currentTime) * 1000 });
    return node;
  }
}

class FakeSocket {
  isOpen = true;
  isFrozen = false;
  sequence = 65530;

  constructor(world, url) {
    Object.assign(this, { world, url, openedAt: world.nowMs });
    world.sockets.push(this);
    if (!world.isServerUp) setTimeout(() => this.drop(), 5);
  }

  tick() {
    if (!this.isOpen || this.isFrozen || !this.world.isServerUp || this.world.nowMs % 20) return;
    const packet = new Uint8Array(12 + FRAME_BYTES.length);
    packet.set([0x80, 111, this.sequence >> 8, this.sequence & 0xff]);
    packet.set(FRAME_BYTES, 12);
    this.sequence = (this.sequence + 1) & 0xffff;
    this.onmessage?.({ data: packet.buffer });
  }

  drop(code) {
    this.isOpen = false;
    this.onclose?.({ code });
  }

  close() { this.isOpen = false; }
}

async function newPlayer(options) {
  const { Player } = await import('../../crates/raa-server/web/player.js');
  player = new Player(options);
  player.states = [];
  player.addEventListener('state', () => player.states.push(player.state));
  return player;
}

async function playing() {
  await newPlayer({ url: 'http://raa.test/below/' });
  player.play();
  await world.pass(1000);
  await decoderStarts();
  assert.equal(player.state, 'playing');
}

/** A decoder starts in the machine's time and not in this world's. */
async function decoderStarts() {
  for (let tries = 0; tries < 200 && world.sockets.length === 0; tries += 1) {
    await new Promise((done) => realTimeout(done, 5));
    await world.pass(30);
  }
  await world.pass(100);
}

/** Until it plays on a new sound card, whose decoder starts in the machine's time. */
async function untilPlaying() {
  const contexts = world.contexts.length + (player.state === 'connecting' ? 0 : 1);
  for (let tries = 0; tries < 200 && !(world.contexts.length === contexts && player.state === 'playing'); tries += 1) {
    await new Promise((done) => realTimeout(done, 2));
    await world.pass(50);
  }
}

test('the output starts before the connection', async () => {
  await newPlayer({ url: 'https://raa.test/below/' });
  player.play();
  await world.pass(190);
  assert.deepEqual([world.sockets.length, player.state], [0, 'connecting']);
  await decoderStarts();
  assert.equal(world.sockets[0].url, 'wss://raa.test/below/ws?mix=main');
  assert.deepEqual(player.states, ['connecting', 'playing']);
});

test('frames are contiguous and the delay is true', async () => {
  await playing();
  await world.pass(9000);
  const { scheduled } = world.context;
  assert.ok(scheduled.length > 400);
  scheduled.slice(1).forEach(({ at }, i) => assert.equal(at, scheduled[i].at + scheduled[i].length));
  assert.equal(player.stats.underruns, 0);
  const meant = scheduled.at(-1).heldMs + 50;
  assert.ok(Math.abs(player.delayMs - meant) < 2, `${player.delayMs} ms, expected ${meant} ms`);
  assert.ok(player.level.rmsDbfs > -60 && player.level.peakDbfs >= player.level.rmsDbfs, JSON.stringify(player.level));
});

test('Firefox is never asked for its output latency', async () => {
  world = new World({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' });
  await playing();
  await world.pass(3000);
  assert.equal(world.latencyReads, 0);
  const meant = world.context.scheduled.at(-1).heldMs + 30;
  assert.ok(Math.abs(player.delayMs - meant) < 2, `${player.delayMs} ms, expected ${meant} ms`);
});

test('stats come every second, levels ten times', async () => {
  await playing();
  const counts = { stats: 0, level: 0 };
  for (const event of ['stats', 'level']) player.addEventListener(event, () => { counts[event] += 1; });
  await world.pass(3000);
  assert.deepEqual(counts, { stats: 3, level: 30 });
});

test('nothing connects before the required click', async () => {
  world.isAllowed = false;
  await newPlayer();
  player.play();
  await world.pass(20000);
  assert.deepEqual([player.state, world.sockets.length, world.contexts.length], ['needs-click', 0, 1]);
  world.isAllowed = true;
  world.emit('pointerdown');
  await world.pass(1000);
  await decoderStarts();
  assert.deepEqual(player.states, ['connecting', 'needs-click', 'connecting', 'playing']);
});

test('the player retries until the server returns', async () => {
  await playing();
  world.isServerUp = false;
  for (const socket of world.open) socket.drop();
  await world.pass(60000);
  const last = world.sockets.slice(-2).map(({ openedAt }) => openedAt);
  assert.ok(last[1] - last[0] >= 2500 && last[1] - last[0] <= 7520, `${last[1] - last[0]} ms between attempts`);
  assert.deepEqual(player.states.slice(2), ['reconnecting', 'offline']);
  world.isServerUp = true;
  await world.pass(8000);
  assert.deepEqual([player.state, world.open.length], ['playing', 1]);
  assert.equal(player.stats.underruns, 0, 'a new connection is not an underrun');
});

test('a silent connection is replaced after two seconds', async () => {
  await playing();
  world.sockets[0].isFrozen = true;
  await world.pass(3500);
  assert.deepEqual(player.states.slice(2), ['reconnecting', 'playing']);
  assert.deepEqual([world.sockets.length, world.open.length], [2, 1]);
});

test('a returning network ends the pause between attempts', async () => {
  await playing();
  world.isServerUp = false;
  for (const socket of world.open) socket.drop();
  await world.pass(30000);
  assert.equal(player.state, 'offline');
  world.isServerUp = true;
  world.emit('online');
  await world.pass(100);
  assert.equal(player.state, 'playing');
});

test('a lost sound card needs no click', async () => {
  await playing();
  world.context.isCardThere = false;
  await untilPlaying();
  assert.deepEqual([world.contexts.length, world.contexts[0].state, player.state], [2, 'closed', 'playing']);
});

test('suspended sound needs no click', async () => {
  await playing();
  world.context.state = 'suspended';
  world.context.onstatechange();
  assert.equal(player.state, 'reconnecting');
  await untilPlaying();
  assert.deepEqual([world.contexts.length, player.state], [2, 'playing']);
});

/** Starts a player whose reasons are noted, and lets it try for a while. */
async function troubled(ms = 20_000) {
  await newPlayer({ url: 'http://raa.test/' });
  player.reasons = [];
  player.addEventListener('reason', () => player.reasons.push(player.reason));
  player.play();
  await world.pass(1000);
  await decoderStarts();
  await world.pass(ms);
}

const json = (status, body) => new Response(JSON.stringify(body), { status });

test('a missing mix ends the attempts', async () => {
  await troubled(0);
  world.sockets[0].drop(4404);
  assert.deepEqual([player.state, player.reason], ['failed', 'no-such-mix']);
  await world.pass(60_000);
  assert.deepEqual([world.sockets.length, world.context.state], [1, 'closed'], 'nothing is tried again');
  player.play();
  await untilPlaying();
  assert.deepEqual([player.state, player.reason], ['playing', null]);
});

test('an older server says by HTTP that a mix is missing', async () => {
  world.isServerUp = false;
  world.answer = () => json(404, { error: { code: 'not_found', message: 'mix is "x"; the only mix is "main"' } });
  await troubled();
  assert.deepEqual([player.state, player.reason], ['failed', 'no-such-mix']);
});

test('a proxy without WebSockets is told from a server that is away', async () => {
  world.isServerUp = false;
  world.answer = () => new Response('', { status: 426 });
  await troubled();
  assert.deepEqual([player.state, player.reason], ['offline', 'no-upgrade']);
  world.answer = () => { throw new TypeError('Failed to fetch'); };
  await world.pass(60_000);
  assert.deepEqual([player.state, player.reason], ['offline', 'unreachable']);
  world.isServerUp = true;
  await world.pass(8000);
  assert.deepEqual([player.state, player.reason], ['playing', null]);
});

test('each close code has its reason', async () => {
  await troubled(0);
  for (const [code, reason] of [[1001, 'server-stopped'], [1013, 'too-slow'], [1006, 'connection-lost']]) {
    world.open[0].drop(code);
    assert.deepEqual([player.state, player.reason], ['reconnecting', reason]);
    await world.pass(3000);
    assert.deepEqual([player.state, player.reason], ['playing', null]);
  }
  world.open[0].isFrozen = true;
  await world.pass(2600);
  // The pause before the next attempt is random, so the player may or may not play again by now.
  assert.equal(player.reasons.filter(Boolean).at(-1), 'no-data');
});

test('a browser that cannot play says what is missing', async () => {
  for (const [name, reason] of [['WebAssembly', 'no-webassembly'], ['AudioContext', 'no-web-audio']]) {
    world = new World();
    const real = globalThis[name];
    Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
    try {
      await newPlayer({ url: 'http://raa.test/' });
      player.play();
      assert.deepEqual([player.state, player.reason, player.states], ['failed', reason, ['failed']]);
    } finally {
      Object.defineProperty(globalThis, name, { value: real, configurable: true, writable: true });
    }
    player.play();
    assert.deepEqual([player.state, player.reason], ['connecting', null], 'a later attempt succeeds');
    player.close();
  }
});

test('a browser that refuses an output says so', async () => {
  globalThis.AudioContext = class { constructor() { throw new Error('switched off'); } };
  await newPlayer({ url: 'http://raa.test/' });
  player.play();
  assert.deepEqual([player.state, player.reason], ['failed', 'no-web-audio']);
});

test('a browser that forbids the connection says so', async () => {
  await troubled(0);
  globalThis.WebSocket = class { constructor() { throw new DOMException('insecure', 'SecurityError'); } };
  world.open[0].drop(1006);
  await world.pass(1000);
  assert.deepEqual([player.state, player.reason], ['failed', 'insecure-address']);
});

test('an output that never starts is named', async () => {
  await newPlayer({ url: 'http://raa.test/' });
  player.play();
  world.context.isCardThere = false;
  for (let tries = 0; tries < 200 && player.reason === null; tries += 1) {
    await new Promise((done) => realTimeout(done, 5));
    await world.pass(100);
  }
  assert.deepEqual([player.state, player.reason], ['reconnecting', 'audio-device']);
  await untilPlaying();
  assert.deepEqual([player.state, player.reason], ['playing', null], 'the next output works');
});

test('an output that ignores the click is named', async () => {
  world.isAllowed = false;
  await newPlayer({ url: 'http://raa.test/' });
  player.play();
  await world.pass(10_000);
  assert.deepEqual([player.state, player.reason], ['needs-click', null]);
  world.emit('pointerdown');
  await world.pass(4000);
  assert.deepEqual([player.state, player.reason], ['needs-click', 'audio-device']);
});

test('an address that is none is refused by name', async () => {
  const { Player } = await import('../../crates/raa-server/web/player.js');
  assert.throws(() => new Player({ url: 'ftp://host/' }), /^TypeError: url is "ftp:\/\/host\/"; it must be/);
  assert.throws(() => new Player({ mix: '' }), /^TypeError: mix is ""; it must be/);
});

test('stop releases everything and play starts again', async () => {
  await playing();
  player.stop();
  await world.pass(100);
  assert.deepEqual([player.state, world.open.length, world.context.state], ['stopped', 0, 'closed']);
  await world.pass(5000);
  assert.equal(world.sockets.length, 1, 'nothing is tried while nothing is wanted');
  player.play();
  await untilPlaying();
  assert.deepEqual([player.state, world.open.length], ['playing', 1]);
});

test('stop while connecting stays in force', async () => {
  await newPlayer();
  player.play();
  await world.pass(100);
  player.stop();
  await world.pass(3000);
  assert.deepEqual([player.state, world.sockets.length], ['stopped', 0]);
});

test('the volume stays between 0 and 1', async () => {
  await newPlayer({ volume: 7 });
  assert.equal(player.volume, 1);
  player.volume = -1;
  assert.equal(player.volume, 0);
});

test('a lone TOC byte conceals exactly one frame', async () => {
  await newPlayer(); // loads nothing yet; the world provides what the decoder needs
  await import('../../crates/raa-server/web/vendor/opus-decoder/opus-decoder.min.js');
  const decoder = new globalThis['opus-decoder'].OpusDecoder({ channels: 1, streamCount: 1, coupledStreamCount: 0, channelMappingTable: [0] });
  await decoder.ready;
  for (const packet of [FRAME_BYTES, Uint8Array.of(0xf8), Uint8Array.of(0xf8, 0)]) {
    assert.equal(decoder.decodeFrame(packet).samplesDecoded, 960);
  }
  decoder.free();
});
