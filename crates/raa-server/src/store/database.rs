//! The SQLite file: opened by one server at a time, checked, and put aside when damaged.
//!
//! Always: a file that this version can't understand is never written to; a damaged file is put
//! aside and never deleted, because someone may still recover data from it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode};
use tracing::error;

use super::schema::{self, MIGRATIONS, SchemaError};

/// How long a write waits for a reader, such as a backup, before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("the folder can't be created: {0}")]
    Folder(io::Error),
    #[error("the folder can't be locked: {0}")]
    Lock(io::Error),
    #[error("{} can't be opened: {error}", path.display())]
    Unusable {
        path: PathBuf,
        error: rusqlite::Error,
    },
    #[error("{} is in use by another raa-server; give each one its own --state-dir", .0.display())]
    InUse(PathBuf),
    #[error(
        "{} was written by a newer raa-server (schema {found}, this version knows up to {newest}); \
         use the newer version, or another --state-dir",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        newest: usize,
    },
    #[error("{} is damaged and can't be put aside: {error}", path.display())]
    Damaged { path: PathBuf, error: io::Error },
}

/// The open file. Other programs may read it at any time, as backups do, but no other server may
/// use it.
pub(super) struct Database {
    connection: Connection,
    /// Held until the process ends, however it ends.
    _lock: File,
}

impl Database {
    /// Opens or creates the file. A damaged one is put aside, which is logged, and replaced by an
    /// empty one.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(OpenError::Folder)?;
        }
        let lock = lock(path)?;
        let connection = match connect(path) {
            Err(OpenError::Unusable { error, .. }) if is_damaged(&error) => {
                replace_damaged(path, &error)?;
                connect(path)?
            }
            opened => opened?,
        };
        Ok(Self {
            connection,
            _lock: lock,
        })
    }

    /// Returns the connection. The field is private because a closure that uses only the field would
    /// capture it alone, and the lock would be dropped early.
    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// Takes the lock that keeps other servers out.
fn lock(path: &Path) -> Result<File, OpenError> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(with_suffix(path, ".lock"));
    let file = file.map_err(OpenError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(OpenError::Lock(error)),
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let unusable = |error| OpenError::Unusable {
        path: path.to_owned(),
        error,
    };
    let mut connection = Connection::open(path).map_err(unusable)?;
    prepare(&connection).map_err(unusable)?;
    schema::migrate(&mut connection, MIGRATIONS).map_err(|error| match error {
        SchemaError::Sqlite(error) => unusable(error),
        SchemaError::Newer { found, newest } => OpenError::Newer {
            path: path.to_owned(),
            found,
            newest,
        },
    })?;
    Ok(connection)
}

/// Sets up the connection and checks the file.
///
/// The journal is a rollback journal rather than a write-ahead log: changes are few, and on a full
/// disk the shared memory of a write-ahead log would keep the server from starting and `sqlite3`
/// from reading.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(verdict)))
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Renames the file and its journal, which is part of a damaged file.
fn replace_damaged(path: &Path, reason: &rusqlite::Error) -> Result<(), OpenError> {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let aside = with_suffix(path, &format!(".damaged-{}", now.replace([':', '-'], "")));
    let journal = |path: &Path| with_suffix(path, "-journal");
    let renamed = fs::rename(path, &aside).and_then(|()| {
        fs::rename(journal(path), journal(&aside)).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    });
    renamed.map_err(|error| OpenError::Damaged {
        path: path.to_owned(),
        error,
    })?;
    error!(
        file = %path.display(), kept_as = %aside.display(), %reason,
        "the database is damaged; names, volumes and mutes are lost, starting with an empty one"
    );
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("deep/raa.sqlite")
        }

        fn open(&self) -> Connection {
            Database::open(&self.file()).unwrap().connection
        }

        fn put_aside(&self) -> Vec<PathBuf> {
            let is_aside = |path: &str| path.contains(".damaged-") && !path.ends_with("-journal");
            let entries = fs::read_dir(self.file().parent().unwrap()).unwrap();
            let paths = entries.map(|entry| entry.unwrap().path());
            paths
                .filter(|path| is_aside(path.to_str().unwrap()))
                .collect()
        }
    }

    fn set_name(connection: &Connection, name: &str) {
        let sql = "INSERT OR REPLACE INTO clients (ssrc, name) VALUES (7, ?1)";
        connection.execute(sql, [name]).unwrap();
    }

    fn name(connection: &Connection) -> String {
        let sql = "SELECT name FROM clients";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn count(connection: &Connection) -> i64 {
        let sql = "SELECT count(*) FROM clients";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn content_is_kept_until_the_next_start() {
        let folder = Folder::new();
        set_name(&folder.open(), "Ward 3");
        assert_eq!(name(&folder.open()), "Ward 3");
        assert!(folder.put_aside().is_empty());
    }

    #[test]
    fn a_second_server_is_refused() {
        let folder = Folder::new();
        let _first = Database::open(&folder.file()).unwrap();
        let text = Database::open(&folder.file()).err().unwrap().to_string();
        assert!(text.contains("in use by another raa-server"), "{text}");
    }

    #[test]
    fn backups_read_while_the_server_runs() {
        let folder = Folder::new();
        let connection = folder.open();
        set_name(&connection, "Ward 3");
        let reader = Connection::open(folder.file()).unwrap();
        let copy = folder.0.path().join("copy");
        reader
            .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        set_name(&connection, "Ward 4");
        assert_eq!(name(&Connection::open(copy).unwrap()), "Ward 3");
        assert_eq!(name(&reader), "Ward 4");
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let folder = Folder::new();
        let pragma = "PRAGMA user_version = 3";
        folder.open().execute_batch(pragma).unwrap();
        let before = fs::read(folder.file()).unwrap();
        let text = Database::open(&folder.file()).err().unwrap().to_string();
        assert!(
            text.contains("newer") && text.contains("schema 3"),
            "{text}"
        );
        assert_eq!(fs::read(folder.file()).unwrap(), before);
        assert!(folder.put_aside().is_empty());
    }

    #[test]
    fn a_file_of_another_kind_is_put_aside() {
        let folder = Folder::new();
        drop(folder.open());
        fs::write(folder.file(), "no database ".repeat(1000)).unwrap();
        assert_eq!(count(&folder.open()), 0);
        let aside = folder.put_aside();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(
            fs::read_to_string(&aside[0])
                .unwrap()
                .starts_with("no database")
        );
    }

    #[test]
    fn a_file_with_overwritten_pages_is_put_aside() {
        let folder = Folder::new();
        set_name(&folder.open(), "Ward 3");
        let mut bytes = fs::read(folder.file()).unwrap();
        bytes[4096..].fill(0xa5);
        fs::write(folder.file(), bytes).unwrap();
        assert_eq!(count(&folder.open()), 0);
        assert_eq!(folder.put_aside().len(), 1);
    }
}
