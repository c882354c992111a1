//! What the WebSockets of the server have in common: they talk, and hardly listen.
//!
//! Always: a client that takes nothing is closed after a bounded time; what clients send is
//! bounded and ignored; the end of the server is told to every one of them.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http::error::ApiError;

/// Going away (RFC 6455 section 7.4.1).
const GOING_AWAY: u16 = 1001;
/// Try again later (IANA WebSocket close code registry).
const TRY_AGAIN_LATER: u16 = 1013;
/// Clients have nothing to say: pings, pongs and a close frame fit.
const MAX_INCOMING: usize = 4096;
/// Who takes nothing for so long is closed.
pub(crate) const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long a goodbye may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Checks the handshake and bounds what the client may send.
pub(crate) fn prepare(
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<WebSocketUpgrade, ApiError> {
    let upgrade = upgrade.map_err(|reason| {
        let message = format!("this path speaks WebSocket only: {reason}");
        ApiError::new(StatusCode::UPGRADE_REQUIRED, "websocket_required", message)
    })?;
    Ok(upgrade
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING)
        // The default of 128 KiB would be most of what a listener costs.
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

/// Says goodbye, if there is still somebody to say it to.
pub(crate) async fn close(mut socket: WebSocket, end: End) {
    let (code, reason) = match end {
        End::Gone => return,
        End::Slow(reason) => (TRY_AGAIN_LATER, reason),
        End::Stopping => (GOING_AWAY, "server is stopping"),
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
