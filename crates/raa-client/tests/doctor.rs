//! The doctor of the real program: each wrong state is made, with a real PulseAudio, and must be named.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use support::pulse_server::PulseServer;
use support::{Client, Received, Receiver};

const SSRC: &str = "0badcafe";

struct Report {
    code: Option<i32>,
    json: Value,
}

impl Report {
    fn of(folder: &Path, options: &[&str]) -> Self {
        let mut command = support::command(folder);
        let output = command
            .args(["doctor", "--json"])
            .args(options)
            .output()
            .unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        Self {
            code: output.status.code(),
            json,
        }
    }

    #[track_caller]
    fn expect(&self, id: &str, verdict: &str, words: &[&str]) {
        let mut checks = self.json["checks"].as_array().unwrap().iter();
        let check = checks.find(|check| check["id"] == id);
        let check = check.unwrap_or_else(|| panic!("no {id}: {}", self.json));
        assert_eq!(check["verdict"], verdict, "{check}");
        for word in words {
            assert!(
                check.to_string().contains(word),
                "{word:?} is missing in {check}"
            );
        }
        assert_eq!(check["do"].is_null(), verdict == "ok", "{check}");
        if verdict == "wrong" {
            assert_eq!(self.code, Some(1));
        }
    }
}

/// Answers like the page of a server that has these clients, and returns its port.
fn page(clients: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let status = json!({"version": "0.1.0", "listeners": 0, "mix_cycle": {}}).to_string();
    let list = json!({ "clients": clients }).to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1000];
            let len = stream.read(&mut request).unwrap_or(0);
            let asks_for_list = request[..len].starts_with(b"GET /api/clients");
            let body = if asks_for_list { &list } else { &status };
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}");
        }
    });
    port
}

fn configure(folder: &Path, text: &str) {
    let file = folder.join("raa-client.toml");
    fs::write(&file, text).unwrap();
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let report = Report::of(folder.path(), &[]);
    report.expect("configuration", "wrong", &["no server is set"]);
    configure(folder.path(), "server = \"127.0.0.1\"\nnmae = \"Ward 3\"\n");
    Report::of(folder.path(), &[]).expect("configuration", "wrong", &["nmae", "line 2"]);
    configure(folder.path(), "server = \"nowhere.invalid\"\n");
    Report::of(folder.path(), &[]).expect("server_name", "wrong", &["nowhere.invalid", "getent"]);
}

#[test]
fn nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let before = "server = \"127.0.0.1\"\n";
    configure(folder.path(), before);
    Report::of(folder.path(), &[]).expect("configuration", "ok", &["the first start adds"]);
    let after = fs::read_to_string(folder.path().join("raa-client.toml")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn the_server_says_whether_sound_arrives() {
    let folder = tempfile::tempdir().unwrap();
    configure(
        folder.path(),
        &format!("server = \"127.0.0.1\"\nssrc = \"{SSRC}\"\n"),
    );
    let examine = |port: &str| Report::of(folder.path(), &["--page-port", port]);
    let sounding = examine(&page(&json!([{"id": SSRC, "status": "sounding"}])));
    sounding.expect("server", "ok", &["RAA server, version 0.1.0"]);
    sounding.expect("received", "ok", &["receives sound"]);
    examine(&page(&json!([]))).expect("received", "wrong", &["receives nothing"]);

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let silent = examine(&free.to_string());
    silent.expect(
        "server",
        "attention",
        &["can't be asked", "raa-server doctor"],
    );
    silent.expect("received", "attention", &["unknown"]);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{}");
    });
    examine(&port).expect("server", "wrong", &["not an RAA server", "--page-port"]);
}

#[test]
fn a_client_that_is_not_received_is_wrong() {
    let (folder, mut receiver) = (tempfile::tempdir().unwrap(), Receiver::new());
    let _first = Client::start(folder.path(), &receiver.address(), &["--source", "tone"]);
    receiver.expect("sound", |received| {
        matches!(received, Received::Rtp { .. }).then_some(())
    });
    let port = page(&json!([]));
    let server = receiver.address();
    let report = Report::of(folder.path(), &["--server", &server, "--page-port", &port]);
    report.expect("received", "wrong", &["a client runs here", "firewall"]);
    let second = tempfile::tempdir().unwrap();
    let _second = Client::start(second.path(), &receiver.address(), &["--source", "tone"]);
    let report = Report::of(folder.path(), &["--server", &receiver.address()]);
    report.expect(
        "clients",
        "attention",
        &["clients run on this computer", "stop all but one"],
    );
}

#[test]
fn sound_that_cannot_be_captured_is_named() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), "server = \"127.0.0.1\"\n");
    let examine = || Report::of(folder.path(), &[]);
    examine().expect("sound_server", "wrong", &["no sound server", "pactl info"]);
    let server = PulseServer::start(folder.path(), &["first"]);
    examine().expect("sound_server", "ok", &["the monitor of first"]);
    server.set_mute("first", true);
    examine().expect("sound_server", "attention", &["first", "mute", "pactl"]);
    server.set_mute("first", false);
    server.set_volume("first", "5%");
    examine().expect("sound_server", "attention", &["first", "turned down"]);
}
