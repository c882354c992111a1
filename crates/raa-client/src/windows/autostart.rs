//! "Start with Windows": a value of a `Run` key, and whether Windows heeds it.
//!
//! Windows runs the commands of the user's and the computer's key when a user signs in
//! (learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys). What was switched off in
//! the Task Manager or in Settings stays in that key, and is marked below `StartupApproved`
//! (superuser.com/questions/1766797, windowsir.blogspot.com/2022/07/startupapprovedrun-pt-ii.html): an
//! odd first byte means that it is not run.
//! Always: on means that this program will be run with these settings; setting it on mends all that keeps
//! it from that.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use windows::Win32::Foundation::ERROR_ACCESS_DENIED;

use super::paths;
use super::process::quoted;
use super::registry::Key;
use crate::settings::WindowsOptions;

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const APPROVED: &str = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";
const VALUE: &str = "raa-client";
/// Maximum length of a command, according to the page named above.
const MAX_COMMAND_CHARS: usize = 260;

/// Whom the client is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// This user.
    User,
    /// All users of the computer; only an administrator may change it.
    Everybody,
}

/// Returns whether this client starts with Windows; false if the registry cannot be read.
pub(super) fn is_on() -> bool {
    // A start for everybody knows nothing of this user's folder.
    let everybody = command(None).ok();
    let own = own_command().ok();
    Scope::Everybody.runs(everybody.as_deref()) || Scope::User.runs(own.as_deref())
}

/// Checks whether the start with Windows can be set up at all, before anything is changed.
///
/// # Errors
/// When the command would be longer than 260 characters.
pub(super) fn check() -> io::Result<()> {
    own_command().map(drop)
}

/// Adds or removes the start with Windows.
///
/// # Errors
/// When the registry refuses, or the command would be longer than 260 characters.
pub(super) fn set(on: bool) -> io::Result<()> {
    if on {
        return Scope::User.add(&own_command()?);
    }
    Scope::User.remove()?;
    Scope::Everybody.remove().map_err(|error| {
        if error.raw_os_error() != Some(ERROR_ACCESS_DENIED.to_hresult().0) {
            return error;
        }
        let reason =
            "an administrator has set it up for all users, and only an administrator can remove it";
        io::Error::new(error.kind(), reason)
    })
}

/// Adds the start with Windows for all users.
///
/// # Errors
/// As for [`set`]; without the rights of an administrator the registry refuses.
pub(super) fn set_for_everybody() -> io::Result<()> {
    Scope::Everybody.add(&command(None)?)
}

impl Scope {
    fn key(self, path: &str) -> Key {
        match self {
            Self::User => Key::of_user(path),
            Self::Everybody => Key::of_machine(path),
        }
    }

    /// Whether Windows runs this command.
    fn runs(self, command: Option<&str>) -> bool {
        let set = self.key(RUN).text(VALUE).ok().flatten();
        let is_own =
            |set: &str| command.is_some_and(|own| own.to_lowercase() == set.to_lowercase());
        set.is_some_and(|set| is_own(&set)) && !self.is_switched_off()
    }

    fn is_switched_off(self) -> bool {
        let mark = self.key(APPROVED).binary(VALUE).ok().flatten();
        mark.is_some_and(|mark| mark.first().is_some_and(|first| first % 2 == 1))
    }

    fn add(self, command: &str) -> io::Result<()> {
        if self.is_switched_off() {
            tracing::info!("the start with Windows was switched off in Windows, and is on again");
        }
        self.key(RUN).set_text(VALUE, command)?;
        // Without a mark, Windows runs the command.
        Ok(self.key(APPROVED).remove(VALUE)?)
    }

    /// Removes what is there: without the rights of an administrator, even the attempt to remove a value
    /// of the computer that does not exist is refused.
    fn remove(self) -> io::Result<()> {
        let (run, approved) = (self.key(RUN), self.key(APPROVED));
        if !matches!(run.text(VALUE), Ok(None)) {
            run.remove(VALUE)?;
        }
        if !matches!(approved.binary(VALUE), Ok(None)) {
            approved.remove(VALUE)?;
        }
        Ok(())
    }
}

/// Returns the command for Windows with the folder of this process's settings.
fn own_command() -> io::Result<String> {
    let options = WindowsOptions::read(std::env::args_os()).ok();
    let settings_dir = options
        .and_then(|options| options.settings_dir)
        .map(|folder| paths::settings_dir(&folder))
        .transpose()
        .map_err(io::Error::other)?;
    command(settings_dir.as_deref())
}

/// Returns the command for Windows: this program, silent, with the folder of its settings.
fn command(settings_dir: Option<&Path>) -> io::Result<String> {
    let command = command_of(&paths::exe()?, settings_dir);
    let command = command.into_string().map_err(|command| {
        io::Error::other(format!("{} is not valid Unicode", command.display()))
    })?;
    let chars = command.chars().count();
    if chars > MAX_COMMAND_CHARS {
        return Err(io::Error::other(format!(
            "the command to start with Windows has {chars} characters; it must have \
             {MAX_COMMAND_CHARS} at most. Move the program to a folder with a shorter path"
        )));
    }
    Ok(command)
}

fn command_of(exe: &Path, settings_dir: Option<&Path>) -> OsString {
    let mut command = quoted(exe);
    command.push(" --silent");
    if let Some(folder) = settings_dir {
        command.push(" --settings-dir ");
        command.push(quoted(folder));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_quoted_for_windows() {
        let command = |folder: Option<&str>| {
            let exe = Path::new(r"C:\Program Files\RAA\raa-client.exe");
            command_of(exe, folder.map(Path::new))
                .into_string()
                .unwrap()
        };
        let start = r#""C:\Program Files\RAA\raa-client.exe" --silent"#;
        assert_eq!(command(None), start);
        assert_eq!(
            command(Some(r"D:\my raa")),
            format!(r#"{start} --settings-dir "D:\my raa""#)
        );
        assert_eq!(
            command(Some(r"D:\")),
            format!(r#"{start} --settings-dir "D:\\""#)
        );
    }
}
