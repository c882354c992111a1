//! Real-time scheduling of the threads that make the sound, where the system allows it.
//!
//! On a busy machine an ordinary thread starts its slots tens of milliseconds late and has to skip
//! some; a real-time one does not. It needs root, or a limit as `LimitRTPRIO=10` in systemd.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tracing::info;

/// Above everything ordinary, below what sound servers take.
const PRIORITY: u8 = 10;

/// Asks for real-time scheduling of the calling thread; whether it was granted.
pub(super) fn raise() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    ThreadPriority::try_from(PRIORITY).is_ok_and(|priority| {
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    })
}

/// Asks for it for the engine's thread and logs what it got; its workers get the same.
pub(super) fn raise_engine() {
    if raise() {
        info!(
            priority = PRIORITY,
            "the engine and its workers run with real-time priority"
        );
    } else {
        info!(
            "the engine and its workers run without real-time priority: not allowed \
             (LimitRTPRIO=10 allows it)"
        );
    }
}
