//! The configuration file: reading it, and adding the SSRC to it.
//!
//! Always: what a person wrote into it, comments and order included, stays as it is; it is
//! replaced whole or not at all, so a crash or a full disk leaves the old one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use raa_core::packetizer::{Redundancy, RedundancyError};
use raa_core::settings::{Name, NameError};
use serde::Deserialize;
use toml_edit::{DocumentMut, value};

use super::error::ConfigError;
use super::{ServerAddress, Source, Ssrc};
use crate::files::replace;
use crate::logging::LogLevel;

/// The documented file that a first start makes.
const TEMPLATE: &str = include_str!("../../raa-client.toml");

impl Source {
    /// Reads the words after `--source`.
    pub(super) fn from_words(words: &[String]) -> Result<Self, ConfigError> {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["pulse"] => Ok(Self::Pulse),
            ["tone"] => Ok(Self::Tone),
            ["file", path] => Ok(Self::File(path.into())),
            _ => Err(ConfigError::Source(words.join(" "))),
        }
    }
}

/// The file as it is; every key may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Values {
    pub server: Option<ServerAddress>,
    pub source: Option<Source>,
    pub name: Option<CheckedName>,
    pub redundancy: Option<CheckedRedundancy>,
    pub log_level: Option<LogLevel>,
    pub ssrc: Option<Ssrc>,
}

/// A name that was checked where it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct CheckedName(pub Name);

impl TryFrom<String> for CheckedName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Name::new(&text).map(Self)
    }
}

/// A redundancy that was checked where it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct CheckedRedundancy(pub Redundancy);

impl TryFrom<i64> for CheckedRedundancy {
    type Error = RedundancyError;

    fn try_from(frames: i64) -> Result<Self, RedundancyError> {
        Redundancy::new(frames).map(Self)
    }
}

pub(super) struct File {
    /// `None` when there is no file yet.
    pub text: Option<String>,
    pub values: Values,
}

/// Where the file is unless `--config` names it.
pub(super) fn default_path() -> Result<PathBuf, ConfigError> {
    let folder = |variable| {
        std::env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path: &PathBuf| path.is_absolute())
    };
    let config = folder("XDG_CONFIG_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .ok_or(ConfigError::NoHome("HOME"));
    Ok(config?.join("raa").join("raa-client.toml"))
}

pub(super) fn read(path: &Path) -> Result<File, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(File {
                text: None,
                values: Values::default(),
            });
        }
        Err(error) => {
            return Err(ConfigError::Unreadable {
                path: path.to_owned(),
                error,
            });
        }
    };
    let values = toml_edit::de::from_str(&text).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        error: error.to_string().trim_end().to_owned(),
    })?;
    Ok(File {
        text: Some(text),
        values,
    })
}

/// Adds the SSRC to the file whose content is `text`, or makes a documented one.
pub(super) fn keep_ssrc(path: &Path, text: Option<&str>, ssrc: Ssrc) -> io::Result<()> {
    let text = match text {
        None => format!("{TEMPLATE}ssrc = \"{ssrc}\"\n"),
        Some(text) => {
            let mut document: DocumentMut = text.parse().map_err(io::Error::other)?;
            document["ssrc"] = value(ssrc.to_string());
            document.to_string()
        }
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    replace(path, text.as_bytes())
}
