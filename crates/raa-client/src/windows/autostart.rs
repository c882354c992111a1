//! "Start with Windows": a value of the user's `Run` key, which is the setting itself.
//!
//! Windows runs the commands of this key when the user signs in
//! (learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys).
//! Always: the user's own key; nothing needs an administrator.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use super::paths;
use super::registry::Key;
use crate::settings::WindowsOptions;

const RUN: &str = r"Software\Microsoft\Windows\CurrentVersion\Run";
const VALUE: &str = "raa-client";
/// Maximum length of a command, according to the page named above.
const MAX_COMMAND_CHARS: usize = 260;

/// Returns whether this client starts with Windows; false if the registry cannot be read.
pub(super) fn is_on() -> bool {
    matches!(Key::of_user(RUN).text(VALUE), Ok(Some(_)))
}

/// Checks whether the start with Windows can be set up at all, before anything is changed.
///
/// # Errors
/// When the command would be longer than 260 characters.
pub(super) fn check() -> io::Result<()> {
    command().map(drop)
}

/// Adds or removes the start with Windows.
///
/// # Errors
/// When the registry refuses, or the command would be longer than 260 characters.
pub(super) fn set(on: bool) -> io::Result<()> {
    let run = Key::of_user(RUN);
    if on {
        Ok(run.set_text(VALUE, &command()?)?)
    } else {
        Ok(run.remove(VALUE)?)
    }
}

/// Returns the command for Windows: this program, silent, with the folder of its settings.
fn command() -> io::Result<String> {
    let options = WindowsOptions::read(std::env::args_os()).ok();
    let settings_dir = options
        .and_then(|options| options.settings_dir)
        .map(|folder| paths::settings_dir(&folder))
        .transpose()
        .map_err(io::Error::other)?;
    let command = command_of(&paths::exe()?, settings_dir.as_deref());
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

/// Quotes a path, which contains no quotes. A backslash at its end is doubled, because it would
/// otherwise escape the closing quote.
fn quoted(path: &Path) -> OsString {
    let mut text = OsString::from("\"");
    text.push(path);
    if path.as_os_str().as_encoded_bytes().ends_with(b"\\") {
        text.push("\\");
    }
    text.push("\"");
    text
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
