//! The server under a supervisor that is told by sd_notify, as systemd is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdUnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use common::program::Program;
use common::stopped_thread::StoppedThread;
use common::{PATIENCE, get};
use nix::sys::signal::Signal;
use tokio::net::UnixDatagram;
use tokio::time::timeout;

/// The watchdog's time limit in these tests.
const LIMIT: Duration = Duration::from_millis(900);

/// The side of the supervisor.
struct Supervisor {
    socket: UnixDatagram,
    /// The value of `NOTIFY_SOCKET`.
    name: String,
}

impl Supervisor {
    fn at_path(dir: &Path) -> Self {
        let path = dir.join("notify");
        Self {
            socket: UnixDatagram::bind(&path).unwrap(),
            name: path.to_str().unwrap().to_owned(),
        }
    }

    fn abstract_name() -> Self {
        let name = format!("raa-supervisor-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = StdUnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self {
            socket: UnixDatagram::from_std(socket).unwrap(),
            name: format!("@{name}"),
        }
    }

    async fn start(&self, dir: &Path, more: &str) -> Program {
        let (name, limit) = (&self.name, LIMIT.as_micros());
        let variables = format!("export NOTIFY_SOCKET={name} WATCHDOG_USEC={limit} {more}");
        Program::start_limited(dir, &variables).await
    }

    /// Returns the lines of the next datagram.
    async fn next(&self, patience: Duration) -> Option<Vec<String>> {
        let mut buffer = [0; 4096];
        let received = timeout(patience, self.socket.recv(&mut buffer)).await;
        let text = str::from_utf8(&buffer[..received.ok()?.unwrap()]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Waits for a line that begins like this, and returns the whole datagram.
    async fn line(&self, begin: &str) -> Vec<String> {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "{begin} does not come");
            let lines = self.next(PATIENCE).await.unwrap_or_default();
            if lines.iter().any(|line| line.starts_with(begin)) {
                return lines;
            }
        }
    }

    /// Counts how often the watchdog is fed.
    async fn feeds_within(&self, time: Duration) -> usize {
        let started = Instant::now();
        let mut feeds = 0;
        while let Some(left) = time.checked_sub(started.elapsed()) {
            let lines = self.next(left).await.unwrap_or_default();
            feeds += lines.iter().filter(|line| *line == "WATCHDOG=1").count();
        }
        feeds
    }
}

#[tokio::test]
async fn a_hanging_engine_does_not_feed_the_watchdog() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::at_path(dir.path());
    let mut program = supervisor.start(dir.path(), "").await;
    supervisor.line("READY=1").await;
    assert_eq!(get(program.http, "/healthz").await.status, 200);
    for _ in 0..3 {
        supervisor.line("WATCHDOG=1").await;
    }

    let stopped = StoppedThread::stop(program.pid(), "engine");
    let lines = supervisor.line("STATUS=the engine plays no slots").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(supervisor.feeds_within(2 * LIMIT).await, 0);
    get(program.http, "/healthz")
        .await
        .check_error(503, "engine_unavailable", "");
    assert_eq!(get(program.http, "/api/status").await.status, 200);

    drop(stopped);
    supervisor.line("WATCHDOG=1").await;
    assert_eq!(get(program.http, "/healthz").await.status, 200);
    assert!(program.end(Signal::SIGTERM).await.success());
    supervisor.line("STOPPING=1").await;
}

#[tokio::test]
async fn abstract_sockets_receive_status_and_readiness() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::abstract_name();
    let _program = supervisor.start(dir.path(), "").await;
    let lines = supervisor.line("READY=1").await;
    assert!(lines.contains(&"WATCHDOG=1".to_owned()), "{lines:?}");
    let status = "STATUS=0 of 0 computers online, 0 sounding, 0 listening";
    assert!(lines.contains(&status.to_owned()), "{lines:?}");
}

#[tokio::test]
async fn the_watchdog_of_another_process_is_not_fed() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::at_path(dir.path());
    let _program = supervisor.start(dir.path(), "WATCHDOG_PID=1").await;
    let lines = supervisor.line("READY=1").await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(supervisor.feeds_within(2 * LIMIT).await, 0);
}

#[tokio::test]
async fn a_wrong_socket_costs_one_line() {
    for wrong in ["/nowhere/notify", "vsock:2:1"] {
        let dir = tempfile::tempdir().unwrap();
        let variables = format!("export NOTIFY_SOCKET={wrong} WATCHDOG_USEC=90000");
        let mut program = Program::start_limited(dir.path(), &variables).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(get(program.http, "/healthz").await.status, 200);
        assert!(program.end(Signal::SIGTERM).await.success(), "{wrong}");
        program.line("stopped").await;
        let is_about = |line: &&serde_json::Value| line.to_string().contains("NOTIFY_SOCKET");
        assert_eq!(program.lines.iter().filter(is_about).count(), 1, "{wrong}");
    }
}
