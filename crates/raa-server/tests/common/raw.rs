//! Requests as bytes on a socket, from any address of this machine: for what no HTTP client sends.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::PATIENCE;

/// Connects from 127.0.0.`host`.
pub async fn connect_from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind((Ipv4Addr::new(127, 0, 0, host), 0).into())
        .unwrap();
    socket.connect(to).await.unwrap()
}

/// Sends one request from 127.0.0.`host` and returns the whole answer. `head` lacks the empty line.
pub async fn ask_from(host: u8, to: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = connect_from(host, to).await;
    let request = format!(
        "{head}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// Sends a WebSocket handshake and returns the head of the answer.
pub async fn handshake(to: SocketAddr, path: &str, headers: &str) -> String {
    handshake_on(&mut connect_from(1, to).await, path, headers).await
}

/// Like [`handshake`], on this connection, which stays open.
pub async fn handshake_on(stream: &mut TcpStream, path: &str, headers: &str) -> String {
    let request = format!(
        "GET {path} HTTP/1.1\r\n{headers}connection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    head(stream).await
}

/// Reads up to the end of the head of an answer.
pub async fn head(stream: &mut TcpStream) -> String {
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_closed) => break,
            }
        }
        String::from_utf8_lossy(&head).into_owned()
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}

/// Reads until the server closes the connection.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("an end in time");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns whether the server has closed the connection, or closes it within this time.
pub async fn closes_within(stream: &mut TcpStream, time: Duration) -> bool {
    let mut byte = [0];
    matches!(
        tokio::time::timeout(time, stream.read(&mut byte)).await,
        Ok(Ok(0) | Err(_))
    )
}

/// Returns the status of an answer.
#[track_caller]
pub fn status_of(answer: &str) -> u16 {
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    status
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status: {answer:?}"))
}
