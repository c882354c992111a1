//! Helpers of the integration tests: whole servers, in this process or as a program, and requests of
//! senders, browsers and listeners.
//!
//! Always: each server uses loopback, free ports and its own folder; everything ends with the test,
//! even when it fails.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]

pub mod delays;
pub mod namespace;
pub mod program;
pub mod raw;
pub mod sender;
pub mod state_folder;
pub mod stopped_thread;

use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use raa_server::config::Config;
use raa_server::{Setup, Sockets};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_util::sync::CancellationToken;

pub type Socket = WebSocketStream<TcpStream>;

/// Longest wait in a test, which is enough on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server in this process.
pub struct Server {
    pub http: SocketAddr,
    pub udp: SocketAddr,
    pub dir: TempDir,
    state_dir: PathBuf,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    /// Starts a server on free ports, without test music.
    pub async fn start() -> Self {
        Self::start_with(tempfile::tempdir().unwrap(), |_| {}).await
    }

    pub async fn start_with(dir: TempDir, change: impl FnOnce(&mut Setup)) -> Self {
        let config = Config {
            udp_port: 0,
            http_port: 0,
            test_music: false,
            // A test is quicker than a person.
            changes_per_second: 1000,
            changes_burst: 10_000,
            ..Config::default()
        };
        let mut setup = Setup {
            config,
            state_dir: dir.path().join("state"),
            web_dir: None,
        };
        change(&mut setup);
        let sockets = Sockets::bind(&setup.config).unwrap();
        let (udp, http) = sockets.addresses().unwrap();
        let stop = CancellationToken::new();
        let state_dir = setup.state_dir.clone();
        let run = raa_server::run(setup, sockets, stop.clone());
        let running = tokio::spawn(async {
            let ended = run.await;
            if let Err(reason) = &ended {
                // Otherwise a test shows only that its connection was reset.
                eprintln!("the server has ended: {reason:#}");
            }
            ended
        });
        let local = |address: SocketAddr| (Ipv4Addr::LOCALHOST, address.port()).into();
        Self {
            http: local(http),
            udp: local(udp),
            dir,
            state_dir,
            stop,
            running,
        }
    }

    /// Stops the server as SIGTERM would, and returns its folder.
    pub async fn stop(self) -> TempDir {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
        wait_for_lock(&self.state_dir).await;
        self.dir
    }

    pub async fn restart(self) -> Self {
        Self::start_with(self.stop().await, |_| {}).await
    }
}

/// Waits until no server uses the folder. A server does not wait for a slow disk when it stops: the end of
/// its process gives the folder back, and here the process goes on.
async fn wait_for_lock(state_dir: &Path) {
    let started = Instant::now();
    let lock = state_dir.join("raa.sqlite.lock");
    let is_held = || {
        let file = std::fs::File::open(&lock);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    };
    while is_held() {
        assert!(started.elapsed() < PATIENCE, "{} is held", lock.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An HTTP response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts that the response is this error, with a sentence that contains `words`.
    #[track_caller]
    pub fn check_error(&self, status: u16, code: &str, words: &str) {
        let body = self.json();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(
            (self.status.as_u16(), &body["error"]["code"]),
            (status, &json!(code)),
            "{body}"
        );
        assert!(
            message.contains(words),
            "{words:?} is missing in: {message}"
        );
        assert_eq!(self.header("content-type"), "application/json");
    }
}

/// Sends one request on its own connection.
pub async fn request(to: SocketAddr, request: Request<Full<Bytes>>) -> Reply {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    connection.abort();
    Reply {
        status: head.status,
        headers: head.headers,
        body,
    }
}

pub fn build(method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost");
    request
        .header("content-type", "application/json")
        .body(Full::new(body.into()))
        .unwrap()
}

pub async fn get(to: SocketAddr, path: &str) -> Reply {
    request(to, build(Method::GET, path, "")).await
}

pub async fn patch(to: SocketAddr, id: &str, body: impl Into<Bytes>) -> Reply {
    request(
        to,
        build(Method::PATCH, &format!("/api/clients/{id}"), body),
    )
    .await
}

pub async fn delete(to: SocketAddr, id: &str) -> Reply {
    request(to, build(Method::DELETE, &format!("/api/clients/{id}"), "")).await
}

pub async fn forget(to: SocketAddr, ids: &[&str]) -> Reply {
    let body = json!({ "ids": ids }).to_string();
    request(to, build(Method::POST, "/api/clients/forget", body)).await
}

pub async fn status(to: SocketAddr) -> Value {
    get(to, "/api/status").await.json()
}

/// Waits until the server's counters meet `condition`, and returns them. What happens on another thread of the
/// server shows in a test's sockets before it is counted.
pub async fn status_when(to: SocketAddr, condition: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let status = status(to).await;
        if condition(&status) {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "timed out: {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the client with this id, or null.
pub async fn client(to: SocketAddr, id: &str) -> Value {
    let list = get(to, "/api/clients").await.json();
    let clients = list["clients"].as_array().unwrap();
    clients
        .iter()
        .find(|client| client["id"] == id)
        .cloned()
        .unwrap_or_default()
}

/// Waits until the client meets `condition`, and returns it.
pub async fn client_when(to: SocketAddr, id: &str, condition: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let client = client(to, id).await;
        if condition(&client) {
            return client;
        }
        assert!(started.elapsed() < PATIENCE, "timed out: {client}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn connect(to: SocketAddr, path: &str) -> Socket {
    let stream = TcpStream::connect(to).await.unwrap();
    upgrade(stream, path).await
}

/// Connects with a small receive window, so that a client that stops reading soon blocks the server.
pub async fn connect_with_small_window(to: SocketAddr, path: &str) -> Socket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    upgrade(socket.connect(to).await.unwrap(), path).await
}

async fn upgrade(stream: TcpStream, path: &str) -> Socket {
    let url = format!("ws://localhost{path}");
    tokio_tungstenite::client_async(url, stream)
        .await
        .unwrap()
        .0
}

/// Returns the next message, or `None` at the end of the connection.
pub async fn next(socket: &mut Socket) -> Option<Message> {
    let next = tokio::time::timeout(PATIENCE, socket.next()).await;
    next.expect("a message in time")?.ok()
}

pub async fn next_json(socket: &mut Socket) -> Value {
    match next(socket).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("not a text: {other:?}"),
    }
}

/// An open page: follows `/api/events` and knows the state.
pub struct Page {
    pub socket: Socket,
    pub now_ms: i64,
    /// By id.
    pub clients: BTreeMap<String, Value>,
    pub server: Value,
    pub levels: Value,
    /// Entries of the log, by id.
    pub log: BTreeMap<u64, Value>,
    /// The first message about peaks, and the newest one.
    pub peaks: [Value; 2],
    revision: u64,
    /// Messages of the types `whole` and `changes` so far.
    pub states: usize,
}

impl Page {
    /// Connects and reads the first message.
    pub async fn open(to: SocketAddr) -> Self {
        Self::over(connect(to, "/api/events").await).await
    }

    pub async fn over(socket: Socket) -> Self {
        let mut page = Self {
            socket,
            now_ms: 0,
            clients: BTreeMap::new(),
            server: json!({}),
            levels: json!({}),
            log: BTreeMap::new(),
            peaks: [json!({}), json!({})],
            revision: 0,
            states: 0,
        };
        page.read().await;
        assert_eq!(page.states, 1);
        page
    }

    /// Returns a client's row, or null.
    pub fn client(&self, id: &str) -> &Value {
        self.clients.get(id).unwrap_or(&Value::Null)
    }

    /// Reads until the page meets `condition`.
    pub async fn when(&mut self, condition: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !condition(self) {
            assert!(
                started.elapsed() < PATIENCE,
                "timed out: {:?}",
                self.clients
            );
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let message = next_json(&mut self.socket).await;
        match message["type"].as_str() {
            Some("levels") => self.levels = message["levels"].clone(),
            Some("log") => self.take_log(&message),
            Some("peaks") if message["first"] == true => self.peaks[0] = message,
            Some("peaks") => self.peaks[1] = message,
            Some("whole") if self.states == 0 => self.merge(&message),
            Some("changes") => {
                assert_eq!(message["from"], self.revision);
                self.merge(&message);
            }
            _ => panic!("{message}"),
        }
    }

    fn take_log(&mut self, message: &Value) {
        if message["first"] == true {
            self.log.clear();
        }
        for entry in message["entries"].as_array().unwrap() {
            self.log
                .insert(entry["id"].as_u64().unwrap(), entry.clone());
        }
    }

    /// Returns the newest entry of a kind, or null.
    pub fn entry(&self, kind: &str) -> &Value {
        let of_kind = self.log.values().rev().find(|entry| entry["kind"] == kind);
        of_kind.unwrap_or(&Value::Null)
    }

    fn merge(&mut self, message: &Value) {
        self.states += 1;
        self.revision = message["revision"].as_u64().unwrap();
        self.now_ms = message["now_ms"].as_i64().unwrap();
        for row in message["clients"].as_array().into_iter().flatten() {
            let id = row["id"].as_str().unwrap().to_owned();
            assign(self.clients.entry(id).or_default(), row);
        }
        for id in message["gone"].as_array().into_iter().flatten() {
            assert!(self.clients.remove(id.as_str().unwrap()).is_some());
        }
        assign(&mut self.server, &message["server"]);
    }
}

fn assign(old: &mut Value, new: &Value) {
    for (name, value) in new.as_object().into_iter().flatten() {
        old[name] = value.clone();
    }
}

/// Reads until the server closes the connection, and returns its close frame.
pub async fn close_frame(socket: &mut Socket) -> Option<CloseFrame> {
    loop {
        match next(socket).await {
            Some(Message::Close(frame)) => {
                let _ = socket.flush().await;
                return frame;
            }
            Some(_) => {}
            None => return None,
        }
    }
}

/// One message of the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
}

pub async fn next_frame(socket: &mut Socket) -> Frame {
    let message = match next(socket).await {
        Some(Message::Binary(message)) => message,
        other => panic!("not a frame: {other:?}"),
    };
    let packet = raa_core::rtp::Packet::parse(&message).unwrap();
    assert_eq!((packet.payload_type, packet.marker), (111, false));
    Frame {
        sequence_number: packet.sequence_number,
        timestamp: packet.timestamp,
        ssrc: packet.ssrc,
        payload: packet.payload.to_vec(),
    }
}

/// Writes a file, and creates its folder if needed.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
