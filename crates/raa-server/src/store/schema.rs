//! The versions of the database's schema, and the steps from each version to the next.
//!
//! A file holds its version as SQLite's `user_version`. To change the schema, append a migration; never
//! edit one that was released. A table of its own has a file of its own with its statements, as
//! `clients` is. `tests/fixtures/README.md` says how a release adds its state to the tests. Always: a
//! migration and its version number are one transaction, so an error or kill -9 leaves the file as
//! it was before that migration; a file with a newer schema is never written to; before the first
//! change, the caller may keep a copy.

use rusqlite::{Connection, Transaction};
use tracing::info;

use super::error::StoreError;
use super::{clients, log, room};

/// Brings the schema from one version to the next.
pub(super) type Migration = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// All migrations. The first one creates version 1, and so on.
pub(super) const MIGRATIONS: &[Migration] =
    &[clients::create_table, clients::add_sounding, add_watch];

/// Adds the log and everything else that the watch keeps; the third version of the schema.
fn add_watch(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    log::create_table(transaction)?;
    room::create_tables(transaction)
}

/// Why a file's schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("the schema has version {found}, the newest known one is {newest}")]
    Newer { found: i64, newest: usize },
    #[error("the state of before can't be kept: {0}")]
    NotKept(StoreError),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Applies the migrations that the file lacks, each in its own transaction. If a file that has tables is
/// about to change, `keep` is called before, with the file's version.
///
/// # Errors
/// [`SchemaError`]; then the migrations before the failed one have been applied.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[Migration],
    keep: impl FnOnce(&Connection, usize) -> Result<(), StoreError>,
) -> Result<(), SchemaError> {
    let newest = migrations.len();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let applied = usize::try_from(found).ok().filter(|&n| n <= newest);
    let applied = applied.ok_or(SchemaError::Newer { found, newest })?;
    if (1..newest).contains(&applied) {
        keep(connection, applied).map_err(SchemaError::NotKept)?;
    }
    for (version, migration) in (1..).zip(migrations).skip(applied) {
        let transaction = connection.transaction()?;
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    if (1..newest).contains(&applied) {
        info!(
            from = applied,
            to = newest,
            "the state's schema was upgraded"
        );
    }
    Ok(())
}

#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod tests;
