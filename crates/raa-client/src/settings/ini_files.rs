//! The settings files on Windows: the user's ini file over machine-wide defaults.
//!
//! The machine-wide file lies next to the program and is only read. Changes, from the command
//! line or the settings dialog, are saved into the user's file.
//! Always: a save writes only the keys that it is given, because another program or person may have
//! changed the others, and of two saves at the same moment both count; a fault in a file is reported and
//! the rest of the file is used; nothing a person wrote is lost: a damaged file is copied before it is
//! replaced, and a file with an invalid value before that value is replaced.

#[cfg(windows)]
mod lock;
mod reload;
mod watch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(windows)]
pub(crate) use self::watch::{Stamp, Watch};
use super::computer::Computer;
use super::fault::{Damage, Fault};
use super::ini::{Damaged, Document};
use super::keys::{Allowed, Key, Platform};
use super::stored::{SourceKind, Stored};
use super::values::Ssrc;
use crate::files::{copy_aside, read_up_to, replace};
#[cfg(windows)]
use crate::windows::code_page::decode as code_page;

/// The name of a settings file.
pub(crate) const INI_NAME: &str = "raa-client.ini";

/// The section that holds all keys.
pub(super) const SECTION: &str = "raa-client";
/// The documented file that is created at the first start.
const TEMPLATE: &str = include_str!("../../raa-client.ini");
/// Maximum size of a settings file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// The paths of the settings files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IniFiles {
    /// The user's file.
    pub(crate) user: PathBuf,
    /// The file with machine-wide defaults, if there is a place for one.
    pub(crate) machine: Option<PathBuf>,
}

/// The result of reading the files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Loaded {
    /// Both layers combined.
    pub(crate) stored: Stored,
    /// The faults in both files.
    pub(crate) faults: Vec<Fault>,
}

/// The keys that each file sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origins {
    pub(crate) user: Vec<&'static str>,
    /// Without those of the user's file, which wins.
    pub(crate) machine: Vec<&'static str>,
}

impl IniFiles {
    /// Reads both files. The first call creates the user's file and its SSRC. A damaged user's
    /// file is copied and repaired.
    ///
    /// # Errors
    /// When the user's file cannot be read, or the SSRC can neither be saved nor be made from this
    /// computer.
    pub(crate) fn load(&self) -> Result<Loaded, Fault> {
        self.load_on(this_computer().as_ref())
    }

    /// Does the same on this computer; an SSRC of another one is replaced.
    fn load_on(&self, computer: Option<&Computer>) -> Result<Loaded, Fault> {
        let (machine, mut faults) = self.read_machine();
        let document = read(&self.user).map_err(|error| Fault::unreadable(&self.user, &error))?;
        let user = match document {
            None => Stored::default(),
            Some(Ok(document)) => values(&document, &self.user, &mut faults),
            Some(Err(damaged)) => {
                let kept = self.repair(&damaged).map_err(|error| error.to_string());
                faults.push(damage(&self.user, damaged.reason, Some(kept)));
                values(&damaged.rest, &self.user, &mut faults)
            }
        };
        let mut stored = user.over(machine);
        match (stored.ssrc, stored.computer, computer) {
            (Some(_), Some(mark), Some(here)) if mark != here.mark => {
                self.create_ssrc(computer, &mut stored, &mut faults)?;
            }
            (Some(ssrc), None, Some(here)) => {
                // A file of an earlier version; the next start tries again.
                let _ = self.keep_ssrc_on(computer, ssrc);
                stored.computer = Some(here.mark);
            }
            (Some(_), _, _) => {}
            (None, _, _) => self.create_ssrc(computer, &mut stored, &mut faults)?,
        }
        Ok(Loaded { stored, faults })
    }

    /// Writes these values into the user's file, unless they apply already; every key that `new` does
    /// not set stays as it is, except that another server removes the page of the one before. An empty
    /// text removes its key. Returns the path of a copy if an invalid
    /// value had to be replaced.
    ///
    /// # Errors
    /// When the file cannot be read or written; then it has not changed.
    pub(crate) fn save(&self, new: &Stored) -> io::Result<Option<PathBuf>> {
        #[cfg(windows)]
        let _lock = lock::Lock::of(&self.user);
        let (machine, _) = self.read_machine();
        let mut faults = Vec::new();
        let mut document = match read(&self.user)? {
            None => template(),
            Some(Ok(document)) => document,
            Some(Err(damaged)) => {
                // Fails unless there is a copy.
                self.repair(&damaged)?;
                damaged.rest
            }
        };
        let user = values(&document, &self.user, &mut faults);
        let mut new = new.clone();
        let before = user.clone().over(machine);
        if user.page.is_some() && is_for_another_server(&new, &before) {
            new.page = new.page.or(Some(String::new()));
        }
        let changes = changes(&before, &new);
        if changes.is_empty() && self.user.exists() {
            return Ok(None);
        }
        let replaces_invalid = changes.iter().any(|(key, _)| is_invalid(key.name, &faults));
        let kept = replaces_invalid.then(|| copy_aside(&self.user, "invalid"));
        let kept = kept.transpose()?;
        for (key, value) in changes {
            if value.is_empty() {
                document.remove(SECTION, key.name);
            } else {
                document.set(SECTION, key.name, &value);
            }
        }
        write(&self.user, &document)?;
        Ok(kept)
    }

    /// Stores another SSRC in the user's file.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn keep_ssrc(&self, ssrc: Ssrc) -> io::Result<()> {
        self.keep_ssrc_on(this_computer().as_ref(), ssrc)
    }

    fn keep_ssrc_on(&self, computer: Option<&Computer>, ssrc: Ssrc) -> io::Result<()> {
        let new = Stored {
            ssrc: Some(ssrc),
            computer: computer.map(|here| here.mark),
            ..Stored::default()
        };
        self.save(&new).map(drop)
    }

    /// Returns which keys each file sets, as far as they are valid and used.
    pub(crate) fn origins(&self) -> Origins {
        let (machine, _) = self.read_machine();
        let user = match read(&self.user) {
            Ok(Some(Ok(document))) => values(&document, &self.user, &mut Vec::new()),
            Ok(Some(Err(damaged))) => values(&damaged.rest, &self.user, &mut Vec::new()),
            Ok(None) | Err(_) => Stored::default(),
        };
        let names = |stored: &Stored| {
            let keys = Platform::Windows.keys();
            keys.filter(|key| (key.show)(stored).is_some())
                .map(|key| key.name)
                .collect::<Vec<_>>()
        };
        let user = names(&user);
        let mut machine = names(&machine);
        machine.retain(|key| !user.contains(key));
        Origins { user, machine }
    }

    /// Reads the machine-wide layer without its SSRC, which would be the same for every user.
    fn read_machine(&self) -> (Stored, Vec<Fault>) {
        let mut faults = Vec::new();
        let Some(file) = &self.machine else {
            return (Stored::default(), faults);
        };
        let document = match read(file) {
            Ok(None) => return (Stored::default(), faults),
            Ok(Some(Ok(document))) => document,
            Ok(Some(Err(damaged))) => {
                faults.push(damage(file, damaged.reason, None));
                damaged.rest
            }
            Err(error) => {
                faults.push(Fault::unreadable(file, &error));
                return (Stored::default(), faults);
            }
        };
        let mut stored = values(&document, file, &mut faults);
        stored.computer = None;
        if stored.ssrc.take().is_some() {
            faults.push(Fault::SharedSsrc { file: file.clone() });
        }
        (stored, faults)
    }

    /// Copies the damaged user's file, then replaces it by the lines that can be read. Returns
    /// the path of the copy.
    fn repair(&self, damaged: &Damaged) -> io::Result<PathBuf> {
        let copy = copy_aside(&self.user, "damaged")?;
        write(&self.user, &damaged.rest)?;
        Ok(copy)
    }

    /// Gives the client an SSRC of this computer. Where it cannot be saved, as in a kiosk, it is the same
    /// at every start, because it is made from the computer and the user; so that is no more than a fault
    /// to report.
    fn create_ssrc(
        &self,
        computer: Option<&Computer>,
        stored: &mut Stored,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let ssrc = computer.map_or_else(Ssrc::random, |here| here.ssrc);
        (stored.ssrc, stored.computer) = (Some(ssrc), computer.map(|here| here.mark));
        let Err(error) = self.keep_ssrc_on(computer, ssrc) else {
            return Ok(());
        };
        let (file, error) = (self.user.clone(), error.to_string());
        if computer.is_some() {
            faults.push(Fault::NotSaved { file, error });
            return Ok(());
        }
        Err(Fault::SsrcNotSaved {
            platform: Platform::Windows,
            file,
            ssrc,
            error,
        })
    }
}

/// Returns the valid values of a document, and adds its faults.
pub(super) fn values(document: &Document, file: &Path, faults: &mut Vec<Fault>) -> Stored {
    add_overlooked(document, file, faults);
    let mut stored = Stored::default();
    let mut add_invalid = |key: &Key, text: &str| {
        faults.push(Fault::Value {
            place: file.into(),
            key: key.name,
            value: format!("\"{text}\""),
            allowed: key.allowed,
        });
    };
    for key in Platform::Windows.keys() {
        let text = document.get(SECTION, key.name).unwrap_or_default().trim();
        if !text.is_empty() && (key.read)(&mut stored, &canonical(key, text)).is_none() {
            add_invalid(key, text);
        }
        let needs_value = key.name == "device" && stored.source == Some(SourceKind::Device);
        if text.is_empty() && needs_value {
            add_invalid(key, text);
        }
    }
    stored
}

/// Returns the text as the table has it: words are read without regard to case.
fn canonical(key: &Key, text: &str) -> String {
    match key.allowed {
        Allowed::Words(_) => text.to_ascii_lowercase(),
        Allowed::Number(_) | Allowed::Text(_) => text.to_owned(),
    }
}

/// Adds a fault for whatever is not read: keys that do not exist, are set twice, or are not in
/// the section.
fn add_overlooked(document: &Document, file: &Path, faults: &mut Vec<Fault>) {
    let is_ours = |(section, _, _): &(&str, &str, &str)| section.eq_ignore_ascii_case(SECTION);
    let mut entries = document.entries().peekable();
    if entries.peek().is_some() && !entries.any(|entry| is_ours(&entry)) {
        let file = file.to_owned();
        faults.push(Fault::NoSection { file });
        return;
    }
    let mut seen = Vec::new();
    for (_, found, _) in document.entries().filter(is_ours) {
        let is_found = |key: &&Key| key.name.eq_ignore_ascii_case(found);
        match Platform::Windows.keys().find(is_found) {
            None => faults.push(Fault::UnknownKey {
                place: file.into(),
                key: found.to_owned(),
                known: Platform::Windows.names(),
            }),
            Some(Key { name: key, .. }) if seen.contains(key) => faults.push(Fault::Twice {
                file: file.to_owned(),
                key,
            }),
            Some(key) => seen.push(key.name),
        }
    }
}

/// Returns the keys that `new` sets to another value, with that value.
fn changes(before: &Stored, new: &Stored) -> Vec<(&'static Key, String)> {
    let set = Platform::Windows
        .keys()
        .filter_map(|key| Some((key, (key.show)(new)?)));
    set.filter(|(key, value)| (key.show)(before).unwrap_or_default() != *value)
        .collect()
}

fn is_for_another_server(new: &Stored, before: &Stored) -> bool {
    let server = new.server.as_ref();
    server.is_some_and(|server| before.has_other_server(server))
}

fn is_invalid(key: &str, faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.is_about(key))
}

fn damage(file: &Path, reason: Damage, kept: Option<Result<PathBuf, String>>) -> Fault {
    let file = file.to_owned();
    Fault::Damaged { file, reason, kept }
}

fn template() -> Document {
    Document::new(&TEMPLATE.replace('\n', "\r\n"))
}

/// Reads a file; `None` if it does not exist.
fn read(file: &Path) -> io::Result<Option<Result<Document, Box<Damaged>>>> {
    match read_up_to(MAX_BYTES, file) {
        Ok(Some(bytes)) => Ok(Some(Document::decode_with(&bytes, code_page).map_err(
            |damaged| match damaged.rest.is_blank() {
                // Nothing that a person wrote is left, so its explanations are better than nothing.
                true => Box::new(Damaged {
                    rest: template(),
                    ..*damaged
                }),
                false => damaged,
            },
        ))),
        Ok(None) => Ok(Some(Err(Box::new(Damaged {
            reason: Damage::TooLarge(MAX_BYTES),
            rest: template(),
        })))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Only Windows has code pages.
#[cfg(not(windows))]
fn code_page(_: &[u8]) -> Option<String> {
    None
}

/// Returns this computer and its user. The tests say themselves which computer it is.
fn this_computer() -> Option<Computer> {
    #[cfg(all(windows, not(test)))]
    return crate::windows::computer::this();
    #[cfg(not(all(windows, not(test))))]
    None
}

fn write(file: &Path, document: &Document) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    replace(file, &document.encode())
}

#[cfg(test)]
mod tests;
