//! The sending thread: a packet every 20 ms, and when each click left.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT, SLOT_SAMPLES};
use raa_sim::measure::socket;

use crate::clicks::{self, ClickTimes, Finder};

/// The same in every run, so that the server's list does not grow with each.
const SSRC: u32 = 0xc11c_0001;

/// Sends until `end`; gives the moments of the clicks since `origin`, as a decoder hears them
/// when each packet's sound begins as it leaves.
pub(crate) fn send(to: SocketAddr, origin: Instant, end: Instant) -> anyhow::Result<ClickTimes> {
    let socket = socket::connect(to)?;
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let (mut decoder, mut finder) = (Decoder::new()?, Finder::default());
    let mut decoded = Box::new([0.0; MAX_PACKET_SAMPLES]);
    let (mut moments, mut clicks) = (Vec::new(), ClickTimes::new());
    for n in 0.. {
        let due = origin + SLOT * n;
        if due >= end {
            break;
        }
        let (payload, len) = encoded(&mut encoder, n as usize)?;
        let datagram = datagram(n, &payload[..len]);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // A server that is not there is told by the clicks that do not come back.
        let _ = socket.send(&datagram);
        moments.push(origin.elapsed().as_secs_f64());
        decoder.decode(&payload[..len], &mut decoded)?;
        if let Some(middle) = finder.take(&decoded[..SLOT_SAMPLES]) {
            clicks.push(moment_of(middle, &moments));
        }
    }
    Ok(clicks)
}

/// When a sample was there, given the moments of all frames until now.
pub(crate) fn moment_of(sample: f64, frames_s: &[f64]) -> f64 {
    let frame = (sample / SLOT_SAMPLES as f64) as usize;
    let into = sample - (frame * SLOT_SAMPLES) as f64;
    frames_s[frame] + into / f64::from(SAMPLE_RATE)
}

fn encoded(encoder: &mut Encoder, n: usize) -> anyhow::Result<([u8; MAX_ENCODED_LEN], usize)> {
    let pcm = std::array::from_fn(|i| clicks::sample(n * SLOT_SAMPLES + i));
    let mut payload = [0; MAX_ENCODED_LEN];
    let len = encoder.encode(&pcm, &mut payload)?;
    Ok((payload, len))
}

fn datagram(n: u32, payload: &[u8]) -> Vec<u8> {
    let packet = Packet {
        marker: n == 0,
        payload_type: OPUS_PAYLOAD_TYPE,
        sequence_number: n as u16,
        timestamp: n.wrapping_mul(SLOT_SAMPLES as u32),
        ssrc: SSRC,
        payload,
    };
    let mut datagram = Vec::new();
    packet.write(&mut datagram);
    datagram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_samples_moment_follows_its_frame() {
        let frames_s = [10.0, 10.021, 10.040];
        assert!((moment_of(480.0, &frames_s) - 10.010).abs() < 1e-9);
        assert!((moment_of(960.0, &frames_s) - 10.021).abs() < 1e-9);
        assert!((moment_of(1920.0 + 48.0, &frames_s) - 10.041).abs() < 1e-9);
    }
}
