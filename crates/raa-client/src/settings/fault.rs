//! What is wrong with the settings, in sentences for the person who wrote them.
//!
//! Always: file, key, value and what is allowed are named.

use std::io;
use std::path::{Path, PathBuf};

use crate::settings::Ssrc;
use crate::settings::ini::DamageReason;

/// Something in a settings file that a person should put right. The client runs all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A value that is not allowed; the default is used.
    #[error("{file}: {key} is \"{value}\", allowed are {allowed}", file = .file.display())]
    Value {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A key that means nothing, most likely a misspelt one.
    #[error("{file}: the key {key} is unknown, allowed are {allowed}", file = .file.display())]
    UnknownKey {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: String,
        /// All keys.
        allowed: String,
    },
    /// A key that stands twice.
    #[error("{file}: {key} stands there twice; the first one counts", file = .file.display())]
    Twice {
        /// Which file.
        file: PathBuf,
        /// Which key.
        key: &'static str,
    },
    /// There are values, and none in the section that is read.
    #[error(
        "{file}: nothing stands below [raa-client], so nothing of it is used",
        file = .file.display()
    )]
    NoSection {
        /// Which file.
        file: PathBuf,
    },
    /// A machine-wide SSRC, which is not used.
    #[error(
        "{file}: ssrc is not used, because every computer and user with this file would have \
         the same one; remove it", file = .file.display()
    )]
    SharedSsrc {
        /// Which file.
        file: PathBuf,
    },
    /// A machine-wide file that cannot be read.
    #[error("cannot read {file}: {error}", file = .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: String,
    },
    /// A file that is no ini file; what is left of it is used.
    #[error("{file} is damaged: {reason}{kept}", file = .file.display(), kept = kept_as(.kept))]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// How.
        reason: DamageReason,
        /// Where it is kept, or why not; `None` for a machine-wide file, which is left as it is.
        kept: Option<Result<PathBuf, String>>,
    },
}

impl Fault {
    pub(super) fn damaged(
        file: &Path,
        reason: DamageReason,
        kept: Option<io::Result<PathBuf>>,
    ) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            reason,
            kept: kept.map(|kept| kept.map_err(|error| error.to_string())),
        }
    }

    /// Whether it is the value of this key that is not allowed.
    pub(super) fn is_about(&self, wanted: &str) -> bool {
        matches!(self, Self::Value { key, .. } if *key == wanted)
    }
}

fn kept_as(kept: &Option<Result<PathBuf, String>>) -> String {
    match kept {
        None => String::new(),
        Some(Ok(copy)) => format!("; it is kept as {}", copy.display()),
        Some(Err(error)) => format!("; it could not be kept aside and mended: {error}"),
    }
}

/// Why there are no settings to run with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The user's file is there and cannot be read.
    #[error("cannot read {file}: {error}", file = .file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The SSRC could not be kept.
    #[error(
        "cannot keep this client's SSRC in {file}: {error}; make room and let the file be \
         written, or add ssrc = {ssrc} to it yourself", file = .file.display()
    )]
    NotKept {
        /// Which file.
        file: PathBuf,
        /// What was to be kept.
        ssrc: Ssrc,
        /// Why not.
        error: io::Error,
    },
}
