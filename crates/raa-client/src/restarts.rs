//! When a crashed client is started again on Windows, and after which pause.
//!
//! Always: an end that a person or Windows wanted is no crash; a client that crashes at once over and
//! over is started once a minute.

use std::time::Duration;

/// From here on an exit code is an NTSTATUS that reports an error
/// (learn.microsoft.com/openspecs/windows_protocols/ms-erref).
const FIRST_ERROR: u32 = 0xC000_0000;
/// `STATUS_CONTROL_C_EXIT`: Ctrl+C, or the console's window was closed.
const CONTROL_C: u32 = 0xC000_013A;
/// `STATUS_DLL_INIT_FAILED`: a program that is started while the session ends.
const SESSION_ENDS: u32 = 0xC000_0142;
/// The time that a client must have run for its crash to count as the first one.
const STEADY: Duration = Duration::from_secs(600);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Returns whether a client that has ended with this code has crashed. A panic aborts, which is
/// 0xC0000409.
pub(crate) fn is_crash(code: u32) -> bool {
    code >= FIRST_ERROR && code != CONTROL_C && code != SESSION_ENDS
}

/// Returns the number of crashes in a row, of which there were `before`, after a client that ran for
/// this long.
pub(crate) fn crashes(before: u32, ran_for: Duration) -> u32 {
    if ran_for >= STEADY {
        1
    } else {
        before.saturating_add(1)
    }
}

/// Returns the pause before the start that follows this many crashes in a row: 1, 2, 4 s and so on.
pub(crate) fn pause(crashes: u32) -> Duration {
    let doubled = 1_u64.checked_shl(crashes.saturating_sub(1));
    let seconds = doubled.unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_crashes() {
        for code in [0xC000_0409, 0xC000_0005, 0xC000_00FD] {
            assert!(is_crash(code), "{code:#x}");
        }
        // Its own codes, the task manager's, a sign-out, Ctrl+C, a start during a shut-down.
        for code in [0, 1, 2, 0x4001_0004, 0xC000_013A, 0xC000_0142] {
            assert!(!is_crash(code), "{code:#x}");
        }
    }

    #[test]
    fn pauses_grow_while_crashes_follow_each_other() {
        let mut crashes_so_far = 0;
        let mut pauses = Vec::new();
        for _ in 0..100 {
            crashes_so_far = crashes(crashes_so_far, Duration::from_secs(2));
            pauses.push(pause(crashes_so_far).as_secs());
        }
        assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pauses[99], 60);
        assert_eq!(crashes(crashes_so_far, STEADY), 1, "it had run well");
    }
}
