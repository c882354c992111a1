//! What a sender reports about its own capture, because silence alone does not tell a listener
//! whether nothing sounds or nothing is heard.
//!
//! Always: a state that this version does not know reads as no trouble.

/// The reason for which a sender may hear nothing of what its computer plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureTrouble {
    /// Somebody muted the device or the client at the computer.
    Muted,
    /// Somebody turned the device down at the computer, so far that the room hears little of it.
    TurnedDown,
    /// The computer has no device, or no sound system, to capture from.
    NoDevice,
    /// The capture has failed and is being opened again.
    Reopening,
}

impl CaptureTrouble {
    /// Returns the word for logs, as the API has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Muted => "muted",
            Self::TurnedDown => "turned_down",
            Self::NoDevice => "no_device",
            Self::Reopening => "reopening",
        }
    }

    /// Returns the code of a state in the packet.
    pub(super) fn code(trouble: Option<Self>) -> u8 {
        match trouble {
            None => 0,
            Some(Self::Muted) => 1,
            Some(Self::TurnedDown) => 2,
            Some(Self::NoDevice) => 3,
            Some(Self::Reopening) => 4,
        }
    }

    /// Returns the state with this code.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Muted),
            2 => Some(Self::TurnedDown),
            3 => Some(Self::NoDevice),
            4 => Some(Self::Reopening),
            _ => None,
        }
    }
}
