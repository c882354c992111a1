//! State folders as an operator may find them, and what a server says of them.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::client;
use super::program::Program;

pub const SCHEMA_1: &[u8] = include_bytes!("../fixtures/raa-schema-1.sqlite");
/// A client that the fixture has configured, and its name.
pub const KNOWN: (&str, &str) = ("00000001", "第三病棟");

/// A state folder with this database in it, as a server has left it.
pub fn folder(database: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raa.sqlite");
    fs::write(dir.path().join("raa.sqlite.lock"), "").unwrap();
    fs::write(&path, database).unwrap();
    (dir, path)
}

/// Returns the texts of the warnings and errors up to now.
pub fn complaints(program: &Program) -> Vec<String> {
    let lines = program.lines.iter();
    let bad = lines.filter(|line| line["level"] == "warn" || line["level"] == "error");
    bad.map(Value::to_string).collect()
}

#[track_caller]
pub fn check_complaint(program: &Program, words: &[&str]) {
    let complaints = complaints(program);
    let found = complaints
        .iter()
        .filter(|line| words.iter().all(|word| line.contains(word)))
        .count();
    assert_eq!(found, 1, "{words:?} in {complaints:#?}");
}

pub async fn name_of(program: &Program, id: &str) -> Value {
    client(program.http, id).await["name"].clone()
}

/// A state whose last changes, made by `sql`, lie in a write-ahead log that nobody has brought into the
/// file yet.
pub fn in_wal(sql: &str) -> TempDir {
    let (_busy, path) = folder(SCHEMA_1);
    let (dir, copy) = folder(b"");
    let writer = Connection::open(&path).unwrap();
    let begin = "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;";
    writer.execute_batch(&format!("{begin} {sql}")).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let named = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        fs::copy(named(&path), named(&copy)).unwrap();
    }
    dir
}
