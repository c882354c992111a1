// Measures when the machine has time for it: what waits for a CPU tells of the machine and not of RAA.
//
// Always: the least busy attempt counts; what was measured in it has no say in that. Where the kernel does not tell how
// busy it was, the first one counts.

import { readFileSync } from 'node:fs';
import { nowMs } from './processes.js';

/** With tasks waiting for a CPU for more of the time than this it is measured again. */
const BUSY_PERCENT = 8;
export const ATTEMPTS = 3;

/** What `measure` gives, and for how much of its time some task waited for a CPU: { result, busyPercent }. */
export async function quietly(measure) {
  let quietest;
  for (let attempt = 0; attempt < ATTEMPTS && !(quietest?.busyPercent <= BUSY_PERCENT); attempt++) {
    const [from, waited] = [nowMs(), cpuWaitUs()];
    const result = await measure();
    const busyPercent = (cpuWaitUs() - waited) / ((nowMs() - from) * 10);
    if (!quietest || busyPercent < quietest.busyPercent) quietest = { result, busyPercent };
    if (Number.isNaN(busyPercent)) break;
  }
  return quietest;
}

// Microseconds in which at least one task waited for a CPU; not a number where the kernel does not tell.
function cpuWaitUs() {
  try {
    return Number(/some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))[1]);
  } catch {
    return NaN;
  }
}
