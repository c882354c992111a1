//! The bare loop: a program of the server's structure without any features.
//!
//! One thread sleeps until the slot, decodes and adds each packet that has arrived, encodes the sum
//! and sends it. It has no jitter buffer, no levels, no page and no real listener.

use std::collections::HashMap;
use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::mix::{self, Limiter};
use raa_core::rtp::{self, Packet};
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};

use crate::queue::Queue;

/// The state of the bare mixer.
struct Mixer {
    decoders: HashMap<u32, Decoder>,
    pcm: Box<[f32; MAX_PACKET_SAMPLES]>,
    sum: [f32; SLOT_SAMPLES],
    limiter: Limiter,
    encoder: Encoder,
    slot: u32,
    /// Kept so that the compiler does not remove the reading of arrival times.
    newest_arrival_ns: i128,
}

/// Mixes until the process is killed.
pub(crate) fn run(port: u16) -> anyhow::Result<()> {
    let mut queue = Queue::bind(port)?;
    println!("{}", queue.socket.local_addr()?);
    // The listener reads nothing; sending costs the same.
    let listener = UdpSocket::bind("127.0.0.1:0")?;
    let out = UdpSocket::bind("127.0.0.1:0")?;
    out.connect(listener.local_addr()?)?;
    let mut mixer = Mixer::new()?;
    let mut datagram = Vec::with_capacity(MAX_ENCODED_LEN);
    let mut due = Instant::now();
    loop {
        due = (due + SLOT).max(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));
        queue.drain(|arrived_ns, bytes| mixer.receive(arrived_ns, bytes))?;
        datagram.clear();
        mixer.finish_slot(&mut datagram)?;
        out.send(&datagram)?;
    }
}

impl Mixer {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            decoders: HashMap::new(),
            pcm: Box::new([0.0; MAX_PACKET_SAMPLES]),
            sum: [0.0; SLOT_SAMPLES],
            limiter: Limiter::default(),
            encoder: Encoder::new(EncoderSettings::default())?,
            slot: 0,
            newest_arrival_ns: 0,
        })
    }

    /// Decodes one packet and adds it to the sum. Anything but a packet is ignored.
    fn receive(&mut self, arrived_ns: i128, bytes: &[u8]) {
        self.newest_arrival_ns = self.newest_arrival_ns.max(arrived_ns);
        if rtp::is_rtcp(bytes) {
            return;
        }
        let Ok(packet) = Packet::parse(bytes) else {
            return;
        };
        let decoder = match self.decoders.entry(packet.ssrc) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => match Decoder::new() {
                Ok(decoder) => entry.insert(decoder),
                Err(_) => return,
            },
        };
        let decoded = decoder.decode(packet.payload, &mut self.pcm);
        if let (Ok(SLOT_SAMPLES), Some(pcm)) = (decoded, self.pcm.first_chunk()) {
            mix::add(&mut self.sum, pcm, 1.0, 1.0);
        }
    }

    /// Appends the packet of the sum to `out` and begins the next slot.
    fn finish_slot(&mut self, out: &mut Vec<u8>) -> anyhow::Result<()> {
        self.limiter.process(&mut self.sum);
        let mut payload = [0; MAX_ENCODED_LEN];
        let len = self.encoder.encode(&self.sum, &mut payload)?;
        self.sum.fill(0.0);
        self.slot = self.slot.wrapping_add(1);
        let packet = Packet {
            marker: false,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.slot as u16,
            timestamp: self.slot.wrapping_mul(SLOT_SAMPLES as u32),
            ssrc: 1,
            payload: &payload[..len],
        };
        packet.write(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use raa_sim::world::sound;

    use super::*;

    #[test]
    fn received_sound_is_in_the_mix() {
        let piece = &sound::pieces().unwrap()[0];
        let mut mixer = Mixer::new().unwrap();
        let (mut decoder, mut pcm) = (Decoder::new().unwrap(), [0.0; MAX_PACKET_SAMPLES]);
        let mut peak = 0.0f32;
        for (n, payload) in piece.iter().take(20).enumerate() {
            let packet = Packet {
                marker: n == 0,
                payload_type: OPUS_PAYLOAD_TYPE,
                sequence_number: n as u16,
                timestamp: n as u32 * 960,
                ssrc: 7,
                payload,
            };
            let (mut datagram, mut mixed) = (Vec::new(), Vec::new());
            packet.write(&mut datagram);
            mixer.receive(n as i128, &datagram);
            mixer.receive(0, b"none");
            mixer.finish_slot(&mut mixed).unwrap();
            let mixed = Packet::parse(&mixed).unwrap();
            let samples = decoder.decode(mixed.payload, &mut pcm).unwrap();
            peak = pcm[..samples]
                .iter()
                .fold(peak, |peak, x| peak.max(x.abs()));
        }
        assert!((0.02..0.5).contains(&peak), "{peak}");
        assert_eq!((mixer.decoders.len(), mixer.newest_arrival_ns), (1, 19));
    }
}
