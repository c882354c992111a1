//! `GET /ws?mix=main`: the handshake of a listener.
//!
//! HTTP ends with the handshake: afterwards the connection belongs to `outputs::ws`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use serde::Deserialize;
use tokio_util::task::TaskTracker;
use utoipa::IntoParams;

use super::error::{ApiError, ErrorBody, quoted};
use crate::connection::{Connection, Requester};
use crate::outputs::ws::fanout::Fanout;
use crate::outputs::ws::{self, Hello};
use crate::refused_requests::{Reason, RefusedRequests};
use crate::websocket::{self, HandshakeError};

/// The mix of a listener that names none.
const DEFAULT_MIX: &str = "main";

/// The choice of a mix.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MixQuery {
    /// Name of the mix: `main`, which is also the default, is the only one.
    #[param(example = "main")]
    mix: Option<String>,
}

/// Listen to a mix (WebSocket).
///
/// The first message is a text, described by `Hello`. Then the server sends one binary message per
/// slot of 20 ms: an RTP packet with a 12-byte header (version 2, payload type 111, sequence number,
/// 48 kHz timestamp, SSRC) and an Opus payload; a payload of 1 or 2 bytes means silence (DTX). The
/// sequence number rises by one and the timestamp by 960 with every message, with two exceptions:
/// after a stall of the server the timestamp also rises by 960 for every slot that was skipped, and
/// the sequence number jumps when a slow listener is skipped to live. A listener that is skipped 10
/// times within 30 s, or reads nothing for 10 s, is disconnected with code 1013 and a reason; when
/// the server stops, the code is 1001. Messages from the listener are ignored and may have up to
/// 4096 bytes.
///
/// For a mix that does not exist, the connection opens and is closed at once with code 4404 and a
/// reason that begins with `no mix is called`, because a browser hides the HTTP status of a refused
/// handshake from the page.
#[utoipa::path(
    get, path = "/ws", tag = "listening", params(MixQuery),
    responses(
        (status = 101, description = "The connection is now a WebSocket", body = Hello),
        (status = 403, description = "The host is not a name of this server, or the page is of another site", body = ErrorBody),
        (status = 404, description = "There is no such mix, and the request is not a WebSocket handshake", body = ErrorBody),
        (status = 429, description = "The address has as many WebSockets as one may have", body = ErrorBody),
        (status = 426, description = "The request is not a WebSocket handshake", body = ErrorBody),
    )
)]
pub(crate) async fn listen(
    State(fanout): State<Arc<Fanout>>,
    State(connections): State<TaskTracker>,
    (Extension(connection), Extension(requester), State(refused)): Claimant,
    query: Result<Query<MixQuery>, QueryRejection>,
    upgrading: Option<Extension<OnUpgrade>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    // A query that can't be read, such as one with two mixes, names none.
    let mix = query.map_or(Some(String::new()), |Query(query)| query.mix);
    let mix = mix.as_deref().unwrap_or(DEFAULT_MIX);
    let upgrade = websocket::check(upgrade);
    let Some(offer) = fanout.offer(mix) else {
        return refuse(mix, connections, connection, upgrade);
    };
    valid(upgrade, &connection, &requester).map(drop)?;
    claim(&connection, &requester, &refused)?;
    // Every valid handshake has it.
    if let Some(Extension(upgrading)) = upgrading {
        connections.spawn(ws::take_over(fanout, connection, offer, upgrading));
    }
    Ok(websocket::accepted(&headers))
}

/// What a handshake needs in order to count: its connection, who sends it, and where refusals count.
pub(crate) type Claimant = (
    Extension<Arc<Connection>>,
    Extension<Requester>,
    State<Arc<RefusedRequests>>,
);

/// Returns a valid handshake. A page that asks by plain HTTP why it can't connect is told whether its
/// address has as many WebSockets as one may have.
///
/// # Errors
/// [`ApiError`] if the request is not a handshake.
pub(crate) fn valid(
    upgrade: Result<WebSocketUpgrade, HandshakeError>,
    connection: &Connection,
    requester: &Requester,
) -> Result<WebSocketUpgrade, ApiError> {
    upgrade.map_err(|error| {
        if connection.has_socket(requester) {
            error.into()
        } else {
            ApiError::too_many_sockets()
        }
    })
}

/// Counts the connection as a WebSocket.
///
/// # Errors
/// [`ApiError`] if its address has as many as one may have.
pub(crate) fn claim(
    connection: &Connection,
    requester: &Requester,
    refused: &RefusedRequests,
) -> Result<(), ApiError> {
    connection.become_socket(requester).map_err(|_full| {
        let error = ApiError::too_many_sockets();
        refused.note(
            Reason::ConnectionsPerAddress,
            requester.address,
            &error.message,
        );
        error
    })
}

/// Tells a listener that there is no mix of this name: by a close frame if it can read one.
fn refuse(
    mix: &str,
    connections: TaskTracker,
    connection: Arc<Connection>,
    upgrade: Result<WebSocketUpgrade, HandshakeError>,
) -> Result<Response, ApiError> {
    let reason = format!(
        "no mix is called \"{}\"; the only mix is \"{DEFAULT_MIX}\"",
        quoted(mix)
    );
    let Ok(upgrade) = upgrade.map(websocket::limited) else {
        return Err(ApiError::not_found(reason));
    };
    let close = move |socket| {
        connections.track_future(async move {
            websocket::refuse(socket, websocket::NO_SUCH_MIX, reason).await;
            // It counts towards the limit of connections until here.
            drop(connection);
        })
    };
    Ok(upgrade.on_upgrade(close))
}
