//! Why a change was not stored, in words for operators.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// SQLite's extended code for a file that is no longer where it was opened.
const READONLY_DBMOVED: i32 = rusqlite::ffi::SQLITE_READONLY_DBMOVED;

/// Why a change was not stored; the text is for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another program holds the file.
    #[error(
        "another program, such as a backup or sqlite3, holds {}; try again when it has finished",
        .0.display()
    )]
    Locked(PathBuf),
    /// The file is not where it was, so nobody would find the change again.
    #[error(
        "{} was moved or deleted while the server runs; put it back, or restart the server",
        .0.display()
    )]
    Moved(PathBuf),
    /// The file or its disk may not be written to.
    #[error("{} is read-only", .0.display())]
    ReadOnly(PathBuf),
    /// A full disk, a folder without permission, a broken disk.
    #[error("{0}")]
    Refused(String),
    /// What the file has could not be read when the server started.
    #[error("{0}")]
    Unusable(String),
    /// The server is stopping.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Returns the reason why SQLite has refused to read or write the file at `path`.
    pub(super) fn of(path: &Path, error: &rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(path),
            Some(ErrorCode::ReadOnly) if extended == Some(READONLY_DBMOVED) => Self::Moved(path),
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(path),
            _ => Self::Refused(error.to_string()),
        }
    }
}
