//! The log of the program: what operators change, and what a full disk costs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use common::namespace::is_inside;
use common::program::{PROGRAM, Program, roomy_config};
use common::sender::{ID, introduce};
use common::{PATIENCE, client_when, delete, patch};
use raa_server::Sockets;
use raa_server::config::Config;
use serde_json::{Value, json};
use tokio::process::Command;

async fn change(http: SocketAddr, body: Value) {
    assert_eq!(patch(http, ID, body.to_string()).await.status, 200);
}

#[tokio::test]
async fn changes_are_logged_with_peer_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let http = program.http;
    introduce(program.udp, http).await;
    let check = |line: &Value, from: Value, to: Value| {
        assert_eq!((&line["from"], &line["to"]), (&from, &to), "{line}");
        assert_eq!(line["client"], ID, "{line}");
        let peer: SocketAddr = line["peer"].as_str().unwrap().parse().unwrap();
        assert_eq!(peer.ip(), Ipv4Addr::LOCALHOST, "{line}");
    };
    change(http, json!({"name": "Ward 3"})).await;
    check(
        &program.line("client renamed").await,
        json!(""),
        json!("Ward 3"),
    );
    change(http, json!({"muted": true})).await;
    check(
        &program.line("client muted").await,
        json!(false),
        json!(true),
    );
    change(http, json!({"muted": false})).await;
    check(
        &program.line("client unmuted").await,
        json!(true),
        json!(false),
    );
    change(http, json!({"sounding_from_dbfs": -40})).await;
    let line = program.line("client's sounding_from_dbfs changed").await;
    check(&line, json!("the server's"), json!("-40"));
    // A fader moves in many steps, and one line says where it went.
    for volume in (50..=99).rev() {
        change(http, json!({"volume": volume})).await;
    }
    let moved = program.line("client's volume changed").await;
    check(&moved, json!(100), json!(50));
    assert_eq!(moved["name"], "Ward 3");
    // What changes nothing leaves no line.
    change(http, json!({"volume": 50, "name": "Ward 3"})).await;
    client_when(http, ID, |client| client["status"] == "offline").await;
    assert_eq!(delete(http, ID).await.status, 204);
    let deleted = program.line("clients deleted").await;
    assert_eq!(
        (&deleted["client"], &deleted["deleted"]),
        (&json!(ID), &json!(1))
    );
    let count = |text: &str| {
        let lines = program.lines.iter();
        lines.filter(|line| line["msg"] == text).count()
    };
    assert_eq!(count("client's volume changed"), 1);
    assert_eq!(count("client renamed"), 1);
}

fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    let full = std::iter::repeat_with(|| file.write(&[b'x'; 512])).find(Result::is_err);
    assert_eq!(full.unwrap().unwrap_err().kind(), ErrorKind::StorageFull);
}

async fn lines_when(log: &Path, condition: impl Fn(&[String]) -> bool) -> Vec<String> {
    let started = Instant::now();
    loop {
        let text = String::from_utf8(fs::read(log).unwrap()).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if condition(&lines) {
            return lines;
        }
        assert!(started.elapsed() < PATIENCE, "timed out: {lines:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_full_disk_does_not_end_the_log() {
    let setup = "mount -t tmpfs -o size=64k tmpfs /mnt";
    if !is_inside("a_full_disk_does_not_end_the_log", setup) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (log, filler) = (Path::new("/mnt/log"), Path::new("/mnt/filler"));
    let config = Config {
        udp_port: 0,
        http_port: 0,
        ..Config::default()
    };
    let (udp, http) = Sockets::bind(&config).unwrap().addresses().unwrap();
    let local = |address: SocketAddr| SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    let (udp, http) = (local(udp), local(http));
    let mut command = Command::new(PROGRAM);
    command.args(["--no-test-music", &format!("--udp-port={}", udp.port())]);
    command.arg(format!("--http-port={}", http.port()));
    command.arg("--state-dir").arg(dir.path());
    command.arg("--config").arg(roomy_config(dir.path()));
    let stdout = File::create(log).unwrap();
    let _child = command.stdout(stdout).kill_on_drop(true).spawn().unwrap();
    lines_when(log, |lines| {
        lines.iter().any(|line| line.contains("listening"))
    })
    .await;
    introduce(udp, http).await;

    fill(filler);
    for round in 0..60 {
        change(http, json!({"muted": round % 2 == 0})).await;
    }
    let full = fs::metadata(log).unwrap().len();
    fs::remove_file(filler).unwrap();
    let report = |line: &String| line.contains("could not be written");
    let is_change =
        |line: &&String| line.contains("client muted") || line.contains("client unmuted");
    // The report comes with the next line, at the latest with the next statistics. The last changes may
    // have been written behind it. Statistics may be missing, too.
    let is_accounted = |lines: &[String]| {
        let report = lines.iter().find(|line| report(line));
        // It may be read before its end is written.
        let Some(Ok(report)) = report.map(|line| serde_json::from_str::<Value>(line)) else {
            return false;
        };
        let missing = report["dropped"].as_u64().unwrap() as usize;
        let changes = lines.iter().filter(is_change);
        let whole = changes.filter(|line| serde_json::from_str::<Value>(line).is_ok());
        missing > 0 && missing + whole.count() >= 60
    };
    let lines = lines_when(log, is_accounted).await;
    assert!(fs::metadata(log).unwrap().len() > full);
    let at = lines.iter().position(report).unwrap();
    change(http, json!({"name": "Ward 3"})).await;
    let lines = lines_when(log, |lines| {
        lines.iter().any(|line| line.contains("Ward 3"))
    })
    .await;
    for line in &lines[at..] {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
