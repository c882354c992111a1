//! The steps of the schema, applied to files of every version.

use super::super::former;
use super::*;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Row;
use tempfile::TempDir;

/// The states of released versions, by their schema.
const RELEASED: &[&[u8]] = &[
    SCHEMA_1,
    include_bytes!("../../../tests/fixtures/raa-schema-2.sqlite"),
    include_bytes!("../../../tests/fixtures/raa-schema-3.sqlite"),
];
const SCHEMA_1: &[u8] = include_bytes!("../../../tests/fixtures/raa-schema-1.sqlite");

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
    migrate(&mut connection, migrations, |connection, version| {
        former::keep(connection, path, version)
    })?;
    Ok(connection)
}

fn version(connection: &Connection) -> usize {
    let version: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    version.try_into().unwrap()
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let text = |row: &Row<'_>| row.get::<_, String>(0);
    let texts = statement.query_map([], text).unwrap();
    texts.map(Result::unwrap).collect()
}

const NAMES: &str = "SELECT name FROM clients WHERE name IS NOT NULL ORDER BY ssrc";

/// A migration of a released version was edited, or a release has forgotten its fixture, if this fails.
#[test]
fn every_schema_has_a_released_file() {
    let sql = "SELECT sql FROM sqlite_schema";
    let words = |connection: &Connection| -> Vec<String> {
        let sql = texts(connection, sql).join(" ");
        sql.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(RELEASED.len(), MIGRATIONS.len());
    for (version, released) in (1..).zip(RELEASED) {
        let (_dir, released) = file(released);
        let (_dir, new) = file(&[]);
        let new = open(&new, &MIGRATIONS[..version]).unwrap();
        let released = Connection::open(released).unwrap();
        assert_eq!(words(&new), words(&released), "schema {version}");
        assert_eq!(self::version(&released), version);
    }
}

#[test]
fn every_released_file_is_upgraded_and_kept() {
    for (version, released) in (1..).zip(RELEASED) {
        let (_dir, path) = file(released);
        let names = texts(&Connection::open(&path).unwrap(), NAMES);
        // The next version, as it might be.
        let next: Vec<Migration> = MIGRATIONS.iter().copied().chain([add_notes as _]).collect();
        let upgraded = open(&path, &next).unwrap();
        assert_eq!(self::version(&upgraded), next.len());
        assert_eq!(
            texts(&upgraded, "SELECT text FROM notes ORDER BY ssrc"),
            names
        );
        assert!(names.contains(&"第三病棟".to_owned()), "{names:?}");

        // The way back: the version that wrote the file finds it as it was.
        let kept = former::name(&path, version);
        let kept = open(&kept, &MIGRATIONS[..version]).unwrap();
        assert_eq!(texts(&kept, NAMES), names);
        assert!(!former::name(&path, version + 1).exists());
    }
}

#[test]
fn new_and_current_files_are_not_copied() {
    let (dir, path) = file(&[]);
    for _ in 0..2 {
        open(&path, MIGRATIONS).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_copy_that_cannot_be_kept_prevents_the_upgrade() {
    let (_dir, path) = file(SCHEMA_1);
    let mut connection = Connection::open(&path).unwrap();
    let error = migrate(&mut connection, MIGRATIONS, |_, version| {
        Err(StoreError::Refused(format!("no room for {version}")))
    });
    assert!(error.unwrap_err().to_string().contains("no room for 1"));
    assert_eq!(fs::read(&path).unwrap(), SCHEMA_1);
}

#[test]
fn an_older_copy_is_replaced_by_the_newest_state() {
    let (dir, path) = file(SCHEMA_1);
    let kept = former::name(&path, 1);
    fs::write(&kept, "of an earlier upgrade").unwrap();
    fs::write(super::super::with_suffix(&kept, ".part"), "cut short").unwrap();
    open(&path, MIGRATIONS).unwrap();
    assert_eq!(
        texts(&Connection::open(&kept).unwrap(), NAMES),
        ["第三病棟", "試験音楽"]
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
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
    let added = [
        "sounding_from_dbfs REAL",
        "last_sounded_ms INTEGER",
        "muted_by TEXT",
        "muted_since_ms INTEGER",
        "muted_until_ms INTEGER",
        "volume_by TEXT",
        "volume_since_ms INTEGER",
    ];
    assert!(texts(&old, columns).ends_with(&added.map(str::to_owned)));
    assert_eq!(texts(&old, NAMES), ["第三病棟", "試験音楽"]);
    assert_eq!(version(&old), MIGRATIONS.len());
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
            matches!(error, SchemaError::Newer { found, newest } if (found, newest) == (version, MIGRATIONS.len())),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
