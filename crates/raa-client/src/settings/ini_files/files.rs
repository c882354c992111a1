//! What the settings need of files beside [`crate::files`]: reads with a limit, and copies with
//! names that are free.
//!
//! Always: no copy takes the place of another file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::files::with_suffix;
use crate::settings::ini::MAX_BYTES;

/// So many copies are kept; whoever has not looked at them by then will not miss another.
const MAX_COPIES: u32 = 20;

/// The file's content; `None` when it is too large to be a settings file.
pub(super) fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

/// Copies it beside itself, as `FILE.why`, `FILE.why-2` and so on, and says where it is.
pub(super) fn copy_aside(file: &Path, why: &str) -> io::Result<PathBuf> {
    for number in 1..=MAX_COPIES {
        let copy = match number {
            1 => with_suffix(file, why),
            _ => with_suffix(file, &format!("{why}-{number}")),
        };
        match OpenOptions::new().write(true).create_new(true).open(&copy) {
            Ok(to) => return fill(to, file, &copy).map(|()| copy),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "there are {MAX_COPIES} copies of it already; delete them"
    )))
}

fn fill(mut to: File, from: &Path, copy: &Path) -> io::Result<()> {
    let copied = File::open(from)
        .and_then(|mut from| io::copy(&mut from, &mut to))
        .and_then(|_bytes| to.sync_all());
    if copied.is_err() {
        // Half a copy is none.
        let _ = fs::remove_file(copy);
    }
    copied
}
