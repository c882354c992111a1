//! The listening thread: the mix, and when each click came.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use tokio_tungstenite::tungstenite::Message;

use crate::clicks::{ClickTimes, ENCODER_DELAY, Finder};
use crate::send::moment_of;

/// Listens until `end`; gives the moments of the clicks since `origin`, when each frame's sound
/// begins as it comes, without the delay of the mix's own encoder.
pub(crate) fn listen(url: &str, origin: Instant, end: Instant) -> anyhow::Result<ClickTimes> {
    let mut ear = Ear {
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
            .with_context(|| format!("cannot listen to {url}"))?;
        let hear = async {
            while let Some(Ok(message)) = socket.next().await {
                let at_s = origin.elapsed().as_secs_f64();
                if let Message::Binary(frame) = message {
                    ear.take(at_s, &frame);
                }
            }
        };
        // Running out of time is how it should end.
        let _ = tokio::time::timeout_at(end.into(), hear).await;
        Ok(ear.clicks)
    })
}

struct Ear {
    decoder: Decoder,
    decoded: Box<[f32; MAX_PACKET_SAMPLES]>,
    finder: Finder,
    frames_s: Vec<f64>,
    clicks: ClickTimes,
}

impl Ear {
    /// Each frame is reckoned from its own arrival, so one that the server left out shifts none.
    fn take(&mut self, at_s: f64, frame: &[u8]) {
        let Ok(packet) = Packet::parse(frame) else {
            return;
        };
        if self.decoder.decode(packet.payload, &mut self.decoded) != Ok(SLOT_SAMPLES) {
            self.decoded.fill(0.0);
        }
        self.frames_s.push(at_s);
        if let Some(middle) = self.finder.take(&self.decoded[..SLOT_SAMPLES]) {
            let at_server = middle - ENCODER_DELAY as f64;
            self.clicks.push(moment_of(at_server, &self.frames_s));
        }
    }
}
