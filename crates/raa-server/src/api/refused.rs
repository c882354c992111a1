//! `GET /api/refused`: the senders whose packets are being refused.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use raa_core::refused_senders::RefusedSender;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{EngineHandle, Snapshot};

/// The senders whose packets are being refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedList {
    /// At most 32, the newest first. An entry leaves 60 s after its last packet.
    refused_senders: Vec<RefusedSenderBody>,
}

/// A sender whose packets are being refused, so that it is not among the clients.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusedSenderBody {
    /// Address and port that its packets come from.
    #[schema(value_type = String, example = "192.0.2.9:51234")]
    address: SocketAddr,
    /// Why most of its packets are refused: a key of `refused_packets`.
    #[schema(value_type = String, example = "payload_type")]
    reason: &'static str,
    /// RTP payload type of its newest packet, 0 to 127; null if it was not RTP.
    #[schema(maximum = 127, example = 96)]
    payload_type: Option<u8>,
    /// SSRC of its newest packet, a number from 0 to 4294967295; null if it was not RTP.
    #[schema(example = 1_594_495_426_u32)]
    ssrc: Option<u32>,
    /// Packets that were refused.
    packets: u64,
    /// Milliseconds since the first of them.
    since_ms_ago: u64,
    /// Milliseconds since the newest of them.
    last_ms_ago: u64,
}

/// List the senders whose packets are being refused.
///
/// A sender is listed from its first packet if that was RTP audio in a format that the server does
/// not play, and from the 25th packet otherwise. Clients whose own stream has odd packets are not
/// listed.
#[utoipa::path(
    get, path = "/api/refused", tag = "server",
    responses((status = 200, description = "The refused senders", body = RefusedList))
)]
pub(crate) async fn refused(State(engine): State<EngineHandle>) -> Json<RefusedList> {
    Json(RefusedList {
        refused_senders: bodies(&engine.snapshot()),
    })
}

/// Describes the refused senders of a snapshot.
pub(super) fn bodies(snapshot: &Snapshot) -> Vec<RefusedSenderBody> {
    let senders = snapshot.refused_senders.iter();
    let body = |sender: &RefusedSender| {
        let ms_ago = |ago: Duration| ago.as_millis() as u64;
        RefusedSenderBody {
            address: sender.address,
            reason: sender.reason.as_str(),
            payload_type: sender.payload_type,
            ssrc: sender.ssrc,
            packets: sender.packets,
            since_ms_ago: ms_ago(sender.since.elapsed()),
            last_ms_ago: ms_ago(sender.last.elapsed()),
        }
    };
    senders.map(body).collect()
}
