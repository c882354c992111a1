//! Who listens, and what slow ones have cost them.
//!
//! Always: a listener counts from its handshake to its end, however it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Who listens, and what slow ones have cost them.
#[derive(Debug)]
pub(crate) struct Audience {
    listeners: watch::Sender<usize>,
    writes: AtomicU64,
    frames_skipped: AtomicU64,
    closed_slow: AtomicU64,
}

impl Default for Audience {
    fn default() -> Self {
        Self {
            listeners: watch::Sender::new(0),
            writes: AtomicU64::new(0),
            frames_skipped: AtomicU64::new(0),
            closed_slow: AtomicU64::new(0),
        }
    }
}

impl Audience {
    pub(crate) fn listeners(&self) -> usize {
        *self.listeners.borrow()
    }

    /// Tells of every change of the number.
    pub(crate) fn watch(&self) -> watch::Receiver<usize> {
        self.listeners.subscribe()
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    pub(crate) fn frames_skipped(&self) -> u64 {
        self.frames_skipped.load(Ordering::Relaxed)
    }

    pub(crate) fn closed_slow(&self) -> u64 {
        self.closed_slow.load(Ordering::Relaxed)
    }

    /// So many writes took frames.
    pub(super) fn note_writes(&self, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// So many frames were missed.
    pub(super) fn note_skipped(&self, frames: u64) {
        self.frames_skipped.fetch_add(frames, Ordering::Relaxed);
    }

    /// One was closed because it could not keep up.
    pub(super) fn note_closed_slow(&self) {
        self.closed_slow.fetch_add(1, Ordering::Relaxed);
    }

    /// One more listens, until the seat is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Seat {
        self.listeners.send_modify(|listeners| *listeners += 1);
        Seat(self.clone())
    }
}

/// Counts one listener until it is dropped.
pub(super) struct Seat(Arc<Audience>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.listeners.send_modify(|listeners| *listeners -= 1);
    }
}
