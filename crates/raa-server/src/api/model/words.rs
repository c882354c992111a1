//! The words for what the core knows as values.

use raa_core::client::{Status, Withheld};
use raa_core::quality::Quality;
use raa_core::rtcp::CaptureTrouble;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a client sounds, sends silence, or is offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusWord {
    /// Its peak reached `sounding_from_dbfs` within the last second, muted or not.
    Sounding,
    /// Its packets arrive, but are silent.
    Connected,
    /// No packets arrive.
    Offline,
}

/// Why a client is in no mix although its packets arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WithheldWord {
    /// Its packets are not Opus of one or two channels: check the sender's codec. It comes back by
    /// itself within about a second of Opus.
    NotOpus,
}

/// Why a client may hear nothing of its computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureTroubleWord {
    /// The sound device or the client is muted at the computer.
    Muted,
    /// The sound device is turned down at the computer, by more than 20 dB.
    TurnedDown,
    /// The computer has no sound device, or no sound system.
    NoDevice,
    /// Capturing failed and is being tried again.
    Reopening,
}

/// Quality of a client's audio in the last ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum QualityWord {
    /// Less than 0.5 % of its audio was missing, and its delay is at most 250 ms.
    Good,
    /// Less than 3 % of its audio was missing.
    Fair,
    /// 3 % or more of its audio was missing.
    Bad,
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Sounding => Self::Sounding,
            Status::Connected => Self::Connected,
            Status::Offline => Self::Offline,
        }
    }
}

impl From<Withheld> for WithheldWord {
    fn from(withheld: Withheld) -> Self {
        match withheld {
            Withheld::NotOpus => Self::NotOpus,
        }
    }
}

impl From<CaptureTrouble> for CaptureTroubleWord {
    fn from(trouble: CaptureTrouble) -> Self {
        match trouble {
            CaptureTrouble::Muted => Self::Muted,
            CaptureTrouble::TurnedDown => Self::TurnedDown,
            CaptureTrouble::NoDevice => Self::NoDevice,
            CaptureTrouble::Reopening => Self::Reopening,
        }
    }
}

impl From<Quality> for QualityWord {
    fn from(quality: Quality) -> Self {
        match quality {
            Quality::Good => Self::Good,
            Quality::Fair => Self::Fair,
            Quality::Bad => Self::Bad,
        }
    }
}
