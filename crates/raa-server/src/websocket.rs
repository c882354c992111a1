//! The common part of the server's WebSockets, which mostly send.
//!
//! Always: a client that reads nothing is disconnected after a bounded time; messages from clients
//! are bounded and ignored; every client gets a close frame when the server stops.

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
/// There is no mix of that name; a code of RAA's own (RFC 6455 section 7.4.2), after HTTP's 404.
pub(crate) const NO_SUCH_MIX: u16 = 4404;
/// Longest reason in a close frame, in bytes (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;
/// The longest message that a client may send, in bytes; pings, pongs and close frames fit.
pub(crate) const MAX_INCOMING: usize = 4096;
/// A client that reads nothing for this long is disconnected.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(10);
/// The longest wait for the answer to a close frame.
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

/// Returns the response to a valid handshake (RFC 6455 section 4.2.2).
pub(crate) fn accepted(request: &HeaderMap) -> Response {
    let key = request.get(header::SEC_WEBSOCKET_KEY);
    let key = derive_accept_key(key.map_or(&[], HeaderValue::as_bytes));
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // Base64 is always a valid header value.
    let key = HeaderValue::from_str(&key).unwrap_or(HeaderValue::from_static(""));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, key);
    response
}

/// Checks the handshake and limits the length of the client's messages.
pub(crate) fn prepare(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, HandshakeError> {
    check(upgrade).map(limited)
}

/// Limits the length of the client's messages.
pub(crate) fn limited(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING)
        // The default of 128 KiB would be most of the memory of a connection.
        .read_buffer_size(MAX_INCOMING)
        .write_buffer_size(0)
}

/// The reason for which a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client or the network closed it.
    Gone,
    /// The client is too slow, with the reason for the close frame.
    Slow(&'static str),
    /// The server stops.
    Stopping,
}

impl End {
    /// The client has read nothing for [`SEND_LIMIT`].
    pub(crate) const NOTHING_READ: Self = Self::Slow("nothing was read for 10 s");
}

/// Sends one message and waits for the client up to [`SEND_LIMIT`].
///
/// # Errors
/// The reason for which the connection ends.
pub(crate) async fn send(
    socket: &mut WebSocket,
    message: Message,
    stop: &CancellationToken,
) -> Result<(), End> {
    tokio::select! {
        sent = timeout(SEND_LIMIT, socket.send(message)) => match sent {
            Ok(sent) => sent.map_err(|_| End::Gone),
            Err(_elapsed) => Err(End::NOTHING_READ),
        },
        () = stop.cancelled() => Err(End::Stopping),
    }
}

/// Waits until the client closes the connection; its other messages are ignored.
pub(crate) async fn wait_for_close(socket: &mut WebSocket) -> End {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Close(_)) {
            break;
        }
    }
    End::Gone
}

/// Returns code and reason of the close frame; `None` if the client has gone.
pub(crate) fn close_frame(end: End) -> Option<(u16, &'static str)> {
    match end {
        End::Gone => None,
        End::Slow(reason) => Some((TRY_AGAIN_LATER, reason)),
        End::Stopping => Some((GOING_AWAY, "server is stopping")),
    }
}

/// Closes the connection; a client that has not gone gets a close frame.
pub(crate) async fn close(socket: WebSocket, end: End) {
    if let Some((code, reason)) = close_frame(end) {
        refuse(socket, code, reason.into()).await;
    }
}

/// Closes the connection with a code and a reason, which is cut to the length that is allowed.
pub(crate) async fn refuse(mut socket: WebSocket, code: u16, mut reason: String) {
    reason.truncate(reason.floor_char_boundary(MAX_REASON));
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let closing = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            wait_for_close(&mut socket).await;
        }
    };
    // A client that does not answer in time is dropped.
    let _ = timeout(CLOSE_LIMIT, closing).await;
}
