//! The settings of a client with a face: two ini files and the command line, one over the other.
//!
//! A machine-wide file beside the program gives defaults, the user's own file wins over it, and
//! what the command line or the dialog says is saved into the user's.
//! Always: a value of [`Stored`] is valid; what is wrong in a file is a [`Fault`], and the rest
//! of the file is used; nothing that a person wrote is lost, as a file that is damaged, or whose
//! invalid values are replaced, is kept aside first.

mod files;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;

pub use super::fault::{Fault, LoadError};
use super::ini::{Damage, DamageReason, Document};
use super::keys;
use crate::logging::LogLevel;
use crate::settings::{ServerAddress, Settings, Source, Ssrc, host_name};

/// The name of a settings file.
pub const INI_NAME: &str = "raa-client.ini";
/// The port of a server's page, unless the settings name the page.
pub const PAGE_PORT: u16 = 4011;

/// The section that all keys stand in.
pub(super) const SECTION: &str = "raa-client";
/// The documented file that a first start makes.
const TEMPLATE: &str = include_str!("../../raa-client.ini");

/// What the files say; what they say nothing of is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// Where to send.
    pub server: Option<ServerAddress>,
    /// What to send.
    pub source: Option<SourceKind>,
    /// The capture device's endpoint id.
    pub device: Option<String>,
    /// The capture device's name for people.
    pub device_name: Option<String>,
    /// What this computer calls itself.
    pub name: Option<Name>,
    /// The server's page, if it is not where [`Stored::page`] looks for it.
    pub page: Option<String>,
    /// Whether nothing is sent for now.
    pub muted: Option<bool>,
    /// How many earlier frames a packet of sound carries at least.
    pub redundancy: Option<Redundancy>,
    /// How much is logged.
    pub log_level: Option<LogLevel>,
    /// Who this client is; there after every [`IniFiles::load`].
    pub ssrc: Option<Ssrc>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceKind {
    /// What this computer plays.
    #[default]
    Automatic,
    /// What the device of [`Stored::device`] hears.
    Device,
}

impl Stored {
    /// What a client needs to run.
    pub fn settings(&self) -> Settings {
        Settings {
            server: self.server.clone(),
            source: self.source(),
            name: self.name.clone().unwrap_or_else(host_name),
            ssrc: self.ssrc.unwrap_or_else(Ssrc::random),
            redundancy: self.redundancy.unwrap_or_default(),
            log_level: self.log_level.unwrap_or_default(),
        }
    }

    /// The URL of the server's page, with a slash at its end; `None` while nothing says where it
    /// is.
    pub fn page(&self) -> Option<String> {
        let of_server = || self.server.as_ref().map(page_of);
        self.page.clone().or_else(of_server)
    }

    /// These values, and those of `below` where there is none.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            server: self.server.or(below.server),
            source: self.source.or(below.source),
            device: self.device.or(below.device),
            device_name: self.device_name.or(below.device_name),
            name: self.name.or(below.name),
            page: self.page.or(below.page),
            muted: self.muted.or(below.muted),
            redundancy: self.redundancy.or(below.redundancy),
            log_level: self.log_level.or(below.log_level),
            ssrc: self.ssrc.or(below.ssrc),
        }
    }

    fn source(&self) -> Source {
        match (self.source.unwrap_or_default(), &self.device) {
            (SourceKind::Device, Some(id)) => Source::Device(id.clone()),
            _ => Source::Automatic,
        }
    }
}

/// Where a server's page is unless the settings say otherwise.
pub fn page_of(server: &ServerAddress) -> String {
    let page = ServerAddress {
        host: server.host.clone(),
        port: PAGE_PORT,
    };
    format!("http://{page}/")
}

/// Where the settings are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IniFiles {
    /// The user's own file, which is written.
    pub user: PathBuf,
    /// The machine-wide defaults, which are only read; `None` where there is no such place.
    pub machine: Option<PathBuf>,
}

/// What the files say, and what is wrong with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// All layers in one.
    pub stored: Stored,
    /// For people.
    pub faults: Vec<Fault>,
}

impl IniFiles {
    /// Reads both files. At the first start it makes the user's file and its SSRC; a user's file
    /// that is damaged is kept aside and mended.
    ///
    /// # Errors
    /// When the user's file cannot be read, or the SSRC not be kept.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        let (machine, mut faults) = self.read_machine();
        let unreadable = |error| LoadError::Unreadable {
            file: self.user.clone(),
            error,
        };
        let document = match read(&self.user).map_err(unreadable)? {
            None => None,
            Some(Ok(document)) => Some(document),
            Some(Err(damage)) => {
                let kept = self.mend(&damage);
                faults.push(Fault::damaged(&self.user, damage.reason, Some(kept)));
                Some(damage.rest)
            }
        };
        let user = document.map_or_else(Stored::default, |document| {
            keys::read(&document, &self.user, &mut faults)
        });
        let mut stored = user.over(machine);
        if stored.ssrc.is_none() {
            stored.ssrc = Some(self.make_ssrc(&stored)?);
        }
        Ok(Loaded { stored, faults })
    }

    /// Writes into the user's file what differs from what the files say. Returns where the old
    /// file is kept if an invalid value of it had to be replaced.
    ///
    /// # Errors
    /// When the file cannot be read or written; then it is what it was.
    pub fn save(&self, stored: &Stored) -> io::Result<Option<PathBuf>> {
        let (machine, _) = self.read_machine();
        let mut faults = Vec::new();
        let mut document = match read(&self.user)? {
            None => template(),
            Some(Ok(document)) => document,
            Some(Err(damage)) => {
                // It is not replaced unless it is safe.
                self.mend(&damage)?;
                damage.rest
            }
        };
        let before = keys::read(&document, &self.user, &mut faults).over(machine);
        let changes = keys::differences(&before, stored);
        if changes.is_empty() && self.user.exists() {
            return Ok(None);
        }
        let replaced = |fault: &Fault| changes.iter().any(|(key, _)| fault.is_about(key));
        let kept = if faults.iter().any(replaced) {
            Some(files::copy_aside(&self.user, "invalid")?)
        } else {
            None
        };
        for (key, value) in changes {
            match value {
                Some(value) => document.set(SECTION, key, &value),
                None => document.remove(SECTION, key),
            }
        }
        write(&self.user, &document)?;
        Ok(kept)
    }

    /// The machine-wide layer. Its SSRC would be that of every user and computer, so it is none.
    fn read_machine(&self) -> (Stored, Vec<Fault>) {
        let mut faults = Vec::new();
        let Some(file) = &self.machine else {
            return (Stored::default(), faults);
        };
        let document = match read(file) {
            Ok(None) => return (Stored::default(), faults),
            Ok(Some(Ok(document))) => document,
            Ok(Some(Err(damage))) => {
                faults.push(Fault::damaged(file, damage.reason, None));
                damage.rest
            }
            Err(error) => {
                faults.push(Fault::Unreadable {
                    file: file.clone(),
                    error: error.to_string(),
                });
                return (Stored::default(), faults);
            }
        };
        let mut stored = keys::read(&document, file, &mut faults);
        if stored.ssrc.take().is_some() {
            faults.push(Fault::SharedSsrc { file: file.clone() });
        }
        (stored, faults)
    }

    /// Puts what is left of the user's file in its place, once the damaged one is safe, and says
    /// where that is.
    fn mend(&self, damage: &Damage) -> io::Result<PathBuf> {
        let kept = files::copy_aside(&self.user, "damaged")?;
        write(&self.user, &damage.rest)?;
        Ok(kept)
    }

    fn make_ssrc(&self, stored: &Stored) -> Result<Ssrc, LoadError> {
        let ssrc = Ssrc::random();
        let with_ssrc = Stored {
            ssrc: Some(ssrc),
            ..stored.clone()
        };
        self.save(&with_ssrc).map_err(|error| LoadError::NotKept {
            file: self.user.clone(),
            ssrc,
            error,
        })?;
        Ok(ssrc)
    }
}

fn template() -> Document {
    Document::new(&TEMPLATE.replace('\n', "\r\n"))
}

/// `None` when there is no such file.
fn read(file: &Path) -> io::Result<Option<Result<Document, Box<Damage>>>> {
    match files::read(file) {
        Ok(Some(bytes)) => Ok(Some(Document::decode(&bytes))),
        Ok(None) => Ok(Some(Err(Box::new(Damage {
            reason: DamageReason::TooLarge,
            rest: template(),
        })))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(file: &Path, document: &Document) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    crate::files::replace(file, &document.encode())
}

#[cfg(test)]
mod tests;
