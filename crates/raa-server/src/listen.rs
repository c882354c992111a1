//! `GET /ws?mix=main`: the mix for one listener, one RTP packet a message.
//!
//! Every listener has a place of its own in the engine's bounded broadcast. Always: a slow
//! listener is skipped to live and counted, then closed with a reason, and slows nobody else.

pub(crate) mod audience;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use raa_core::{SAMPLE_RATE, SLOT};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tracing::debug;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::http::error::{ApiError, quoted};
use crate::http::serve::Connection;
use crate::websocket::{self, End};

/// A listener that had to be skipped this often
const MAX_SKIPS: usize = 10;
/// within this time can't keep up.
const SKIP_WINDOW: Duration = Duration::from_secs(30);
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

impl Hello {
    fn message() -> Message {
        let hello = Self {
            mix: MAIN_MIX,
            codec: "opus",
            sample_rate: SAMPLE_RATE,
            channels: 1,
            frame_ms: SLOT.as_millis() as u64,
            server_version: env!("CARGO_PKG_VERSION"),
        };
        // A plain struct has no reason to fail.
        Message::text(serde_json::to_string(&hello).unwrap_or_default())
    }
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
    let upgrade = websocket::prepare(upgrade)?;
    let tracker = app.connections.clone();
    Ok(upgrade.on_upgrade(move |socket| tracker.track_future(serve(app, connection, socket))))
}

async fn serve(app: Arc<App>, connection: Arc<Connection>, mut socket: WebSocket) {
    let seat = app.audience.enter();
    let end = play(&app, &mut socket).await;
    drop(seat);
    debug!(address = %connection.peer, ?end, "listener leaves");
    if let End::Slow(_) = end {
        app.audience.note_closed_slow();
    }
    websocket::close(socket, end).await;
}

/// Sends frames as long as the listener takes them.
async fn play(app: &App, socket: &mut WebSocket) -> End {
    let mut mix = app.engine.subscribe_mix();
    let mut patience = Patience::default();
    if let Err(end) = websocket::send(socket, Hello::message(), &app.stop).await {
        return end;
    }
    loop {
        let received = tokio::select! {
            received = mix.recv() => received,
            end = websocket::gone(socket) => return end,
            () = app.stop.cancelled() => return End::Stopping,
        };
        match received {
            Ok(frame) => {
                let sent = websocket::send(socket, Message::Binary(frame), &app.stop).await;
                if let Err(end) = sent {
                    return end;
                }
            }
            Err(RecvError::Lagged(missed)) => {
                let skipped = missed + skip_to_live(&mut mix);
                app.audience.note_skipped(skipped);
                if patience.is_exhausted_by_skip(Instant::now()) {
                    return End::Slow("skipped to live 10 times within 30 s");
                }
            }
            Err(RecvError::Closed) => return End::Stopping,
        }
    }
}

/// Passes over the frames that wait: whoever is late once would stay late. Returns their number.
fn skip_to_live(mix: &mut broadcast::Receiver<Bytes>) -> u64 {
    let waiting = mix.len() as u64;
    *mix = mix.resubscribe();
    waiting
}

/// When a listener was skipped to live.
#[derive(Debug, Default)]
struct Patience {
    skips: VecDeque<Instant>,
}

impl Patience {
    fn is_exhausted_by_skip(&mut self, now: Instant) -> bool {
        self.skips.push_back(now);
        self.skips
            .retain(|&skip| now.duration_since(skip) < SKIP_WINDOW);
        self.skips.len() >= MAX_SKIPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_skips_are_forgiven_and_frequent_ones_are_not() {
        let start = Instant::now();
        let mut patience = Patience::default();
        let every = SKIP_WINDOW / (MAX_SKIPS as u32 - 1) + Duration::from_millis(1);
        assert!((0..1000).all(|n| !patience.is_exhausted_by_skip(start + every * n)));
        let mut patience = Patience::default();
        let every = SKIP_WINDOW / MAX_SKIPS as u32;
        let exhausted = (0..1000).find(|&n| patience.is_exhausted_by_skip(start + every * n));
        assert_eq!(exhausted, Some(MAX_SKIPS as u32 - 1));
    }

    #[tokio::test]
    async fn after_a_skip_the_newest_frame_is_the_next_one() {
        let (engine, mut mix) = broadcast::channel(8);
        (0..100u8).for_each(|n| _ = engine.send(Bytes::copy_from_slice(&[n])));
        assert_eq!(mix.recv().await, Err(RecvError::Lagged(92)));
        assert_eq!(skip_to_live(&mut mix), 8);
        engine.send(Bytes::from_static(b"live")).unwrap();
        assert_eq!(mix.recv().await, Ok(Bytes::from_static(b"live")));
    }
}
