//! The configuration file on Linux: reads it, and adds the SSRC to it.
//!
//! Always: a key that does not exist is refused by name; the file is replaced as a whole or not
//! at all, and everything that a person wrote into it stays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use toml_edit::{Document, DocumentMut, Item, TomlError, value};

use super::fault::{Fault, Place};
use super::keys::{Allowed, Key, Platform};
use super::linux_options::LinuxOptions;
use super::stored::{SourceKind, Stored};
use super::values::{Settings, Ssrc};
use crate::files::replace;

/// The documented file that is created at the first start.
const TEMPLATE: &str = include_str!("../../raa-client.toml");

/// Reads the file, puts the options over it, and creates the SSRC at the first start.
///
/// # Errors
/// When the file is wrong or cannot be read, no server is set, or the SSRC cannot be saved.
pub(crate) fn load(options: LinuxOptions) -> Result<(Settings, SsrcFile), Fault> {
    let Looked {
        path,
        text,
        mut stored,
    } = look(options)?;
    if stored.ssrc.is_none() {
        // Last, so that nothing is written when something is wrong.
        stored.ssrc = Some(create_ssrc(&path, text.as_deref())?);
    }
    Ok((stored.settings(), SsrcFile(path)))
}

/// The file that keeps the SSRC.
#[derive(Debug)]
pub(crate) struct SsrcFile(PathBuf);

impl SsrcFile {
    /// Stores another SSRC. Does so in a thread, because the file may be on a network that hangs; one
    /// that can't be stored holds until the client ends.
    pub(crate) fn keep(&self, ssrc: Ssrc) {
        let path = self.0.clone();
        let keep = move || {
            let kept = read_again(&path).and_then(|text| save_ssrc(&path, text.as_deref(), ssrc));
            if let Err(error) = kept {
                let path = path.display();
                tracing::warn!("cannot save ssrc = \"{ssrc}\" in {path}: {error}");
            }
        };
        if let Err(error) = thread::Builder::new().name("ssrc".into()).spawn(keep) {
            tracing::warn!("cannot start a thread to save the SSRC: {error}");
        }
    }
}

/// The settings of file and options.
pub(crate) struct Looked {
    pub(crate) path: PathBuf,
    /// `None` if there is no file.
    pub(crate) text: Option<String>,
    /// Has a server, and possibly no SSRC yet.
    pub(crate) stored: Stored,
}

/// Reads the file and puts the options over it, without writing anything.
///
/// # Errors
/// When the file is wrong or cannot be read, or no server is set.
pub(crate) fn look(options: LinuxOptions) -> Result<Looked, Fault> {
    let path = options.config.map_or_else(default_path, Ok)?;
    let text = read_text(&path)?;
    let file = text.as_deref().map(|text| read(text, &path)).transpose()?;
    let stored = options.given.over(file.unwrap_or_default());
    if stored.server.is_none() {
        return Err(Fault::NoServer {
            platform: Platform::Linux,
            file: path,
        });
    }
    Ok(Looked { path, text, stored })
}

/// Returns the path of the file unless `--config` names it (XDG Base Directory Specification).
fn default_path() -> Result<PathBuf, Fault> {
    let folder = |variable| {
        let folder = std::env::var_os(variable).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    let config = folder("XDG_CONFIG_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .ok_or(Fault::NoFolder {
            variable: "HOME",
            option: "--config",
        });
    Ok(config?.join("raa").join("raa-client.toml"))
}

/// Returns the file's text; `None` if there is no file.
fn read_text(path: &Path) -> Result<Option<String>, Fault> {
    read_again(path).map_err(|error| Fault::unreadable(path, &error))
}

fn read_again(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn read(text: &str, path: &Path) -> Result<Stored, Fault> {
    let document = Document::parse(text).map_err(|error| Fault::Syntax {
        file: path.to_owned(),
        error: error.to_string().trim_end().to_owned(),
    })?;
    let mut stored = Stored::default();
    for (name, item) in document.iter() {
        let name_at = document.key(name).and_then(toml_edit::Key::span);
        let place = || Place {
            file: path.to_owned(),
            line: name_at.as_ref().map(|at| line_of(text, at.start)),
        };
        let key = Platform::Linux.keys().find(|key| key.name == name);
        let key = key.ok_or_else(|| Fault::UnknownKey {
            place: place(),
            key: name.to_owned(),
            known: Platform::Linux.names(),
        })?;
        set(&mut stored, key, item).ok_or_else(|| Fault::Value {
            place: place(),
            key: key.name,
            value: written(text, item),
            allowed: key.allowed,
        })?;
    }
    Ok(stored)
}

/// Sets a key; `None` if the value is not allowed.
fn set(stored: &mut Stored, key: &Key, item: &Item) -> Option<()> {
    if key.name == "source"
        && let Some(path) = wav_file(item)
    {
        stored.source = Some(SourceKind::File(path));
        return Some(());
    }
    let text = match key.allowed {
        Allowed::Number(_) => item.as_integer()?.to_string(),
        Allowed::Words(_) | Allowed::Text(_) => item.as_str()?.to_owned(),
    };
    (key.read)(stored, &text)
}

/// Returns the path of `{ file = "PATH" }`.
fn wav_file(item: &Item) -> Option<PathBuf> {
    let table = item.as_table_like().filter(|table| table.len() == 1)?;
    table.get("file")?.as_str().map(PathBuf::from)
}

/// Returns the value as it is written in the file.
fn written(text: &str, item: &Item) -> String {
    let written = item.span().and_then(|at| text.get(at));
    written.unwrap_or("a table").to_owned()
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn create_ssrc(path: &Path, text: Option<&str>) -> Result<Ssrc, Fault> {
    let ssrc = Ssrc::random();
    save_ssrc(path, text, ssrc).map_err(|error| Fault::SsrcNotSaved {
        platform: Platform::Linux,
        file: path.to_owned(),
        ssrc,
        error: error.to_string(),
    })?;
    Ok(ssrc)
}

/// Adds the SSRC to the file with this text, or creates the documented file.
fn save_ssrc(path: &Path, text: Option<&str>, ssrc: Ssrc) -> io::Result<()> {
    let text = match text {
        None => format!("{TEMPLATE}ssrc = \"{ssrc}\"\n"),
        Some(text) => with_ssrc(text, ssrc).map_err(io::Error::other)?,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    replace(path, text.as_bytes())
}

/// Returns a file's text with this SSRC, and otherwise as it was.
pub(super) fn with_ssrc(text: &str, ssrc: Ssrc) -> Result<String, TomlError> {
    let mut document: DocumentMut = text.parse()?;
    document["ssrc"] = value(ssrc.to_string());
    Ok(document.to_string())
}

#[cfg(test)]
mod tests;
