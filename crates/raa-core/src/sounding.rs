//! Whether a client sounds: its threshold, the end of its last sound, and whether it only hums.
//!
//! Always: levels are those before volume and mute, so a muted client sounds like any other.

use std::time::{Duration, Instant};

use crate::SLOT;
use crate::level::{SlotLevel, from_dbfs};
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
    steadiness: Steadiness,
}

impl Sounding {
    /// Knows of no sound yet.
    pub(crate) fn new(from: SoundingFrom) -> Self {
        Self {
            from,
            least_peak: from_dbfs(from.dbfs() as f32),
            last: None,
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
                ..Self::new(from)
            };
        }
    }

    /// Adds a slot that begins at `due`.
    pub(crate) fn push(&mut self, due: Instant, level: SlotLevel) {
        if level.peak >= self.least_peak {
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
