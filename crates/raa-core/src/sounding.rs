//! Whether a client sounds: its threshold, its last sound, and whether it only hums.
//!
//! Always: levels are those before volume and mute, so a muted client sounds like any other.

use std::time::{Duration, Instant};

use crate::SLOT;
use crate::level::{SlotLevel, dbfs, from_dbfs};
use crate::settings::SoundingFrom;
use crate::steady::Steadiness;

/// Time after its last sound for which a client is shown as sounding.
const HOLD: Duration = Duration::from_secs(1);

/// What is known about the sound of one client.
#[derive(Debug)]
pub(crate) struct Sounding {
    from: SoundingFrom,
    /// `from` as a linear magnitude.
    least_peak: f32,
    /// End of the newest slot whose peak reached the threshold.
    last: Option<Instant>,
    /// Begin of the present or the last sound; `None` if an earlier run heard it.
    began: Option<Instant>,
    /// Largest magnitude since then.
    peak: f32,
    steadiness: Steadiness,
}

impl Sounding {
    /// Knows of no sound yet.
    pub(crate) fn new(from: SoundingFrom) -> Self {
        Self {
            from,
            least_peak: from_dbfs(from.dbfs() as f32),
            last: None,
            began: None,
            peak: 0.0,
            steadiness: Steadiness::default(),
        }
    }

    /// Sets the end of the last sound, which an earlier run of the server heard.
    pub(crate) fn restore(&mut self, last: Option<Instant>) {
        self.last = last;
    }

    /// Changes the threshold from the next slot on.
    pub(crate) fn set_from(&mut self, from: SoundingFrom) {
        if from != self.from {
            *self = Self {
                last: self.last,
                began: self.began,
                peak: self.peak,
                ..Self::new(from)
            };
        }
    }

    /// Adds a slot that begins at `due`.
    pub(crate) fn push(&mut self, due: Instant, level: SlotLevel) {
        if level.peak >= self.least_peak {
            let goes_on = self.began.is_some() && self.is_sounding(due);
            if !goes_on {
                (self.began, self.peak) = (Some(due), 0.0);
            }
            self.peak = if level.peak > self.peak {
                level.peak
            } else {
                self.peak
            };
            self.last = Some(due + SLOT);
        }
        self.steadiness.push(level, self.least_peak);
    }

    /// Adds a slot without sound.
    pub(crate) fn push_silence(&mut self) {
        self.steadiness.restart();
    }

    /// Returns the threshold.
    pub(crate) fn from(&self) -> SoundingFrom {
        self.from
    }

    /// Returns the end of the last sound.
    pub(crate) fn last(&self) -> Option<Instant> {
        self.last
    }

    /// Returns the begin of the present or the last sound, and its peak in dBFS; `None` if there was none
    /// in this run. Two sounds are a second apart, or they are one.
    pub(crate) fn began(&self) -> Option<(Instant, f32)> {
        Some((self.began?, dbfs(self.peak)))
    }

    /// Returns whether it has sounded within the last second.
    pub(crate) fn is_sounding(&self, now: Instant) -> bool {
        self.last
            .is_some_and(|last| now.saturating_duration_since(last) < HOLD)
    }

    /// Returns whether its sound is a hum.
    pub(crate) fn is_steady(&self) -> bool {
        self.steadiness.is_steady()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays slots of this peak and returns the end of the last one.
    fn play(sounding: &mut Sounding, mut at: Instant, peaks: &[f32]) -> Instant {
        for &peak in peaks {
            let mean_square = peak * peak / 2.0;
            sounding.push(at, SlotLevel { mean_square, peak });
            at += SLOT;
        }
        at
    }

    #[test]
    fn a_sound_has_begin_end_and_peak() {
        let start = crate::any_instant();
        let mut sounding = Sounding::new(SoundingFrom::default());
        assert_eq!(sounding.began(), None);
        let began = play(&mut sounding, start, &[0.0; 7]);
        let ended = play(&mut sounding, began, &[0.1, 0.5, 0.2]);
        let silence = play(&mut sounding, ended, &[0.0; 49]);
        let (at, peak) = sounding.began().unwrap();
        assert_eq!((at, sounding.last()), (began, Some(ended)));
        assert!((peak - -6.02).abs() < 0.01, "{peak}");

        // Less than a second later it is the same sound.
        let ended = play(&mut sounding, silence, &[0.1]);
        assert_eq!(sounding.began().map(|began| began.0), Some(began));
        let next = play(&mut sounding, ended, &[0.0; 50]);
        play(&mut sounding, next, &[0.1]);
        let (at, peak) = sounding.began().unwrap();
        assert_eq!(at, next);
        assert!((peak - -20.0).abs() < 0.01, "{peak}");
    }

    #[test]
    fn a_sound_of_an_earlier_run_has_no_begin() {
        let start = crate::any_instant();
        let mut sounding = Sounding::new(SoundingFrom::default());
        sounding.restore(Some(start));
        assert_eq!(sounding.began(), None);
        play(&mut sounding, start + SLOT, &[0.1]);
        let began = sounding.began().map(|began| began.0);
        assert_eq!(began, Some(start + SLOT), "it does not go on");
    }
}
