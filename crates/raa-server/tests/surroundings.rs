//! What a process inherits or the system imposes: descriptors, signals, closed streams, variables, and
//! datagrams of any length.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::program::{PROGRAM, Program};
use common::sender::{ID, SSRC};
use common::{Server, client, get, status_when};
use nix::sys::signal::{Signal, kill};
use raa_core::rtp::Packet;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::Command;

/// The longest datagram of IPv4.
const LONGEST: usize = 65_507;
/// The longest datagram that the server takes.
const TAKEN: usize = 8192;

/// Returns an RTP packet of this length. Cut at [`TAKEN`] bytes it has 29 frames of Opus, each of 282
/// bytes and 2.5 ms.
fn long_packet(number: u16, len: usize) -> Vec<u8> {
    let mut payload = vec![0; len - 12];
    payload[..2].copy_from_slice(&[0xe3, 29]);
    let mut datagram = Vec::new();
    Packet {
        marker: false,
        payload_type: 111,
        sequence_number: number,
        timestamp: u32::from(number) * 3480,
        ssrc: SSRC,
        payload: &payload,
    }
    .write(&mut datagram);
    datagram
}

#[tokio::test]
async fn datagrams_that_are_too_long_are_refused() {
    let server = Server::start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let refused = async |count: u64| {
        let is_counted = |status: &Value| status["refused_packets"]["too_long"] == count;
        status_when(server.http, is_counted).await;
    };
    for (number, len) in (0..).zip([LONGEST, TAKEN + 1, LONGEST]) {
        let datagram = long_packet(number, len);
        socket.send_to(&datagram, server.udp).await.unwrap();
    }
    refused(3).await;
    assert_eq!(client(server.http, ID).await, Value::Null);
    for number in 3..5 {
        let datagram = long_packet(number, TAKEN);
        socket.send_to(&datagram, server.udp).await.unwrap();
    }
    common::client_when(server.http, ID, |client| !client.is_null()).await;
    refused(3).await;
    server.stop().await;
}

/// Opens this many connections and returns those that get an answer.
async fn served(program: &Program, count: usize) -> Vec<TcpStream> {
    let mut served = Vec::new();
    for _ in 0..count {
        let mut connection = TcpStream::connect(program.http).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut answer = [0; 12];
        // A refused connection may be reset during the request.
        let _ = connection.write_all(request).await;
        let read = connection.read_exact(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(5), read).await;
        if matches!(read, Ok(Ok(_))) && &answer == b"HTTP/1.1 200" {
            served.push(connection);
        }
    }
    served
}

#[tokio::test]
async fn few_descriptors_leave_room_for_connections() {
    let dir = tempfile::tempdir().unwrap();
    let database = include_bytes!("fixtures/raa-schema-1.sqlite");
    fs::write(dir.path().join("raa.sqlite"), database).unwrap();
    let program = Program::start_limited(dir.path(), "ulimit -n 64").await;
    let warning = program.lines.iter().find(|line| line["limit"] == 64);
    let warning = warning.expect("a warning about the limit");
    assert_eq!(warning["level"], "warn");
    let text = warning["msg"].as_str().unwrap();
    assert!(text.contains("LimitNOFILE"), "{text}");
    assert!(
        warning["needed"]
            .as_u64()
            .is_some_and(|needed| needed > 8192)
    );
    let room = warning["connections"].as_u64().unwrap();
    assert!(room >= 8, "{warning}");
    let connections = served(&program, 12).await;
    assert!(connections.len() >= 8, "{}", connections.len());
    // The database has descriptors left. An idle connection makes room for the change.
    let changed = common::patch(program.http, "00000001", r#"{"volume":7}"#).await;
    assert_eq!(changed.status, 200, "{changed:?}");
}

#[tokio::test]
async fn enough_descriptors_cause_no_warning() {
    let dir = tempfile::tempdir().unwrap();
    let program = Program::start_limited(dir.path(), "ulimit -Sn 64").await;
    assert!(program.lines.iter().all(|line| line["limit"].is_null()));
    assert_eq!(served(&program, 60).await.len(), 60);
}

#[tokio::test]
async fn closed_streams_stay_free_of_log_lines() {
    let dir = tempfile::tempdir().unwrap();
    let config = raa_server::config::Config {
        udp_port: 0,
        http_port: 0,
        ..raa_server::config::Config::default()
    };
    let (_, http) = raa_server::Sockets::bind(&config)
        .unwrap()
        .addresses()
        .unwrap();
    let script = "exec \"$0\" \"$@\" <&- >&- 2>&-";
    let mut child = Command::new("bash")
        .args(["-c", script, PROGRAM, "--udp-port=0", "--no-test-music"])
        .arg(format!("--http-port={}", http.port()))
        .arg("--state-dir")
        .arg(dir.path())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let http = (std::net::Ipv4Addr::LOCALHOST, http.port()).into();
    let started = Instant::now();
    while TcpStream::connect(http).await.is_err() {
        assert!(started.elapsed() < common::PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get(http, "/healthz").await.status, 200);
    let pid = child.id().unwrap();
    for stream in 0..3 {
        let link = fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap();
        assert_eq!(link.to_str(), Some("/dev/null"), "stream {stream}");
    }
    for file in fs::read_dir(dir.path()).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let line = b"\"level\"";
        assert!(!content.windows(line.len()).any(|window| window == line));
    }
    child.kill().await.unwrap();
}

/// A supervisor may start the server with signals blocked or ignored.
#[tokio::test]
async fn inherited_signals_do_not_keep_the_server_from_stopping() {
    for limits in [
        "trap '' TERM INT",
        // Bash can't block signals; Python can, and hands the mask on.
        "exec python3 -c 'import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {15, 2}); os.execv(sys.argv[1], sys.argv[1:])' \"$0\" \"$@\"",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut program = Program::start_limited(dir.path(), limits).await;
        assert_eq!(
            program.end(Signal::SIGTERM).await.code(),
            Some(0),
            "{limits}"
        );
    }
}

/// These signals end a program that does not expect them.
#[tokio::test]
async fn stray_signals_do_not_silence_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let mut program = Program::start(dir.path()).await;
    for signal in [
        Signal::SIGHUP,
        Signal::SIGXFSZ,
        Signal::SIGPIPE,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
    ] {
        kill(program.pid(), signal).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(get(program.http, "/healthz").await.status, 200, "{signal}");
    }
    let line = program
        .line("SIGHUP changes nothing; restart the server to read its configuration again")
        .await;
    assert_eq!(line["level"], "warn");
    assert_eq!(program.end(Signal::SIGTERM).await.code(), Some(0));
}

#[tokio::test]
async fn variables_of_libraries_do_not_stop_the_server() {
    for variable in [
        "TOKIO_WORKER_THREADS=0",
        "TOKIO_WORKER_THREADS=many",
        "RAYON_NUM_THREADS=-1",
        "RUST_LOG=loud",
        "RUST_BACKTRACE=loud",
        "TZ=Nowhere/Else",
        "LC_ALL=xx_XX.nothing",
        "TMPDIR=/nowhere",
        "SQLITE_TMPDIR=/nowhere",
        "LISTEN_FDS=3",
        "NOTIFY_SOCKET=/nowhere",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::start_limited(dir.path(), &format!("export {variable}")).await;
        assert_eq!(
            get(program.http, "/healthz").await.status,
            200,
            "{variable}"
        );
    }
}
