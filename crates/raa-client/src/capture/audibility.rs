//! Whether a device's volume control keeps its sound from the server.
//!
//! Whether a capture lies before or behind the volume control depends on the sound system and on the
//! device: a monitor of PulseAudio lies behind a volume in software and before one in hardware,
//! PipeWire's lies before it, and WASAPI's loopback depends on the driver. So the control counts until
//! the capture itself proves that it does not apply.
//!
//! Always: sound that is captured at full level is never reported as muted or turned down for longer
//! than a few seconds; the proof holds as long as the capture is open.

use std::time::{Duration, Instant};

use raa_core::level::from_dbfs;

use crate::status::Trouble;

/// The setting from which on a device counts as turned down: a tenth of the amplitude.
const TURNED_DOWN_DB: f32 = -20.0;
/// Sound after the control has changed may still be from before: PulseAudio's sinks are filled up to
/// 2 s ahead, and so far ahead is their monitor.
const SETTLES_WITHIN: Duration = Duration::from_secs(5);
/// Time from the first sound that contradicts the control to the proof. When somebody turns the volume up
/// again, the sound may come before the news of the change.
const PROVEN_AFTER: Duration = Duration::from_secs(3);
/// A sample above this is sound.
const SOUND_DBFS: f32 = -60.0;
/// How much louder than the control allows sound must be as a proof; a mix of programs may exceed
/// full scale by as much.
const PROOF_DB: f32 = 9.0;

/// The setting of a device's volume control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DeviceVolume {
    pub(super) muted: bool,
    /// 0 is full volume; minus infinity at the lowest position.
    pub(super) db: f32,
}

impl DeviceVolume {
    /// Full volume; also used if the control of a device is known not to apply.
    pub(super) const FULL: Self = Self {
        muted: false,
        db: 0.0,
    };

    fn is_muted(self) -> bool {
        self.muted || self.db == f32::NEG_INFINITY
    }

    fn is_turned_down(self) -> bool {
        self.db < TURNED_DOWN_DB
    }
}

/// Why the server hears nothing of a device, or little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Inaudible {
    Muted,
    /// The volume in dB.
    TurnedDown(f32),
}

impl Inaudible {
    /// Returns what the control alone says, without the sound that may prove the opposite.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) fn by_control(volume: DeviceVolume) -> Option<Self> {
        match volume {
            _ if volume.is_muted() => Some(Self::Muted),
            _ if volume.is_turned_down() => Some(Self::TurnedDown(volume.db)),
            _ => None,
        }
    }

    /// Returns it as the trouble of this device.
    pub(super) fn trouble(self, device: &str) -> Trouble {
        let device = device.to_owned();
        match self {
            Self::Muted => Trouble::Muted { device },
            Self::TurnedDown(db) => Trouble::TurnedDown {
                device,
                db: db.round() as i32,
            },
        }
    }
}

/// Follows the volume control and the sound of one open capture.
#[derive(Debug)]
pub(super) struct Audibility {
    volume: DeviceVolume,
    changed: Instant,
    /// When sound first contradicted this setting.
    contradicted: Option<Instant>,
    /// The capture has shown that the control does not apply.
    is_proven: bool,
}

impl Audibility {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            volume: DeviceVolume::FULL,
            changed: now,
            contradicted: None,
            is_proven: false,
        }
    }

    /// Takes the control's setting.
    pub(super) fn set_volume(&mut self, now: Instant, volume: DeviceVolume) {
        if self.volume != volume {
            (self.volume, self.changed) = (volume, now);
            self.contradicted = None;
        }
    }

    /// Takes a captured block.
    pub(super) fn note_block(&mut self, now: Instant, pcm: &[f32]) {
        if self.trouble().is_none() || now < self.changed + SETTLES_WITHIN {
            return;
        }
        let peak = pcm.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()));
        let limit_dbfs = if self.volume.is_muted() {
            SOUND_DBFS
        } else {
            SOUND_DBFS.max(self.volume.db + PROOF_DB)
        };
        if peak > from_dbfs(limit_dbfs) {
            let since = *self.contradicted.get_or_insert(now);
            self.is_proven = now >= since + PROVEN_AFTER;
        }
    }

    /// Returns why the server hears nothing of the device, or little.
    pub(super) fn trouble(&self) -> Option<Inaudible> {
        if self.is_proven {
            return None;
        }
        if self.volume.is_muted() {
            return Some(Inaudible::Muted);
        }
        let down = self.volume.is_turned_down();
        down.then_some(Inaudible::TurnedDown(self.volume.db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MUTED: DeviceVolume = DeviceVolume {
        muted: true,
        db: 0.0,
    };

    fn down(db: f32) -> DeviceVolume {
        DeviceVolume { muted: false, db }
    }

    #[test]
    fn the_control_decides_while_nothing_is_captured() {
        let now = Instant::now();
        let mut audibility = Audibility::new(now);
        for (volume, expected) in [
            (DeviceVolume::FULL, None),
            (MUTED, Some(Inaudible::Muted)),
            (down(-19.9), None),
            (down(-20.1), Some(Inaudible::TurnedDown(-20.1))),
            (down(f32::NEG_INFINITY), Some(Inaudible::Muted)),
            (down(6.0), None),
        ] {
            audibility.set_volume(now, volume);
            assert_eq!(audibility.trouble(), expected, "{volume:?}");
            audibility.note_block(now + 9 * SECOND, &[0.0; 960]);
            assert_eq!(audibility.trouble(), expected, "{volume:?}");
        }
    }

    #[test]
    fn sound_proves_that_a_mute_does_not_apply() {
        let now = Instant::now();
        let mut audibility = Audibility::new(now);
        audibility.set_volume(now, MUTED);
        // From before the mute.
        audibility.note_block(now + 4 * SECOND, &[0.25; 960]);
        assert_eq!(audibility.trouble(), Some(Inaudible::Muted));
        audibility.note_block(now + 6 * SECOND, &[0.0005; 960]);
        assert_eq!(audibility.trouble(), Some(Inaudible::Muted), "noise");
        audibility.note_block(now + 6 * SECOND, &[0.25; 960]);
        assert_eq!(audibility.trouble(), Some(Inaudible::Muted));
        audibility.note_block(now + 9 * SECOND, &[0.25; 960]);
        assert_eq!(audibility.trouble(), None);
        // For as long as the capture is open.
        audibility.set_volume(now + 10 * SECOND, DeviceVolume::FULL);
        audibility.set_volume(now + 11 * SECOND, MUTED);
        audibility.note_block(now + 20 * SECOND, &[0.0; 960]);
        assert_eq!(audibility.trouble(), None);
    }

    #[test]
    fn loud_sound_proves_that_a_volume_does_not_apply() {
        let now = Instant::now();
        let mut audibility = Audibility::new(now);
        audibility.set_volume(now, down(-40.0));
        // The loudest that a mix behind the control can be, and something louder.
        audibility.note_block(now + 6 * SECOND, &[0.0279; 960]);
        assert_eq!(audibility.trouble(), Some(Inaudible::TurnedDown(-40.0)));
        audibility.note_block(now + 6 * SECOND, &[0.03; 960]);
        audibility.note_block(now + 9 * SECOND, &[0.03; 960]);
        assert_eq!(audibility.trouble(), None);
    }

    #[test]
    fn sound_before_the_news_of_an_unmute_proves_nothing() {
        let now = Instant::now();
        let mut audibility = Audibility::new(now);
        audibility.set_volume(now, MUTED);
        // The sound of the unmuted device comes first.
        audibility.note_block(now + 8 * SECOND, &[0.25; 960]);
        audibility.note_block(now + 10 * SECOND, &[0.25; 960]);
        audibility.set_volume(now + 10 * SECOND, DeviceVolume::FULL);
        audibility.note_block(now + 20 * SECOND, &[0.25; 960]);
        audibility.set_volume(now + 21 * SECOND, MUTED);
        assert_eq!(audibility.trouble(), Some(Inaudible::Muted));
        audibility.note_block(now + 27 * SECOND, &[0.25; 960]);
        assert_eq!(audibility.trouble(), Some(Inaudible::Muted));
    }
}
