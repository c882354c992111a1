//! Slow HTTP clients. The runtime's clock jumps over all waiting, so limits of half a minute are
//! reached at once.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

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
        "GET /healthz HTTP/1.1\r\nhost: raa.test\r\nx-a: ",
    ] {
        assert_eq!(answer(&server, request).await, "", "{request:?}");
    }
    let idle = answer(&server, "GET /healthz HTTP/1.1\r\nhost: raa.test\r\n\r\n").await;
    assert!(
        idle.starts_with("HTTP/1.1 200") && idle.ends_with("{\"status\":\"ok\"}"),
        "{idle}"
    );
    assert_eq!(get(server.http, "/healthz").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn incomplete_bodies_time_out() {
    let server = Server::start().await;
    let head = format!("PATCH /api/clients/{ID} HTTP/1.1\r\nhost: raa.test\r\n");
    let body = "content-type: application/json\r\ncontent-length: 20\r\n\r\n{\"vol";
    let answer = answer(&server, &format!("{head}{body}")).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"body_timeout\""), "{answer}");
}
