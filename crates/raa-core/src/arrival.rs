//! Arrival times: the kernel stamps datagrams with the wall clock, and the core counts by the
//! monotonic one.
//!
//! Linux has no stamps of the monotonic clock for received datagrams. So both clocks are read at each
//! drain: their distance changes only when somebody sets the wall clock, or when the computer has slept
//! (adjustments of the clock's rate apply to both). A stamp from before such a step fits the
//! clocks of the drain before, one from after it those of this drain, and one that fits neither is
//! replaced by the time of the drain. Always: a step of the wall clock never reaches the sound:
//! a datagram may be dated late by the time that it has waited in the queue, and never early.

use std::time::{Duration, Instant, SystemTime};

/// The longest plausible time in a socket's queue before its first drain.
const MAX_AGE: Duration = Duration::from_secs(10);
/// The longest plausible time from reading the clocks to the last datagram of the same drain; a
/// later stamp is from after a clock step.
const MAX_AHEAD: Duration = Duration::from_millis(100);
/// The usual time of a drain, in which datagrams arrive, too.
const DRAIN: Duration = Duration::from_millis(1);
/// The longest plausible time from a datagram's stamp to its place in the socket's queue.
const MAX_STAMP_TO_QUEUE: Duration = Duration::from_millis(50);

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
        let earliest = self.monotonic.checked_sub(MAX_AGE);
        stamp
            .and_then(|stamp| self.convert(stamp))
            .filter(|at| earliest.is_none_or(|earliest| *at > earliest))
            .filter(|at| *at < self.monotonic + MAX_AHEAD)
            .unwrap_or(self.monotonic)
    }

    /// Converts a stamp, however far away it is.
    fn convert(&self, stamp: SystemTime) -> Option<Instant> {
        match self.wall.duration_since(stamp) {
            Ok(age) => self.monotonic.checked_sub(age),
            Err(ahead) => self.monotonic.checked_add(ahead.duration()),
        }
    }
}

/// Dates the datagrams of one socket, which is drained again and again.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArrivalClock {
    /// The clocks at the last drain that has left nothing in the queue.
    before: Option<Clocks>,
}

impl ArrivalClock {
    /// Returns the arrival time of a datagram with this stamp, taken by the drain that began at `now`.
    pub fn instant_of(&self, now: &Clocks, stamp: Option<SystemTime>) -> Instant {
        let Some(before) = self.before else {
            return now.instant_of(stamp);
        };
        let Some(stamp) = stamp else {
            return now.monotonic;
        };
        let earliest = before.monotonic.checked_sub(MAX_STAMP_TO_QUEUE);
        let is_plausible = |at: &Instant| {
            earliest.is_none_or(|earliest| *at >= earliest) && *at < now.monotonic + MAX_AHEAD
        };
        let [one, other] = [now, &before].map(|clocks| clocks.convert(stamp).filter(is_plausible));
        match (one, other) {
            (Some(one), Some(other)) => Self::choose(now, one, other),
            (one, other) => one.or(other).unwrap_or(now.monotonic),
        }
    }

    /// Chooses between two plausible times, which are apart by a small step: the later one that is
    /// not in the future. A packet that is dated too early would make all others look late.
    fn choose(now: &Clocks, one: Instant, other: Instant) -> Instant {
        let (earlier, later) = (one.min(other), one.max(other));
        if later <= now.monotonic + DRAIN {
            later
        } else {
            earlier
        }
    }

    /// Ends the drain that began at `now`. If it has emptied the queue, later datagrams have
    /// arrived since it began.
    pub fn end_drain(&mut self, now: Clocks, is_empty: bool) {
        if is_empty {
            self.before = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::OnceLock;

    const MS: Duration = Duration::from_millis(1);

    fn clocks() -> Clocks {
        static START: OnceLock<Instant> = OnceLock::new();
        Clocks {
            monotonic: *START.get_or_init(crate::any_instant) + Duration::from_secs(3600),
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

    /// Returns the clocks `ms` after [`clocks`], when the wall clock has been set by `by_ms`.
    fn after(ms: u32, by_ms: i64) -> Clocks {
        let step = Duration::from_millis(by_ms.unsigned_abs());
        let wall = clocks().wall + ms * MS;
        Clocks {
            monotonic: clocks().monotonic + ms * MS,
            wall: if by_ms < 0 { wall - step } else { wall + step },
        }
    }

    /// By how many ms a datagram is dated late that arrived at `arrival_ms` and is taken by the drain at
    /// 20 ms, which follows one at 0 ms, if the wall clock is set by `by_ms` at `step_ms`.
    fn late_ms(by_ms: i64, step_ms: u32, arrival_ms: u32) -> i64 {
        let at = |ms: u32| after(ms, if ms >= step_ms { by_ms } else { 0 });
        let mut clock = ArrivalClock::default();
        clock.end_drain(at(0), true);
        let dated = clock.instant_of(&at(20), Some(at(arrival_ms).wall));
        let ms = |at: Instant| at.duration_since(clocks().monotonic).as_millis() as i64;
        ms(dated) - i64::from(arrival_ms)
    }

    #[test]
    fn large_steps_leave_every_arrival_exact() {
        const DAY_MS: i64 = 86_400_000;
        for by_ms in [
            70,
            -70,
            500,
            -500,
            3_600_000,
            -3_600_000,
            365 * DAY_MS,
            -365 * DAY_MS,
        ] {
            for step_ms in 1..=20 {
                for arrival_ms in 0..=20 {
                    let late_ms = late_ms(by_ms, step_ms, arrival_ms);
                    assert_eq!(late_ms, 0, "{by_ms} ms at {step_ms}, arrival {arrival_ms}");
                }
            }
        }
    }

    #[test]
    fn small_steps_date_nothing_early_or_after_its_drain() {
        for by_ms in (1..70).flat_map(|by_ms| [by_ms, -by_ms]) {
            for step_ms in 1..=20 {
                for arrival_ms in 0..=20 {
                    let late_ms = late_ms(by_ms, step_ms, arrival_ms);
                    let most_ms = by_ms.abs().min(20 - i64::from(arrival_ms) + 1);
                    assert!(
                        (0..=most_ms).contains(&late_ms),
                        "{by_ms} ms at {step_ms}, arrival {arrival_ms}: {late_ms}"
                    );
                }
            }
        }
    }

    /// The clock is set after a drain has read the clocks, and before it ends.
    #[test]
    fn steps_within_a_drain_mean_its_time() {
        for by_ms in [500, -500, 3_600_000, -3_600_000] {
            let mut clock = ArrivalClock::default();
            clock.end_drain(after(0, 0), true);
            let now = after(20, 0);
            let dated = clock.instant_of(&now, Some(after(20, by_ms).wall));
            assert_eq!(dated, now.monotonic, "{by_ms}");
            // The next drain knows both clocks.
            clock.end_drain(now, true);
            let next = after(40, by_ms);
            let dated = clock.instant_of(&next, Some(after(20, by_ms).wall));
            assert_eq!(dated, now.monotonic, "{by_ms}");
        }
    }

    /// After a stall, and after a drain that a flood has ended early, datagrams are older.
    #[test]
    fn old_datagrams_keep_their_times() {
        let mut clock = ArrivalClock::default();
        clock.end_drain(after(0, 0), true);
        clock.end_drain(after(20, 0), false);
        for by_ms in [0, 500, -500] {
            for arrival_ms in [1, 19, 21, 30_000] {
                let now = after(60_000, by_ms);
                let before_step = clock.instant_of(&now, Some(after(arrival_ms, 0).wall));
                assert_eq!(before_step, after(arrival_ms, 0).monotonic.max(before_step));
                let after_step = clock.instant_of(&now, Some(after(arrival_ms, by_ms).wall));
                assert!(after_step >= after(arrival_ms, 0).monotonic);
            }
        }
        let exact = clock.instant_of(&after(60_000, 0), Some(after(21, 0).wall));
        assert_eq!(exact, after(21, 0).monotonic);
    }
}
