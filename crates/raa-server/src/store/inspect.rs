//! A look at the state for the doctor: what is there, and whether a server could use it.
//!
//! Always: nothing in the folder is changed, no lock is left and no index of a log is made; what SQLite could
//! only read after a change is read from a copy elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::copy::Copy;
use super::database::{self, Failure, OpenError};
use super::look::{Found, look};
use super::schema::MIGRATIONS;
use super::{clients, with_suffix};

const PATIENCE: Duration = Duration::from_secs(1);

/// What lies at the state's path. Texts are for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inspected {
    /// Nothing, or an empty file: a server makes a new one.
    Nothing,
    /// This user may not read it.
    Hidden,
    /// As this version writes it.
    Healthy {
        /// The number of clients in it.
        clients: u64,
    },
    /// Healthy, and to be upgraded at the next start.
    Old {
        /// The version of its schema.
        schema: usize,
    },
    /// Of a newer version; a server does not start.
    Newer(String),
    /// Damaged or foreign; a server puts it aside and starts without settings.
    NoUse(String),
    /// It can't be read now.
    Unreadable(String),
}

/// Looks at the state in a folder.
pub(crate) fn inspect(dir: &Path) -> Inspected {
    let path = super::path_in(dir);
    match look(&path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Inspected::Hidden,
        Err(error) => Inspected::Unreadable(error.to_string()),
        Ok(Found::Nothing | Found::Empty) => Inspected::Nothing,
        Ok(Found::DeadLink(target)) => Inspected::Unreadable(format!(
            "a link to {}, which does not exist",
            target.display()
        )),
        Ok(Found::NoDatabase) => Inspected::NoUse("it is no SQLite database".into()),
        Ok(Found::NoFile(kind)) => Inspected::NoUse(format!("it is {kind}")),
        Ok(Found::Database(marks)) => match database::check_marks(&path) {
            Ok(()) => read(&path, usize::try_from(marks.version).unwrap_or_default()),
            Err(failure) => refused(&path, failure),
        },
    }
}

fn read(path: &Path, schema: usize) -> Inspected {
    let has_content =
        |suffix| fs::metadata(with_suffix(path, suffix)).is_ok_and(|metadata| metadata.len() > 0);
    // To read these, SQLite would have to write.
    let needs_copy = ["-journal", "-wal"].into_iter().any(has_content);
    let copy = match needs_copy.then(|| Copy::of(path)).transpose() {
        Ok(copy) => copy,
        Err(error) => return Inspected::Unreadable(format!("it can't be copied: {error}")),
    };
    let place: PathBuf = copy.as_ref().map_or(path.to_owned(), Copy::path);
    match check(&place, schema, copy.is_some()) {
        Ok(_) if schema < MIGRATIONS.len() => Inspected::Old { schema },
        Ok(clients) => Inspected::Healthy { clients },
        Err(error) => refused(path, Failure::of(path, &error)),
    }
}

/// Returns the number of clients.
fn check(path: &Path, schema: usize, is_copy: bool) -> rusqlite::Result<u64> {
    let access = if is_copy {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    } else {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    database::refuse_foreign_tables(&connection)?;
    database::check_pages(&connection)?;
    if schema == 0 {
        return Ok(0);
    }
    if schema == MIGRATIONS.len() {
        clients::check_table(&connection)?;
    }
    connection.query_row("SELECT count(*) FROM clients", [], |row| {
        row.get(0).map(i64::unsigned_abs)
    })
}

fn refused(path: &Path, failure: Failure) -> Inspected {
    match failure {
        Failure::Newer(found) => {
            let path = path.to_owned();
            Inspected::Newer(OpenError::Newer { path, found }.to_string())
        }
        Failure::NoUse(reason) => Inspected::NoUse(reason),
        Failure::Now(error) => Inspected::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASED: [&[u8]; 3] = [
        include_bytes!("../../tests/fixtures/raa-schema-1.sqlite"),
        include_bytes!("../../tests/fixtures/raa-schema-2.sqlite"),
        include_bytes!("../../tests/fixtures/raa-schema-3.sqlite"),
    ];

    fn folder(content: &[u8], sql: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raa.sqlite");
        fs::write(&path, content).unwrap();
        if !sql.is_empty() {
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        }
        dir
    }

    fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[track_caller]
    fn check(dir: &Path, is_expected: impl Fn(&Inspected) -> bool) {
        let before = files(dir);
        let found = inspect(dir);
        assert!(is_expected(&found), "{found:?}");
        assert_eq!(files(dir), before, "nothing is changed");
    }

    #[test]
    fn healthy_states_are_recognised() {
        let [oldest, old, new] = RELEASED.map(|content| folder(content, ""));
        check(oldest.path(), |found| {
            *found == Inspected::Old { schema: 1 }
        });
        check(old.path(), |found| *found == Inspected::Old { schema: 2 });
        check(new.path(), |found| {
            *found == Inspected::Healthy { clients: 7 }
        });
        check(tempfile::tempdir().unwrap().path(), |found| {
            *found == Inspected::Nothing
        });
        check(folder(b"", "").path(), |found| *found == Inspected::Nothing);
    }

    #[test]
    fn a_log_is_read_without_a_change() {
        let busy = folder(RELEASED[2], "");
        let path = busy.path().join("raa.sqlite");
        let writer = Connection::open(&path).unwrap();
        writer
            .execute_batch("PRAGMA journal_mode = WAL; DELETE FROM clients WHERE ssrc = 1;")
            .unwrap();
        let left = tempfile::tempdir().unwrap();
        for name in ["raa.sqlite", "raa.sqlite-wal"] {
            fs::copy(busy.path().join(name), left.path().join(name)).unwrap();
        }
        check(left.path(), |found| {
            *found == Inspected::Healthy { clients: 6 }
        });
    }

    #[test]
    fn states_of_no_use_are_named() {
        let newer = folder(RELEASED[2], "PRAGMA user_version = 9");
        check(
            newer.path(),
            |found| matches!(found, Inspected::Newer(text) if text.contains("schema 9")),
        );
        let text = folder(&b"no database ".repeat(500), "");
        check(text.path(), |found| matches!(found, Inspected::NoUse(_)));
        let mut bytes = RELEASED[2].to_vec();
        bytes[4096..].fill(0xa5);
        let damaged = folder(&bytes, "");
        check(
            damaged.path(),
            |found| matches!(found, Inspected::NoUse(text) if text.contains("damaged")),
        );
        let foreign = folder(b"", "PRAGMA application_id = 5; CREATE TABLE t (n)");
        check(
            foreign.path(),
            |found| matches!(found, Inspected::NoUse(text) if text.contains("another program")),
        );
    }
}
