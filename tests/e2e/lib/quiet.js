// Measures while the machine is not busy: waiting for a CPU is a property of the machine and not of RAA.
//
// Always: the least busy attempt counts, whatever was measured in it. If the kernel does not report how busy it was, the
// first attempt counts.

import { readFileSync } from 'node:fs';
import { nowMs } from './processes.js';

/** Share of time in which tasks wait for a CPU, in percent, above which the measurement is repeated. */
export const BUSY_PERCENT = 8;
export const ATTEMPTS = 3;

/** Returns the result of `measure` and the share of time in which tasks waited for a CPU: { result, busyPercent }. */
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

/** Returns the microseconds in which at least one task waited for a CPU; NaN if the kernel does not report them. */
export function cpuWaitUs() {
  try {
    return Number(/some .*total=(\d+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8'))[1]);
  } catch {
    return NaN;
  }
}
