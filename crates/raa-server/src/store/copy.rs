//! A copy of the database, for reading what cannot be read in its place: while another program holds
//! the file, or where nothing may be written.
//!
//! Always: the original's files are only read; the copy is gone when it is dropped.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::with_suffix;

/// A copy of a database in a folder of its own, which only this user can read.
pub(super) struct Copy {
    dir: PathBuf,
}

impl Copy {
    /// Copies the database and what belongs to it: a transaction that has not ended is undone when the
    /// copy is opened.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let name = format!("raa-server-{:016x}", rand::random::<u64>());
        let dir = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&dir)?;
        let copy = Self { dir };
        copy_content(path, &copy.path())?;
        for suffix in ["-journal", "-wal"] {
            let (from, to) = (with_suffix(path, suffix), with_suffix(&copy.path(), suffix));
            match copy_content(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _copied_or_absent => {}
            }
        }
        Ok(copy)
    }

    /// Returns the path of the database.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join("raa.sqlite")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The system clears its folder of temporary files some day.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Copies without the permissions: a copy of a read-only file can be written to.
fn copy_content(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut File::create_new(to)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn a_copy_has_the_last_committed_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let writer = Connection::open(&path).unwrap();
        let number = |path: &Path| -> i64 {
            let copy = Connection::open(path).unwrap();
            copy.query_row("SELECT sum(n) FROM t", [], |row| row.get(0))
                .unwrap()
        };
        for mode in ["TRUNCATE", "WAL"] {
            let _ = writer.pragma_update(None, "journal_mode", mode);
            writer
                .execute_batch(
                    "DROP TABLE IF EXISTS t; CREATE TABLE t (n, text);
                     INSERT INTO t SELECT 1, hex(zeroblob(4000));
                     PRAGMA cache_size = 1; PRAGMA cache_spill = 1;
                     BEGIN; UPDATE t SET n = 2; INSERT INTO t SELECT 3, hex(zeroblob(90000));",
                )
                .unwrap();
            let copy = Copy::of(&path).unwrap();
            assert_eq!(number(&copy.path()), 1, "{mode}");
            let place = copy.path().parent().unwrap().to_owned();
            drop(copy);
            assert!(!place.exists());
            writer.execute_batch("COMMIT").unwrap();
            assert_eq!(number(&Copy::of(&path).unwrap().path()), 5, "{mode}");
        }
    }
}
