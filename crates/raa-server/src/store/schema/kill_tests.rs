//! An upgrade that is killed, in a process of its own.
//!
//! The test runs itself again as that process, and kills it at different moments of a step that takes
//! long enough to be hit.

use super::*;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::former;

const PATH: &str = "RAA_TEST_UPGRADE";
const NAME: &str = "store::schema::kill_tests::a_killed_upgrade_leaves_old_or_new_state";
const BEGUN: &str = "the step has begun";
const KILLS: u32 = 12;
const CLIENTS: i64 = 4000;
const PASSES: usize = 12;

/// Changes every row many times, so that most of it is in the file before the step ends.
fn change_slowly(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1;")?;
    for pass in 0..PASSES {
        let sql = "UPDATE clients SET volume = volume + 1, sender_name = hex(zeroblob(200))";
        transaction.execute_batch(sql)?;
        if pass == 0 {
            println!("{BEGUN}");
        }
    }
    Ok(())
}

/// Returns the version, the sum of the volumes, and what SQLite says about the file's pages.
fn state(path: &Path) -> (i64, i64, String) {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT user_version, (SELECT sum(volume) FROM clients), \
        (SELECT quick_check FROM pragma_quick_check) FROM pragma_user_version";
    let row = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    row.unwrap()
}

/// Makes a state of version 1.
fn make(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    migrate(&mut connection, &MIGRATIONS[..1], |_, _| Ok(())).unwrap();
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO clients (ssrc, name) SELECT i, 'Ward ' || i FROM n";
    connection.execute(sql, [CLIENTS]).unwrap();
}

fn upgrade(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let keep = |connection: &Connection, version| former::keep(connection, path, version);
    migrate(&mut connection, &[MIGRATIONS[0], change_slowly], keep).unwrap();
}

/// Starts the upgrade in a process of its own, and returns when its step has begun.
fn start(path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(BEGUN) {
        line.clear();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "it does not begin"
        );
    }
    (child, output)
}

#[test]
fn a_killed_upgrade_leaves_old_or_new_state() {
    if let Some(path) = env::var_os(PATH) {
        return upgrade(Path::new(&path));
    }
    let (old_volume, new_volume) = (100 * CLIENTS, (100 + PASSES as i64) * CLIENTS);
    let (old, new) = ((1, old_volume, "ok".into()), (2, new_volume, "ok".into()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("whole");
    make(&path);
    let (mut whole, _output) = start(&path);
    let began = Instant::now();
    assert!(whole.wait().unwrap().success());
    let takes = began.elapsed();
    assert_eq!(state(&path), new);
    assert!(
        takes > Duration::from_millis(20),
        "too quick to be hit: {takes:?}"
    );

    let mut are_old = 0;
    for kill in 0..KILLS {
        let path = dir.path().join(format!("killed-{kill}"));
        make(&path);
        let (mut child, _output) = start(&path);
        std::thread::sleep(takes * kill / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        // The copy was complete before the step began.
        assert_eq!(state(&former::name(&path, 1)), old);
        let left = state(&path);
        assert!([&old, &new].contains(&&left), "{kill}: {left:?}");
        are_old += u32::from(left == old);
        upgrade(&path);
        assert_eq!(state(&path), new, "the next start completes it");
    }
    assert!(are_old > 0, "no kill has hit the step");
}
