// A clock of the server that a test can move on, for what takes minutes in a room.
//
// Always: only the server's wall clock moves, as if somebody had set it; the pages follow the server's clock, so they need none.

import { spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = join(dirname(fileURLToPath(import.meta.url)), 'clock.c');

export class MovableClock {
  #file;
  #seconds = 0;

  /** @param {import('./world.js').World} world */
  constructor(world) {
    this.#file = join(world.dir, 'clock');
    this.library = join(world.dir, 'clock.so');
    const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', this.library, SOURCE, '-ldl'], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the C compiler, which Rust needs, too, fails: ${stderr}`);
    this.#write();
  }

  /** What a program needs in its environment. */
  get env() {
    return { LD_PRELOAD: this.library, RAA_TEST_CLOCK: this.#file };
  }

  /** Lets minutes pass for the server. */
  pass(minutes) {
    this.#seconds += minutes * 60;
    this.#write();
  }

  #write() {
    writeFileSync(`${this.#file}.new`, String(this.#seconds));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
