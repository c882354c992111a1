//! Slow and idle HTTP clients. The runtime's clock jumps over all waiting, so limits of minutes are
//! reached at once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::sender::ID;
use common::{Server, get};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Returns everything that the server sends until it closes the connection.
async fn answer(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(start_paused = true)]
async fn incomplete_headers_time_out() {
    let server = Server::start().await;
    for request in [
        "",
        "GET / HT",
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-a: ",
    ] {
        assert_eq!(answer(&server, request).await, "", "{request:?}");
    }
    let idle = answer(&server, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(
        idle.starts_with("HTTP/1.1 200") && idle.ends_with("{\"status\":\"ok\"}"),
        "{idle}"
    );
    assert_eq!(get(server.http, "/healthz").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn incomplete_bodies_time_out() {
    let server = Server::start().await;
    let head = format!("PATCH /api/clients/{ID} HTTP/1.1\r\nhost: localhost\r\n");
    let body = "content-type: application/json\r\ncontent-length: 20\r\n\r\n{\"vol";
    let answer = answer(&server, &format!("{head}{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"body_timeout\""), "{answer}");
}

/// Returns the next response on a connection that stays open.
async fn response(stream: &mut TcpStream) -> String {
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut bytes = [0; 1024];
        let len = stream.read(&mut bytes).await.unwrap();
        assert!(len > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    text
}

/// A proxy closes a pooled connection after 60 to 120 s without a request. If the server closed it
/// earlier, the proxy's next request could be lost.
#[tokio::test(start_paused = true)]
async fn idle_connections_outlive_the_pools_of_proxies() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    for _ in 0..3 {
        let response = response(&mut stream).await;
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        tokio::time::sleep(Duration::from_secs(125)).await;
    }
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut rest));
    assert_eq!(
        closed.await.expect("idle connections are bounded").unwrap(),
        0
    );
}
