// A computer's sound without a sound card: a private PulseAudio with one null sink, players, and a recorder.
//
// Always: it has its own home and socket, apart from the sound server of the person who runs the tests. The null sink's clock is
// CLOCK_MONOTONIC, so a recording has no drift against nowMs().

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE_MS, Program, eventually, nowMs } from './processes.js';
import { RATE } from './signal.js';

const SINK = ['sink_name=main', 'rate=48000', 'format=float32le', 'channels=2'];

export class SoundServer {
  constructor(name, dir, logDir) {
    this.name = name;
    this.home = join(dir, `sound-${name}`);
    this.socket = join(this.home, 'native');
    this.logDir = logDir;
    mkdirSync(join(this.home, 'run'), { recursive: true, mode: 0o700 });
  }

  /** Environment variables of programs that play and record here. */
  get env() {
    return { HOME: this.home, XDG_RUNTIME_DIR: join(this.home, 'run'), XDG_CONFIG_HOME: join(this.home, 'config'), PULSE_SERVER: `unix:${this.socket}` };
  }

  async start() {
    this.program = new Program('pulseaudio', [
      '-n', '--daemonize=no', '--exit-idle-time=-1', '--disallow-exit', '--use-pid-file=no', '--log-target=stderr',
      '-L', `module-native-protocol-unix socket=${this.socket} auth-anonymous=1`,
      '-L', `module-null-sink ${SINK.join(' ')}`,
    ], { env: this.env, logFile: join(this.logDir, `sound-${this.name}.log`), realtime: 6 });
    await eventually(`the sound server '${this.name}' answers`, () => this.#pactl('info').status === 0, PATIENCE_MS);
    this.#change('set-default-sink', 'main');
    return this;
  }

  /** Acts as if the sound card were unplugged. */
  unplug() {
    this.#change('unload-module', 'module-null-sink');
  }

  plugIn() {
    this.#change('load-module', 'module-null-sink', ...SINK);
    this.#change('set-default-sink', 'main');
  }

  /** Does what a person does at the volume control. */
  setMute(muted) {
    this.#change('set-sink-mute', 'main', muted ? '1' : '0');
  }

  /** Sets the volume, such as '0.01' (-40 dB) or '100%'. */
  setVolume(volume) {
    this.#change('set-sink-volume', 'main', volume);
  }

  /** Plays samples repeatedly until stopped. */
  loop(samples) {
    const player = new Program('pacat', ['--playback', '--raw', '--format=float32le', `--rate=${RATE}`, '--channels=1', '--latency-msec=200'],
      { env: this.env, logFile: join(this.logDir, `pacat-${this.name}.log`), realtime: 5, stdin: 'pipe' });
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    const feed = () => {
      while (player.running && player.stdin.writable && player.stdin.write(bytes)) ;
    };
    player.stdin.on('drain', feed);
    player.stdin.on('error', () => {}); // EPIPE: the player or its sound server was ended
    feed();
    return player;
  }

  record() {
    return new Recorder(this);
  }

  /** The number of programs that capture here. */
  get captures() {
    return this.#pactl('list', 'short', 'source-outputs').stdout.split('\n').filter(Boolean).length;
  }

  async stop() {
    await this.program?.stop('SIGKILL');
  }

  #change(...args) {
    const { status, stderr } = this.#pactl(...args);
    if (status !== 0) throw new Error(`pactl ${args.join(' ')}: ${stderr}`);
  }

  // It waits for an answer, which a busy machine delays.
  #pactl(...args) {
    return spawnSync('pactl', args, { env: { ...process.env, ...this.env }, encoding: 'utf8', timeout: PATIENCE_MS });
  }
}

/** A recording lacks a part, because this process or the recorder got no CPU. */
export class LostSound extends Error {}

/** A reading can be this late without a loss; if all of the last ones are later, sound is missing. */
const LATE_MS = 100;
const RECENT = 20;

// Records everything that the sink plays, mono, with the time of each sample.
export class Recorder {
  constructor(sound) {
    // Allocated at once for more than a test file may last: growing would delay this process while it measures.
    this.samples = new Float32Array(RATE * 360);
    this.length = 0;
    this.startMs = Infinity; // of sample 0: the earliest that any read allows
    this.recentStartsMs = []; // time of sample 0 by each of the last reads
    this.lostAtMs = -Infinity; // before this, sound is missing
    this.rest = Buffer.alloc(0);
    this.program = new Program('parec', ['-d', 'main.monitor', '--raw', '--format=float32le', `--rate=${RATE}`, '--channels=1', '--latency-msec=5'],
      { env: sound.env, logFile: join(sound.logDir, `parec-${sound.name}.log`), realtime: 5, keepStdout: true });
    this.program.stdout.on('data', (bytes) => this.#take(bytes, nowMs()));
  }

  /** Returns the time of a sample. A read can be late but never early, so the earliest one gives the clock. */
  momentOf(index) {
    return this.startMs + (index * 1000) / RATE;
  }

  indexAt(momentMs) {
    return Math.max(0, Math.round(((momentMs - this.startMs) * RATE) / 1000));
  }

  /** Returns the samples between two times, once they are recorded. */
  async between(fromMs, toMs) {
    await eventually('the recording reaches that far', () => this.length >= this.indexAt(toMs) && this.length > 0, toMs - nowMs() + PATIENCE_MS, 10);
    if (fromMs < this.lostAtMs) throw new LostSound('the recording lost sound: this process was kept busy');
    return this.samples.slice(this.indexAt(fromMs), this.indexAt(toMs));
  }

  /** Returns the next `ms` milliseconds from now. */
  next(ms) {
    const from = nowMs();
    return this.between(from, from + ms);
  }

  stop() {
    return this.program.stop();
  }

  #take(bytes, at) {
    const all = this.rest.length ? Buffer.concat([this.rest, bytes]) : bytes;
    const count = Math.floor(all.length / 4);
    for (let i = 0; i < count; i++) this.samples[this.length + i] = all.readFloatLE(i * 4);
    this.length += count;
    this.rest = Buffer.from(all.subarray(count * 4));
    const startMs = at - (this.length * 1000) / RATE;
    this.startMs = Math.min(this.startMs, startMs);
    this.recentStartsMs = [...this.recentStartsMs.slice(1 - RECENT), startMs];
    const missingMs = Math.min(...this.recentStartsMs) - this.startMs;
    if (this.recentStartsMs.length < RECENT || missingMs <= LATE_MS) return;
    this.startMs += missingMs; // from here on the times are right again
    this.lostAtMs = at;
  }
}
