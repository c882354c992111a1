//! The program as operators and supervisors use it: options, log lines, signals, limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use common::program::{PROGRAM, Program, output};
use common::raw::{ask_from, closes_within, connect_from, handshake_on, status_of};
use common::{close_frame, connect, get, next_frame, next_json};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use raa_server::Sockets;
use raa_server::config::Config;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::Command;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn version_and_options_are_printed() {
    let version = output(&["--version"], &[]).await;
    assert_eq!(
        text(&version.stdout),
        concat!("raa-server ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = text(&output(&["--help"], &[]).await.stdout);
    for word in [
        "--config",
        "--state-dir",
        "--no-test-music",
        "--web-dir",
        "UDP_PORT",
        "precedence",
    ] {
        assert!(help.contains(word), "{word} is missing in: {help}");
    }
    let wrong = output(&["--udp-port", "70000"], &[]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("70000"), "{wrong:?}");
}

#[tokio::test]
async fn the_configuration_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("raa-server.toml");
    let args = [
        "--check-config",
        "--state-dir",
        "/nowhere",
        "--config",
        file.to_str().unwrap(),
    ];
    common::write(&file, "http_port = 8080\n");
    let valid = output(&args, &[("UDP_PORT", "5000")]).await;
    assert_eq!(valid.status.code(), Some(0));
    let shown = text(&valid.stdout);
    let lines = [
        "udp_port = 5000  # from the environment variable UDP_PORT",
        "http_port = 8080  # from ",
    ];
    assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");

    common::write(&file, "max_unnamed_clients = 7\n");
    let former = text(&output(&args, &[]).await.stdout);
    let lines = [
        "rename it to max_unconfigured_clients\n",
        "max_unconfigured_clients = 7  #",
    ];
    assert!(lines.iter().all(|line| former.contains(line)), "{former}");

    common::write(&file, "http_prot = 8080\n");
    let wrong = output(&args, &[]).await;
    assert_eq!(
        (wrong.status.code(), text(&wrong.stdout)),
        (Some(2), String::new())
    );
    assert!(
        text(&wrong.stderr).contains("unknown key \"http_prot\""),
        "{wrong:?}"
    );
    let wrong = output(&args[..3], &[("LOG_LEVEL", "loud")]).await;
    assert!(
        text(&wrong.stderr).contains("log_level is \"loud\""),
        "{wrong:?}"
    );
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test]
async fn reasons_for_not_starting_are_printed() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let udp = program.udp.port().to_string();
    let args = [
        "--no-test-music",
        "--http-port",
        "0",
        "--state-dir",
        dir.path().to_str().unwrap(),
    ];
    let taken = output(&[&args[..], &["--udp-port", &udp]].concat(), &[]).await;
    assert_eq!(taken.status.code(), Some(1));
    let expected = format!("udp_port is {udp}");
    assert!(text(&taken.stderr).contains(&expected), "{taken:?}");
    assert!(
        text(&taken.stdout).contains(&expected),
        "the log has it, too: {taken:?}"
    );
    let taken = output(&[&args[..], &["--udp-port", "0"]].concat(), &[]).await;
    assert_eq!(taken.status.code(), Some(1));
    assert!(
        text(&taken.stderr).contains("in use by another raa-server"),
        "{taken:?}"
    );
}

#[tokio::test]
async fn former_keys_are_reported_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join(".config/raa/raa-server.toml");
    common::write(&config, "max_unnamed_clients = 7\n");
    let program = Program::start(dir.path()).await;
    let warnings = program.lines.iter().filter(|line| line["level"] == "warn");
    let texts: Vec<_> = warnings.map(|line| line["msg"].as_str().unwrap()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    for word in [
        config.to_str().unwrap(),
        "max_unnamed_clients",
        "max_unconfigured_clients",
    ] {
        assert!(texts[0].contains(word), "{word} is missing in: {texts:?}");
    }
}

#[tokio::test]
async fn signals_stop_the_server_cleanly() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let dir = tempfile::tempdir().unwrap();
        let mut program = Program::start(dir.path()).await;
        let mut listener = connect(program.http, "/ws?mix=main").await;
        next_json(&mut listener).await;
        let _silent = TcpStream::connect(program.http).await.unwrap();
        let started = Instant::now();
        let closed = tokio::spawn(async move { close_frame(&mut listener).await });
        let ended = program.end(signal).await;
        assert!(
            started.elapsed() < Duration::from_secs(20), // the silent one may stay for longer
            "{:?}",
            started.elapsed()
        );
        assert_eq!(ended.code(), Some(0));
        assert_eq!(
            closed.await.unwrap().map(|frame| frame.code.into()),
            Some(1001)
        );
        program.line("stopped").await;
    }
}

#[tokio::test]
async fn every_log_line_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    let cycles = program.line("mix cycle stats").await;
    assert!(
        ["mean_ms", "p99_ms", "max_ms", "avg_active"]
            .iter()
            .all(|key| cycles[key].is_number()),
        "{cycles}"
    );
    let lateness = program.line("slot lateness stats").await;
    assert!(lateness["p99_ms"].is_number(), "{lateness}");
    for line in &program.lines {
        assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(
            line["level"].is_string() && line["msg"].is_string(),
            "{line}"
        );
    }
}

#[tokio::test]
async fn an_unread_log_does_not_stop_the_audio() {
    let dir = tempfile::tempdir().unwrap();
    // The pipe is full from the start.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'\n'; 65_536]).unwrap();
    let config = Config {
        udp_port: 0,
        http_port: 0,
        ..Config::default()
    };
    let (_, http) = Sockets::bind(&config).unwrap().addresses().unwrap();
    let http = SocketAddr::from((Ipv4Addr::LOCALHOST, http.port()));
    let mut command = Command::new(PROGRAM);
    command.args([
        "--udp-port=0",
        "--no-test-music",
        &format!("--http-port={}", http.port()),
    ]);
    command
        .arg("--state-dir")
        .arg(dir.path())
        .stdout(writer)
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let started = Instant::now();
    while TcpStream::connect(http).await.is_err() {
        assert!(started.elapsed() < common::PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut listener = connect(http, "/ws?mix=main").await;
    next_json(&mut listener).await;
    for _ in 0..50 {
        next_frame(&mut listener).await;
    }
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    let ended = tokio::time::timeout(common::PATIENCE, child.wait())
        .await
        .unwrap();
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test]
async fn connections_wait_for_free_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start(dir.path()).await;
    let limit = async |soft: &str| {
        let (pid, limit) = (program.pid().to_string(), format!("--nofile={soft}:"));
        Command::new("prlimit")
            .args([&limit, "--pid", &pid])
            .status()
            .await
            .unwrap()
    };
    assert!(limit("3").await.success());
    let waiting = get(program.http, "/healthz");
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(500), waiting.as_mut()).await;
    assert!(early.is_err(), "a descriptor was free: {early:?}");
    assert!(limit("1024").await.success());
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test]
async fn excess_connections_make_room_or_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_limited(dir.path(), "ulimit -n 128").await;
    let warning = program
        .lines
        .iter()
        .find(|line| line["connections"].is_u64());
    let room = warning.expect("few descriptors are reported")["connections"].as_u64();
    let room = usize::try_from(room.unwrap()).unwrap();
    // A sixteenth is kept for addresses that have none.
    let most = room - room / 16;
    let to = program.http;
    let host = "host: 127.0.0.1\r\n";
    let mut idle = Vec::new();
    for _ in 0..most.min(64) + 20 {
        idle.push(connect_from(1, to).await);
    }
    // The oldest ones make room, and the server answers everybody.
    for oldest in &mut idle[..8] {
        assert!(closes_within(oldest, common::PATIENCE).await);
    }
    for host_number in [1, 2] {
        let head = format!("GET /api/status HTTP/1.1\r\n{host}");
        let answer = ask_from(host_number, to, &head, "").await;
        assert_eq!(status_of(&answer), 200, "{answer}");
    }
    drop(idle);

    let mut listeners = Vec::new();
    let mut refused = 0;
    let tried = most + 20;
    for _ in 0..tried {
        let mut listener = connect_from(1, to).await;
        match status_of(&handshake_on(&mut listener, "/ws", host).await) {
            101 => listeners.push(listener),
            503 => refused += 1,
            other => panic!("{other}"),
        }
    }
    // Some connections of before may have been there when the last ones came.
    let accepted = listeners.len();
    assert!(
        (most - 8..=most).contains(&accepted),
        "{accepted} of {room}"
    );
    assert_eq!(accepted + refused, tried);
    let page = format!("GET / HTTP/1.1\r\n{host}");
    assert_eq!(status_of(&ask_from(1, to, &page, "").await), 503);
    // Health checks have places of their own, and an address without connections finds one.
    let health = ask_from(1, to, "GET /healthz HTTP/1.0\r\n", "").await;
    assert!(
        health.contains("200 OK") && health.ends_with("{\"status\":\"ok\"}"),
        "{health}"
    );
    assert_eq!(status_of(&ask_from(2, to, &page, "").await), 200);
    let status = ask_from(2, to, &format!("GET /api/status HTTP/1.1\r\n{host}"), "").await;
    let (_, body) = status.split_once("\r\n\r\n").unwrap();
    let status: Value = serde_json::from_str(body).unwrap();
    assert!(status["refused_requests"]["connections"].as_u64().unwrap() > refused as u64);
}
