//! What a client is set to.
//!
//! Always: a value of [`Settings`] is valid. Where they come from is another matter: the command
//! line and a TOML file for the program without a face, [`crate::ui`] for the one with a
//! tray icon.

use std::fmt;
use std::path::PathBuf;

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;
use serde::Deserialize;

use super::ServerAddress;
use crate::logging::LogLevel;

/// Everything a client needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where to send; without it the client only captures, for a level meter to show.
    pub server: Option<ServerAddress>,
    /// What to send.
    pub source: Source,
    /// What the sender calls itself.
    pub name: Name,
    /// How many earlier frames a packet of sound carries at least.
    pub redundancy: Redundancy,
    /// Who the sender is.
    pub ssrc: Ssrc,
    /// How much is logged.
    pub log_level: LogLevel,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Linux: what this computer plays, from PulseAudio or PipeWire's pulse server.
    #[cfg_attr(not(windows), default)]
    Pulse,
    /// A WAV file, over and over.
    File(PathBuf),
    /// A test tone.
    Tone,
    /// Windows: what this computer plays, captured in the best way that it has.
    #[serde(skip)]
    #[cfg_attr(windows, default)]
    Automatic,
    /// Windows: the capture device of this endpoint id.
    #[serde(skip)]
    Device(String),
}

/// By which the server knows a client again; written as 8 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Ssrc(pub u32);

impl Ssrc {
    /// One that no other client has, in all likelihood (RFC 3550 section 8).
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl TryFrom<String> for Ssrc {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(&text, 16).ok().filter(|_| digits);
        number.map(Self).ok_or_else(|| {
            format!("ssrc is {text:?}, allowed are 8 hexadecimal digits, as in \"5f0a11c2\"")
        })
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The computer's name, made fit to be shown.
pub fn host_name() -> Name {
    let name = gethostname::gethostname();
    Name::from_sender(name.as_encoded_bytes()).unwrap_or_else(|| {
        // Only a computer without a printable host name comes here.
        Name::from_sender(b"raa-client").expect("it has printable characters")
    })
}
