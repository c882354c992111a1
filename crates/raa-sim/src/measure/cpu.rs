//! CPU time, which other programs on the same machine do not lengthen.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Returns the CPU time of the calling thread so far; zero if the system does not report it.
pub fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
