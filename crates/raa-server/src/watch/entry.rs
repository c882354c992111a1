//! An entry of the log: what happened, when, to which client, and by whom. Its doc comments are published
//! documentation.
//!
//! Always: times are Unix times in ms; an entry keeps its id, and everything but an open end, a count,
//! who has seen it and whether it was undone stays as it is.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::id::ClientId;

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct By {
    /// Kind of the name.
    pub(crate) kind: ByKind,
    /// What to show: the name of a desk, else the address. Empty for the server.
    #[schema(example = "Night shift")]
    pub(crate) name: String,
    /// Address that the change came from; null for the server.
    #[schema(value_type = Option<String>, example = "192.0.2.7")]
    pub(crate) address: Option<IpAddr>,
}

/// Kind of the name of whoever made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ByKind {
    /// A desk, as its browser calls it in the header `X-Raa-Desk`: a label, and no identity.
    Desk,
    /// An address that gave no name.
    Address,
    /// The server itself, as when the time of a mute is over.
    Server,
}

impl By {
    /// The server itself.
    pub(crate) fn server() -> Self {
        Self {
            kind: ByKind::Server,
            name: String::new(),
            address: None,
        }
    }

    /// A host, with the name of the desk if it gave one.
    pub(crate) fn host(address: IpAddr, desk: Option<&str>) -> Self {
        Self {
            kind: desk.map_or(ByKind::Address, |_| ByKind::Desk),
            name: desk.map_or_else(|| address.to_string(), str::to_owned),
            address: Some(address),
        }
    }
}

/// Declares the kinds with their words, once for programs and once for the database.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $act:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];

            /// Returns its word in the API and in the database.
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// Returns whether a person or the server did it. Such entries have a share of the log of
            /// their own, so that no client can displace them.
            pub(crate) fn is_act(self) -> bool {
                match self {
                    $(Self::$kind => $act,)*
                }
            }
        }
    };
}

kinds! {
    /// A client sounded, from `at_ms` to `ended_ms`.
    Sound = "sound", false;
    /// A client connected.
    Connected = "connected", false;
    /// A client went offline.
    Offline = "offline", false;
    /// A client's audio was bad, from `at_ms` to `ended_ms`.
    NetworkBad = "network_bad", false;
    /// A client reported trouble of its capture, or that it hears again (`to` is null).
    Capture = "capture", false;
    /// More happened than can be kept; `count` entries are missing.
    Suppressed = "suppressed", false;
    /// A client was muted for everyone, or got another end of its mute.
    Muted = "muted", true;
    /// A mute was taken back.
    Unmuted = "unmuted", true;
    /// The time of a mute was over.
    MuteEnded = "mute_ended", true;
    /// A client's volume was changed; a fader that moves makes one entry.
    Volume = "volume", true;
    /// A client was renamed.
    Name = "name", true;
    /// The level from which a client counts as sounding was changed.
    SoundingFrom = "sounding_from", true;
    /// A client and its settings were deleted.
    Forgotten = "forgotten", true;
    /// The groups, or the places in them, were changed `count` times.
    Groups = "groups", true;
    /// The server started; `to` is its version.
    ServerStarted = "server_started", true;
    /// The server was stopped.
    ServerStopped = "server_stopped", true;
}

impl Kind {
    /// Returns the kind with this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Entry {
    /// Number of the entry; later entries have larger ones.
    #[schema(example = 812)]
    pub(crate) id: u64,
    /// When it happened or began, as Unix time in ms.
    #[schema(example = 1_795_920_250_123_i64)]
    pub(crate) at_ms: i64,
    /// What happened.
    pub(crate) kind: Kind,
    /// Id of the client; null if it concerns none.
    #[schema(example = "5f0a11c2")]
    pub(crate) client: Option<ClientId>,
    /// Name of the client at that time; empty if it had none.
    #[schema(example = "Fire panel PC")]
    pub(crate) name: String,
    /// When it ended, as Unix time in ms; null if it goes on, or if its kind has no end.
    pub(crate) ended_ms: Option<i64>,
    /// Peak of a sound in dBFS; null while it goes on.
    #[schema(example = -12.4)]
    pub(crate) peak_dbfs: Option<f64>,
    /// How often it happened. More than 1 if a client does the same again and again.
    #[schema(minimum = 1, example = 1)]
    pub(crate) count: u64,
    /// Who did it; null if nobody did.
    pub(crate) by: Option<By>,
    /// Former value of what was changed; null if there is none.
    #[schema(example = 100)]
    pub(crate) from: Value,
    /// New value; null if there is none.
    #[schema(example = 40)]
    pub(crate) to: Value,
    /// Who has seen a sound; null if nobody has.
    pub(crate) seen_by: Option<By>,
    /// When it was seen, as Unix time in ms.
    pub(crate) seen_at_ms: Option<i64>,
    /// Whether it has been undone.
    pub(crate) undone: bool,
}

impl Entry {
    /// Describes something without an end, which nobody did.
    pub(crate) fn new(id: u64, at_ms: i64, kind: Kind) -> Self {
        Self {
            id,
            at_ms,
            kind,
            client: None,
            name: String::new(),
            ended_ms: None,
            peak_dbfs: None,
            count: 1,
            by: None,
            from: Value::Null,
            to: Value::Null,
            seen_by: None,
            seen_at_ms: None,
            undone: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_word() {
        for &kind in Kind::ALL {
            assert_eq!(Kind::of(kind.word()), Some(kind));
            assert_eq!(serde_json::json!(kind), kind.word());
        }
        assert_eq!(Kind::of("sounds"), None);
    }

    #[test]
    fn a_host_without_a_name_appears_by_address() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let desk = By::host(address, Some("Night shift"));
        assert_eq!(
            (desk.kind, desk.name.as_str()),
            (ByKind::Desk, "Night shift")
        );
        let plain = By::host(address, None);
        assert_eq!(
            (plain.kind, plain.name.as_str()),
            (ByKind::Address, "192.0.2.7")
        );
    }
}
