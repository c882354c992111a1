//! State files of other versions of the server: an older one is upgraded, a newer one is refused.
//!
//! Always: nothing of a file is lost, whatever the disk does.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use common::namespace::is_inside;
use common::patch;
use common::program::{Program, output};
use common::state_folder::{KNOWN, SCHEMA_1, check_complaint, folder, in_wal, name_of};
use nix::sys::signal::Signal;
use rusqlite::Connection;

/// Names, contents and times of everything in a folder, itself included.
fn traces(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let all = entries.chain([dir.to_owned()]);
    all.map(|path| {
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        (path.clone(), (fs::read(&path).unwrap_or_default(), changed))
    })
    .collect()
}

#[tokio::test]
async fn a_newer_state_is_not_touched() {
    let in_wal = in_wal("PRAGMA user_version = 4; UPDATE clients SET volume = 33");
    let (in_file, path) = folder(SCHEMA_1);
    Connection::open(&path)
        .unwrap()
        .execute_batch("PRAGMA user_version = 4; PRAGMA journal_mode = WAL;")
        .unwrap();
    let (without_lock, path) = folder(&fs::read(path).unwrap());
    fs::remove_file(path.with_extension("sqlite.lock")).unwrap();
    let (with_copy, path) = folder(&fs::read(path).unwrap());
    fs::write(path.with_extension("sqlite.schema-1"), SCHEMA_1).unwrap();
    let no_copy = "put a copy of the state that this version has written in place";
    let copy = "raa.sqlite.schema-1, in its place";
    for (dir, advice) in [
        (in_wal, no_copy),
        (in_file, no_copy),
        (without_lock, no_copy),
        (with_copy, copy),
    ] {
        let before = traces(dir.path());
        let args = ["--no-test-music", "--udp-port=0", "--http-port=0"];
        let state = ["--state-dir", dir.path().to_str().unwrap()];
        let refused = output(&[&args[..], &state].concat(), &[]).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        let knows = concat!(
            "raa-server ",
            env!("CARGO_PKG_VERSION"),
            " knows schemas up to 3"
        );
        for words in [
            "newer raa-server (schema 4;",
            knows,
            "was not touched",
            advice,
        ] {
            assert!(text.contains(words), "{words:?} is missing in: {text}");
        }
        assert!(traces(dir.path()) == before, "{advice}");
    }
}

#[tokio::test]
async fn an_upgrade_without_room_waits_for_it() {
    if !is_inside(
        "an_upgrade_without_room_waits_for_it",
        "mount -t tmpfs -o size=600k tmpfs /tmp",
    ) {
        return;
    }
    let dir = Path::new("/tmp/state").to_owned();
    fs::create_dir(&dir).unwrap();
    let path = dir.join("raa.sqlite");
    fs::write(&path, SCHEMA_1).unwrap();
    let mut program = Program::start(&dir).await;
    check_complaint(&program, &["must be upgraded", "free space", "refused"]);
    assert_eq!(name_of(&program, KNOWN.0).await, KNOWN.1);
    patch(program.http, KNOWN.0, r#"{"volume":7}"#)
        .await
        .check_error(507, "not_kept", "free space");
    assert_eq!(fs::read(&path).unwrap(), SCHEMA_1);

    let grown = Command::new("mount")
        .args(["-o", "remount,size=8m", "/tmp"])
        .status();
    assert!(grown.unwrap().success());
    let accepted = patch(program.http, KNOWN.0, r#"{"volume":7}"#).await;
    assert_eq!(accepted.status, 200);
    assert!(program.end(Signal::SIGTERM).await.success());
    let volume = |path: PathBuf| -> i64 {
        let sql = "SELECT volume FROM clients WHERE ssrc = 1";
        let connection = Connection::open(path).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(volume(path.clone()), 7);
    assert_eq!(volume(path.with_extension("sqlite.schema-1")), 150);
}
