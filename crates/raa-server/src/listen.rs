//! `GET /ws?mix=main`: the mix for one listener, one RTP packet a message.
//!
//! HTTP ends with the handshake (`api::listen`): the connection is taken out of it as a plain stream
//! and belongs to one of the `fanout` threads from then on. Always: a slow listener is skipped to live and
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

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use raa_core::{SAMPLE_RATE, SLOT};
use serde::Serialize;
use tokio::net::TcpStream;
use tracing::debug;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use utoipa::ToSchema;

use crate::connection::Connection;
use crate::websocket;
use fanout::Fanout;

/// The name of the only mix.
pub(crate) const MAIN_MIX: &str = "main";

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

/// Takes the connection out of HTTP when the answer is sent, and hands it to its shard.
pub(crate) async fn take_over(
    fanout: Arc<Fanout>,
    connection: Arc<Connection>,
    upgrading: OnUpgrade,
) {
    let Ok(upgraded) = upgrading.await else {
        return; // It went away during the handshake.
    };
    let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
        return; // Every connection is of this type: `http::accept` makes them.
    };
    let peer = connection.peer;
    if parts.read_buf.len() > websocket::MAX_INCOMING {
        debug!(%peer, "a listener has said too much with its handshake");
        return;
    }
    let stream = parts.io.into_inner();
    if let Err(error) = fanout.admit(stream, parts.read_buf, connection).await {
        debug!(%peer, %error, "a listener could not be taken on");
    }
}
