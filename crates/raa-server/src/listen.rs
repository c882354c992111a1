//! `GET /ws?mix=main`: the mix for one listener, one RTP packet a message.
//!
//! HTTP ends with the handshake: the connection is taken out of it as a plain stream and belongs
//! to one of the `fanout` threads from then on. Always: a slow listener is skipped to live and
//! counted, then closed with a reason, and slows nobody else.

pub(crate) mod audience;
pub(crate) mod fanout;
pub(crate) mod floor;
mod frames;
mod incoming;
mod listener;
mod shard;
#[cfg(test)]
mod testline;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use raa_core::{SAMPLE_RATE, SLOT};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tracing::debug;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::error::{ApiError, quoted};
use crate::http::serve::Connection;
use crate::websocket;

const MAIN_MIX: &str = "main";

/// Which mix to hear.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MixQuery {
    /// The only mix is `main`.
    #[param(example = "main")]
    #[serde(default)]
    mix: String,
}

/// The first message, as text; binary messages follow, one a slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hello {
    /// The mix that is heard.
    #[schema(example = "main")]
    mix: &'static str,
    /// The codec of the payloads (RFC 6716).
    #[schema(example = "opus")]
    codec: &'static str,
    /// Of the RTP timestamps, in Hz.
    #[schema(example = 48_000)]
    sample_rate: u32,
    /// One: the mix is mono.
    #[schema(example = 1)]
    channels: u8,
    /// Duration of one message's sound, in ms.
    #[schema(example = 20)]
    frame_ms: u64,
    /// The server's version; another one than before means that the page may be another, too.
    #[schema(example = "0.1.0")]
    server_version: &'static str,
}

/// The first message of every listener, as it goes over the wire.
pub(crate) fn greeting() -> Arc<[u8]> {
    let hello = Hello {
        mix: MAIN_MIX,
        codec: "opus",
        sample_rate: SAMPLE_RATE,
        channels: 1,
        frame_ms: SLOT.as_millis() as u64,
        server_version: env!("CARGO_PKG_VERSION"),
    };
    // A plain struct has no reason to fail.
    let text = serde_json::to_vec(&hello).unwrap_or_default();
    let mut bytes = Vec::new();
    frames::append_message(&mut bytes, OpCode::Data(Data::Text), &text);
    bytes.into()
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
        (status = 404, description = "No such mix", body = crate::http::error::ErrorBody),
        (status = 426, description = "No WebSocket handshake", body = crate::http::error::ErrorBody),
    )
)]
pub(crate) async fn listen(
    State(app): State<Arc<App>>,
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
        let seating = seat(app.clone(), connection, upgrading);
        app.connections.spawn(seating);
    }
    Ok(websocket::accepted(&headers))
}

/// Takes the connection out of HTTP when the answer is sent, and hands it to its shard.
async fn seat(app: Arc<App>, connection: Arc<Connection>, upgrading: OnUpgrade) {
    let Ok(upgraded) = upgrading.await else {
        return; // It went away during the handshake.
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return; // Every connection is of this type: `http::serve` makes them.
    };
    let peer = connection.peer;
    if parts.read_buf.len() > websocket::MAX_INCOMING {
        debug!(%peer, "a listener has said too much with its handshake");
        return;
    }
    let seat = app.audience.enter();
    let stream = parts.io.into_inner();
    if let Err(error) = app
        .fanout
        .admit(stream, parts.read_buf, connection, seat)
        .await
    {
        debug!(%peer, %error, "a listener could not be taken on");
    }
}
