//! What a client runs with.
//!
//! Always: every value has been checked; nothing here knows where it came from.

use std::fmt;
use std::path::PathBuf;

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

use super::server_address::ServerAddress;
use crate::logging::LogLevel;

/// The settings of a running client.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The server to send to. Without one the client only captures, for the level meter.
    pub server: Option<ServerAddress>,
    /// The sound to capture.
    pub source: Source,
    /// The programs whose sound is captured, of everything that this computer plays.
    pub programs: Programs,
    /// The length of the buffer that Windows is asked for, in milliseconds.
    pub buffer_ms: u8,
    /// Windows: the silence in seconds after which the capture rests, so that the computer can sleep; 0 for
    /// never.
    pub sleep_after_s: u16,
    /// The name shown for this client until an operator sets another.
    pub name: Name,
    /// Minimum number of earlier frames in a packet.
    pub redundancy: Redundancy,
    /// The client's RTP identity.
    pub ssrc: Ssrc,
    /// The amount of logging.
    pub log_level: LogLevel,
}

/// The sound that a client captures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// Linux: everything this computer plays, from PulseAudio or PipeWire's pulse server.
    #[cfg_attr(not(windows), default)]
    Pulse,
    /// A WAV file, repeated.
    File(PathBuf),
    /// A test tone.
    Tone,
    /// Windows: everything this computer plays, by the best capture method available.
    #[cfg_attr(windows, default)]
    Automatic,
    /// Windows: the capture device with this endpoint id.
    Device(String),
}

/// The length of Windows' buffer unless the settings name another.
pub(crate) const DEFAULT_BUFFER_MS: u8 = 200;

/// Windows: the programs whose sound is captured, by the file name of a program such as `alarm.exe`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Programs {
    /// Every program.
    #[default]
    All,
    /// Every program except this one.
    AllBut(String),
    /// This program only.
    Only(String),
}

/// Identifies this client to the server across restarts; written as 8 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrc(pub u32);

impl Ssrc {
    /// Returns one that in all likelihood no other client has (RFC 3550 section 8).
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    /// Reads exactly 8 hexadecimal digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_valid = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok();
        number.filter(|_| is_valid).map(Self)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Returns the computer's host name as a valid [`Name`].
pub(crate) fn host_name() -> Name {
    let name = gethostname::gethostname();
    Name::from_sender(name.as_encoded_bytes()).unwrap_or_else(|| {
        // Only for a host name without any printable character.
        Name::from_sender(b"raa-client").expect("it has printable characters")
    })
}
