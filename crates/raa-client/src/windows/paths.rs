//! The files of this client: their paths, and how they are opened at the start.
//!
//! The log is below %LOCALAPPDATA%, which neither roams nor is redirected to a share, while
//! %APPDATA% may be both (learn.microsoft.com/windows-server/storage/folder-redirection/
//! folder-redirection-rup-overview). `--settings-dir` holds both files.
//!
//! Always: absolute paths; the machine-wide defaults are next to the program.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf, absolute};

use super::failure::{CANNOT_WORK, Failure};
use crate::logging::LogLevel;
use crate::settings::{Allowed, Fault, INI_NAME, IniFiles, Loaded};
use crate::ui::log_file::{LOG_NAME, LogFile, OLD_LOG_NAME};

/// The folder in the user's application data.
const FOLDER: &str = "raa-client";

/// The paths of the settings and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// The settings; `ini.user` is the user's own file.
    pub(super) ini: IniFiles,
    /// The log.
    pub(super) log: PathBuf,
}

impl Files {
    /// Returns the files in `folder`, or in the user's application data.
    pub(super) fn find(folder: Option<&Path>) -> Result<Self, Fault> {
        let (folder, log) = match folder {
            Some(folder) => {
                let folder = settings_dir(folder)?;
                (folder.clone(), folder)
            }
            None => {
                let settings = application_data()?.join(FOLDER);
                let local = local_data().map(|local| local.join(FOLDER));
                let log = local.unwrap_or_else(|| settings.clone());
                (settings, log)
            }
        };
        let user = folder.join(INI_NAME);
        let beside_exe = exe().ok().map(|exe| exe.with_file_name(INI_NAME));
        Ok(Self {
            log: log.join(LOG_NAME),
            ini: IniFiles {
                // In a portable folder there is one file, and it is the user's.
                machine: beside_exe.filter(|machine| !is_same(machine, &user)),
                user,
            },
        })
    }

    /// Returns the folder of the user's files.
    pub(super) fn folder(&self) -> &Path {
        self.ini.user.parent().unwrap_or(Path::new(""))
    }

    /// Returns whether the user's files are in this folder.
    pub(super) fn are_in(&self, folder: &Path) -> bool {
        is_same(&folder.join(INI_NAME), &self.ini.user)
    }

    /// Returns all files that this client has written: settings, log, and copies of damaged settings.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let folders = [self.folder(), self.log.parent().unwrap_or(Path::new(""))];
        let mut kept: Vec<_> = folders
            .into_iter()
            .filter_map(|folder| folder.read_dir().ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(is_written_here))
            .collect();
        kept.sort();
        kept.dedup();
        kept
    }

    /// Starts the log before the settings have been read.
    pub(super) fn start_log(&self) {
        LogFile::new(&self.log).start(LogLevel::default());
    }

    /// Reads the settings and starts the log at the level that they set.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let loaded = self.ini.load();
        let level = match &loaded {
            Ok(loaded) => loaded.stored.log_level.unwrap_or_default(),
            Err(_) => LogLevel::default(),
        };
        LogFile::new(&self.log).start(level);
        let loaded = loaded.map_err(|fault| Failure::new(CANNOT_WORK, fault))?;
        for fault in &loaded.faults {
            tracing::warn!("{fault}");
        }
        Ok(loaded)
    }
}

/// Returns whether a client gives this name to a file: those of settings and logs, and for copies of
/// settings with something behind it.
fn is_written_here(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let copy = name
        .strip_prefix(INI_NAME)
        .is_some_and(|end| end.starts_with('.'));
    copy || [INI_NAME, LOG_NAME, OLD_LOG_NAME].contains(&name.as_ref())
}

/// Returns the path of this program.
pub(super) fn exe() -> io::Result<PathBuf> {
    env::current_exe().map(whole)
}

/// Returns an absolute path: Wine leaves out the beginning of one on a share.
fn whole(exe: PathBuf) -> PathBuf {
    match exe.strip_prefix("UNC") {
        Ok(share) => {
            let mut path = OsString::from(r"\\");
            path.push(share);
            path.into()
        }
        Err(_) => exe,
    }
}

/// Returns the absolute path of the folder of `--settings-dir`, which need not exist yet.
pub(super) fn settings_dir(folder: &Path) -> Result<PathBuf, Fault> {
    absolute(folder).map_err(|_| Fault::Option {
        option: "--settings-dir".into(),
        value: folder.display().to_string(),
        allowed: Allowed::Text("the path of a folder"),
    })
}

/// Returns %APPDATA%, the user's folder for settings.
fn application_data() -> Result<PathBuf, Fault> {
    folder_of("APPDATA").ok_or(Fault::NoFolder {
        variable: "APPDATA",
        option: "--settings-dir",
    })
}

/// Returns %LOCALAPPDATA%, the user's folder on this computer.
fn local_data() -> Option<PathBuf> {
    folder_of("LOCALAPPDATA")
}

fn folder_of(variable: &str) -> Option<PathBuf> {
    let folder = env::var_os(variable).map(PathBuf::from);
    folder.filter(|folder| folder.is_absolute())
}

/// Returns whether two paths name the same file. Files that do not exist are the same if their
/// folders are.
fn is_same(one: &Path, other: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    one == other || (folder(one).is_some() && folder(one) == folder(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_a_share_has_its_whole_path() {
        let check = |exe: &str, expected: &str| {
            assert_eq!(whole(exe.into()), PathBuf::from(expected), "{exe}");
        };
        let on_share = r"\\SERVER\share\raa-client.exe";
        check(r"UNC\SERVER\share\raa-client.exe", on_share);
        check(on_share, on_share);
        check(r"C:\UNC\raa-client.exe", r"C:\UNC\raa-client.exe");
    }
}
