//! The SQLite file: its schema, its life, its few statements.
//!
//! Always: a file that this version can't understand is never written to; a damaged one is put
//! aside and never deleted, because a person may still save something from it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use raa_core::client::KnownClient;
use raa_core::settings::{ClientSettings, Name, Volume};
use rusqlite::{Connection, ErrorCode, Row, Transaction, params};
use tracing::error;

/// The schema this version writes; the file holds it as its `user_version`.
const SCHEMA_VERSION: i64 = 1;
/// How long a backup may hold up a write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE clients (
        ssrc INTEGER PRIMARY KEY,
        name TEXT,
        volume INTEGER NOT NULL DEFAULT 100,
        muted INTEGER NOT NULL DEFAULT 0,
        sender_name TEXT,
        last_heard_ms INTEGER
    ) STRICT;
    PRAGMA user_version = 1;
    COMMIT;
";

/// No operator has touched the client.
const IS_UNSET: &str = "name IS NULL AND volume = 100 AND muted = 0";

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("the folder can't be made: {0}")]
    Folder(io::Error),
    #[error("the folder can't be locked: {0}")]
    Lock(io::Error),
    #[error("{} can't be opened: {error}", path.display())]
    Unusable {
        path: PathBuf,
        error: rusqlite::Error,
    },
    #[error("{} is in use by another raa-server; give each its own --state-dir", .0.display())]
    InUse(PathBuf),
    #[error(
        "{} was written by a newer raa-server (schema {found}, this one knows {SCHEMA_VERSION}); \
         use that one, or another --state-dir",
        path.display()
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("{} is damaged and can't be put aside: {error}", path.display())]
    Damaged { path: PathBuf, error: io::Error },
}

/// A client that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastSeen {
    /// Who.
    pub(crate) ssrc: u32,
    /// What it calls itself.
    pub(crate) sender_name: Option<Name>,
    /// When its last packet came.
    pub(crate) at: SystemTime,
}

/// The open file. Others may read it meanwhile, as backups do, but no other server may use it.
pub(super) struct Database {
    connection: Connection,
    /// Held until the process ends, however it ends.
    _lock: File,
}

impl Database {
    /// Opens or creates it. A damaged file is put aside, said so, and an empty one takes its place.
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

    /// All clients that are set, and the `max_unset` others that were heard last; the rest is
    /// deleted, so the file stays bounded.
    pub(super) fn load(&mut self, max_unset: usize) -> rusqlite::Result<Vec<KnownClient>> {
        let now = SystemTime::now();
        // A full disk keeps nobody from reading; the rest is then deleted another time.
        let _ = self.connection.execute(
            &format!(
                "DELETE FROM clients WHERE {IS_UNSET} AND ssrc NOT IN (SELECT ssrc FROM clients
                 WHERE {IS_UNSET} ORDER BY last_heard_ms DESC LIMIT ?1)"
            ),
            [max_unset as i64],
        );
        let mut statement = self
            .connection
            .prepare("SELECT ssrc, name, volume, muted, sender_name, last_heard_ms FROM clients")?;
        let rows = statement.query_map([], |row| known_client(row, now))?;
        rows.collect()
    }

    pub(super) fn save_settings(
        &mut self,
        ssrc: u32,
        settings: &ClientSettings,
    ) -> rusqlite::Result<()> {
        self.connection.execute(
            "INSERT INTO clients (ssrc, name, volume, muted) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (ssrc) DO UPDATE SET name = ?2, volume = ?3, muted = ?4",
            params![
                ssrc,
                settings.name.as_ref().map(Name::as_str),
                settings.volume.percent(),
                settings.muted
            ],
        )?;
        Ok(())
    }

    pub(super) fn delete(&mut self, ssrc: u32) -> rusqlite::Result<()> {
        self.connection
            .execute("DELETE FROM clients WHERE ssrc = ?1", [ssrc])?;
        Ok(())
    }

    pub(super) fn save_last_seen(
        &mut self,
        heard: &[LastSeen],
        evicted: &[u32],
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        delete_unset(&transaction, evicted)?;
        upsert_last_seen(&transaction, heard)?;
        transaction.commit()
    }
}

/// Only one server at a time may write.
fn lock(path: &Path) -> Result<File, OpenError> {
    let unusable = |error| OpenError::Lock(error);
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(with_suffix(path, ".lock"));
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let unusable = |error| OpenError::Unusable {
        path: path.to_owned(),
        error,
    };
    let connection = Connection::open(path).map_err(unusable)?;
    prepare(&connection).map_err(unusable)?;
    match version(&connection).map_err(unusable)? {
        0 => connection.execute_batch(SCHEMA).map_err(unusable)?,
        SCHEMA_VERSION => {}
        found => {
            return Err(OpenError::Newer {
                path: path.to_owned(),
                found,
            });
        }
    }
    Ok(connection)
}

/// A rollback journal and not a write-ahead log: changes are few, and a full disk must keep
/// neither the server from starting nor `sqlite3` from reading, which a log's shared memory would.
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

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn delete_unset(transaction: &Transaction<'_>, evicted: &[u32]) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM clients WHERE ssrc = ?1 AND {IS_UNSET}");
    let mut statement = transaction.prepare(&sql)?;
    for ssrc in evicted {
        statement.execute([ssrc])?;
    }
    Ok(())
}

fn upsert_last_seen(transaction: &Transaction<'_>, heard: &[LastSeen]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "INSERT INTO clients (ssrc, sender_name, last_heard_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (ssrc) DO UPDATE SET sender_name = ?2, last_heard_ms = ?3",
    )?;
    for LastSeen {
        ssrc,
        sender_name,
        at,
    } in heard
    {
        let since_epoch = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let name = sender_name.as_ref().map(Name::as_str);
        statement.execute(params![ssrc, name, since_epoch.as_millis() as i64])?;
    }
    Ok(())
}

/// What a person has changed in the file by hand may be invalid; then the default stands.
fn known_client(row: &Row<'_>, now: SystemTime) -> rusqlite::Result<KnownClient> {
    let name = |text: Option<String>| text.and_then(|text| Name::new(&text).ok());
    let last_heard_ms: Option<i64> = row.get(5)?;
    Ok(KnownClient {
        ssrc: row.get(0)?,
        settings: ClientSettings {
            name: name(row.get(1)?),
            volume: Volume::new(row.get(2)?).unwrap_or_default(),
            muted: row.get(3)?,
        },
        sender_name: name(row.get(4)?),
        last_seen_ago: last_heard_ms.map(|ms| {
            let at =
                SystemTime::UNIX_EPOCH + Duration::from_millis(ms.try_into().unwrap_or_default());
            now.duration_since(at).unwrap_or_default()
        }),
    })
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// Renames the file, and its journal with it: the journal of a damaged file is part of it.
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
        "the database is damaged: names, volumes and mutes are lost, starting empty"
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

    fn settings(name: &str, volume: i64, muted: bool) -> ClientSettings {
        ClientSettings {
            name: Name::new(name).ok(),
            volume: Volume::new(volume).unwrap(),
            muted,
        }
    }

    fn heard(ssrc: u32, ago_s: u64) -> LastSeen {
        let at = SystemTime::now() - Duration::from_secs(ago_s);
        LastSeen {
            ssrc,
            sender_name: Name::new("own").ok(),
            at,
        }
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self) -> PathBuf {
            self.0.path().join("deep/raa.sqlite")
        }

        fn open(&self) -> Database {
            Database::open(&self.file()).unwrap()
        }

        /// The clients that the next start would know.
        fn known(&self) -> Vec<KnownClient> {
            self.open().load(1000).unwrap()
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

    #[test]
    fn what_was_set_and_heard_is_known_at_the_next_start() {
        let folder = Folder::new();
        let mut database = folder.open();
        database
            .save_settings(7, &settings("Ward 3", 150, true))
            .unwrap();
        database
            .save_last_seen(&[heard(7, 60), heard(u32::MAX, 0)], &[])
            .unwrap();
        drop(database);
        let known = folder.known();
        assert_eq!(known.len(), 2);
        assert_eq!(
            (known[0].ssrc, &known[0].settings),
            (7, &settings("Ward 3", 150, true))
        );
        assert_eq!(known[0].sender_name, Name::new("own").ok());
        let ago = known[0].last_seen_ago.unwrap().as_secs();
        assert!((60..70).contains(&ago), "{ago}");
        assert_eq!(
            (known[1].ssrc, &known[1].settings),
            (u32::MAX, &ClientSettings::default())
        );
    }

    #[test]
    fn settings_are_replaced_and_deleted_as_a_whole() {
        let folder = Folder::new();
        let mut database = folder.open();
        database
            .save_settings(7, &settings("Ward 3", 150, true))
            .unwrap();
        database
            .save_settings(7, &ClientSettings::default())
            .unwrap();
        assert_eq!(
            database.load(1000).unwrap()[0].settings,
            ClientSettings::default()
        );
        database.delete(7).unwrap();
        database.delete(8).unwrap();
        assert_eq!(database.load(1000).unwrap(), []);
    }

    #[test]
    fn an_evicted_client_that_was_set_meanwhile_stays() {
        let folder = Folder::new();
        let mut database = folder.open();
        database
            .save_last_seen(&[heard(1, 0), heard(2, 0)], &[])
            .unwrap();
        database.save_settings(2, &settings("", 99, false)).unwrap();
        database.save_last_seen(&[], &[1, 2, 3]).unwrap();
        let known = database.load(1000).unwrap();
        assert_eq!(
            known.iter().map(|known| known.ssrc).collect::<Vec<_>>(),
            [2]
        );
    }

    #[test]
    fn unset_clients_stay_bounded_and_set_ones_stay() {
        let folder = Folder::new();
        let mut database = folder.open();
        let all: Vec<_> = (0..20)
            .map(|ssrc| heard(ssrc, 1000 - u64::from(ssrc)))
            .collect();
        database.save_last_seen(&all, &[]).unwrap();
        database.save_settings(0, &settings("", 100, true)).unwrap();
        let ssrcs = |known: Vec<KnownClient>| known.iter().map(|k| k.ssrc).collect::<Vec<_>>();
        assert_eq!(ssrcs(database.load(3).unwrap()), [0, 17, 18, 19]);
        assert_eq!(ssrcs(database.load(1000).unwrap()), [0, 17, 18, 19]);
    }

    #[test]
    fn a_second_server_is_told_that_the_folder_is_taken() {
        let folder = Folder::new();
        let _first = folder.open();
        let text = Database::open(&folder.file()).err().unwrap().to_string();
        assert!(text.contains("in use by another raa-server"), "{text}");
    }

    #[test]
    fn the_file_can_be_read_and_copied_while_the_server_runs() {
        let folder = Folder::new();
        let mut database = folder.open();
        database
            .save_settings(7, &settings("Ward 3", 100, false))
            .unwrap();
        let reader = Connection::open(folder.file()).unwrap();
        let copy = folder.0.path().join("copy");
        reader
            .execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        database
            .save_settings(7, &settings("Ward 4", 100, false))
            .unwrap();
        let sql = "SELECT name FROM clients";
        let name = |file: &Connection| file.query_row(sql, [], |row| row.get::<_, String>(0));
        assert_eq!(name(&Connection::open(copy).unwrap()).unwrap(), "Ward 3");
        assert_eq!(name(&reader).unwrap(), "Ward 4");
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let folder = Folder::new();
        folder
            .open()
            .connection
            .pragma_update(None, "user_version", 2)
            .unwrap();
        let text = Database::open(&folder.file()).err().unwrap().to_string();
        assert!(
            text.contains("newer") && text.contains("schema 2"),
            "{text}"
        );
        assert!(folder.put_aside().is_empty());
    }

    #[test]
    fn a_file_that_is_no_database_is_put_aside() {
        let folder = Folder::new();
        drop(folder.open());
        fs::write(folder.file(), "no database ".repeat(1000)).unwrap();
        assert_eq!(folder.known(), []);
        let aside = folder.put_aside();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert!(
            fs::read_to_string(&aside[0])
                .unwrap()
                .starts_with("no database")
        );
    }

    #[test]
    fn a_database_with_overwritten_pages_is_put_aside() {
        let folder = Folder::new();
        folder
            .open()
            .save_settings(7, &settings("Ward 3", 100, false))
            .unwrap();
        let mut bytes = fs::read(folder.file()).unwrap();
        bytes[4096..].fill(0xa5);
        fs::write(folder.file(), bytes).unwrap();
        assert_eq!(folder.known(), []);
        assert_eq!(folder.put_aside().len(), 1);
    }

    #[test]
    fn values_that_a_hand_has_spoilt_fall_back_to_the_defaults() {
        let folder = Folder::new();
        let database = folder.open();
        let sql = "INSERT INTO clients VALUES (9, '', 999, 0, NULL, NULL)";
        database.connection.execute(sql, []).unwrap();
        drop(database);
        assert_eq!(folder.known()[0].settings, ClientSettings::default());
    }
}
