//! The sending thread: a packet every 20 ms, and the time of each click in them.

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT, SLOT_SAMPLES};
use raa_sim::measure::socket;

use crate::clicks::{self, ClickTimes, Finder};

/// The SSRC is the same in every run, so that the server's list does not grow with each run.
const SSRC: u32 = 0xc11c_0001;

/// Sends until `end`. Returns the times of the clicks since `origin` after decoding, assuming that
/// the sound of a packet begins when the packet leaves.
pub(crate) fn send(to: SocketAddr, origin: Instant, end: Instant) -> anyhow::Result<ClickTimes> {
    let socket = socket::connect(to)?;
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let (mut decoder, mut finder) = (Decoder::new()?, Finder::default());
    let mut decoded = Box::new([0.0; MAX_PACKET_SAMPLES]);
    let (mut sent_s, mut clicks) = (Vec::new(), ClickTimes::new());
    for n in 0.. {
        let due = origin + SLOT * n;
        if due >= end {
            break;
        }
        let (payload, len) = encoded(&mut encoder, n as usize)?;
        let datagram = datagram(n, &payload[..len]);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // If there is no server, no click comes back, which is reported then.
        let _ = socket.send(&datagram);
        sent_s.push(origin.elapsed().as_secs_f64());
        decoder.decode(&payload[..len], &mut decoded)?;
        if let Some(centre) = finder.take(&decoded[..SLOT_SAMPLES]) {
            clicks.push(time_of_sample(centre, &sent_s));
        }
    }
    Ok(clicks)
}

/// Returns the time of a sample, given the times at which all frames so far began.
pub(crate) fn time_of_sample(sample: f64, frames_s: &[f64]) -> f64 {
    let frame = (sample / SLOT_SAMPLES as f64) as usize;
    let offset = sample - (frame * SLOT_SAMPLES) as f64;
    frames_s[frame] + offset / f64::from(SAMPLE_RATE)
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
    fn the_time_of_a_sample_follows_its_frame() {
        let frames_s = [10.0, 10.021, 10.040];
        assert!((time_of_sample(480.0, &frames_s) - 10.010).abs() < 1e-9);
        assert!((time_of_sample(960.0, &frames_s) - 10.021).abs() < 1e-9);
        assert!((time_of_sample(1920.0 + 48.0, &frames_s) - 10.041).abs() < 1e-9);
    }
}
