//! A control for tests about time: how long this machine takes the CPU away from a thread that only sleeps.
//!
//! Always: the thread ends when this is dropped.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "several tests share it"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NAP: Duration = Duration::from_millis(2);
/// Every nap lasts a little longer on a calm machine, too.
const USUAL: Duration = Duration::from_millis(3);

/// The delays of a thread that sleeps again and again.
pub struct Delays(Arc<AtomicU64>);

impl Delays {
    /// Watches from now on.
    pub fn watch() -> Self {
        let micros = Arc::new(AtomicU64::new(0));
        let counted = Arc::downgrade(&micros);
        thread::spawn(move || {
            while let Some(micros) = counted.upgrade() {
                let started = Instant::now();
                thread::sleep(NAP);
                let late = started.elapsed().saturating_sub(USUAL);
                micros.fetch_add(late.as_micros().try_into().unwrap(), Ordering::Relaxed);
            }
        });
        Self(micros)
    }

    /// Returns the sum of all delays so far.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}
