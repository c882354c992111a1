//! NTP timestamps as RTCP uses them (RFC 3550 section 4): 64 bits, of which a report returns the
//! middle 32, so that the round trip can be measured.
//!
//! Always: pure arithmetic that wraps with NTP's era in 2036; numbers that contradict each other
//! give no round trip.

use std::time::Duration;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
/// One second in units of the middle 32 bits.
const SHORT_SECOND: u64 = 1 << 16;
/// Longer round trips are taken for errors.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);

/// Returns the NTP timestamp of an instant, given as the time since the Unix epoch: seconds since
/// 1900 as a 32.32 fixed-point number.
pub fn timestamp(since_unix_epoch: Duration) -> u64 {
    let fraction = (u64::from(since_unix_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    since_unix_epoch.as_secs().wrapping_add(NTP_TO_UNIX_S) << 32 | fraction
}

/// Returns the middle 32 bits, in units of 1/65536 s, by which reports refer to a timestamp.
pub fn middle(timestamp: u64) -> u32 {
    (timestamp >> 16) as u32
}

/// Returns a duration in units of 1/65536 s, as in "delay since last SR"; at most 18 hours.
pub fn short(time: Duration) -> u32 {
    let fraction = u64::from(time.subsec_nanos()) * SHORT_SECOND / 1_000_000_000;
    let units = time.as_secs().saturating_mul(SHORT_SECOND);
    units.saturating_add(fraction).min(u64::from(u32::MAX)) as u32
}

/// Returns the round-trip time (RFC 3550 section 6.4.1): `last` is the middle of the timestamp
/// that was sent, `delay` the time for which the other side held it, and `arrival` the NTP
/// timestamp at which the report arrived.
///
/// Returns `None` if the other side had received nothing (`last` is 0), if the result is negative
/// by more than 1 ms (both sides round), or if it exceeds ten seconds.
pub fn round_trip(arrival: u64, last: u32, delay: u32) -> Option<Duration> {
    if last == 0 {
        return None;
    }
    let units = middle(arrival).wrapping_sub(last).wrapping_sub(delay) as i32;
    let rounding = (SHORT_SECOND / 1000) as i32;
    let nanos = u64::try_from(units.max(0)).ok()? * 1_000_000_000 / SHORT_SECOND;
    let time = Duration::from_nanos(nanos);
    (units >= -rounding && time <= LONGEST_ROUND_TRIP).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_counts_from_1900_with_binary_fraction() {
        assert_eq!(
            timestamp(Duration::from_millis(1_500)),
            2_208_988_801 << 32 | 0x8000_0000
        );
        assert_eq!(middle(0x1122_3344_5566_7788), 0x3344_5566);
    }

    #[test]
    fn timestamp_wraps_in_2036() {
        let last = timestamp(Duration::from_secs(2_085_978_495));
        assert_eq!(last >> 32, u64::from(u32::MAX));
        assert_eq!(timestamp(Duration::from_secs(2_085_978_496)) >> 32, 0);
    }

    #[test]
    fn delay_has_65536ths_and_never_wraps() {
        assert_eq!(short(Duration::from_millis(1_250)), 0x1_4000);
        assert_eq!(short(Duration::MAX), u32::MAX);
    }

    #[test]
    fn round_trip_excludes_the_other_sides_delay() {
        // The example of RFC 3550 figure 2.
        let arrival = 0xb710_8000_u64 << 16;
        let trip = round_trip(arrival, 0xb705_2000, 0x0005_4000).unwrap();
        assert_eq!(trip, Duration::from_millis(6_125));
    }

    #[test]
    fn contradictory_numbers_give_no_round_trip() {
        let arrival = 0x0001_0000_u64 << 16;
        assert_eq!(round_trip(arrival, 0, 0), None);
        assert_eq!(round_trip(arrival, 0x0001_0000, 0x2000), None);
        assert_eq!(round_trip(arrival, 0x0001_0000, 9), Some(Duration::ZERO));
        // Across the wrap of the middle 32 bits.
        assert_eq!(
            round_trip(0, 0xffff_8000, 0),
            Some(Duration::from_millis(500))
        );
    }
}
