//! The operator's settings of a client, checked once when they enter.
//!
//! Always: a value of these types is valid; no other code checks it again.

mod name;

pub use name::{MAX_NAME_CHARS, Name, NameError, is_hidden};

/// The largest volume, in percent.
pub const MAX_VOLUME: u8 = 200;
/// The lowest level from which a client can count as sounding, in dBFS.
pub const MIN_SOUNDING_DBFS: f64 = -90.0;

/// A client's volume in a mix: 0 to 200 percent of its own level, as amplitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume(u8);

/// A volume outside 0 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("volume is {0}; it must be a whole number from 0 to 200")]
pub struct VolumeError(pub i64);

impl Volume {
    /// Checks a volume in percent.
    ///
    /// # Errors
    /// [`VolumeError`] outside 0 to 200.
    pub fn new(percent: i64) -> Result<Self, VolumeError> {
        match u8::try_from(percent) {
            Ok(valid @ 0..=MAX_VOLUME) => Ok(Self(valid)),
            _ => Err(VolumeError(percent)),
        }
    }

    /// Returns the volume in percent, 0 to 200.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// Returns the linear gain: 1.0 at 100 percent.
    pub fn gain(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self(100)
    }
}

/// The peak level from which a client counts as sounding: -90 to 0 dBFS, in steps of 0.1 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundingFrom {
    tenths: i16,
}

/// A level outside -90 to 0 dBFS.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the level is {0} dBFS; it must be from -90 to 0")]
pub struct SoundingFromError(pub f64);

impl SoundingFrom {
    /// Checks a level in dBFS and rounds it to a tenth.
    ///
    /// # Errors
    /// [`SoundingFromError`] outside -90 to 0.
    pub fn new(dbfs: f64) -> Result<Self, SoundingFromError> {
        if !(MIN_SOUNDING_DBFS..=0.0).contains(&dbfs) {
            return Err(SoundingFromError(dbfs));
        }
        Ok(Self {
            tenths: (dbfs * 10.0).round() as i16,
        })
    }

    /// Returns the level in dBFS, -90 to 0.
    pub fn dbfs(self) -> f64 {
        f64::from(self.tenths) / 10.0
    }
}

/// -60 dBFS; below is the noise of most sound cards.
impl Default for SoundingFrom {
    fn default() -> Self {
        Self { tenths: -600 }
    }
}

/// The operator's settings of one client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientSettings {
    /// Name that replaces the sender's own.
    pub name: Option<Name>,
    /// Volume, 100 percent by default.
    pub volume: Volume,
    /// Whether the client is left out of the mix.
    pub muted: bool,
    /// Level from which the client counts as sounding, instead of the server's.
    pub sounding_from: Option<SoundingFrom>,
    /// Whether an operator has given it a place in a group. The group itself means nothing here.
    pub placed: bool,
}

impl ClientSettings {
    /// Returns whether an operator has set anything; such a client is never evicted.
    pub fn is_configured(&self) -> bool {
        *self != Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_has_a_range() {
        assert_eq!(Volume::new(200).map(Volume::percent), Ok(200));
        assert_eq!(Volume::new(201), Err(VolumeError(201)));
        assert_eq!(Volume::new(-1), Err(VolumeError(-1)));
    }

    #[test]
    fn sounding_level_has_a_range_and_steps() {
        let dbfs = |dbfs| SoundingFrom::new(dbfs).map(SoundingFrom::dbfs);
        for (given, kept) in [(-90.0, -90.0), (0.0, 0.0), (-0.0, 0.0), (-54.26, -54.3)] {
            assert_eq!(dbfs(given), Ok(kept));
        }
        for refused in [-90.01, 0.01, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(dbfs(refused), Err(SoundingFromError(refused)));
        }
        assert!(SoundingFrom::new(f64::NAN).is_err());
        assert!((SoundingFrom::default().dbfs() - -60.0).abs() < 1e-9);
    }
}
