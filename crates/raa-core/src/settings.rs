//! What an operator can set of a client, checked once at the door.
//!
//! Always: a value of these types is valid; no code behind them checks again.

use std::sync::Arc;

/// A name has at most so many characters.
pub const MAX_NAME_CHARS: usize = 64;
/// The largest volume, in percent.
pub const MAX_VOLUME: u8 = 200;

/// What a person calls a computer: 1 to 64 characters, no control characters, no space around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(Arc<str>);

/// Why a text is no [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space, or too much.
    #[error("name has {0} characters, allowed are 1 to 64")]
    Length(usize),
    /// A line break or the like.
    #[error("name has a control character (U+{:04X}), allowed are printable ones", *.0 as u32)]
    Control(char),
}

impl Name {
    /// Takes what an operator typed; white space around it is cut off.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let chars = text.chars().count();
        if !(1..=MAX_NAME_CHARS).contains(&chars) {
            return Err(NameError::Length(chars));
        }
        match text.chars().find(|c| c.is_control()) {
            Some(control) => Err(NameError::Control(control)),
            None => Ok(Self(text.into())),
        }
    }

    /// Makes the best of what a sender calls itself; `None` when nothing printable is in it.
    pub fn from_sender(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let printable = text
            .chars()
            .filter(|c| !c.is_control())
            .take(MAX_NAME_CHARS);
        Self::new(&printable.collect::<String>()).ok()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How loud a client is in the mix: 0 to 200 percent of its own level, as amplitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume(u8);

/// A volume outside 0 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("volume is {0}, allowed are whole numbers from 0 to 200")]
pub struct VolumeError(pub i64);

impl Volume {
    /// # Errors
    /// [`VolumeError`] outside 0 to 200.
    pub fn new(percent: i64) -> Result<Self, VolumeError> {
        match u8::try_from(percent) {
            Ok(valid @ 0..=MAX_VOLUME) => Ok(Self(valid)),
            _ => Err(VolumeError(percent)),
        }
    }

    /// 0 to 200.
    pub fn percent(self) -> u8 {
        self.0
    }

    /// The linear gain: 1.0 at 100 percent.
    pub fn gain(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl Default for Volume {
    fn default() -> Self {
        Self(100)
    }
}

/// All that an operator has set of one client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientSettings {
    /// Goes before what the sender calls itself.
    pub name: Option<Name>,
    /// 100 percent unless set.
    pub volume: Volume,
    /// A muted client is left out of the mix.
    pub muted: bool,
}

impl ClientSettings {
    /// Whether an operator has set anything; such a client is never evicted.
    pub fn is_configured(&self) -> bool {
        *self != Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_characters_not_bytes() {
        assert_eq!(Name::new(" Ward 3 ").unwrap().as_str(), "Ward 3");
        assert!(Name::new(&"監".repeat(64)).is_ok());
        assert_eq!(Name::new(&"監".repeat(65)), Err(NameError::Length(65)));
        assert_eq!(Name::new("  "), Err(NameError::Length(0)));
        assert_eq!(Name::new("a\nb"), Err(NameError::Control('\n')));
    }

    #[test]
    fn a_senders_name_is_mended() {
        let name = |text: &[u8]| Name::from_sender(text).map(|name| name.as_str().to_owned());
        assert_eq!(name(b"a\0b\r\n"), Some("ab".into()));
        assert_eq!(name("x".repeat(300).as_bytes()), Some("x".repeat(64)));
        assert_eq!(name(b"\xff"), Some("\u{fffd}".into()));
        assert_eq!(name(b"\0\0"), None);
    }

    #[test]
    fn volume_has_a_range() {
        assert_eq!(Volume::new(200).map(Volume::percent), Ok(200));
        assert_eq!(Volume::new(201), Err(VolumeError(201)));
        assert_eq!(Volume::new(-1), Err(VolumeError(-1)));
    }
}
