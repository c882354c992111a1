//! Settings from real files.

mod faults;
mod reading;
mod saving;
mod ssrcs;

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;
use tempfile::TempDir;

use super::*;
use crate::logging::LogLevel;
use crate::settings::values::host_name;
use crate::settings::{Source, default_page};

/// A user's folder and a machine-wide one.
struct Case {
    folder: TempDir,
    files: IniFiles,
}

impl Case {
    fn new(machine: Option<&str>, user: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).join(INI_NAME);
        let files = IniFiles {
            user: path("user"),
            machine: Some(path("machine")),
        };
        for (file, text) in [
            (files.machine.as_ref().unwrap(), machine),
            (&files.user, user),
        ] {
            if let Some(text) = text {
                fs::create_dir(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
        }
        Self { folder, files }
    }

    fn user(text: &str) -> Self {
        Self::new(None, Some(text))
    }

    fn load(&self) -> Loaded {
        self.files.load().unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.files.user).unwrap()
    }

    /// Returns the names of the user's files.
    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder.path().join("user")).unwrap();
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn aside(&self, suffix: &str) -> PathBuf {
        let name = format!("{INI_NAME}.{suffix}");
        self.files.user.with_file_name(name)
    }
}

const ALL: &str = "[raa-client]\nserver = [::1]:5000\nsource = device\ndevice = {0.0.1}.{a;b}\n\
    device_name = Mic\nname = Ward 3\npage = https://raa.example/raa\nmuted = yes\n\
    redundancy = 2\nlog_level = debug\nssrc = 5f0a11c2\n";

fn muted(muted: bool) -> Stored {
    Stored {
        muted: Some(muted),
        ..Stored::default()
    }
}
