//! The database as a file: opened, refused, put aside.

use super::*;
use std::fs;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("deep/raa.sqlite")
    }

    fn open(&self) -> Connection {
        match self.try_open() {
            Ok(State::Open(connection)) => connection,
            _ => panic!("the file can't be opened"),
        }
    }

    fn try_open(&self) -> Result<State, OpenError> {
        let opened = Database::open(&self.file(), 1000, SystemTime::now());
        opened.map(|(database, _)| database.state)
    }

    fn put_aside(&self) -> Vec<PathBuf> {
        let is_aside = |path: &str| path.contains(".aside-") && !path.ends_with("-journal");
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
    let _first = Database::open(&folder.file(), 1000, SystemTime::now());
    let text = folder.try_open().err().unwrap().to_string();
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
    let newer = MIGRATIONS.len() + 1;
    let pragma = format!("PRAGMA user_version = {newer}");
    folder.open().execute_batch(&pragma).unwrap();
    let before = fs::read(folder.file()).unwrap();
    let text = folder.try_open().err().unwrap().to_string();
    assert!(
        text.contains("newer") && text.contains(&format!("schema {newer}")),
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
