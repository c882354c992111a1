//! The built-in test client, which plays Bach's Goldberg Variation 1 without end.
//!
//! It behaves like any sender: it gives RTP packets to the hub, and its name by RTCP. A thread
//! renders and encodes the music once, two minutes of sound in about a second; after that, a slot
//! costs a copy of one packet.
//! Always: the packet of a slot depends only on the number of the slot, so the music, like any
//! sender, continues while the server stands still.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use anyhow::Context as _;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::Packet;
use raa_core::rtp::StreamStart;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};
use raa_testmusic::{Harpsichord, variation_1};

/// The name that the client reports.
const NAME: &str = "Test BGM (Goldberg Var.1)";
/// Slots of silence before the music begins again: 2 s.
const PAUSE_SLOTS: usize = 100;

/// The test music as a stream of RTP packets.
pub(crate) struct TestMusic {
    stream: StreamStart,
    /// Receives one payload per slot until the whole music has been encoded.
    encoded: Receiver<Box<[u8]>>,
    is_complete: bool,
    payloads: Vec<Box<[u8]>>,
    datagram: Vec<u8>,
}

impl TestMusic {
    /// Starts the thread that renders the music.
    ///
    /// # Errors
    /// Fails if the thread cannot be started or libopus cannot allocate an encoder.
    pub(crate) fn start(stream: StreamStart) -> anyhow::Result<Self> {
        let mut encoder = Encoder::new(EncoderSettings::default())?;
        // The channel is unbounded, but the music has a known length.
        let (sender, encoded) = channel();
        let render = move || {
            let mut harpsichord = Harpsichord::new(variation_1());
            let mut pcm = [0.0; SLOT_SAMPLES];
            let mut packet = [0; MAX_ENCODED_LEN];
            let mut pause = 0;
            while pause < PAUSE_SLOTS {
                pause += usize::from(harpsichord.is_over());
                harpsichord.render(&mut pcm);
                let sent = encoder
                    .encode(&pcm, &mut packet)
                    .map(|len| sender.send(packet[..len].into()));
                // The receiver is gone if the server stops within the first second.
                if !matches!(sent, Ok(Ok(()))) {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("test-music".into())
            .spawn(render)
            .context("cannot start the thread that renders the test music")?;
        let (payloads, datagram) = (Vec::new(), Vec::new());
        Ok(Self {
            stream,
            encoded,
            is_complete: false,
            payloads,
            datagram,
        })
    }

    /// Returns the RTP packet of a slot, counted from 0; `None` if it has not been rendered yet.
    pub(crate) fn datagram(&mut self, slot: u64) -> Option<&[u8]> {
        self.take_encoded();
        let position = if self.is_complete {
            usize::try_from(slot % self.payloads.len() as u64).ok()?
        } else {
            usize::try_from(slot).ok()?
        };
        let payload = self.payloads.get(position)?;
        self.datagram.clear();
        let packet = Packet {
            marker: position == 0,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.stream.sequence_number.wrapping_add(slot as u16),
            timestamp: self.timestamp(slot),
            ssrc: self.stream.ssrc,
            payload,
        };
        packet.write(&mut self.datagram);
        Some(&self.datagram)
    }

    /// Returns the RTCP packet with the client's name.
    pub(crate) fn description(&mut self, slot: u64) -> &[u8] {
        let ssrc = self.stream.ssrc;
        let timestamp = self.timestamp(slot);
        let report = SenderReport {
            ssrc,
            ntp: 0,
            rtp_timestamp: timestamp,
            packets: 0,
            octets: 0,
        };
        let tool = concat!("raa-server ", env!("CARGO_PKG_VERSION"));
        let description = Description {
            ssrc,
            cname: "test-music@raa-server",
            name: NAME,
            tool,
        };
        self.datagram.clear();
        rtcp::write_report(&report, &description, None, &mut self.datagram);
        &self.datagram
    }

    fn timestamp(&self, slot: u64) -> u32 {
        self.stream
            .timestamp
            .wrapping_add((slot as u32).wrapping_mul(SLOT_SAMPLES as u32))
    }

    fn take_encoded(&mut self) {
        while !self.is_complete {
            match self.encoded.try_recv() {
                Ok(payload) => self.payloads.push(payload),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => self.is_complete = !self.payloads.is_empty(),
            }
            if self.payloads.is_empty() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn music_of(
        payloads: &[&[u8]],
        is_over: bool,
    ) -> (TestMusic, std::sync::mpsc::Sender<Box<[u8]>>) {
        let (sender, encoded) = channel();
        payloads
            .iter()
            .for_each(|payload| sender.send((*payload).into()).unwrap());
        let stream = StreamStart {
            ssrc: 7,
            sequence_number: u16::MAX,
            timestamp: u32::MAX,
        };
        let (payloads, datagram) = (Vec::new(), Vec::new());
        let music = TestMusic {
            stream,
            encoded,
            is_complete: false,
            payloads,
            datagram,
        };
        (music, if is_over { channel().0 } else { sender })
    }

    fn packet(music: &mut TestMusic, slot: u64) -> Option<(u16, u32, bool, Vec<u8>)> {
        let packet = Packet::parse(music.datagram(slot)?).unwrap();
        Some((
            packet.sequence_number,
            packet.timestamp,
            packet.marker,
            packet.payload.to_vec(),
        ))
    }

    #[test]
    fn packets_depend_on_the_slot_and_loop() {
        let (mut music, _) = music_of(&[&[1], &[2], &[3]], true);
        assert_eq!(packet(&mut music, 1), Some((0, 959, false, vec![2])));
        assert_eq!(packet(&mut music, 5), Some((4, 4799, false, vec![3])));
        assert_eq!(packet(&mut music, 6), Some((5, 5759, true, vec![1])));
    }

    #[test]
    fn music_plays_while_it_is_rendered() {
        let (mut music, sender) = music_of(&[&[1]], false);
        assert_eq!(packet(&mut music, 0).map(|packet| packet.3), Some(vec![1]));
        assert_eq!(packet(&mut music, 1), None);
        sender.send([2].into()).unwrap();
        assert_eq!(packet(&mut music, 1).map(|packet| packet.3), Some(vec![2]));
    }

    #[test]
    fn the_name_is_sent_by_rtcp() {
        let (mut music, _) = music_of(&[&[1]], true);
        let mut names = Vec::new();
        let note = |item: rtcp::Item<'_>| {
            if let rtcp::Item::Name { ssrc, text } = item {
                names.push((ssrc, text.to_vec()));
            }
        };
        rtcp::parse(music.description(0), note).unwrap();
        assert_eq!(names, [(7, NAME.as_bytes().to_vec())]);
    }
}
