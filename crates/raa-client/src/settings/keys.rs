//! The table of keys: how each setting is called, read, checked, shown and explained.
//!
//! The TOML file of Linux, the ini files of Windows and both command lines go through it, so a
//! value is judged the same everywhere. The exception is `source`: a WAV file and a device take
//! a second word, which each encoding writes in its own way.
//! Always: `read` understands what `show` returns.

use std::fmt;

use clap::ValueEnum;
use raa_core::packetizer::{MAX_REDUNDANCY, Redundancy};
use raa_core::settings::Name;

use super::computer::ComputerMark;
use super::stored::{SourceKind, Stored};
use super::values::{Programs, Ssrc};
use crate::logging::LogLevel;

/// One key.
pub(super) struct Key {
    /// The name in files.
    pub(super) name: &'static str,
    /// The clients that have the key in their files.
    pub(super) on: &'static [Platform],
    /// The values that `read` accepts.
    pub(super) allowed: Allowed,
    /// The value that is used where none is set, unless it depends on other things.
    pub(super) default: Option<&'static str>,
    /// Sets the value; `None` if it is not allowed, and then nothing has changed.
    pub(super) read: fn(&mut Stored, &str) -> Option<()>,
    /// Returns the value as files hold it; ini files are written key by key.
    #[cfg_attr(not(windows), allow(dead_code))]
    pub(super) show: fn(&Stored) -> Option<String>,
    /// The option that sets the key for good (Windows) or for this run (Linux).
    pub(super) option: Option<KeyOption>,
}

/// The option of a key.
pub(super) struct KeyOption {
    /// The name after the two hyphens.
    pub(super) name: &'static str,
    /// The clients that have it.
    pub(super) on: &'static [Platform],
    /// The placeholder of its value in the help.
    pub(super) value: &'static str,
    /// Its line in the help.
    pub(super) help: &'static str,
}

/// The two clients: Linux with a TOML file, Windows with ini files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Platform {
    Linux,
    Windows,
}

/// The values of a key; its text completes a sentence that begins with "it must be".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// One of at least two words.
    Words(&'static [&'static str]),
    /// A whole number up to this one.
    Number(u16),
    /// What the text says.
    Text(&'static str),
}

const LINUX: &[Platform] = &[Platform::Linux];
const WINDOWS: &[Platform] = &[Platform::Windows];
const BOTH: &[Platform] = &[Platform::Linux, Platform::Windows];

/// All keys, in the order of the documented files.
pub(super) const KEYS: &[Key] = &[
    Key {
        name: "server",
        on: BOTH,
        allowed: Allowed::Text(
            "HOST or HOST:PORT or the http:// address of the server's page, with a port from 1 to \
             65535 and, before a port, an IPv6 address in brackets",
        ),
        default: None,
        read: |stored, text| put(&mut stored.server, text.parse().ok()),
        show: |stored| stored.server.as_ref().map(ToString::to_string),
        option: Some(KeyOption {
            name: "server",
            on: BOTH,
            value: "HOST[:PORT]",
            help: "The RAA server; the port is 4010 unless given, and an IPv6 address before a port needs brackets",
        }),
    },
    Key {
        name: "source",
        on: LINUX,
        allowed: Allowed::Text("\"pulse\", \"tone\" or { file = \"PATH\" }"),
        default: Some("pulse"),
        read: |stored, text| put(&mut stored.source, linux_source(text)),
        show: |stored| stored.source.as_ref().and_then(show_source),
        option: None,
    },
    Key {
        name: "source",
        on: WINDOWS,
        allowed: Allowed::Words(&["automatic", "device"]),
        default: Some("automatic"),
        read: |stored, text| put(&mut stored.source, windows_source(text)),
        show: |stored| stored.source.as_ref().and_then(show_source),
        option: None,
    },
    Key {
        name: "device",
        on: WINDOWS,
        allowed: Allowed::Text("the endpoint id of a capture device if source is device"),
        default: None,
        read: |stored, text| put(&mut stored.device, Some(text.to_owned())),
        show: |stored| stored.device.clone(),
        option: None,
    },
    Key {
        name: "device_name",
        on: WINDOWS,
        allowed: Allowed::Text("a text"),
        default: None,
        read: |stored, text| put(&mut stored.device_name, Some(text.to_owned())),
        show: |stored| stored.device_name.clone(),
        option: None,
    },
    Key {
        name: "programs",
        on: WINDOWS,
        allowed: Allowed::Text(
            "all, or all but NAME.exe, or only NAME.exe, with the file name of one program",
        ),
        default: Some("all"),
        read: |stored, text| put(&mut stored.programs, programs(text)),
        show: |stored| stored.programs.as_ref().map(show_programs),
        option: None,
    },
    Key {
        name: "buffer_ms",
        on: WINDOWS,
        allowed: Allowed::Number(u8::MAX as u16),
        default: Some("200"),
        read: |stored, text| put(&mut stored.buffer_ms, text.parse().ok()),
        show: |stored| stored.buffer_ms.map(|ms| ms.to_string()),
        option: None,
    },
    Key {
        name: "sleep_after_s",
        on: WINDOWS,
        allowed: Allowed::Number(u16::MAX),
        default: Some("0"),
        read: |stored, text| put(&mut stored.sleep_after_s, text.parse().ok()),
        show: |stored| stored.sleep_after_s.map(|seconds| seconds.to_string()),
        option: None,
    },
    Key {
        name: "name",
        on: BOTH,
        allowed: Allowed::Text("a text of 1 to 64 printable characters, one of them visible"),
        default: None,
        read: |stored, text| put(&mut stored.name, Name::new(text).ok()),
        show: |stored| stored.name.as_ref().map(|name| name.as_str().to_owned()),
        option: Some(KeyOption {
            name: "name",
            on: BOTH,
            value: "NAME",
            help: "The name shown for this computer until an operator sets another, 1 to 64 \
                   characters [default: its host name]",
        }),
    },
    Key {
        name: "page",
        on: WINDOWS,
        allowed: Allowed::Text("a URL that begins with http:// or https://"),
        default: None,
        read: |stored, text| put(&mut stored.page, page(text)),
        show: |stored| stored.page.clone(),
        option: None,
    },
    Key {
        name: "muted",
        on: WINDOWS,
        allowed: Allowed::Words(&["yes", "no"]),
        default: Some("no"),
        read: |stored, text| put(&mut stored.muted, yes_or_no(text)),
        show: |stored| stored.muted.map(|on| if on { "yes" } else { "no" }.into()),
        option: None,
    },
    Key {
        name: "redundancy",
        on: BOTH,
        allowed: Allowed::Number(MAX_REDUNDANCY as u16),
        default: Some("1"),
        read: |stored, text| put(&mut stored.redundancy, redundancy(text)),
        show: |stored| stored.redundancy.map(|least| least.frames().to_string()),
        option: Some(KeyOption {
            name: "redundancy",
            on: LINUX,
            value: "N",
            help: "Minimum number of earlier frames that each packet repeats against loss, 0 to 3",
        }),
    },
    Key {
        name: "log_level",
        on: BOTH,
        allowed: Allowed::Words(&["error", "warn", "info", "debug", "trace"]),
        default: Some("info"),
        read: |stored, text| put(&mut stored.log_level, LogLevel::from_str(text, false).ok()),
        show: |stored| stored.log_level.and_then(show_log_level),
        option: Some(KeyOption {
            name: "log-level",
            on: LINUX,
            value: "LEVEL",
            help: "The amount of logging: error, warn, info, debug or trace",
        }),
    },
    Key {
        name: "computer",
        on: WINDOWS,
        allowed: Allowed::Text("16 hexadecimal digits, which the client writes itself"),
        default: None,
        read: |stored, text| put(&mut stored.computer, ComputerMark::parse(text)),
        show: |stored| stored.computer.map(|mark| mark.to_string()),
        option: None,
    },
    Key {
        name: "ssrc",
        on: BOTH,
        allowed: Allowed::Text("8 hexadecimal digits, such as 5f0a11c2"),
        default: None,
        read: |stored, text| put(&mut stored.ssrc, Ssrc::parse(text)),
        show: |stored| stored.ssrc.map(|ssrc| ssrc.to_string()),
        option: None,
    },
];

impl Platform {
    /// Returns the keys of this client's files.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.on.contains(&self))
    }

    /// Returns the keys that have an option, with that option.
    pub(super) fn options(self) -> impl Iterator<Item = (&'static Key, &'static KeyOption)> {
        let with_option = |key: &'static Key| Some((key, key.option.as_ref()?));
        let options = KEYS.iter().filter_map(with_option);
        options.filter(move |(_, option)| option.on.contains(&self))
    }

    /// Returns the names of all keys, for a sentence.
    pub(super) fn names(self) -> String {
        let names: Vec<_> = self.keys().map(|key| key.name).collect();
        names.join(", ")
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words([words @ .., last]) => write!(f, "{} or {last}", words.join(", ")),
            Self::Words([]) => Ok(()),
            Self::Number(most) => write!(f, "a whole number from 0 to {most}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

fn put<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    *field = Some(value?);
    Some(())
}

fn linux_source(text: &str) -> Option<SourceKind> {
    match text {
        "pulse" => Some(SourceKind::Pulse),
        "tone" => Some(SourceKind::Tone),
        _ => None,
    }
}

fn windows_source(text: &str) -> Option<SourceKind> {
    match text {
        "automatic" => Some(SourceKind::Automatic),
        "device" => Some(SourceKind::Device),
        _ => None,
    }
}

/// Returns the one word of a source; `None` for a WAV file, which has two.
fn show_source(source: &SourceKind) -> Option<String> {
    let word = match source {
        SourceKind::Pulse => "pulse",
        SourceKind::Tone => "tone",
        SourceKind::Automatic => "automatic",
        SourceKind::Device => "device",
        SourceKind::File(_) => return None,
    };
    Some(word.to_owned())
}

fn programs(text: &str) -> Option<Programs> {
    let text = text.trim();
    if text == "all" {
        return Some(Programs::All);
    }
    let program = |name: &str| {
        let name = name.trim();
        let is_file = !name.contains(['\\', '/', ':', '"']) && name.len() > ".exe".len();
        let is_program = name.to_ascii_lowercase().ends_with(".exe");
        (is_file && is_program).then(|| name.to_owned())
    };
    if let Some(name) = text.strip_prefix("all but ") {
        return program(name).map(Programs::AllBut);
    }
    program(text.strip_prefix("only ")?).map(Programs::Only)
}

fn show_programs(programs: &Programs) -> String {
    match programs {
        Programs::All => "all".into(),
        Programs::AllBut(name) => format!("all but {name}"),
        Programs::Only(name) => format!("only {name}"),
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn redundancy(text: &str) -> Option<Redundancy> {
    Redundancy::new(text.parse().ok()?).ok()
}

fn show_log_level(level: LogLevel) -> Option<String> {
    let value = level.to_possible_value();
    value.map(|value| value.get_name().to_owned())
}

/// Returns the URL with a scheme in lower case and exactly one slash at the end, so that paths can
/// be appended.
fn page(text: &str) -> Option<String> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let is_valid = ["http", "https"].contains(&scheme.as_str())
        && !rest.is_empty()
        && !rest.starts_with('/')
        && !rest.contains(char::is_whitespace);
    is_valid.then(|| format!("{scheme}://{}/", rest.trim_end_matches('/')))
}

#[cfg(test)]
mod tests;
