//! Real-time scheduling of the engine's thread, where the system allows it.
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

/// Asks for real-time scheduling of the calling thread and logs what it got.
pub(super) fn raise() {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let granted = ThreadPriority::try_from(PRIORITY).is_ok_and(|priority| {
        set_thread_priority_and_policy(thread_native_id(), priority, policy).is_ok()
    });
    if granted {
        info!(
            priority = PRIORITY,
            "the engine runs with real-time priority"
        );
    } else {
        info!("the engine runs without real-time priority: not allowed (LimitRTPRIO=10 allows it)");
    }
}
