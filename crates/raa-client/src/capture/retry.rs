//! When what failed is tried again.
//!
//! Always: never looks at a clock; a capture that is possible again is back within 2 s.

use std::time::{Duration, Instant};

const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Some devices take more than a second from their opening to their first packet.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// A capture that lasted so long has worked.
const WORKED_AFTER: Duration = Duration::from_secs(10);
/// A capture that was found to be faulty no earlier than this was good at first.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// Captures in a row that broke off early.
const EARLY_ENDS: u32 = 3;
const ASK_EVERY: Duration = Duration::from_secs(600);
/// More than the pause between two pieces of music.
const SILENCE: Duration = Duration::from_secs(10);
const FIRST_LEAVE: Duration = Duration::from_secs(600);
const LONGEST_LEAVE: Duration = Duration::from_secs(8 * 3600);

/// How long to wait before a capture that failed is opened again: longer each time.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Backoff {
    /// It broke off when it had lasted for `age`; zero when it could not be opened at all.
    pub(super) fn broke_off(&mut self, age: Duration) -> Duration {
        if age >= WORKED_AFTER {
            *self = Self::default();
            return Duration::ZERO;
        }
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        wait
    }
}

/// Leaves the best way of capture alone when it does not do its work: for 10 minutes, and longer
/// each time, up to 8 hours, so that the next best can do it undisturbed.
#[derive(Debug)]
pub(super) struct Leave {
    until: Option<Instant>,
    next: Duration,
    early_ends: u32,
}

impl Default for Leave {
    fn default() -> Self {
        Self {
            until: None,
            next: FIRST_LEAVE,
            early_ends: 0,
        }
    }
}

impl Leave {
    /// It is of no use now.
    pub(super) fn begin(&mut self, now: Instant) {
        self.until = Some(now + self.next);
        self.next = (self.next * 2).min(LONGEST_LEAVE);
        self.early_ends = 0;
    }

    /// It broke off when it had lasted for `age`. One that reports an error is given three
    /// attempts; one that is found to be faulty soon after it was opened, none: opening it anew
    /// has not helped.
    pub(super) fn broke_off(&mut self, now: Instant, age: Duration, is_faulty: bool) {
        let worked = age
            >= if is_faulty {
                PROVEN_AFTER
            } else {
                WORKED_AFTER
            };
        if worked {
            self.early_ends = 0;
            if age >= FIRST_LEAVE {
                *self = Self::default();
            }
            return;
        }
        self.early_ends += 1;
        if is_faulty || self.early_ends >= EARLY_ENDS {
            self.begin(now);
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

/// While another way is in use: when to ask for the best one, and when to change to it.
#[derive(Debug, Default)]
pub(super) struct Occasion {
    asked: Option<Instant>,
}

impl Occasion {
    /// It is asked for now.
    pub(super) fn take(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Whether it was not asked for lately, and nothing has sounded for a while.
    pub(super) fn has_come(&self, now: Instant, silent_for: Duration) -> bool {
        let is_long_ago = |asked: Instant| now.duration_since(asked) >= ASK_EVERY;
        Self::is_silent(silent_for) && self.asked.is_none_or(is_long_ago)
    }

    /// Whether a change breaks off no sound.
    pub(super) fn is_silent(silent_for: Duration) -> bool {
        silent_for >= SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn waits_grow_to_half_a_second_and_begin_anew_after_what_has_worked() {
        let mut backoff = Backoff::default();
        for (age, expected_ms) in [
            (Duration::ZERO, 250),
            (Duration::ZERO, 500),
            (SECOND, 500),
            (SECOND, 500),
            (WORKED_AFTER, 0),
            (Duration::ZERO, 250),
            (Duration::ZERO, 500),
        ] {
            assert_eq!(backoff.broke_off(age).as_millis(), expected_ms);
        }
    }

    #[test]
    fn leaves_grow_from_ten_minutes_to_eight_hours() {
        let start = Instant::now();
        let mut leave = Leave::default();
        assert!(leave.is_over(start));
        for minutes in [10, 20, 40, 80, 160, 320, 480, 480] {
            leave.begin(start);
            assert!(
                !leave.is_over(start + minutes * MINUTE - SECOND),
                "{minutes}"
            );
            assert!(leave.is_over(start + minutes * MINUTE), "{minutes}");
        }
        // Half an hour of good work, and the next one is short again.
        leave.broke_off(start, 30 * MINUTE, true);
        assert!(leave.is_over(start));
        leave.begin(start);
        assert!(leave.is_over(start + 10 * MINUTE));
    }

    #[test]
    fn what_breaks_off_early_is_left_alone() {
        let check = |ends: &[(Duration, bool)], expected: bool| {
            let now = Instant::now();
            let mut leave = Leave::default();
            for (age, is_faulty) in ends {
                leave.broke_off(now, *age, *is_faulty);
            }
            assert_eq!(!leave.is_over(now), expected, "{ends:?}");
        };
        let (error, fault) = (false, true);
        check(&[(SECOND, fault)], true);
        check(&[(59 * SECOND, fault)], true);
        check(&[(MINUTE, fault), (MINUTE, fault), (MINUTE, fault)], false);
        check(&[(SECOND, error), (SECOND, error)], false);
        check(&[(SECOND, error), (SECOND, error), (SECOND, error)], true);
        let worked = (MINUTE, error);
        check(
            &[(SECOND, error), (SECOND, error), worked, (SECOND, error)],
            false,
        );
    }

    #[test]
    fn the_best_way_is_asked_for_every_ten_minutes_and_in_silence_only() {
        let start = Instant::now();
        let mut occasion = Occasion::default();
        assert!(occasion.has_come(start, MINUTE), "never asked");
        assert!(!occasion.has_come(start, 9 * SECOND), "something sounds");
        occasion.take(start);
        assert!(!occasion.has_come(start + 9 * MINUTE, MINUTE));
        assert!(!occasion.has_come(start + 90 * MINUTE, Duration::ZERO));
        assert!(occasion.has_come(start + 10 * MINUTE, 10 * SECOND));
        assert!(!Occasion::is_silent(9 * SECOND) && Occasion::is_silent(10 * SECOND));
    }
}
