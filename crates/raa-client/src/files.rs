//! Files that are replaced whole or not at all.
//!
//! Always: a crash or a full disk leaves the old file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// On Windows a virus scanner may have the file open for a moment, and nobody can replace it then.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Puts a new file in the place of the old one, in one step; who may read it stays.
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link to the file stays one.
    let file = match fs::symlink_metadata(file) {
        Ok(found) if found.is_symlink() => &file.canonicalize()?,
        _ => file,
    };
    let new = with_suffix(file, &format!("{}.new", std::process::id()));
    let written = write_new(&new, file, bytes).and_then(|()| rename(&new, file));
    if written.is_err() {
        // Perhaps it was not even made; then there is nothing to remove.
        let _ = fs::remove_file(&new);
    }
    written
}

/// The file's name with a dot and this behind it.
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
