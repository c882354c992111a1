//! Answers the connections for which there is no place: `/healthz` truthfully, everything else with a
//! refusal.
//!
//! Always: at most [`PLACES`] of them exist at once, each for at most [`LIMIT`]; a further one takes the
//! place of the oldest.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::engine::EngineHandle;
use crate::limits::places::Full;

const PLACES: usize = 8;
/// Longest wait for the request.
const LIMIT: Duration = Duration::from_millis(500);
/// More than the head of a health check needs, in bytes.
const MAX_HEAD: usize = 2048;

const HEALTHY: &str = r#"{"status":"ok"}"#;
const UNHEALTHY: &str =
    r#"{"error":{"code":"engine_unavailable","message":"the audio engine does not respond"}}"#;
const SERVER_FULL: &str = r#"{"error":{"code":"too_many_connections","message":"the server has reached its limit of connections"}}"#;
const ADDRESS_FULL: &str = r#"{"error":{"code":"too_many_connections_of_address","message":"this address has as many connections as max_connections_per_address in raa-server.toml allows"}}"#;

/// The connections that are being answered.
pub(super) struct Excess {
    engine: EngineHandle,
    answering: VecDeque<AbortHandle>,
}

impl Excess {
    pub(super) fn new(engine: EngineHandle) -> Self {
        Self {
            engine,
            answering: VecDeque::with_capacity(PLACES),
        }
    }

    /// Answers and closes a connection.
    pub(super) fn answer(&mut self, stream: TcpStream, full: Full) {
        self.answering.retain(|task| !task.is_finished());
        if self.answering.len() >= PLACES
            && let Some(oldest) = self.answering.pop_front()
        {
            oldest.abort();
        }
        let task = tokio::spawn(answer(stream, full, self.engine.clone()));
        self.answering.push_back(task.abort_handle());
    }
}

async fn answer(stream: TcpStream, full: Full, engine: EngineHandle) {
    let mut head = Vec::with_capacity(MAX_HEAD);
    // Whatever has arrived by then decides; reading it also keeps the answer from being reset.
    let _ = timeout(LIMIT, read_head(&stream, &mut head)).await;
    let answer = answer_to(&head, full, engine.is_healthy());
    // It fits into the empty buffer of a new socket.
    let _ = stream.try_write(answer.as_bytes());
    let _ = SockRef::from(&stream).shutdown(Shutdown::Write);
}

async fn read_head(stream: &TcpStream, head: &mut Vec<u8>) {
    let mut bytes = [0; 512];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < MAX_HEAD {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut bytes) {
            Ok(0) => return,
            Ok(read) => head.extend_from_slice(&bytes[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

fn answer_to(head: &[u8], full: Full, is_healthy: bool) -> String {
    let is_health_check = [&b"GET /healthz "[..], b"HEAD /healthz ", b"GET /healthz?"]
        .iter()
        .any(|start| head.starts_with(start));
    let (status, body) = match (is_health_check, full) {
        (true, _) if is_healthy => ("200 OK", HEALTHY),
        (true, _) => ("503 Service Unavailable", UNHEALTHY),
        (false, Full::Server) => ("503 Service Unavailable", SERVER_FULL),
        (false, Full::Address) => ("429 Too Many Requests", ADDRESS_FULL),
    };
    let length = body.len();
    let body = if head.starts_with(b"HEAD ") { "" } else { body };
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         retry-after: 1\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_checks_are_told_from_other_requests() {
        for (head, full, is_healthy, status) in [
            ("GET /healthz HTTP/1.1\r\n\r\n", Full::Server, true, "200"),
            ("GET /healthz HTTP/1.0\r\n\r\n", Full::Address, true, "200"),
            ("HEAD /healthz HTTP/1.1\r\n\r\n", Full::Server, true, "200"),
            ("GET /healthz HTTP/1.1\r\n\r\n", Full::Server, false, "503"),
            ("GET /healthz2 HTTP/1.1\r\n\r\n", Full::Address, true, "429"),
            (
                "PATCH /healthz HTTP/1.1\r\n\r\n",
                Full::Address,
                true,
                "429",
            ),
            ("GET / HTTP/1.1\r\n\r\n", Full::Server, true, "503"),
            ("", Full::Address, true, "429"),
        ] {
            let answer = answer_to(head.as_bytes(), full, is_healthy);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{head}: {answer}"
            );
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            if head.starts_with("HEAD") {
                assert_eq!(body, "");
                continue;
            }
            assert!(answer.contains(&format!("content-length: {}\r\n", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["status"] == "ok", status == "200");
            assert_eq!(body["error"].is_null(), status == "200");
        }
    }
}
