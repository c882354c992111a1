//! What the WebSockets of the server have in common: they talk, and hardly listen.
//!
//! Always: a client that takes nothing is closed after a bounded time; what clients send is
//! bounded and ignored; the end of the server is told to every one of them.

use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tungstenite::handshake::derive_accept_key;

/// Going away (RFC 6455 section 7.4.1).
const GOING_AWAY: u16 = 1001;
/// Try again later (IANA WebSocket close code registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// Clients have nothing to say: pings, pongs and a close frame fit.
pub(crate) const MAX_INCOMING: usize = 4096;
/// Who takes nothing for so long is closed.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long a goodbye may take.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// The request is not a valid WebSocket handshake.
#[derive(Debug, thiserror::Error)]
#[error("this path accepts WebSocket connections only: {0}")]
pub(crate) struct HandshakeError(WebSocketUpgradeRejection);

/// Checks the handshake.
///
/// # Errors
/// [`HandshakeError`] when the request is not a WebSocket handshake.
pub(crate) fn check(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, HandshakeError> {
    upgrade.map_err(HandshakeError)
}

/// The answer to a handshake that has been checked (RFC 6455 section 4.2.2).
pub(crate) fn accepted(request: &HeaderMap) -> Response {
    let key = request.get(header::SEC_WEBSOCKET_KEY);
    let key = derive_accept_key(key.map_or(&[], HeaderValue::as_bytes));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // Base64 is a valid header.
    let key = HeaderValue::from_str(&key).unwrap_or(HeaderValue::from_static(""));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    response
}

/// Checks the handshake and bounds what the client may send.
pub(crate) fn prepare(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, HandshakeError> {
    Ok(check(upgrade)?
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING)
        // The default of 128 KiB would be most of what a page costs.
        .read_buffer_size(MAX_INCOMING)
        .write_buffer_size(0))
}

/// Why a client gets no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It closed the connection, or the network did.
    Gone,
    /// It is too slow, and why that is said.
    Slow(&'static str),
    /// The server ends.
    Stopping,
}

/// Sends one message; waits for the client no longer than [`SEND_LIMIT`].
pub(crate) async fn send(
    socket: &mut WebSocket,
    message: Message,
    stop: &CancellationToken,
) -> Result<(), End> {
    tokio::select! {
        sent = timeout(SEND_LIMIT, socket.send(message)) => match sent {
            Ok(sent) => sent.map_err(|_| End::Gone),
            Err(_elapsed) => Err(End::Slow("nothing was taken for 10 s")),
        },
        () = stop.cancelled() => Err(End::Stopping),
    }
}

/// Waits until the client goes; whatever else it says is ignored.
pub(crate) async fn gone(socket: &mut WebSocket) -> End {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Close(_)) {
            break;
        }
    }
    End::Gone
}

/// Code and reason of the close frame, if there is still somebody to say it to.
pub(crate) fn farewell(end: End) -> Option<(u16, &'static str)> {
    match end {
        End::Gone => None,
        End::Slow(reason) => Some((TRY_AGAIN_LATER, reason)),
        End::Stopping => Some((GOING_AWAY, "server is stopping")),
    }
}

/// Says goodbye, if there is still somebody to say it to.
pub(crate) async fn close(mut socket: WebSocket, end: End) {
    let Some((code, reason)) = farewell(end) else {
        return;
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let goodbye = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            gone(&mut socket).await;
        }
    };
    // A client that does not answer is left alone.
    let _ = timeout(CLOSE_LIMIT, goodbye).await;
}
