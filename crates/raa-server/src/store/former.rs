//! The state as it was before an upgrade of its schema, kept next to it.
//!
//! An older server refuses the file of a newer one, so without this copy there would be no way back.
//! Always: a file with the final name is complete and on the disk; a copy that was cut short has another
//! name and is written over; the original is only read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tracing::info;

use super::error::StoreError;
use super::with_suffix;

/// Free space that must remain for the journal, the log and the state's growth.
const MARGIN_BYTES: u64 = 1 << 20;

/// Returns the name of the copy with this version of the schema, such as `raa.sqlite.schema-1`.
pub(super) fn name(path: &Path, version: usize) -> PathBuf {
    with_suffix(path, format!(".schema-{version}"))
}

/// Returns the newest copy whose schema is known here.
pub(super) fn newest(path: &Path, known: usize) -> Option<PathBuf> {
    let mut names = (1..=known).rev().map(|version| name(path, version));
    names.find(|name| name.is_file())
}

/// Copies the open database, whose schema has this version, and replaces an older copy of that version.
///
/// # Errors
/// [`StoreError`]; then a copy of before is still there.
pub(super) fn keep(connection: &Connection, path: &Path, version: usize) -> Result<(), StoreError> {
    let kept = name(path, version);
    let part = with_suffix(&kept, ".part");
    let failed = |error: io::Error| {
        StoreError::Refused(format!(
            "the state must be upgraded, but a copy of it, {}, can't be kept: {error}",
            kept.display()
        ))
    };
    let sqlite = |error: rusqlite::Error| StoreError::of(path, &error);
    if connection.is_readonly("main").map_err(sqlite)? {
        return Err(StoreError::ReadOnly(path.to_owned()));
    }
    let dir = path.parent().unwrap_or(Path::new(""));
    let pages = pragma(connection, "page_count").map_err(sqlite)?;
    let page_size = pragma(connection, "page_size").map_err(sqlite)?;
    require_room(dir, pages * page_size)?;
    create(&part).map_err(failed)?;
    let mut copy = Connection::open(&part).map_err(sqlite)?;
    let step = Backup::new(connection, &mut copy).and_then(|backup| backup.step(-1));
    match step.map_err(sqlite)? {
        StepResult::Done => {}
        _ => return Err(StoreError::Locked(path.to_owned())),
    }
    copy.close().map_err(|(_, error)| sqlite(error))?;
    let renamed = fs::rename(&part, &kept).and_then(|()| File::open(dir)?.sync_all());
    renamed.map_err(failed)?;
    info!(
        file = %kept.display(), schema = version,
        "the state of before its upgrade is kept"
    );
    Ok(())
}

/// Makes an empty file for this user alone. What an interrupted copy has left is of no use.
fn create(part: &Path) -> io::Result<()> {
    for name in [part.to_owned(), with_suffix(part, "-journal")] {
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _removed_or_absent => {}
        }
    }
    let mut options = File::options();
    let create = options.write(true).create_new(true).mode(0o600);
    create.open(part).map(drop)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| {
        row.get(0).map(i64::unsigned_abs)
    })
}

/// Fails if there is no room for the copy and for the journal of the upgrade, which may be as long.
fn require_room(dir: &Path, state_bytes: u64) -> Result<(), StoreError> {
    let Ok(disk) = statvfs(if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }) else {
        // Then the copy itself shows whether there is room.
        return Ok(());
    };
    let free = disk.blocks_available() * disk.fragment_size();
    let needed = 3 * state_bytes + MARGIN_BYTES;
    if free >= needed {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "the state must be upgraded, which needs {} kB of free space in {}, but there are {} kB",
        needed / 1024,
        dir.display(),
        free / 1024
    )))
}
