//! The first message to a listener.

use std::sync::Arc;

use raa_core::{SAMPLE_RATE, SLOT};
use serde::Serialize;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use utoipa::ToSchema;

use super::frames::append_message;

/// The first message, as text; binary messages follow, one per slot.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Hello {
    /// Name of the mix.
    #[schema(example = "main")]
    mix: &'static str,
    /// Codec of the payloads (RFC 6716).
    #[schema(example = "opus")]
    codec: &'static str,
    /// Clock rate of the RTP timestamps, in Hz.
    #[schema(example = 48_000)]
    sample_rate: u32,
    /// Number of channels; the mix is mono.
    #[schema(example = 1)]
    channels: u8,
    /// Duration of the audio in one message, in ms.
    #[schema(example = 20)]
    frame_ms: u64,
    /// Version of the server. A change means that the page may have changed, too.
    #[schema(example = "0.1.0")]
    server_version: &'static str,
}

/// Returns the first message to the listeners of a mix, in wire format.
pub(super) fn greeting(mix: &'static str) -> Arc<[u8]> {
    let hello = Hello {
        mix,
        codec: "opus",
        sample_rate: SAMPLE_RATE,
        channels: 1,
        frame_ms: SLOT.as_millis() as u64,
        server_version: env!("CARGO_PKG_VERSION"),
    };
    // Serialising a plain struct does not fail.
    let text = serde_json::to_vec(&hello).unwrap_or_default();
    let mut bytes = Vec::new();
    append_message(&mut bytes, OpCode::Data(Data::Text), &text);
    bytes.into()
}
