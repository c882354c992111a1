// What this machine does to a program that only waits for its slots: the control for what is measured in the same run.
//
// A thread on each processor waits with the priority of the server's audio threads (raa-limit lateness). What it misses, nobody
// can keep, however good the server is. A test allows as much in addition to its limit, and nothing else: on a quiet machine
// that is nothing.

import { join } from 'node:path';
import { BIN_DIR } from './paths.js';

/** The server's own real-time priority: crates/raa-server/src/engine/priority.rs. */
const PRIORITY = 10;
/** What is shorter is within the limits of any test. */
const LEAST_MS = 5;

export class Lateness {
  /** @param {import('./world.js').World} world */
  static async watch(world) {
    const program = world.program(join(BIN_DIR, 'raa-limit'), ['lateness', '--least-ms', `${LEAST_MS}`], 'lateness', { realtime: PRIORITY });
    await program.line(/^waiting on /);
    return new Lateness(program);
  }

  constructor(program) {
    this.program = program;
  }

  /** Returns the slots of [fromMs, toMs) that began at least `leastMs` late: { slots: [{ cpu, at_ms, late_ms }], worstMs }. */
  between(fromMs, toMs, leastMs = LEAST_MS) {
    if (!this.program.running) throw new Error('raa-limit lateness has ended');
    const late = this.program.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    const slots = late.filter(({ at_ms: at, late_ms: by }) => at >= fromMs && at < toMs && by >= leastMs);
    return { slots, worstMs: Math.max(0, ...slots.map(({ late_ms: by }) => by)) };
  }
}

/** Returns a sentence about the slots of `between`. */
export function sayLateness({ slots, worstMs }) {
  return `a thread that only waits was late for ${slots.length} slots, by up to ${worstMs.toFixed(1)} ms`;
}
