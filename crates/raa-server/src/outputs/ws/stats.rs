//! The number of listeners, and counters of their frames.
//!
//! Always: a listener counts from its handshake to its end, however it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts of all listeners, shared between threads.
#[derive(Debug, Default)]
pub(crate) struct ListenerStats {
    listeners: AtomicUsize,
    writes: AtomicU64,
    frames_skipped: AtomicU64,
    closed_slow: AtomicU64,
}

impl ListenerStats {
    /// Returns the number of listeners.
    pub(crate) fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    /// Returns how many writes took frames since the start.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Returns how many frames listeners missed since the start.
    pub(crate) fn frames_skipped(&self) -> u64 {
        self.frames_skipped.load(Ordering::Relaxed)
    }

    /// Returns how many listeners were closed because they could not keep up.
    pub(crate) fn closed_slow(&self) -> u64 {
        self.closed_slow.load(Ordering::Relaxed)
    }

    /// Counts writes that took frames.
    pub(super) fn count_writes(&self, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    /// Counts frames that listeners missed.
    pub(super) fn count_skipped(&self, frames: u64) {
        self.frames_skipped.fetch_add(frames, Ordering::Relaxed);
    }

    /// Counts a listener that was closed because it could not keep up.
    pub(super) fn count_closed_slow(&self) {
        self.closed_slow.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one more listener until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> ListenerGuard {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        ListenerGuard(self.clone())
    }
}

/// Counts one listener until it is dropped.
pub(super) struct ListenerGuard(Arc<ListenerStats>);

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        self.0.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one connection of a shard until it is dropped.
pub(super) struct ShardGuard(Arc<AtomicUsize>);

impl ShardGuard {
    pub(super) fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections.clone())
    }
}

impl Drop for ShardGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
