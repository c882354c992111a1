//! Where this client's files are.
//!
//! Always: absolute paths; the user's files lie in one folder, the machine-wide defaults beside
//! the program.

use std::env;
use std::io;
use std::path::{Path, PathBuf, absolute};

use crate::settings::ini_files::{INI_NAME, IniFiles};
use crate::ui::log_file::LOG_NAME;

/// The folder in the user's application data.
const FOLDER: &str = "raa-client";

/// The settings and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    /// The settings; `ini.user` is the user's own file.
    pub(super) ini: IniFiles,
    /// The log.
    pub(super) log: PathBuf,
}

impl Files {
    /// The files in `folder`, or in the user's application data.
    pub(super) fn find(folder: Option<&Path>) -> Result<Self, String> {
        let folder = match folder {
            Some(folder) => settings_dir(folder)?,
            None => application_data()?.join(FOLDER),
        };
        let user = folder.join(INI_NAME);
        let beside_exe = exe().ok().map(|exe| exe.with_file_name(INI_NAME));
        Ok(Self {
            log: folder.join(LOG_NAME),
            ini: IniFiles {
                // In a portable folder there is one file, and it is the user's.
                machine: beside_exe.filter(|machine| !is_same(machine, &user)),
                user,
            },
        })
    }
}

/// This program.
pub(super) fn exe() -> io::Result<PathBuf> {
    env::current_exe()
}

/// The folder that `--settings-dir` names, which need not be there yet.
pub(super) fn settings_dir(folder: &Path) -> Result<PathBuf, String> {
    absolute(folder).map_err(|error| {
        format!(
            "--settings-dir is \"{}\", allowed are folders: {error}",
            folder.display()
        )
    })
}

/// %APPDATA%, the user's folder for settings.
fn application_data() -> Result<PathBuf, String> {
    let folder = env::var_os("APPDATA").map(PathBuf::from);
    folder.filter(|path| path.is_absolute()).ok_or_else(|| {
        "no folder for settings: APPDATA is not set, and --settings-dir not given".into()
    })
}

/// Files that are not there are the same if their folders are.
fn is_same(one: &Path, other: &Path) -> bool {
    let folder = |path: &Path| path.parent().and_then(|folder| folder.canonicalize().ok());
    one == other || (folder(one).is_some() && folder(one) == folder(other))
}
