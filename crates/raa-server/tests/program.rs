//! The program as operators and supervisors use it: options, log lines, signals, limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use common::program::{PROGRAM, Program, output};
use common::{close_frame, connect, get, next_frame, next_json};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use raa_server::Sockets;
use raa_server::config::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
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
            started.elapsed() < Duration::from_secs(5),
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
async fn excess_connections_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_limited(dir.path(), "ulimit -n 96").await;
    let mut connections = Vec::new();
    let mut refused = 0;
    for _ in 0..120 {
        let mut connection = TcpStream::connect(program.http).await.unwrap();
        let mut answer = [0; 12];
        let read = connection.read_exact(&mut answer);
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(30), read).await {
            assert_eq!(&answer, b"HTTP/1.1 503");
            refused += 1;
        }
        connections.push(connection);
    }
    assert!((60..120).contains(&refused), "{refused}");
    drop(connections);
    let started = Instant::now();
    loop {
        let mut connection = TcpStream::connect(program.http).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        let mut answer = Vec::new();
        // A refused connection may be reset during the request.
        let _ = connection.write_all(request).await;
        let _ = connection.read_to_end(&mut answer).await;
        if answer.starts_with(b"HTTP/1.1 200") {
            break;
        }
        assert!(started.elapsed() < common::PATIENCE, "{}", text(&answer));
    }
}
