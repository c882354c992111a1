//! NTP timestamps as RTCP has them (RFC 3550 section 4): 64 bits, of which the middle 32 come back
//! with a report and say how long the way there and back took.
//!
//! Always: pure arithmetic that wraps with NTP's era in 2036; a round trip that the numbers
//! contradict is none.

use std::time::Duration;

/// From the epoch of NTP, 1900, to the one of Unix, 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
/// A second in the units of the middle 32 bits.
const SHORT_SECOND: u64 = 1 << 16;
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);

/// The NTP timestamp of an instant so long after the Unix epoch: seconds since 1900 as a
/// fixed-point number of 32 and 32 bits.
pub fn timestamp(since_unix_epoch: Duration) -> u64 {
    let fraction = (u64::from(since_unix_epoch.subsec_nanos()) << 32) / 1_000_000_000;
    since_unix_epoch.as_secs().wrapping_add(NTP_TO_UNIX_S) << 32 | fraction
}

/// The middle 32 bits, in units of 1/65536 s: how reports refer to a timestamp.
pub fn middle(timestamp: u64) -> u32 {
    (timestamp >> 16) as u32
}

/// A time in units of 1/65536 s, as "delay since last SR" has it; at most 18 hours.
pub fn short(time: Duration) -> u32 {
    let fraction = u64::from(time.subsec_nanos()) * SHORT_SECOND / 1_000_000_000;
    let units = time.as_secs().saturating_mul(SHORT_SECOND);
    units.saturating_add(fraction).min(u64::from(u32::MAX)) as u32
}

/// How long the way there and back took (RFC 3550 section 6.4.1): `last` is the middle of the
/// timestamp that was sent, which the other side kept for `delay`; `arrival` is the timestamp of
/// its coming back.
///
/// `None` when nothing had been received there (`last` is 0), or when it would have taken less
/// than no time (both sides round, so that a millisecond is forgiven) or more than ten seconds,
/// which no sound's way takes.
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
    fn a_timestamp_counts_from_1900_with_a_binary_fraction() {
        assert_eq!(
            timestamp(Duration::from_millis(1_500)),
            2_208_988_801 << 32 | 0x8000_0000
        );
        assert_eq!(middle(0x1122_3344_5566_7788), 0x3344_5566);
    }

    #[test]
    fn it_wraps_in_2036() {
        let last = timestamp(Duration::from_secs(2_085_978_495));
        assert_eq!(last >> 32, u64::from(u32::MAX));
        assert_eq!(timestamp(Duration::from_secs(2_085_978_496)) >> 32, 0);
    }

    #[test]
    fn a_delay_is_said_in_65536ths_and_never_wraps() {
        assert_eq!(short(Duration::from_millis(1_250)), 0x1_4000);
        assert_eq!(short(Duration::MAX), u32::MAX);
    }

    #[test]
    fn the_round_trip_is_what_the_other_side_did_not_keep() {
        // The example of RFC 3550 figure 2.
        let arrival = 0xb710_8000_u64 << 16;
        let trip = round_trip(arrival, 0xb705_2000, 0x0005_4000).unwrap();
        assert_eq!(trip, Duration::from_millis(6_125));
    }

    #[test]
    fn what_contradicts_itself_is_no_round_trip() {
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
