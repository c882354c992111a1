//! Replaces files atomically.
//!
//! Always: a crash or a full disk leaves the old file in place.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Attempts to replace a file: on Windows, a virus scanner may have it open for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Replaces the file's content in one step, keeping its permissions.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A symbolic link to the file stays one.
    let file = match fs::symlink_metadata(file) {
        Ok(found) if found.is_symlink() => &file.canonicalize()?,
        _ => file,
    };
    let new = with_suffix(file, &format!("{}.new", std::process::id()));
    let written = write_new(&new, file, bytes).and_then(|()| rename(&new, file));
    if written.is_err() {
        // If it was not even created, there is nothing to remove.
        let _ = fs::remove_file(&new);
    }
    written
}

/// Appends a dot and `suffix` to the file's name.
pub(crate) fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn write_new(new: &Path, old: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(new)?;
    if let Ok(old) = fs::metadata(old) {
        file.set_permissions(old.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 1..TRIES {
        if fs::rename(from, to).is_ok() {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    fs::rename(from, to)
}
