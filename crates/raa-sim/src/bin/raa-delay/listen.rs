//! The receiving thread: the mix, and the time of each click in it.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use tokio_tungstenite::tungstenite::Message;

use crate::clicks::{ClickTimes, ENCODER_DELAY, Finder};
use crate::send::time_of_sample;

/// Receives the mix until `end`. Returns the times of the clicks since `origin`, assuming that the
/// sound of a frame begins when the frame arrives. The delay of the mix's encoder is subtracted.
pub(crate) fn listen(url: &str, origin: Instant, end: Instant) -> anyhow::Result<ClickTimes> {
    let mut listener = MixListener {
        decoder: Decoder::new()?,
        decoded: Box::new([0.0; MAX_PACKET_SAMPLES]),
        finder: Finder::default(),
        frames_s: Vec::new(),
        clicks: ClickTimes::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (mut socket, _) = tokio_tungstenite::connect_async(url)
            .await
            .with_context(|| format!("cannot connect to {url}"))?;
        let receiving = async {
            while let Some(Ok(message)) = socket.next().await {
                let at_s = origin.elapsed().as_secs_f64();
                if let Message::Binary(frame) = message {
                    listener.receive(at_s, &frame);
                }
            }
        };
        // It ends by this timeout.
        let _ = tokio::time::timeout_at(end.into(), receiving).await;
        Ok(listener.clicks)
    })
}

/// Finds the clicks in the frames of the mix.
struct MixListener {
    decoder: Decoder,
    decoded: Box<[f32; MAX_PACKET_SAMPLES]>,
    finder: Finder,
    /// Arrival times of all frames, in seconds.
    frames_s: Vec<f64>,
    clicks: ClickTimes,
}

impl MixListener {
    /// Takes a frame. Its sound counts from its own arrival, so a skipped frame shifts no other.
    fn receive(&mut self, at_s: f64, frame: &[u8]) {
        let Ok(packet) = Packet::parse(frame) else {
            return;
        };
        if self.decoder.decode(packet.payload, &mut self.decoded) != Ok(SLOT_SAMPLES) {
            self.decoded.fill(0.0);
        }
        self.frames_s.push(at_s);
        if let Some(centre) = self.finder.take(&self.decoded[..SLOT_SAMPLES]) {
            let at_server = centre - ENCODER_DELAY as f64;
            self.clicks.push(time_of_sample(at_server, &self.frames_s));
        }
    }
}
