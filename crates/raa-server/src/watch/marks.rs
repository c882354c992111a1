//! Who muted a client, who set its volume, since when, and until when a mute holds. Pure.
//!
//! Always: a mute with an end ends by the clock that nobody sets; over a restart it never lasts longer
//! than an operator wanted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use raa_core::settings::{ClientSettings, Volume};

use super::entry::By;

/// What is known about the settings of one client. Times are Unix times in ms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    pub(crate) muted_by: Option<By>,
    pub(crate) muted_since_ms: Option<i64>,
    pub(crate) muted_until_ms: Option<i64>,
    pub(crate) volume_by: Option<By>,
    pub(crate) volume_since_ms: Option<i64>,
}

impl Marks {
    /// Returns the marks after a change of the settings: `until_ms` is the end of a mute, and
    /// `is_new_mute` whether it was muted, or muted again.
    pub(crate) fn after(
        &self,
        old: &ClientSettings,
        new: &ClientSettings,
        is_new_mute: bool,
        until_ms: Option<i64>,
        by: &By,
        now_ms: i64,
    ) -> Self {
        let mut marks = self.clone();
        if !new.muted {
            marks = self.without_mute();
        } else if is_new_mute {
            let since = self.muted_since_ms.filter(|_| old.muted).unwrap_or(now_ms);
            marks.muted_by = Some(by.clone());
            (marks.muted_since_ms, marks.muted_until_ms) = (Some(since), until_ms);
        }
        if new.volume == Volume::default() {
            (marks.volume_by, marks.volume_since_ms) = (None, None);
        } else if new.volume != old.volume {
            (marks.volume_by, marks.volume_since_ms) = (Some(by.clone()), Some(now_ms));
        }
        marks
    }

    /// Returns the marks of a client that is not muted.
    pub(crate) fn without_mute(&self) -> Self {
        Self {
            muted_by: None,
            muted_since_ms: None,
            muted_until_ms: None,
            ..self.clone()
        }
    }

    /// Returns whether it is the same mute, with the same end.
    fn has_mute_of(&self, other: &Self) -> bool {
        (self.muted_since_ms, self.muted_until_ms) == (other.muted_since_ms, other.muted_until_ms)
    }

    /// Returns how long a mute still holds at a start, at most as long as it was to hold; `None` if it
    /// has no end.
    fn remaining(&self, now_ms: i64) -> Option<Duration> {
        let until = self.muted_until_ms?;
        let whole = until - self.muted_since_ms.unwrap_or(now_ms);
        let left = (until - now_ms).min(whole).max(0);
        Some(Duration::from_millis(left.unsigned_abs()))
    }
}

/// The marks of all clients that have any, with the ends of their mutes.
#[derive(Debug, Default)]
pub(crate) struct AllMarks(BTreeMap<u32, (Marks, Option<Instant>)>);

impl AllMarks {
    /// Continues with what was kept.
    pub(crate) fn new(kept: Vec<(u32, Marks)>, now: Instant, now_ms: i64) -> Self {
        let mut all = Self::default();
        for (ssrc, marks) in kept {
            all.set(ssrc, marks, now, now_ms);
        }
        all
    }

    /// Returns the marks of a client.
    pub(crate) fn get(&self, ssrc: u32) -> Marks {
        self.0
            .get(&ssrc)
            .map(|marked| marked.0.clone())
            .unwrap_or_default()
    }

    /// Replaces the marks of a client.
    pub(crate) fn set(&mut self, ssrc: u32, marks: Marks, now: Instant, now_ms: i64) {
        if marks == Marks::default() {
            self.0.remove(&ssrc);
            return;
        }
        let ends = match self.0.get(&ssrc) {
            // The computer's clock may have been set since.
            Some((known, ends)) if known.has_mute_of(&marks) => *ends,
            _ => marks
                .remaining(now_ms)
                .and_then(|left| now.checked_add(left)),
        };
        self.0.insert(ssrc, (marks, ends));
    }

    /// Forgets a client.
    pub(crate) fn remove(&mut self, ssrc: u32) {
        self.0.remove(&ssrc);
    }

    /// Returns the clients whose mutes are over.
    pub(crate) fn over(&self, now: Instant) -> Vec<u32> {
        let is_over = |ends: &Option<Instant>| ends.is_some_and(|ends| ends <= now);
        let over = self.0.iter().filter(|(_, (_, ends))| is_over(ends));
        over.map(|(&ssrc, _)| ssrc).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(name: &str) -> By {
        By::host([192, 0, 2, 7].into(), Some(name))
    }

    fn settings(volume: i64, muted: bool) -> ClientSettings {
        ClientSettings {
            volume: Volume::new(volume).unwrap(),
            muted,
            ..ClientSettings::default()
        }
    }

    #[test]
    fn a_mute_has_author_begin_and_end() {
        let (loud, muted) = (settings(100, false), settings(100, true));
        let first = Marks::default().after(&loud, &muted, true, Some(900), &desk("a"), 100);
        assert_eq!(first.muted_by, Some(desk("a")));
        assert_eq!(
            (first.muted_since_ms, first.muted_until_ms),
            (Some(100), Some(900))
        );
        let other = first.after(&muted, &settings(50, true), false, None, &desk("b"), 200);
        assert_eq!(
            (other.muted_until_ms, &other.volume_by),
            (Some(900), &Some(desk("b")))
        );
        let longer = first.after(&muted, &muted, true, None, &desk("c"), 300);
        assert_eq!(
            (longer.muted_since_ms, longer.muted_until_ms),
            (Some(100), None)
        );
        assert_eq!(longer.muted_by, Some(desk("c")));
        let after = other.after(&settings(50, true), &loud, false, None, &desk("d"), 400);
        assert_eq!(after, Marks::default());
    }

    #[test]
    fn mutes_end_by_the_clock_that_nobody_sets() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let marks = |since, until| Marks {
            muted_since_ms: Some(since),
            muted_until_ms: until,
            ..Marks::default()
        };
        let kept = vec![
            (1, marks(0, Some(60_000))),
            (2, marks(0, None)),
            // The clock was set back by a year since.
            (3, marks(31_536_000_000, Some(31_536_060_000))),
            (4, marks(-60_000, Some(5000))),
        ];
        let all = AllMarks::new(kept, start, 10_000);
        assert_eq!(all.over(start), [4], "it ended while the server was away");
        assert_eq!(all.over(at(50)), [1, 4]);
        assert_eq!(all.over(at(60)), [1, 3, 4]);
        assert_eq!(all.over(at(1_000_000)), [1, 3, 4]);
    }

    #[test]
    fn faders_leave_the_ends_of_mutes() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let muted = Marks {
            muted_since_ms: Some(0),
            muted_until_ms: Some(60_000),
            ..Marks::default()
        };
        let louder = Marks {
            volume_since_ms: Some(1),
            ..muted.clone()
        };
        let mut all = AllMarks::new(vec![(1, muted.clone())], start, 0);
        // The clock was set back by an hour.
        all.set(1, louder, at(10), -3_590_000);
        assert_eq!((all.over(at(59)), all.over(at(60))), (vec![], vec![1]));
        let longer = Marks {
            muted_until_ms: Some(90_000),
            ..muted
        };
        all.set(1, longer, at(20), 20_000);
        assert_eq!((all.over(at(89)), all.over(at(90))), (vec![], vec![1]));
    }
}
