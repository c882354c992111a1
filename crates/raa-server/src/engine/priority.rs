//! Real-time scheduling of the audio threads, where the system allows it.
//!
//! On a busy machine an ordinary thread starts its slots tens of milliseconds late and has to skip
//! some; a real-time thread does not. It needs root, or a limit such as `LimitRTPRIO=10` in systemd.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tracing::info;

/// Real-time priority, below that of sound servers.
pub(crate) const PRIORITY: u8 = 10;

/// Requests real-time scheduling for the calling thread and returns whether it was granted.
pub(super) fn raise() -> bool {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    ThreadPriority::try_from(PRIORITY).is_ok_and(|priority| {
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    })
}

/// Requests real-time scheduling for the engine's thread and logs the result, which applies to its
/// workers, too.
pub(super) fn raise_engine() {
    if raise() {
        info!(
            priority = PRIORITY,
            "the engine and its workers run with real-time priority"
        );
    } else {
        info!(
            "the engine and its workers run without real-time priority, which is not allowed here \
             (LimitRTPRIO=10 allows it)"
        );
    }
}
