//! Paces a source that has no clock of its own: one slot of 20 ms after the other, in real time.

use std::time::{Duration, Instant};

use raa_core::SLOT;

/// A pause longer than this is not made up for.
const MAX_CATCH_UP: Duration = Duration::from_millis(200);

pub(super) struct Pacer {
    next: Instant,
}

impl Pacer {
    pub(super) fn new() -> Self {
        Self {
            next: Instant::now() + SLOT,
        }
    }

    /// Waits until the current slot has ended.
    pub(super) fn wait(&mut self) {
        let now = Instant::now();
        if now > self.next + MAX_CATCH_UP {
            self.next = now;
        }
        std::thread::sleep(self.next.saturating_duration_since(now));
        self.next += SLOT;
    }
}
