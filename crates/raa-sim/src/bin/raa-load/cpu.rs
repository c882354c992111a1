//! CPU time of this program, which must not disturb the measurement, and of a process on this host.

use std::fs;

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

/// Returns the CPU time of this process so far, in seconds; zero if the system does not report it.
pub(crate) fn own_s() -> f64 {
    getrusage(UsageWho::RUSAGE_SELF).map_or(0.0, |usage| {
        (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
    })
}

/// Returns the CPU time of all current threads of a process, in seconds, with the scheduler's
/// resolution of nanoseconds.
///
/// # Errors
/// Fails if there is no such process or the kernel has no scheduler statistics.
pub(crate) fn of_process_s(pid: u32) -> anyhow::Result<f64> {
    let tasks = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&tasks).with_context(|| format!("there is no process {pid}"))?;
    let mut total_ns = 0;
    for entry in entries {
        // The thread may have ended.
        let Ok(text) = fs::read_to_string(entry?.path().join("schedstat")) else {
            continue;
        };
        total_ns += running_ns(&text).with_context(|| format!("cannot read {tasks}"))?;
    }
    Ok(total_ns as f64 / 1e9)
}

/// Parses the time on a CPU in ns, which is the first number of `schedstat`.
fn running_ns(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_of_this_process_is_measured() {
        assert_eq!(running_ns("123456789 17 4\n"), Some(123_456_789));
        assert_eq!(running_ns(""), None);
        let mut x = 1u64;
        while own_s() < 0.02 {
            (0..1000).for_each(|n| x = std::hint::black_box(x.wrapping_mul(n + 3)));
        }
        let scheduled_s = of_process_s(std::process::id()).unwrap();
        assert!(scheduled_s > 0.0, "{scheduled_s}");
        assert!(of_process_s(u32::MAX).is_err());
    }
}
