//! Gives out one slot of 20 ms after the other, in real time.

use std::time::{Duration, Instant};

use raa_core::SLOT;

/// A process that stood still for longer than this does not make up for it.
const FORGIVEN: Duration = Duration::from_millis(200);

pub(super) struct Pacer {
    next: Instant,
}

impl Pacer {
    pub(super) fn new() -> Self {
        Self {
            next: Instant::now() + SLOT,
        }
    }

    /// Waits until the next slot is over.
    pub(super) fn wait(&mut self) {
        let now = Instant::now();
        if now > self.next + FORGIVEN {
            self.next = now;
        }
        std::thread::sleep(self.next.saturating_duration_since(now));
        self.next += SLOT;
    }
}
