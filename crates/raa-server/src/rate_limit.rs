//! Bounds how many log lines of one kind are written.
//!
//! Pure: `now` is an argument. Always: at most a fixed number of lines in each window; every line
//! is either permitted or counted as suppressed.

use std::mem;
use std::time::{Duration, Instant};

/// Permits a number of lines in each window and counts the others. A window begins with its first
/// line.
#[derive(Debug)]
pub(crate) struct RateLimit {
    lines: u32,
    window: Duration,
    began: Option<Instant>,
    permitted: u32,
    suppressed: u64,
    /// Suppressed in windows that are over, and not yet taken.
    unreported: u64,
}

impl RateLimit {
    /// Permits `lines` lines in each `window`.
    pub(crate) fn new(lines: u32, window: Duration) -> Self {
        Self {
            lines,
            window,
            began: None,
            permitted: 0,
            suppressed: 0,
            unreported: 0,
        }
    }

    /// Counts one line and returns whether it may be written.
    pub(crate) fn permits(&mut self, now: Instant) -> bool {
        self.close_window(now);
        let is_permitted = self.permitted < self.lines;
        if is_permitted {
            self.began.get_or_insert(now);
            self.permitted += 1;
        } else {
            self.suppressed += 1;
        }
        is_permitted
    }

    /// Returns how many lines were suppressed in windows that are over, each of them once.
    pub(crate) fn take_suppressed(&mut self, now: Instant) -> u64 {
        self.close_window(now);
        mem::take(&mut self.unreported)
    }

    fn close_window(&mut self, now: Instant) {
        let is_over = |began| now.duration_since(began) >= self.window;
        if self.began.is_some_and(is_over) {
            self.began = None;
            self.permitted = 0;
            self.unreported += mem::take(&mut self.suppressed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn permitted(limit: &mut RateLimit, lines: u32, now: Instant) -> usize {
        (0..lines).filter(|_| limit.permits(now)).count()
    }

    #[test]
    fn a_flood_becomes_a_number() {
        let start = Instant::now();
        let mut limit = RateLimit::new(100, WINDOW);
        assert_eq!(permitted(&mut limit, 1000, start), 100);
        assert_eq!(limit.take_suppressed(start + WINDOW / 2), 0);
        assert_eq!(limit.take_suppressed(start + WINDOW), 900);
        assert_eq!(limit.take_suppressed(start + 2 * WINDOW), 0);
        assert!(limit.permits(start + 2 * WINDOW));
    }

    #[test]
    fn quiet_lines_are_never_suppressed() {
        let start = Instant::now();
        let mut limit = RateLimit::new(100, WINDOW);
        for line in 0..300 {
            assert!(limit.permits(start + WINDOW / 100 * line), "line {line}");
        }
        assert_eq!(limit.take_suppressed(start + 10 * WINDOW), 0);
    }

    #[test]
    fn a_window_begins_with_its_first_line() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut limit = RateLimit::new(1, WINDOW);
        assert_eq!(limit.take_suppressed(at(9)), 0);
        assert!(limit.permits(at(9)));
        assert!(!limit.permits(at(18)));
        assert!(limit.permits(at(19)));
    }

    #[test]
    fn an_endless_flood_is_bounded_and_counted() {
        let start = Instant::now();
        let mut limit = RateLimit::new(3, WINDOW);
        let times = (0..1000).map(|tenth| start + WINDOW / 10 * tenth);
        let written = times.filter(|&now| limit.permits(now)).count();
        assert_eq!(written, 300);
        assert_eq!(limit.take_suppressed(start + 101 * WINDOW), 700);
    }
}
