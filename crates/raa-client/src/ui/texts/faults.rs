//! Faults in the settings files, in the user's language.
//!
//! Always: a file is named without its folder, for which a balloon has no room; the log has the full
//! path.

use std::path::Path;

use super::{Language, Text};
use crate::settings::ini_files::Fault;

impl Language {
    /// Returns a sentence about a fault.
    pub(crate) fn fault(self, fault: &Fault) -> String {
        match fault {
            Fault::Value {
                file,
                key,
                value,
                allowed,
            } => self.fill(
                Text::FaultValue,
                &[
                    ("file", &name(file)),
                    ("key", key),
                    ("value", value),
                    ("allowed", allowed),
                ],
            ),
            Fault::UnknownKey { file, key, .. } => self.fill(
                Text::FaultUnknownKey,
                &[("file", &name(file)), ("key", key)],
            ),
            Fault::Twice { file, key } => {
                self.fill(Text::FaultTwice, &[("file", &name(file)), ("key", key)])
            }
            Fault::NoSection { file } => self.fill(Text::FaultNoSection, &[("file", &name(file))]),
            Fault::SharedSsrc { file } => {
                self.fill(Text::FaultSharedSsrc, &[("file", &name(file))])
            }
            Fault::Unreadable { file, error } => self.fill(
                Text::FaultUnreadable,
                &[("file", &name(file)), ("reason", error)],
            ),
            Fault::Damaged {
                file, reason, kept, ..
            } => {
                let file = name(file);
                match kept {
                    Some(Ok(copy)) => self.fill(
                        Text::FaultKept,
                        &[("file", &file), ("reason", reason), ("copy", &name(copy))],
                    ),
                    _ => self.fill(Text::FaultDamaged, &[("file", &file), ("reason", reason)]),
                }
            }
        }
    }
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}
