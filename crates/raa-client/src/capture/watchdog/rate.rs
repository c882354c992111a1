//! Measures the sample rate against the clock.
//!
//! Always: a pause restarts the measurement; a verdict needs 10 s without one, in which a single
//! late block makes a difference of 1 % at most.

use std::time::{Duration, Instant};

use raa_core::SAMPLE_RATE;

/// The duration of a measurement.
const WINDOW: Duration = Duration::from_secs(10);
/// A longer distance between two blocks is a pause.
const PAUSE: Duration = Duration::from_millis(100);
/// Relative error; real sound cards stay below a tenth of it, a misunderstood rate exceeds it.
const TOLERANCE: f64 = 0.05;

/// A measurement since the last pause.
#[derive(Debug, Default)]
pub(super) struct RateMeter {
    flow: Option<Flow>,
}

#[derive(Debug)]
struct Flow {
    since: Instant,
    last: Instant,
    samples: usize,
}

impl RateMeter {
    /// Takes a block that arrived at `now`. Returns the rate in Hz if it was wrong for 10 s.
    pub(super) fn push(&mut self, now: Instant, samples: usize) -> Option<u32> {
        let flow = match &mut self.flow {
            Some(flow) if now.duration_since(flow.last) <= PAUSE => flow,
            // The samples of the first block were recorded before it arrived.
            _ => {
                self.flow = Some(Flow::new(now));
                return None;
            }
        };
        flow.last = now;
        flow.samples += samples;
        let elapsed = now.duration_since(flow.since);
        if elapsed < WINDOW {
            return None;
        }
        let rate = flow.samples as f64 / elapsed.as_secs_f64();
        self.flow = Some(Flow::new(now));
        let is_wrong = (rate / f64::from(SAMPLE_RATE) - 1.0).abs() > TOLERANCE;
        is_wrong.then_some(rate.round() as u32)
    }
}

impl Flow {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            last: now,
            samples: 0,
        }
    }
}
