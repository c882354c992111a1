//! The versions of the database's schema, and the steps from each version to the next.
//!
//! A file holds its version as SQLite's `user_version`. To change the schema, append a migration
//! and a fixture of the version before; never edit a migration that was released. Always: a
//! migration and its version number are one transaction, so an error or kill -9 leaves the file as
//! it was before that migration; a file with a newer schema is never written to.

use rusqlite::{Connection, Transaction};

use super::clients;

/// Brings the schema from one version to the next.
pub(super) type Migration = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// All migrations. The first one creates version 1, and so on.
pub(super) const MIGRATIONS: &[Migration] = &[clients::create_table, clients::add_sounding];

/// Why a file's schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("the schema has version {found}, the newest known one is {newest}")]
    Newer { found: i64, newest: usize },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Applies the migrations that the file lacks, each in its own transaction.
///
/// # Errors
/// [`SchemaError`]; then the migrations before the failed one have been applied.
pub(super) fn migrate(
    connection: &mut Connection,
    migrations: &[Migration],
) -> Result<(), SchemaError> {
    let newest = migrations.len();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let applied = usize::try_from(found).ok().filter(|&n| n <= newest);
    let applied = applied.ok_or(SchemaError::Newer { found, newest })?;
    for (version, migration) in (1..).zip(migrations).skip(applied) {
        let transaction = connection.transaction()?;
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    use rusqlite::Row;
    use tempfile::TempDir;

    /// A database that raa-server 0.1.0 has written.
    const SCHEMA_1: &[u8] = include_bytes!("../../tests/fixtures/raa-schema-1.sqlite");

    /// The migrations of that version.
    const VERSION_1: &[Migration] = &[clients::create_table];

    /// A version 2 as it might be: one more table, and a column of the old one is used.
    fn add_notes(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        transaction.execute_batch(
            "CREATE TABLE notes (ssrc INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
             INSERT INTO notes SELECT ssrc, name FROM clients WHERE name IS NOT NULL;
             UPDATE clients SET name = NULL;",
        )
    }

    fn fail_after_changes(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        add_notes(transaction)?;
        transaction.execute_batch("DELETE FROM clients; INSERT INTO nowhere VALUES (1)")
    }

    fn interrupted(path: &Path) -> PathBuf {
        path.with_file_name("interrupted.sqlite")
    }

    fn journal(path: &Path) -> PathBuf {
        path.with_extension("sqlite-journal")
    }

    /// Copies the files as they are in the middle of the migration, which is what kill -9 leaves.
    fn copy_halfway(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        // A cache of one page makes SQLite write to the file before the commit.
        transaction.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1;")?;
        add_notes(transaction)?;
        transaction.execute_batch("UPDATE clients SET sender_name = hex(zeroblob(4000))")?;
        let path = PathBuf::from(transaction.path().unwrap());
        fs::copy(&path, interrupted(&path)).unwrap();
        fs::copy(journal(&path), journal(&interrupted(&path))).unwrap();
        Ok(())
    }

    fn file(content: &[u8]) -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raa.sqlite");
        fs::write(&path, content).unwrap();
        (dir, path)
    }

    fn open(path: &Path, migrations: &[Migration]) -> Result<Connection, SchemaError> {
        let mut connection = Connection::open(path)?;
        migrate(&mut connection, migrations)?;
        Ok(connection)
    }

    fn texts(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let text = |row: &Row<'_>| row.get::<_, String>(0);
        let texts = statement.query_map([], text).unwrap();
        texts.map(Result::unwrap).collect()
    }

    const NAMES: &str = "SELECT name FROM clients WHERE name IS NOT NULL ORDER BY ssrc";

    #[test]
    fn a_new_file_has_the_released_schema() {
        let sql = "SELECT sql FROM sqlite_schema";
        let words = |connection: &Connection| -> Vec<String> {
            let sql = texts(connection, sql).join(" ");
            sql.split_whitespace().map(str::to_owned).collect()
        };
        let (_dir, released) = file(SCHEMA_1);
        let (_dir, new) = file(&[]);
        let new = open(&new, VERSION_1).unwrap();
        assert_eq!(words(&new), words(&Connection::open(released).unwrap()));
    }

    #[test]
    fn a_current_file_is_not_touched() {
        let (_dir, path) = file(SCHEMA_1);
        open(&path, VERSION_1).unwrap();
        assert_eq!(fs::read(&path).unwrap(), SCHEMA_1);
        open(&path, MIGRATIONS).unwrap();
        let migrated = fs::read(&path).unwrap();
        open(&path, MIGRATIONS).unwrap();
        assert_eq!(fs::read(path).unwrap(), migrated);
    }

    #[test]
    fn an_old_file_and_a_new_one_get_the_same_columns() {
        let columns = "SELECT name || ' ' || type FROM pragma_table_info('clients')";
        let (_dir, released) = file(SCHEMA_1);
        let (_dir, new) = file(&[]);
        let [old, new] = [released, new].map(|path| open(&path, MIGRATIONS).unwrap());
        assert_eq!(texts(&old, columns), texts(&new, columns));
        let added = ["sounding_from_dbfs REAL", "last_sounded_ms INTEGER"];
        assert!(texts(&old, columns).ends_with(&added.map(str::to_owned)));
        assert_eq!(texts(&old, NAMES), ["第三病棟", "試験音楽"]);
        let version: i64 = old
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, 2);
    }

    #[test]
    fn migrations_run_once_and_keep_the_content() {
        let migrations = [MIGRATIONS[0], add_notes];
        let (_dir, released) = file(SCHEMA_1);
        for _ in 0..2 {
            let connection = open(&released, &migrations).unwrap();
            let notes = texts(&connection, "SELECT text FROM notes ORDER BY ssrc");
            assert_eq!(notes, ["第三病棟", "試験音楽"]);
            assert_eq!(texts(&connection, NAMES), [""; 0]);
        }
        let (_dir, new) = file(&[]);
        let connection = open(&new, &migrations).unwrap();
        assert_eq!(texts(&connection, "SELECT text FROM notes"), [""; 0]);
    }

    #[test]
    fn a_failed_migration_leaves_the_file_unchanged() {
        let (_dir, path) = file(SCHEMA_1);
        let migrations = [MIGRATIONS[0], fail_after_changes];
        let error = open(&path, &migrations).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), SCHEMA_1);
        assert_eq!(
            texts(&open(&path, VERSION_1).unwrap(), NAMES),
            ["第三病棟", "試験音楽"]
        );
    }

    #[test]
    fn an_interrupted_migration_is_rolled_back() {
        let (_dir, path) = file(SCHEMA_1);
        open(&path, &[MIGRATIONS[0], copy_halfway]).unwrap();
        let interrupted = interrupted(&path);
        assert_ne!(fs::read(&interrupted).unwrap(), SCHEMA_1, "half is written");
        let connection = open(&interrupted, VERSION_1).unwrap();
        assert_eq!(texts(&connection, NAMES), ["第三病棟", "試験音楽"]);
        assert_eq!(fs::read(&interrupted).unwrap(), SCHEMA_1);
    }

    #[test]
    fn newer_and_invalid_versions_are_refused() {
        for version in [MIGRATIONS.len() as i64 + 1, i64::from(i32::MAX), -1] {
            let (_dir, path) = file(SCHEMA_1);
            let pragma = format!("PRAGMA user_version = {version}");
            Connection::open(&path)
                .unwrap()
                .execute_batch(&pragma)
                .unwrap();
            let before = fs::read(&path).unwrap();
            let error = open(&path, MIGRATIONS).unwrap_err();
            assert!(
                matches!(error, SchemaError::Newer { found, newest: 2 } if found == version),
                "{error}"
            );
            assert_eq!(fs::read(&path).unwrap(), before);
        }
    }
}
