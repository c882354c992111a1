//! The state of a run that its threads share.

use std::sync::atomic::{AtomicBool, AtomicU64};

/// How far a run has come.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Sending and listening must end.
    pub stop: AtomicBool,
    /// Received frames count.
    pub measuring: AtomicBool,
    /// All listeners are connected.
    pub listening: AtomicBool,
    /// Audio packets sent so far, including those that the simulated network has lost.
    pub packets: AtomicU64,
}
