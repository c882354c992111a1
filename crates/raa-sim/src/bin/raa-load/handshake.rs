//! The opening handshake of a listener's WebSocket connection (RFC 6455 section 4.1).
//!
//! Always: bounded in time and length; bytes that follow the response are kept.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The time limit of connecting and of each read.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The longest head of a response, in bytes.
const MAX_RESPONSE: usize = 8192;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Opens a connection to the main mix. Also returns the bytes that followed the response.
///
/// # Errors
/// Fails with the status line of a server that refuses the connection.
pub(crate) fn open(server: SocketAddr) -> anyhow::Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect_timeout(&server, TIME_LIMIT)
        .with_context(|| format!("cannot connect to {server}"))?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    let key = generate_key();
    let request = format!(
        "GET /ws?mix=main HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    let end = read_head(&mut stream, &mut response)?;
    check(&response[..end], &key)?;
    stream.set_nonblocking(true)?;
    Ok((stream, response.split_off(end)))
}

/// Reads until the end of the response's head and returns its length.
fn read_head(stream: &mut TcpStream, response: &mut Vec<u8>) -> anyhow::Result<usize> {
    let mut buffer = [0; 1024];
    loop {
        let len = stream
            .read(&mut buffer)
            .context("the server does not respond")?;
        ensure!(
            len > 0,
            "the server closed the connection during the handshake"
        );
        response.extend_from_slice(&buffer[..len]);
        let end = response
            .windows(END_OF_HEAD.len())
            .position(|bytes| bytes == END_OF_HEAD);
        if let Some(end) = end {
            return Ok(end + END_OF_HEAD.len());
        }
        ensure!(
            response.len() < MAX_RESPONSE,
            "the response is longer than {MAX_RESPONSE} bytes"
        );
    }
}

fn check(head: &[u8], key: &str) -> anyhow::Result<()> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        bail!("the server refuses the listener: {status}");
    }
    let accept = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-accept")
            .then_some(value.trim())
    });
    ensure!(
        accept == Some(&derive_accept_key(key.as_bytes())),
        "the server does not support WebSocket"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use tokio_tungstenite::tungstenite::{Message, accept};

    use super::*;

    #[test]
    fn bytes_after_the_response_are_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut socket = accept(listener.accept().unwrap().0).unwrap();
            socket.send(Message::text("hello")).unwrap();
        });
        let (mut stream, mut received) = open(address).unwrap();
        server.join().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut received).unwrap();
        assert!(received.starts_with(b"\x81\x05hello"), "{received:?}");
    }

    #[test]
    fn a_refusal_includes_the_status_line() {
        let error = check(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "key").unwrap_err();
        assert!(error.to_string().contains("503 Service Unavailable"));
        let wrong = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n";
        assert!(check(wrong, "key").is_err());
    }
}
