//! `GET /ws?mix=main`: the handshake of a listener.
//!
//! HTTP ends with the handshake: afterwards the connection belongs to `crate::listen`.

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
use crate::connection::Connection;
use crate::listen::fanout::Fanout;
use crate::listen::{self, Hello, MAIN_MIX};
use crate::websocket;

/// Which mix to hear.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MixQuery {
    /// The only mix is `main`.
    #[param(example = "main")]
    #[serde(default)]
    mix: String,
}

/// Hear the mix (WebSocket).
///
/// The first message is a text, described by `Hello`. Then one binary message comes per slot of
/// 20 ms: an RTP packet with a 12-byte header (version 2, payload type 111, sequence number,
/// 48 kHz timestamp, SSRC) and an Opus payload; 1 or 2 bytes mean silence (DTX). The sequence
/// number goes up by one and the timestamp by 960, except: after a stall of the server the
/// timestamp jumps by 960 for every slot left out, and a listener that is too slow is skipped to
/// live, so that its sequence numbers jump. A listener that is skipped 10 times within 30 s, or
/// takes nothing for 10 s, is closed with code 1013 and a reason; when the server ends, with 1001.
/// What the listener sends is ignored; messages may have up to 4096 bytes.
#[utoipa::path(
    get, path = "/ws", tag = "listening", params(MixQuery),
    responses(
        (status = 101, description = "The connection is a WebSocket now", body = Hello),
        (status = 404, description = "No such mix", body = ErrorBody),
        (status = 426, description = "No WebSocket handshake", body = ErrorBody),
    )
)]
pub(crate) async fn listen(
    State(fanout): State<Arc<Fanout>>,
    State(connections): State<TaskTracker>,
    Extension(connection): Extension<Arc<Connection>>,
    query: Result<Query<MixQuery>, QueryRejection>,
    upgrading: Option<Extension<OnUpgrade>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let mix = query.map(|Query(query)| query.mix).unwrap_or_default();
    if mix != MAIN_MIX {
        let message = format!(
            "no mix is called \"{}\", the only one is \"main\"",
            quoted(&mix)
        );
        return Err(ApiError::not_found(message));
    }
    websocket::check(upgrade).map(drop)?;
    // A handshake that is in order has it.
    if let Some(Extension(upgrading)) = upgrading {
        connections.spawn(listen::take_over(fanout, connection, upgrading));
    }
    Ok(websocket::accepted(&headers))
}
