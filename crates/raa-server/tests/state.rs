//! Settings of operators survive restarts, kill -9 and full disks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::program::Program;
use common::sender::{ID, Sender, introduce};
use common::{Server, client, client_when, delete, forget, get, patch};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test]
async fn clients_are_listed_as_offline_after_a_restart() {
    let server = Server::start().await;
    let sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| client["status"] == "sounding").await;
    let body = r#"{"name":"Ward 3","volume":0,"muted":true}"#;
    assert_eq!(patch(server.http, ID, body).await.status, 200);
    drop(sender);

    let server = server.restart().await;
    let known = client(server.http, ID).await;
    let settings = ["name", "volume", "muted", "status"].map(|field| known[field].clone());
    assert_eq!(
        settings,
        [json!("Ward 3"), json!(0), json!(true), json!("offline")]
    );
    assert!(
        known["last_packet_ms_ago"].as_u64().unwrap() < 60_000,
        "{known}"
    );
    assert!(
        known["last_sound_ms_ago"]
            .as_u64()
            .is_some_and(|ago| ago < 60_000),
        "{known}"
    );
    assert_eq!(known["address"], Value::Null);

    assert_eq!(delete(server.http, ID).await.status, 204);
    let server = server.restart().await;
    assert_eq!(client(server.http, ID).await, Value::Null);
    server.stop().await;
}

/// The states of released versions: the file, its schema, and the level that an operator gave to one client.
const RELEASED: [(&[u8], u32, f64); 3] = [
    (include_bytes!("fixtures/raa-schema-1.sqlite"), 1, -60.0),
    (include_bytes!("fixtures/raa-schema-2.sqlite"), 2, -42.5),
    (include_bytes!("fixtures/raa-schema-3.sqlite"), 3, -42.5),
];

/// Each fixture has four configured and three other clients.
#[tokio::test]
async fn the_states_of_released_servers_are_kept() {
    for (database, schema, level) in RELEASED {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("state")).unwrap();
        std::fs::write(dir.path().join("state/raa.sqlite"), database).unwrap();
        let mut server = Server::start_with(dir, |setup| setup.config.test_music = true).await;
        for _ in 0..2 {
            check_released(&server, schema, level).await;
            let dir = server.stop().await;
            server = Server::start_with(dir, |setup| setup.config.test_music = true).await;
        }
        let dir = server.stop().await;
        let is_old = dir.path().join(format!("state/raa.sqlite.schema-{schema}"));
        assert_eq!(is_old.exists(), schema < RELEASED.len() as u32);
    }
}

async fn check_released(server: &Server, schema: u32, level: f64) {
    for (id, name, volume, muted) in [
        ("00000001", "第三病棟", 150, false),
        ("0badcafe", "ナースステーション", 100, false),
        ("12345678", "", 100, false),
        ("5f0a11c2", "", 100, true),
        ("7fffffff", "受付 1", 0, false),
        ("bgmtest0", "試験音楽", 20, false),
        ("fffffffe", "手術室２", 100, false),
    ] {
        let known = client(server.http, id).await;
        let settings = ["name", "volume", "muted"].map(|field| known[field].clone());
        assert_eq!(
            settings,
            [json!(name), json!(volume), json!(muted)],
            "schema {schema}: {known}"
        );
        let is_leveled = id == "7fffffff";
        let expected = if is_leveled { level } else { -60.0 };
        assert_eq!(
            known["sounding_from_dbfs"], expected,
            "schema {schema}: {known}"
        );
    }
}

#[tokio::test]
async fn unconfigured_clients_are_remembered() {
    let server = Server::start().await;
    let sender = Sender::start(server.udp);
    client_when(server.http, ID, |client| client["status"] == "sounding").await;
    drop(sender);
    let server = server.restart().await;
    let known = client(server.http, ID).await;
    assert_eq!(
        (&known["status"], &known["volume"]),
        (&json!("offline"), &json!(100))
    );
    server.stop().await;
}

#[tokio::test]
async fn the_test_client_keeps_its_settings_while_off() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_with(dir, |setup| setup.config.test_music = true).await;
    client_when(server.http, "bgmtest0", |client| !client.is_null()).await;
    assert_eq!(
        patch(server.http, "bgmtest0", r#"{"volume":20}"#)
            .await
            .status,
        200
    );
    let server = server.restart().await;
    assert_eq!(client(server.http, "bgmtest0").await, Value::Null);
    let dir = server.stop().await;
    let server = Server::start_with(dir, |setup| setup.config.test_music = true).await;
    assert_eq!(client(server.http, "bgmtest0").await["volume"], 20);
    server.stop().await;
}

#[tokio::test]
async fn confirmed_changes_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    for round in 1..=5 {
        let mut program = Program::start(dir.path()).await;
        if round == 1 {
            introduce(program.udp, program.http).await;
        } else {
            assert_eq!(client(program.http, ID).await["volume"], round - 1);
            assert_eq!(
                client(program.http, ID).await["name"],
                format!("Ward {}", round - 1)
            );
        }
        let body = json!({"name": format!("Ward {round}"), "volume": round});
        assert_eq!(patch(program.http, ID, body.to_string()).await.status, 200);
        let ended = program.end(Signal::SIGKILL).await;
        assert!(!ended.success());
    }
}

/// Forbids the program's files to grow, or allows it again, which has the effect of a full disk.
async fn set_disk_full(program: &Program, is_full: bool) {
    let limit = if is_full {
        "--fsize=0:"
    } else {
        "--fsize=unlimited:"
    };
    let pid = program.pid().to_string();
    let set = Command::new("prlimit")
        .args([limit, "--pid", &pid])
        .status();
    assert!(set.await.unwrap().success());
}

#[tokio::test]
async fn a_full_disk_refuses_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start_limited(dir.path(), "trap '' XFSZ").await;
    introduce(program.udp, program.http).await;
    let body = r#"{"name":"Ward 3","volume":50}"#;
    assert_eq!(patch(program.http, ID, body).await.status, 200);

    set_disk_full(&program, true).await;
    for body in [r#"{"volume":51}"#, r#"{"name":"other","muted":true}"#] {
        let refused = patch(program.http, ID, body).await;
        refused.check_error(
            507,
            "not_kept",
            "the change was not made because it cannot be stored",
        );
    }
    assert_eq!(
        patch(program.http, ID, body).await.status,
        200,
        "there is nothing to store"
    );
    client_when(program.http, ID, |client| client["status"] == "offline").await;
    delete(program.http, ID)
        .await
        .check_error(507, "not_kept", "not made");
    forget(program.http, &[ID])
        .await
        .check_error(507, "not_kept", "not made");
    let known = client(program.http, ID).await;
    assert_eq!(
        (&known["volume"], &known["name"], &known["muted"]),
        (&json!(50), &json!("Ward 3"), &json!(false))
    );
    assert_eq!(get(program.http, "/healthz").await.status, 200);

    // With room on the disk again, the server works without a restart.
    set_disk_full(&program, false).await;
    assert_eq!(
        patch(program.http, ID, r#"{"muted":true}"#).await.status,
        200
    );
    program.end(Signal::SIGKILL).await;

    let program = Program::start(dir.path()).await;
    let known = client(program.http, ID).await;
    let settings = ["name", "volume", "muted"].map(|field| known[field].clone());
    assert_eq!(settings, [json!("Ward 3"), json!(50), json!(true)]);
}

#[tokio::test]
async fn the_server_starts_on_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    introduce(program.udp, program.http).await;
    assert_eq!(
        patch(program.http, ID, r#"{"name":"Ward 3"}"#).await.status,
        200
    );
    program.end(Signal::SIGKILL).await;
    let program = Program::start_limited(dir.path(), "ulimit -f 0; trap '' XFSZ").await;
    assert_eq!(client(program.http, ID).await["name"], "Ward 3");
    patch(program.http, ID, r#"{"muted":true}"#)
        .await
        .check_error(507, "not_kept", "not made");
    assert_eq!(client(program.http, ID).await["muted"], false);
}
