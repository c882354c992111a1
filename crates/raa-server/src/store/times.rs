//! Times that the database keeps, checked against a clock that may be wrong.
//!
//! A computer without a battery for its clock starts in 1970, or at the date of its system image,
//! until the network sets the clock. Always: a stored time that can't be is unknown; it is neither
//! "now" nor half a century ago.

use std::time::{Duration, SystemTime};

/// 2024-01-01, before any version of this server existed: earlier times are of a wrong clock.
const EARLIEST_MS: u64 = 1_704_067_200_000;
/// How far a stored time may lie in the future. Clocks are set back by seconds all the time; such
/// a time means "just now".
const TOLERANCE: Duration = Duration::from_secs(60);

/// Returns how long ago a stored time is, in ms since 1970; `None` if it can't be.
pub(super) fn ago(stored_ms: i64, now: SystemTime) -> Option<Duration> {
    let stored_ms = u64::try_from(stored_ms).ok()?;
    let stored = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(stored_ms))?;
    match now.duration_since(stored) {
        _ if stored_ms < EARLIEST_MS => None,
        Ok(ago) => Some(ago),
        Err(ahead) if ahead.duration() <= TOLERANCE => Some(Duration::ZERO),
        Err(_ahead) => None,
    }
}

/// Returns a time as it is stored: in ms since 1970. Times of a wrong clock are stored as well: they
/// say that there was such a time, though not which one.
pub(super) fn stored_ms(at: SystemTime) -> i64 {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since_epoch.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
    }

    #[test]
    fn times_of_a_wrong_clock_are_unknown() {
        let now = at(1_800_000_000_000);
        let check = |stored, expected| assert_eq!(ago(stored, now), expected, "{stored}");
        check(1_800_000_000_000, Some(Duration::ZERO));
        check(1_799_999_999_999, Some(Duration::from_millis(1)));
        // The clock was set back by a second.
        check(1_800_000_001_000, Some(Duration::ZERO));
        check(1_800_000_060_001, None);
        check(i64::MAX, None);
        // The clock began in 1970.
        check(0, None);
        check(35_000, None);
        check(-1, None);
        check(1_704_067_199_999, None);
        check(
            1_704_067_200_000,
            Some(now.duration_since(at(1_704_067_200_000)).unwrap()),
        );
    }

    #[test]
    fn no_time_is_known_while_the_clock_is_in_1970() {
        let now = at(90_000);
        for stored in [0, 30_000, 90_000, 1_800_000_000_000] {
            assert_eq!(ago(stored, now), None, "{stored}");
        }
    }

    #[test]
    fn any_time_can_be_stored() {
        assert_eq!(stored_ms(at(1_800_000_000_000)), 1_800_000_000_000);
        assert_eq!(stored_ms(SystemTime::UNIX_EPOCH - DAY), 0);
    }
}
