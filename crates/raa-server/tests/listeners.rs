//! Messages from listeners: pings, close frames and floods.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Instant;

use common::{PATIENCE, Server, connect, next, next_frame, next_json, status, status_when};
use futures_util::SinkExt as _;
use hyper::body::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn pings_are_answered_between_frames() {
    let server = Server::start().await;
    let mut socket = connect(server.http, "/ws?mix=main").await;
    next_json(&mut socket).await;
    let mut last = next_frame(&mut socket).await.sequence_number;
    for n in 0..20 {
        let payload = Bytes::from(vec![n; usize::from(n)]);
        socket.send(Message::Ping(payload.clone())).await.unwrap();
        loop {
            match next(&mut socket).await {
                Some(Message::Binary(frame)) => {
                    last = last.wrapping_add(1);
                    assert_eq!(frame[2..4], last.to_be_bytes(), "no frame is lost");
                }
                Some(Message::Pong(answer)) => break assert_eq!(answer, payload),
                other => panic!("{other:?}"),
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn bytes_after_the_handshake_are_read() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let mut request = b"GET /ws?mix=main HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\n\
        upgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    // A close frame, masked with zeros.
    request.extend(b"\x88\x82\0\0\0\0\x03\xe8");
    stream.write_all(&request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    // The example of RFC 6455 section 1.3.
    let accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    assert!(
        text.to_ascii_lowercase()
            .contains(&accept.to_ascii_lowercase()),
        "{text}"
    );
    assert!(answer.ends_with(b"\x88\x02\x03\xe8"), "{text}");
    status_when(server.http, |status| status["listeners"] == 0).await;
    server.stop().await;
}

#[tokio::test]
async fn flooding_listener_is_closed_alone() {
    let server = Server::start().await;
    let mut good = connect(server.http, "/ws?mix=main").await;
    next_json(&mut good).await;
    let mut flood = connect(server.http, "/ws?mix=main").await;
    let flooding = tokio::spawn(async move {
        // Ends when the server closes the connection.
        while flood
            .send(Message::Ping(Bytes::from_static(&[7; 125])))
            .await
            .is_ok()
        {}
    });
    let started = Instant::now();
    let mut last = next_frame(&mut good).await;
    while status(server.http).await["listeners_closed_slow"] != 1 {
        for _ in 0..10 {
            let frame = next_frame(&mut good).await;
            assert_eq!(frame.sequence_number, last.sequence_number.wrapping_add(1));
            last = frame;
        }
        assert!(started.elapsed() < PATIENCE, "it is still connected");
    }
    flooding.await.unwrap();
    server.stop().await;
}
