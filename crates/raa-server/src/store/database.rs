//! The SQLite file: opened by one server at a time, checked, and put aside when it is of no use.
//!
//! People must hear every computer even if a disk, a backup or another program has spoiled the file. So
//! only two things keep the server from starting: another server that uses the file, and a newer schema,
//! which this version would spoil. Always: a file that this version can't understand is never written
//! to; what could not be read is not written over; a change that waits for another program never makes
//! the next one wait again.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tracing::{error, info, warn};

use super::clients::{self, Loaded};
use super::copy::Copy;
use super::error::StoreError;
use super::former;
use super::log::{self, Query};
use super::look::{Found, look};
use super::place::{self, Lock};
use super::room;
use super::schema::{self, MIGRATIONS, SchemaError};
use crate::watch::{FIRST_ENTRIES, Remembered};

/// How long the start waits for another program that holds the file.
const START_PATIENCE: Duration = Duration::from_secs(1);

/// Why the server can't start with this file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{} is in use by another raa-server; give each one its own --state-dir", .0.display())]
    InUse(PathBuf),
    #[error(
        "{} was written by a newer raa-server (schema {found}; raa-server {} knows schemas up to {}), and \
         was not touched; start the newer version again, or {}, or use another --state-dir",
        path.display(), env!("CARGO_PKG_VERSION"), MIGRATIONS.len(), way_back(path)
    )]
    Newer { path: PathBuf, found: i64 },
}

/// Says how to use this version again.
fn way_back(path: &Path) -> String {
    let file = path.display();
    match former::newest(path, MIGRATIONS.len()) {
        Some(copy) => format!(
            "move {file} away and put the state of before the upgrade, {}, in its place",
            copy.display()
        ),
        None => format!("put a copy of the state that this version has written in place of {file}"),
    }
}

/// Why a file can't be used.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its content is damaged, or is not this program's.
    NoUse(String),
    /// Its schema is a newer one.
    Newer(i64),
    /// It can't be read or written now.
    Now(StoreError),
}

/// The file. Other programs may read it at any time, as backups do, but no other server may use it.
pub(super) struct Database {
    path: PathBuf,
    state: State,
    /// Whether another program held the file at the last attempt. The next one then does not wait.
    is_locked: bool,
    _lock: Lock,
}

enum State {
    Open(Connection),
    /// What the file has is known, so it may be opened and changed once that is possible.
    Waiting,
    /// What the file has is unknown, so nothing may be written over it.
    Unknown(StoreError),
}

/// What was found at the start.
enum Content {
    Ready(Connection, Loaded),
    /// It was read, but can't be changed now.
    Known(StoreError, Loaded),
    /// There was none, and a file can't be created now.
    Nothing(StoreError),
    /// It could not be read.
    Unknown(StoreError),
}

/// The file that is opened.
enum Target<'a> {
    /// The state itself.
    State(&'a Path),
    /// A copy of it that nobody keeps.
    Copy(&'a Path),
}

impl Target<'_> {
    fn path(&self) -> &Path {
        match self {
            Self::State(path) | Self::Copy(path) => path,
        }
    }
}

/// Reads everything from a file.
type Read<'a> = &'a dyn Fn(&Target<'_>) -> Result<(Connection, Loaded), Failure>;

impl Database {
    /// Opens or creates the file, and returns what it has: all configured clients, and the
    /// `max_unconfigured` others that were seen last. The log says what is amiss, and what is done.
    pub(super) fn open(
        path: &Path,
        max_unconfigured: usize,
        now: SystemTime,
    ) -> Result<(Self, Loaded), OpenError> {
        let newer = |found| OpenError::Newer {
            path: path.to_owned(),
            found,
        };
        // Before the folder gets a lock: nothing in it is to be changed.
        if let Err(Failure::Newer(found)) = check_marks(path) {
            return Err(newer(found));
        }
        let created = place::create_folder(path);
        let was_used = place::was_used(path);
        let lock = match &created {
            Ok(()) => place::lock(path),
            Err(_no_folder) => Lock::None,
        };
        if matches!(lock, Lock::Taken) {
            return Err(OpenError::InUse(path.to_owned()));
        }
        let content = match created {
            Ok(()) => content(path, was_used, &|target| {
                read(target, max_unconfigured, now)
            }),
            Err(error) => Ok(Content::Unknown(error)),
        };
        let content = content.map_err(newer)?;
        let (state, loaded) = report(path, content);
        let database = Self {
            path: path.to_owned(),
            state,
            is_locked: false,
            _lock: lock,
        };
        Ok((database, loaded))
    }

    /// Carries out a change, and waits up to `patience` for a program that holds the file.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub(super) fn change<T>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let patience = if self.is_locked {
            Duration::ZERO
        } else {
            patience
        };
        let done = self.connection(patience).and_then(|(path, connection)| {
            let waits = connection.busy_timeout(patience);
            let done = waits.and_then(|()| work(connection));
            done.map_err(|error| StoreError::of(path, &error))
        });
        self.is_locked = matches!(done, Err(StoreError::Locked(_)));
        done
    }

    /// Returns the connection, which is made now if that was impossible before.
    fn connection(&mut self, patience: Duration) -> Result<(&Path, &mut Connection), StoreError> {
        if matches!(self.state, State::Waiting) {
            let path = &self.path;
            let connection = connect(&Target::State(path), patience)
                .map_err(|failure| failure.into_error(path))?;
            require_writable(path, &connection)?;
            info!(file = %path.display(), "the state file can be written again");
            self.state = State::Open(connection);
        }
        match &mut self.state {
            State::Open(connection) => Ok((&self.path, connection)),
            State::Unknown(error) => Err(error.clone()),
            State::Waiting => Err(StoreError::Closed),
        }
    }
}

impl Failure {
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        if matches!(error, rusqlite::Error::SqlInputError { .. }) {
            // A column is missing.
            return Self::NoUse(format!("another program made it: {error}"));
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::NoUse(format!("it is damaged: {error}"))
            }
            // A table is missing, or is there already.
            Some(ErrorCode::Unknown) => Self::NoUse(format!("another program made it: {error}")),
            _ => Self::Now(StoreError::of(path, error)),
        }
    }

    fn into_error(self, path: &Path) -> StoreError {
        let file = path.display();
        match self {
            Self::Now(error) => error,
            Self::NoUse(reason) => StoreError::Unusable(format!("{file} can't be used: {reason}")),
            Self::Newer(found) => StoreError::Unusable(format!(
                "{file} was written by a newer raa-server (schema {found})"
            )),
        }
    }
}

/// Finds out what there is, and makes a new file where there is nothing of use. The error is the number
/// of a newer schema.
fn content(path: &Path, was_used: bool, read: Read<'_>) -> Result<Content, i64> {
    let is_there = match place::prepare(path, was_used) {
        Ok(is_there) => is_there,
        Err(error) => return Ok(Content::Unknown(error)),
    };
    match read(&Target::State(path)) {
        Ok((connection, loaded)) => Ok(match require_writable(path, &connection) {
            Ok(()) => Content::Ready(connection, loaded),
            Err(error) => Content::Known(error, loaded),
        }),
        Err(Failure::Newer(found)) => Err(found),
        Err(Failure::NoUse(reason)) => Ok(replace(path, &reason, read)),
        Err(Failure::Now(error)) if is_there => Ok(match Copy::of(path) {
            Ok(copy) => match read(&Target::Copy(&copy.path())) {
                Ok((_connection, loaded)) => Content::Known(error, loaded),
                Err(_also_unreadable) => Content::Unknown(error),
            },
            Err(_unreadable) => Content::Unknown(error),
        }),
        Err(Failure::Now(error)) => Ok(Content::Nothing(error)),
    }
}

/// Puts a file of no use aside and makes a new one.
fn replace(path: &Path, reason: &str, read: Read<'_>) -> Content {
    let new = place::put_aside(path, reason)
        .and_then(|()| place::prepare(path, false))
        .map(|_is_there| read(&Target::State(path)));
    match new {
        Ok(Ok((connection, loaded))) => Content::Ready(connection, loaded),
        Ok(Err(failure)) => Content::Nothing(failure.into_error(path)),
        Err(error) => Content::Unknown(error),
    }
}

/// Logs what operators must know.
fn report(path: &Path, content: Content) -> (State, Loaded) {
    match content {
        Content::Ready(connection, loaded) => (State::Open(connection), loaded),
        Content::Known(error, loaded) => {
            warn!("{error}; the settings were read, but changes are refused while this is so");
            (State::Waiting, loaded)
        }
        Content::Nothing(error) => {
            let file = path.display();
            error!(%file, "no state file can be made: {error}; changes are refused while this is so");
            (State::Waiting, Loaded::default())
        }
        Content::Unknown(error) => {
            error!(
                "{error}; starting without settings, and changes are refused until this is mended and \
                 the server is started again"
            );
            (State::Unknown(error), Loaded::default())
        }
    }
}

fn read(
    target: &Target<'_>,
    max_unconfigured: usize,
    now: SystemTime,
) -> Result<(Connection, Loaded), Failure> {
    let connection = connect(target, START_PATIENCE)?;
    let path = target.path();
    let failure = |error: rusqlite::Error| Failure::of(path, &error);
    let mut loaded = clients::load(&connection, max_unconfigured, now).map_err(failure)?;
    loaded.remembered = remembered(&connection).map_err(failure)?;
    loaded.learn_last_sounds(now);
    Ok((connection, loaded))
}

/// Reads what the watch remembers.
fn remembered(connection: &Connection) -> rusqlite::Result<Remembered> {
    // A full disk must not keep the server from reading.
    let _ = log::end_open(connection);
    let newest = Query {
        limit: FIRST_ENTRIES,
        ..Query::default()
    };
    Ok(Remembered {
        last_id: log::last_id(connection)?,
        recent: log::read(connection, &newest)?,
        last_sounds: log::last_sounds(connection)?,
        marks: room::marks(connection)?,
        groups: room::groups(connection)?,
        peaks: room::peaks(connection)?,
    })
}

/// Opens the file, checks it, and brings its schema up to date.
///
/// The journal is a rollback journal rather than a write-ahead log: changes are few, and on a full
/// disk the shared memory of a write-ahead log would keep the server from starting and `sqlite3`
/// from reading.
fn connect(target: &Target<'_>, patience: Duration) -> Result<Connection, Failure> {
    let path = target.path();
    check_marks(path)?;
    let failure = |error: rusqlite::Error| Failure::of(path, &error);
    // Without the flag that takes paths like "file:…" for addresses.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.busy_timeout(patience).map_err(failure)?;
    refuse_foreign_tables(&connection).map_err(failure)?;
    connection
        .pragma_update(None, "journal_mode", "TRUNCATE")
        .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
        .and_then(|()| check_pages(&connection))
        .map_err(failure)?;
    let keep = |connection: &Connection, version| match target {
        Target::State(path) => former::keep(connection, path, version),
        Target::Copy(_) => Ok(()),
    };
    schema::migrate(&mut connection, MIGRATIONS, keep).map_err(|error| match error {
        SchemaError::NotKept(error) => Failure::Now(error),
        SchemaError::Sqlite(error) => Failure::of(path, &error),
        SchemaError::Newer { found, .. } => Failure::Newer(found),
    })?;
    clients::check_table(&connection)
        .and_then(|()| log::check_table(&connection))
        .and_then(|()| room::check_tables(&connection))
        .map_err(failure)?;
    Ok(connection)
}

/// Refuses files of newer servers and of other programs before SQLite opens and thereby changes them.
pub(super) fn check_marks(path: &Path) -> Result<(), Failure> {
    let Ok(Found::Database(marks)) = look(path) else {
        // SQLite says why the file can't be read, or makes a database of an empty one.
        return Ok(());
    };
    if marks.application_id != 0 {
        let id = marks.application_id;
        return Err(Failure::NoUse(format!(
            "another program made it: its application_id is {id}"
        )));
    }
    let version = usize::try_from(marks.version);
    if version.is_ok_and(|version| version <= MIGRATIONS.len()) {
        Ok(())
    } else {
        Err(Failure::Newer(marks.version.into()))
    }
}

/// Fails if another program made the tables: they have no version, which this server makes in the same
/// transaction, or they are not those of any version. Otherwise an upgrade would change them.
pub(super) fn refuse_foreign_tables(connection: &Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version != 0 {
        return clients::check_first_columns(connection);
    }
    let sql = "SELECT count(*) FROM sqlite_schema WHERE 0 = (SELECT user_version FROM pragma_user_version)";
    match connection.query_row(sql, [], |row| row.get(0))? {
        0 => Ok(()),
        tables => Err(sqlite_error(
            rusqlite::ffi::SQLITE_ERROR,
            format!("it has {tables} tables, but no version"),
        )),
    }
}

pub(super) fn check_pages(connection: &Connection) -> rusqlite::Result<()> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(sqlite_error(rusqlite::ffi::SQLITE_CORRUPT, verdict))
    }
}

fn sqlite_error(code: i32, text: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(text))
}

fn require_writable(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    match connection.is_readonly("main") {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::ReadOnly(path.to_owned())),
        Err(error) => Err(StoreError::of(path, &error)),
    }
}
