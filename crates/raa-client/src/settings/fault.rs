//! What can be wrong with settings, in sentences for the person who wrote them.
//!
//! On Linux every fault ends the program. On Windows most are reported and the client runs with
//! the rest of the settings; `ui::texts` translates those.
//! Always: the place, the key, the value and what is allowed are named.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use super::keys::{Allowed, Platform};
use super::values::Ssrc;

/// A fault in the settings. Each platform constructs some of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(dead_code)]
pub(crate) enum Fault {
    /// A file holds a value that is not allowed.
    #[error(
        "{place}: {key} is {value}; it must be {allowed}{hint}",
        hint = if self.has_comment() { "; a comment needs its own line" } else { "" }
    )]
    Value {
        place: Place,
        key: &'static str,
        /// The value as the file writes it.
        value: String,
        allowed: Allowed,
    },
    /// An option has a value that is not allowed.
    #[error("{option} is \"{value}\"; it must be {allowed}")]
    Option {
        option: String,
        value: String,
        allowed: Allowed,
    },
    /// A file holds a key that does not exist, most likely a misspelt one.
    #[error("{place}: there is no key {key}; the keys are {known}")]
    UnknownKey {
        place: Place,
        key: String,
        known: String,
    },
    /// An ini file holds a key twice.
    #[error("{file}: {key} is set twice; the first value is used", file = .file.display())]
    Twice { file: PathBuf, key: &'static str },
    /// An ini file has values, but none in the section that is read.
    #[error("{file} has no [raa-client] section and was ignored", file = .file.display())]
    NoSection { file: PathBuf },
    /// The machine-wide ini file holds an SSRC.
    #[error(
        "{file}: ssrc is ignored here, because every user of this file would have the same one; \
         remove it", file = .file.display()
    )]
    SharedSsrc { file: PathBuf },
    /// A file exists but cannot be read.
    #[error("cannot read {file}: {error}", file = .file.display())]
    Unreadable { file: PathBuf, error: String },
    /// A TOML file that cannot be parsed.
    #[error("{file}: {error}", file = .file.display())]
    Syntax { file: PathBuf, error: String },
    /// An ini file that cannot be parsed; the lines that can be read are used.
    #[error("{file} is damaged: {reason}{kept}", file = .file.display(), kept = kept_as(.kept))]
    Damaged {
        file: PathBuf,
        reason: Damage,
        /// The copy that was made of it, or why there is none; `None` for the machine-wide file,
        /// which stays as it is.
        kept: Option<Result<PathBuf, String>>,
    },
    /// No server is set anywhere.
    #[error(
        "no server is set: add --server HOST[:PORT], or {entry} to {file}",
        entry = entry(*.platform, "server", "HOST:PORT"), file = .file.display()
    )]
    NoServer { platform: Platform, file: PathBuf },
    /// The folder of the settings is not known.
    #[error("no folder for the settings: {variable} is not set; set it, or use {option}")]
    NoFolder {
        variable: &'static str,
        option: &'static str,
    },
    /// The user's ini file cannot be written; the client runs without it.
    #[error(
        "cannot save settings in {file}: {error}; changes are lost when this client ends",
        file = .file.display()
    )]
    NotSaved { file: PathBuf, error: String },
    /// The SSRC could not be saved.
    #[error(
        "cannot save this client's SSRC in {file}: {error}; make the file writable, add {entry} \
         to it, or use another one with {option}",
        file = .file.display(), entry = entry(*.platform, "ssrc", .ssrc),
        option = file_option(*.platform)
    )]
    SsrcNotSaved {
        platform: Platform,
        file: PathBuf,
        ssrc: Ssrc,
        error: String,
    },
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    /// The number of the line, from 1, where it is known.
    pub(crate) line: Option<usize>,
}

/// What makes a file no ini file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) enum Damage {
    /// Bytes that are not valid in this encoding.
    #[error("it is not valid {0}")]
    NotText(&'static str),
    /// The line with this number, from 1, cannot be understood.
    #[error("line {0} is not empty, a comment, a [section] or KEY = VALUE")]
    Line(usize),
    /// The file has more than this many bytes.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
}

impl Fault {
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let (file, error) = (file.to_owned(), error.to_string());
        Self::Unreadable { file, error }
    }

    /// Returns why ini files with these faults have no server: because of the faults that hide it, or
    /// because none is set. `file` is the one that can be changed.
    #[cfg(any(windows, test))]
    pub(crate) fn no_server(file: &Path, faults: &[Self]) -> String {
        let invalid: Vec<_> = faults.iter().filter(|it| it.is_about("server")).collect();
        let hidden = faults.iter().filter(|fault| fault.may_hide_a_key());
        let none = Self::NoServer {
            platform: Platform::Windows,
            file: file.to_owned(),
        };
        let reasons = if invalid.is_empty() {
            hidden.chain([&none]).collect()
        } else {
            invalid
        };
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        reasons.join("; ")
    }

    /// Returns whether a key may have been overlooked because of this.
    #[cfg(any(windows, test))]
    fn may_hide_a_key(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey { .. }
                | Self::NoSection { .. }
                | Self::Unreadable { .. }
                | Self::Damaged { .. }
        )
    }

    /// Returns whether the value in an ini file seems to end with a comment.
    pub(crate) fn has_comment(&self) -> bool {
        let signs = [" ;", " #", "\t;", "\t#"];
        matches!(self, Self::Value { place: Place { line: None, .. }, value, .. }
            if signs.iter().any(|sign| value.contains(sign)))
    }

    /// Returns whether the value of this key is wrong.
    #[cfg(any(windows, test, fuzzing))]
    pub(super) fn is_about(&self, name: &str) -> bool {
        matches!(self, Self::Value { key, .. } if *key == name)
    }

    /// Returns the files that the sentence names.
    #[cfg(any(windows, test, fuzzing))]
    pub(crate) fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Damaged {
                file,
                kept: Some(Ok(copy)),
                ..
            } => vec![file, copy],
            Self::Value { place, .. } | Self::UnknownKey { place, .. } => vec![&mut place.file],
            Self::Twice { file, .. }
            | Self::NoSection { file }
            | Self::SharedSsrc { file }
            | Self::Unreadable { file, .. }
            | Self::Syntax { file, .. }
            | Self::Damaged { file, .. }
            | Self::NoServer { file, .. }
            | Self::NotSaved { file, .. }
            | Self::SsrcNotSaved { file, .. } => vec![file],
            Self::Option { .. } | Self::NoFolder { .. } => Vec::new(),
        }
    }
}

/// A file as a whole.
impl From<&Path> for Place {
    fn from(file: &Path) -> Self {
        let file = file.to_owned();
        Self { file, line: None }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        self.line.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// Returns the line that sets a key.
fn entry(platform: Platform, key: &str, value: impl Display) -> String {
    match platform {
        Platform::Linux => format!("{key} = \"{value}\""),
        Platform::Windows => format!("{key} = {value}"),
    }
}

/// Returns the option that names another file or folder for the settings.
fn file_option(platform: Platform) -> &'static str {
    match platform {
        Platform::Linux => "--config",
        Platform::Windows => "--settings-dir",
    }
}

fn kept_as(kept: &Option<Result<PathBuf, String>>) -> String {
    match kept {
        None => String::new(),
        Some(Ok(copy)) => format!("; it was kept as {}", copy.display()),
        Some(Err(error)) => format!("; it could not be copied and repaired: {error}"),
    }
}
