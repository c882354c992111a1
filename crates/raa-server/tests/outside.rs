//! State that something else has changed: files that are missing, empty, broken, foreign,
//! read-only or locked, and rows that cannot be.
//!
//! Always: a test looks at the server as an operator does: at its log, its answers and its files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::namespace::is_inside;
use common::program::Program;
use common::sender::{ID, Sender};
use common::state_folder::{KNOWN, SCHEMA_1, check_complaint, complaints, folder, in_wal, name_of};
use common::{client, client_when, get, patch};
use nix::sys::signal::Signal;
use rusqlite::Connection;
use serde_json::json;

/// Everything in a folder, by name.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let named = entries.filter(|entry| entry.file_type().unwrap().is_file());
    named
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_healthy_state_causes_no_complaint() {
    let (dir, _) = folder(SCHEMA_1);
    for _ in 0..2 {
        let mut program = Program::start(dir.path()).await;
        assert_eq!(complaints(&program), [""; 0]);
        assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
        program.end(Signal::SIGTERM).await;
    }
    let new = tempfile::tempdir().unwrap();
    let program = Program::start(&new.path().join("deep/state")).await;
    assert_eq!(complaints(&program), [""; 0]);
}

#[tokio::test]
async fn an_empty_state_file_is_reported() {
    let (dir, path) = folder(b"");
    let program = Program::start(dir.path()).await;
    check_complaint(
        &program,
        &[path.to_str().unwrap(), "is empty", "without settings"],
    );
}

#[tokio::test]
async fn a_missing_state_file_is_reported() {
    let (dir, path) = folder(b"");
    fs::remove_file(&path).unwrap();
    let program = Program::start(dir.path()).await;
    check_complaint(
        &program,
        &[path.to_str().unwrap(), "is missing", "without settings"],
    );
}

/// Starts with `path` in this state; the server must start, say `words`, and keep the old content
/// under another name.
async fn check_put_aside(dir: &Path, old: &[u8], words: &[&str]) {
    let program = Program::start(dir).await;
    check_complaint(&program, words);
    let kept = files(dir);
    let kept: Vec<_> = kept
        .iter()
        .filter(|(name, content)| name.contains(".aside-") && *content == old)
        .collect();
    assert_eq!(kept.len(), 1, "{:?}", files(dir).keys());
    assert_eq!(get(program.http, "/healthz").await.status, 200);
}

#[tokio::test]
async fn unusable_state_files_are_put_aside() {
    let mut truncated = SCHEMA_1.to_vec();
    truncated.truncate(4096);
    let mut short = SCHEMA_1.to_vec();
    short.truncate(60);
    let mut overwritten = SCHEMA_1.to_vec();
    overwritten[4096..].fill(0xa5);
    let text = b"no database at all".repeat(100);
    for old in [truncated, short, overwritten, text] {
        let (dir, _) = folder(&old);
        check_put_aside(dir.path(), &old, &["kept_as", "lost"]).await;
    }
}

fn foreign(sql: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.sqlite");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    fs::read(path).unwrap()
}

#[tokio::test]
async fn databases_of_other_programs_are_put_aside() {
    for sql in [
        // Another program's mark.
        "PRAGMA application_id = 7; CREATE TABLE notes (text TEXT)",
        // No mark, but tables that this server does not make.
        "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('keep')",
        "CREATE TABLE clients (id TEXT); INSERT INTO clients VALUES ('keep')",
        "PRAGMA user_version = 2; CREATE TABLE notes (text TEXT)",
        "PRAGMA user_version = 2; CREATE TABLE clients (ssrc INTEGER PRIMARY KEY)",
    ] {
        let old = foreign(sql);
        let (dir, _) = folder(&old);
        check_put_aside(dir.path(), &old, &["another program", "kept_as"]).await;
    }
}

#[tokio::test]
async fn a_folder_in_the_files_place_is_put_aside() {
    let (dir, path) = folder(b"");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("content"), "kept").unwrap();
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["a folder", "kept_as"]);
    let aside = fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
    let mut aside = aside.filter(|entry| entry.path().join("content").is_file());
    assert!(aside.next().is_some());
}

#[tokio::test]
async fn a_pipe_in_the_files_place_is_put_aside() {
    let (dir, path) = folder(b"");
    fs::remove_file(&path).unwrap();
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["no regular file", "kept_as"]);
}

#[tokio::test]
async fn a_link_to_the_state_is_followed() {
    let (elsewhere, target) = folder(SCHEMA_1);
    let (dir, path) = folder(b"");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let mut program = Program::start(dir.path()).await;
    assert_eq!(complaints(&program), [""; 0]);
    assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
    program.end(Signal::SIGTERM).await;

    // The disk of the link's target is missing: nothing is made in its place.
    let away = elsewhere.path().join("away");
    fs::rename(&target, &away).unwrap();
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["link", target.to_str().unwrap(), "refused"]);
    assert!(!target.exists() && path.is_symlink());
}

#[tokio::test]
async fn a_write_ahead_log_is_read() {
    let dir = in_wal("UPDATE clients SET volume = 33");
    for _ in 0..2 {
        let mut program = Program::start(dir.path()).await;
        assert_eq!(complaints(&program), [""; 0]);
        assert_eq!(client(program.http, KNOWN.0).await["volume"], 33);
        program.end(Signal::SIGKILL).await;
    }
}

#[tokio::test]
async fn a_disk_without_room_keeps_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_limited(dir.path(), "ulimit -Sf 0").await;
    check_complaint(&program, &["no state file can be made", "refused"]);
    let _sender = Sender::start(program.udp);
    client_when(program.http, ID, |client| client["status"] == "sounding").await;
    let body = r#"{"name":"Ward 3"}"#;
    let refused = patch(program.http, ID, body).await;
    assert_eq!(refused.status, 507, "{refused:?}");
    // With room on the disk, changes are stored without a restart.
    let pid = program.pid().to_string();
    let limit = ["--fsize=unlimited:", "--pid", &pid];
    assert!(
        Command::new("prlimit")
            .args(limit)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(patch(program.http, ID, body).await.status, 200);
    drop(program);
    let program = Program::start(dir.path()).await;
    assert_eq!(name_of(&program, ID).await, "Ward 3");
}

/// A table as another program may have left it: any value in any column.
fn lax_state(rows: &str) -> Vec<u8> {
    foreign(&format!(
        "PRAGMA user_version = 2;
         CREATE TABLE clients (ssrc INTEGER PRIMARY KEY, name, volume, muted, sender_name,
             last_heard_ms, sounding_from_dbfs, last_sounded_ms);
         INSERT INTO clients VALUES {rows};"
    ))
}

#[tokio::test]
async fn rows_that_cannot_be_are_skipped_and_kept() {
    let rows = [
        "(1, 'Ward 1', 50, 0, NULL, NULL, NULL, NULL)",
        "(4294967296, 'too large', 50, 0, NULL, NULL, NULL, NULL)",
        "(4294967297, NULL, 100, 0, NULL, NULL, NULL, NULL)",
        "(-1, 'negative', 50, 0, NULL, NULL, NULL, NULL)",
        "(2, cast(x'ff57617264' AS TEXT), 50, 0, NULL, NULL, NULL, NULL)",
        "(3, 'Ward 3', 'loud', 7, x'00', 'never', 9e999, 1e300)",
    ];
    let (dir, path) = folder(&lax_state(&rows.join(", ")));
    let mut program = Program::start(dir.path()).await;
    for words in [
        ["ssrc is 4294967296;", "kept"],
        ["ssrc is 4294967297;", "kept"],
        ["ssrc is -1;", "kept"],
        ["00000002", "name"],
        ["00000003", "volume"],
    ] {
        check_complaint(&program, &words);
    }
    assert_eq!(name_of(&program, "00000001").await, "Ward 1");
    assert_eq!(client(program.http, "00000002").await["volume"], 50);
    let third = client(program.http, "00000003").await;
    let settings = ["name", "volume", "muted"].map(|field| third[field].clone());
    assert_eq!(settings, [json!("Ward 3"), json!(100), json!(false)]);
    program.end(Signal::SIGTERM).await;
    let database = Connection::open(&path).unwrap();
    let count = "SELECT count(*) FROM clients";
    let kept: i64 = database.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 6);
}

#[tokio::test]
async fn many_bad_rows_are_reported_in_few_lines() {
    let rows: Vec<_> = (0..500)
        .map(|n| {
            format!(
                "({}, NULL, 100, 0, NULL, NULL, NULL, NULL)",
                n + (1_i64 << 32)
            )
        })
        .collect();
    let (dir, _) = folder(&lax_state(&rows.join(", ")));
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["\"more\":490"]);
    assert_eq!(complaints(&program).len(), 11);
}

#[tokio::test]
async fn changes_are_answered_while_the_file_is_locked() {
    let (dir, path) = folder(SCHEMA_1);
    let mut program = Program::start(dir.path()).await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let started = Instant::now();
    let changes = (0..8).map(|volume| {
        let http = program.http;
        tokio::spawn(
            async move { patch(http, KNOWN.0, json!({ "volume": volume }).to_string()).await },
        )
    });
    for change in changes.collect::<Vec<_>>() {
        let refused = change.await.unwrap();
        refused.check_error(503, "store_locked", path.to_str().unwrap());
        refused.check_error(503, "store_locked", "another program");
    }
    // One waits for the other program, and the rest does not wait again: eight waits were 16 s.
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(12), "{waited:?}");
    assert_eq!(client(program.http, KNOWN.0).await["volume"], 150);

    other.execute_batch("ROLLBACK").unwrap();
    let accepted = patch(program.http, KNOWN.0, r#"{"volume":77}"#).await;
    assert_eq!(accepted.status, 200);
    program.end(Signal::SIGKILL).await;
    let volume = "SELECT volume FROM clients WHERE ssrc = 1";
    let stored: i64 = other.query_row(volume, [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 77);
}

#[tokio::test]
async fn a_locked_file_does_not_prevent_the_start() {
    let (dir, path) = folder(SCHEMA_1);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["another program", path.to_str().unwrap()]);
    assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
    patch(program.http, KNOWN.0, r#"{"volume":7}"#)
        .await
        .check_error(503, "store_locked", "another program");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let accepted = patch(program.http, KNOWN.0, r#"{"volume":7}"#).await;
    assert_eq!(accepted.status, 200);
}

#[tokio::test]
async fn a_read_only_state_keeps_the_sound() {
    if !is_inside("a_read_only_state_keeps_the_sound", "") {
        return;
    }
    let (dir, _) = folder(SCHEMA_1);
    let state = dir.path().to_str().unwrap().to_owned();
    let mount = |args: &[&str]| {
        let mounted = Command::new("mount").args(args).status().unwrap();
        assert!(mounted.success());
    };
    mount(&["--bind", &state, &state]);
    mount(&["-o", "remount,bind,ro", &state]);
    let program = Program::start(dir.path()).await;
    check_complaint(&program, &["read-only", "refused"]);
    assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
    patch(program.http, KNOWN.0, r#"{"volume":7}"#)
        .await
        .check_error(507, "not_kept", "read-only");
    // Once it is writable, changes are stored without a restart.
    mount(&["-o", "remount,bind,rw", &state]);
    let accepted = patch(program.http, KNOWN.0, r#"{"volume":7}"#).await;
    assert_eq!(accepted.status, 200);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_keeps_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let program = Program::start(&dir.path().join("file/state")).await;
    check_complaint(&program, &["file/state", "refused"]);
    assert_eq!(get(program.http, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_file_that_was_moved_refuses_changes() {
    let (dir, path) = folder(SCHEMA_1);
    let program = Program::start(dir.path()).await;
    let aside = dir.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    patch(program.http, KNOWN.0, r#"{"volume":7}"#)
        .await
        .check_error(507, "not_kept", "moved or deleted");
    fs::rename(&aside, &path).unwrap();
    let accepted = patch(program.http, KNOWN.0, r#"{"volume":7}"#).await;
    assert_eq!(accepted.status, 200);
    drop(program);

    let program = Program::start(dir.path()).await;
    // The server may write a file just while the folder is emptied.
    let started = Instant::now();
    while fs::remove_dir_all(dir.path()).is_err() {
        assert!(started.elapsed() < common::PATIENCE);
    }
    patch(program.http, KNOWN.0, r#"{"volume":8}"#)
        .await
        .check_error(507, "not_kept", "moved or deleted");
    assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
    assert_eq!(get(program.http, "/healthz").await.status, 200);
}
