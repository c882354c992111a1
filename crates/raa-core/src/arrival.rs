//! Arrival times: the kernel stamps datagrams with the wall clock, and the core counts by the
//! monotonic one.
//!
//! Always: a step of the wall clock never reaches the sound.

use std::time::{Duration, Instant, SystemTime};

/// The longest plausible time in a socket's queue; an older stamp is from before a clock step.
const MAX_AGE: Duration = Duration::from_secs(10);
/// The longest plausible time from reading the clocks to the last datagram of the same drain; a
/// later stamp is from after a clock step.
const MAX_AHEAD: Duration = Duration::from_millis(100);

/// Both clocks, read at the same moment.
#[derive(Debug, Clone, Copy)]
pub struct Clocks {
    /// The clock that the core counts by.
    pub monotonic: Instant,
    /// The clock of the kernel's stamps.
    pub wall: SystemTime,
}

impl Clocks {
    /// Returns the instant of a kernel stamp. A datagram without a stamp, or with an implausible
    /// one, arrived when the clocks were read.
    pub fn instant_of(&self, stamp: Option<SystemTime>) -> Instant {
        let at = stamp.and_then(|stamp| match self.wall.duration_since(stamp) {
            Ok(age) if age < MAX_AGE => self.monotonic.checked_sub(age),
            Err(ahead) if ahead.duration() < MAX_AHEAD => {
                self.monotonic.checked_add(ahead.duration())
            }
            _ => None,
        });
        at.unwrap_or(self.monotonic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn clocks() -> Clocks {
        Clocks {
            monotonic: crate::any_instant() + Duration::from_secs(3600),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        }
    }

    #[test]
    fn stamps_keep_their_distance_from_now() {
        let clocks = clocks();
        for age in [Duration::ZERO, MS, 40 * MS, 9_999 * MS] {
            let instant = clocks.instant_of(Some(clocks.wall - age));
            assert_eq!(instant, clocks.monotonic - age);
        }
        for ahead in [MS, 99 * MS] {
            let instant = clocks.instant_of(Some(clocks.wall + ahead));
            assert_eq!(instant, clocks.monotonic + ahead);
        }
    }

    #[test]
    fn clock_steps_and_missing_stamps_mean_now() {
        let clocks = clocks();
        let hour = Duration::from_secs(3600);
        for stamp in [
            None,
            Some(clocks.wall + hour),
            Some(clocks.wall + MAX_AHEAD),
            Some(clocks.wall - hour),
            Some(clocks.wall - MAX_AGE),
            Some(SystemTime::UNIX_EPOCH),
        ] {
            assert_eq!(clocks.instant_of(stamp), clocks.monotonic, "{stamp:?}");
        }
    }
}
