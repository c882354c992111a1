//! The engine's health: whether it plays its slots. Any thread reads it without asking the engine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time without a slot after which the engine is unhealthy.
const LIMIT: Duration = Duration::from_secs(1);

/// The time of the last slot, shared between threads.
#[derive(Debug)]
pub(super) struct Health {
    start: Instant,
    last_slot_ms: AtomicU64,
}

impl Health {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            start,
            last_slot_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn slot_played(&self, now: Instant) {
        self.last_slot_ms.store(self.ms(now), Ordering::Relaxed);
    }

    pub(super) fn is_healthy(&self, now: Instant) -> bool {
        let last = self.last_slot_ms.load(Ordering::Relaxed);
        self.ms(now).saturating_sub(last) < LIMIT.as_millis() as u64
    }

    fn ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_a_slot_is_unhealthy() {
        let start = Instant::now();
        let health = Health::new(start);
        let after = |ms| start + Duration::from_millis(ms);
        health.slot_played(after(500));
        assert!(health.is_healthy(after(1499)));
        assert!(!health.is_healthy(after(1500)));
        health.slot_played(after(1520));
        assert!(health.is_healthy(after(1520)));
    }
}
