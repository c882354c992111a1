//! A computer's wall clock, which somebody sets now and then.
//!
//! Always: it runs as fast as the simulated time; only a step changes the distance between the two.

use std::time::{Duration, SystemTime};

/// What the clock shows at the start of a simulation.
const START: Duration = Duration::from_secs(1_800_000_000);

/// See the module's text.
#[derive(Debug, Clone, Default)]
pub struct WallClock {
    /// When it was set, and by how many ms, in the order of time.
    steps: Vec<(Duration, i64)>,
}

impl WallClock {
    /// Sets the clock by this many ms at `at`, a time since the start that is not before the last step.
    pub fn step(&mut self, at: Duration, by_ms: i64) {
        self.steps.push((at, by_ms));
    }

    /// Returns what it shows at `at`.
    pub fn at(&self, at: Duration) -> SystemTime {
        let done = self.steps.iter().take_while(|(when, _)| *when <= at);
        let step_ms: i64 = done.map(|(_, by_ms)| by_ms).sum();
        let step = Duration::from_millis(step_ms.unsigned_abs());
        let unset = SystemTime::UNIX_EPOCH + START + at;
        if step_ms < 0 {
            unset - step
        } else {
            unset + step
        }
    }
}
