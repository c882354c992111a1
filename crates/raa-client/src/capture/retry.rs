//! Decides when a capture that failed is tried again.
//!
//! Always: never looks at a clock. A capture that is possible again is back within 2 s: at once when
//! Windows announces a device, and without an announcement in the first minute after it failed. Later it
//! takes up to 5 s, because a PC without sound must not enumerate devices for months.

use std::time::{Duration, Instant};

/// The wait after the first failure.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait; with it, a device that needs a second for its first packet is back in time.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// How long a capture that cannot be opened is tried this often.
const OFTEN_FOR: Duration = Duration::from_secs(60);
/// The wait after that, unless Windows announces a change of its devices.
const RARE_WAIT: Duration = Duration::from_secs(5);
/// A capture that lasts this long could be opened; what ends it is another matter.
const OPENED_FOR: Duration = Duration::from_secs(1);
/// A capture that lasts this long has worked.
const WORKED_AFTER: Duration = Duration::from_secs(10);
/// A capture that works without a fault for this long was good at first.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// Early ends in a row after which the method rests.
const EARLY_ENDS: u32 = 3;
/// The pause between two requests while another method is in use.
const ASK_EVERY: Duration = Duration::from_secs(600);
/// Longer than the pause between two pieces of music.
const SILENCE: Duration = Duration::from_secs(10);
/// The first cooldown; each further one is twice as long.
const FIRST_COOLDOWN: Duration = Duration::from_secs(600);
const LONGEST_COOLDOWN: Duration = Duration::from_secs(8 * 3600);

/// The wait before a failed capture is reopened: longer each time.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    /// Since when it cannot be opened.
    unopened_since: Option<Instant>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            next: FIRST_WAIT,
            unopened_since: None,
        }
    }
}

impl Backoff {
    /// Returns how long to wait after a capture that ended at `now` and had lasted for `age`; zero if
    /// it could not be opened.
    pub(super) fn wait_after(&mut self, now: Instant, age: Duration) -> Duration {
        if age >= WORKED_AFTER {
            *self = Self::default();
            return Duration::ZERO;
        }
        if age >= OPENED_FOR {
            self.unopened_since = None;
        }
        let since = *self.unopened_since.get_or_insert(now);
        if now.duration_since(since) >= OFTEN_FOR {
            return RARE_WAIT;
        }
        let wait = self.next;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        wait
    }

    /// Takes note that the devices have changed, and returns the shortest wait since the last attempt.
    /// A device that comes may need some attempts, and one that comes and goes all the time must not
    /// cause more of them.
    #[cfg_attr(not(windows), allow(dead_code))]
    pub(super) fn devices_changed(&mut self) -> Duration {
        *self = Self::default();
        FIRST_WAIT
    }
}

/// Rests a capture method that does not work: for 10 minutes at first, then longer each time up to
/// 8 hours, so that the next best method can work undisturbed.
#[derive(Debug)]
pub(super) struct Cooldown {
    until: Option<Instant>,
    next: Duration,
    early_ends: u32,
}

impl Default for Cooldown {
    fn default() -> Self {
        Self {
            until: None,
            next: FIRST_COOLDOWN,
            early_ends: 0,
        }
    }
}

impl Cooldown {
    /// Starts a cooldown.
    pub(super) fn start(&mut self, now: Instant) {
        self.until = Some(now + self.next);
        self.next = (self.next * 2).min(LONGEST_COOLDOWN);
        self.early_ends = 0;
    }

    /// Takes note of a capture that ended after `age`. After errors, a cooldown starts with the third
    /// early end in a row; after a fault it starts at once, because reopening has not helped.
    pub(super) fn note_end(&mut self, now: Instant, age: Duration, is_faulty: bool) {
        let worked = age
            >= if is_faulty {
                PROVEN_AFTER
            } else {
                WORKED_AFTER
            };
        if worked {
            self.early_ends = 0;
            if age >= FIRST_COOLDOWN {
                *self = Self::default();
            }
            return;
        }
        self.early_ends += 1;
        if is_faulty || self.early_ends >= EARLY_ENDS {
            self.start(now);
        }
    }

    /// Returns whether the method may be tried.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

/// Decides, while another method is in use, when to ask for the best one and when to change to it.
#[derive(Debug, Default)]
pub(super) struct RetryWhen {
    asked: Option<Instant>,
}

impl RetryWhen {
    /// Takes note of a request for the best method.
    pub(super) fn note_request(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Returns whether a request is due: the last one is long ago, and it is silent.
    pub(super) fn is_due(&self, now: Instant, silent_for: Duration) -> bool {
        let is_long_ago = |asked: Instant| now.duration_since(asked) >= ASK_EVERY;
        Self::is_silent(silent_for) && self.asked.is_none_or(is_long_ago)
    }

    /// Returns whether changing the method would interrupt no sound.
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
    fn waits_grow_to_half_a_second_and_reset() {
        let now = Instant::now();
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
            assert_eq!(backoff.wait_after(now, age).as_millis(), expected_ms);
        }
    }

    /// Returns the waits in the `time` after the first failure, and the time of the last attempt.
    fn attempts(backoff: &mut Backoff, start: Instant, time: Duration) -> (Vec<u128>, Instant) {
        let (mut now, mut waits) = (start, Vec::new());
        while now < start + time {
            let wait = backoff.wait_after(now, Duration::ZERO);
            waits.push(wait.as_millis());
            now += wait;
        }
        (waits, now)
    }

    #[test]
    fn an_hour_without_a_device_costs_few_attempts() {
        let mut backoff = Backoff::default();
        let (waits, now) = attempts(&mut backoff, Instant::now(), MINUTE);
        assert_eq!((waits[0], waits.iter().max()), (250, Some(&500)));
        let (waits, now) = attempts(&mut backoff, now, 60 * MINUTE);
        assert_eq!(waits, vec![5000; 720]);
        // A device is announced, and is not ready at once.
        assert_eq!(backoff.devices_changed(), FIRST_WAIT);
        let (waits, _) = attempts(&mut backoff, now, MINUTE);
        assert_eq!((waits[0], waits.iter().max()), (250, Some(&500)));
    }

    #[test]
    fn a_capture_that_breaks_off_is_reopened_soon() {
        let mut backoff = Backoff::default();
        let mut now = Instant::now();
        for _ in 0..1000 {
            let wait = backoff.wait_after(now, 5 * SECOND);
            assert!(wait <= LONGEST_WAIT, "{wait:?}");
            now += 5 * SECOND + wait;
        }
        // Unless it cannot be opened in between.
        attempts(&mut backoff, now, MINUTE);
        let wait = backoff.wait_after(now + MINUTE, SECOND / 2);
        assert_eq!(wait, RARE_WAIT);
    }

    #[test]
    fn cooldowns_grow_from_ten_minutes_to_eight_hours() {
        let start = Instant::now();
        let mut cooldown = Cooldown::default();
        assert!(cooldown.is_over(start));
        for minutes in [10, 20, 40, 80, 160, 320, 480, 480] {
            cooldown.start(start);
            assert!(
                !cooldown.is_over(start + minutes * MINUTE - SECOND),
                "{minutes}"
            );
            assert!(cooldown.is_over(start + minutes * MINUTE), "{minutes}");
        }
        // After half an hour of good work, the next one is short again.
        cooldown.note_end(start, 30 * MINUTE, true);
        assert!(cooldown.is_over(start));
        cooldown.start(start);
        assert!(cooldown.is_over(start + 10 * MINUTE));
    }

    #[test]
    fn early_ends_start_a_cooldown() {
        let check = |ends: &[(Duration, bool)], expected: bool| {
            let now = Instant::now();
            let mut cooldown = Cooldown::default();
            for (age, is_faulty) in ends {
                cooldown.note_end(now, *age, *is_faulty);
            }
            assert_eq!(!cooldown.is_over(now), expected, "{ends:?}");
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
    fn requests_are_due_every_ten_minutes_in_silence() {
        let start = Instant::now();
        let mut retry = RetryWhen::default();
        assert!(retry.is_due(start, MINUTE), "never requested");
        assert!(!retry.is_due(start, 9 * SECOND), "it is not silent");
        retry.note_request(start);
        assert!(!retry.is_due(start + 9 * MINUTE, MINUTE));
        assert!(!retry.is_due(start + 90 * MINUTE, Duration::ZERO));
        assert!(retry.is_due(start + 10 * MINUTE, 10 * SECOND));
        assert!(!RetryWhen::is_silent(9 * SECOND) && RetryWhen::is_silent(10 * SECOND));
    }
}
