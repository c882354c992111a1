//! Replaces files atomically, and copies and reads them with limits.
//!
//! Always: a crash or a full disk leaves the old file in place; no copy replaces another file.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Attempts to replace a file: on Windows, a virus scanner may have it open for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Maximum number of copies that are kept of a file.
const MAX_COPIES: u32 = 20;

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
fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Reads a file; `None` if it has more than `limit` bytes.
#[cfg_attr(not(windows), allow(dead_code))]
pub(crate) fn read_up_to(limit: u64, file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Copies a file to `FILE.why` in the same folder, or `FILE.why-2` and so on, and returns the path
/// of the copy.
#[cfg_attr(not(windows), allow(dead_code))]
pub(crate) fn copy_aside(file: &Path, why: &str) -> io::Result<PathBuf> {
    for number in 1..=MAX_COPIES {
        let copy = match number {
            1 => with_suffix(file, why),
            _ => with_suffix(file, &format!("{why}-{number}")),
        };
        match File::create_new(&copy) {
            Ok(to) => return fill(to, file, &copy).map(|()| copy),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "there are {MAX_COPIES} copies of it already; delete some"
    )))
}

fn fill(mut to: File, from: &Path, copy: &Path) -> io::Result<()> {
    let copied = File::open(from)
        .and_then(|mut from| io::copy(&mut from, &mut to))
        .and_then(|_bytes| to.sync_all());
    if copied.is_err() {
        // An incomplete copy is of no use.
        let _ = fs::remove_file(copy);
    }
    copied
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
