//! What the threads of a run share: how far it is, and when it ends.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// What the threads tell each other.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Ends sending and listening.
    pub stop: AtomicBool,
    /// What listeners hear counts.
    pub measuring: AtomicBool,
    /// All listeners are connected.
    pub listening: AtomicBool,
    /// Audio packets sent so far.
    pub packets: AtomicU64,
}
