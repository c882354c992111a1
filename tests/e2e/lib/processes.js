// Starts the programs under test and ends them by their process IDs.
//
// Each has its own log in the artifacts folder. Always: a program that was started here has ended after stop(); programs
// on the path of the sound run with real-time priority where that is permitted, so that the load of the machine is not
// measured.

import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Returns CLOCK_MONOTONIC in milliseconds, the clock of all measurements. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** How long what must happen may take. It is no claim about RAA: a busy machine needs longer, and a quiet one does not wait. */
export const PATIENCE_MS = 60_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const realtimePermitted = spawnSync('chrt', ['-r', '5', 'true']).status === 0;

if (!realtimePermitted) {
  process.stderr.write('real-time scheduling is not permitted here: measured delays include the wait for a busy machine\n');
}

/**
 * Gives this process, which sends and takes times, the priority just below that of the programs it measures. Programs
 * that it starts do not inherit it.
 */
export function takePriority() {
  if (realtimePermitted) spawnSync('chrt', ['--reset-on-fork', '--rr', '--all-tasks', '--pid', '4', String(process.pid)]);
}

/** Gives the priority back, for work without deadlines. */
export function givePriorityBack() {
  if (realtimePermitted) spawnSync('chrt', ['--other', '--all-tasks', '--pid', '0', String(process.pid)]);
}

/** Calls `probe` until it returns something truthy, and returns that; a timeout names `what` was awaited. */
export async function eventually(what, probe, timeoutMs = PATIENCE_MS, everyMs = 50) {
  const end = nowMs() + timeoutMs;
  let failure;
  do {
    try {
      const value = await probe();
      if (value) return value;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await sleep(everyMs);
  } while (nowMs() < end);
  throw new Error(`${what}: not within ${timeoutMs} ms${failure ? ` (${failure.message})` : ''}`);
}

// An interrupted test run also ends the programs that it started.
const started = new Set();
process.on('exit', () => started.forEach((program) => program.child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

export class Program {
  /** logFile gets stdout and stderr; with keepStdout the caller reads stdout (`program.stdout`) and it is not logged. */
  constructor(command, args, { env = {}, logFile, realtime = 0, keepStdout = false, stdin = 'ignore' }) {
    const [program, ...rest] = realtime && realtimePermitted ? ['chrt', '-r', String(realtime), command, ...args] : [command, ...args];
    mkdirSync(dirname(logFile), { recursive: true });
    this.name = command;
    this.lines = [];
    this.child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: [stdin, 'pipe', 'pipe'] });
    this.log = createWriteStream(logFile, { flags: 'a' });
    if (!keepStdout) this.#keepLines(this.child.stdout);
    this.#keepLines(this.child.stderr);
    this.exited = new Promise((resolve) => {
      this.child.once('error', (error) => resolve({ error }));
      this.child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    started.add(this);
    this.exited.then((end) => {
      this.end = end;
      started.delete(this);
      this.log.end();
    });
  }

  get pid() {
    return this.child.pid;
  }

  get stdin() {
    return this.child.stdin;
  }

  get stdout() {
    return this.child.stdout;
  }

  get running() {
    return this.end === undefined;
  }

  /** Returns the match of the first line, past or future, that fits. */
  line(pattern, timeoutMs = PATIENCE_MS) {
    return eventually(`${this.name} prints ${pattern}`, () => {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match) return match;
      }
      if (!this.running) throw new Error(`it ended: ${JSON.stringify(this.end)} ${this.lines.slice(-3).join(' | ')}`);
      return null;
    }, timeoutMs, 20);
  }

  async stop(signal = 'SIGTERM', graceMs = 10_000) {
    if (this.running) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), graceMs);
    const end = await this.exited;
    clearTimeout(timer);
    return end;
  }

  #keepLines(stream) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      if (!this.log.writableEnded) this.log.write(text);
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      this.lines.push(...parts);
      // Awaited lines come early, so a long run need not keep all lines.
      if (this.lines.length > 5000) this.lines.splice(0, 2500);
    });
  }
}
