//! A simulated sender: steady Opus frames, pauses, restarts, a clock that drifts.
//!
//! Always: a packet leaves at the end of the sound it carries, by the sender's own clock; its
//! timestamp follows the sound and its sequence number increases by one. With redundancy it also
//! carries earlier frames of the same talkspurt (RFC 2198), the earliest first.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use raa_core::red::{self, Earlier};
use raa_core::rtp::{self, Packet};
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE};

use super::clip::Clip;

/// Interval of keep-alives in a pause: 400 ms, in samples.
const KEEP_ALIVE_INTERVAL: u64 = 400 * SAMPLE_RATE as u64 / 1000;
/// The distances in frames of the earlier frames in a packet, by their number. A single one is not
/// the last frame, because losses come in bursts.
const DISTANCES: [&[u64]; 4] = [&[], &[2], &[2, 1], &[3, 2, 1]];

/// A sender's behaviour while it is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Timestamps advance and nothing is sent.
    Nothing,
    /// Timestamps advance and a DTX packet is sent every 400 ms.
    KeepAlive,
    /// Timestamps stand still, as in a media player that is paused.
    TimeStops,
}

/// One simulated sender of RTP.
#[derive(Debug)]
pub struct Sender {
    /// The SSRC of its packets.
    pub ssrc: u32,
    /// The source address of its datagrams.
    pub address: SocketAddr,
    /// The sequence number of the next packet.
    pub sequence_number: u16,
    /// The timestamp of the next packet.
    pub timestamp: u32,
    /// Whether the first packet of a talkspurt has the marker bit.
    pub marks_talkspurts: bool,
    /// The number of earlier frames in each packet, 0 to 3.
    pub redundancy: usize,
    clip: Arc<Clip>,
    pause: Option<Pause>,
    /// Packet intervals since the talkspurt or the pause began.
    since_change: u64,
    /// When the first frame began, by the world's clock.
    epoch_s: f64,
    /// Seconds of the world's clock per second of the sender's.
    tempo: f64,
    /// When the next frame begins, in samples by the sender's clock.
    frame_start: u64,
    next_keep_alive: u64,
    stalled_until: Duration,
}

impl Sender {
    /// Creates a sender that speaks from `start` on. A positive `drift_ppm` is a fast clock.
    pub fn new(ssrc: u32, clip: Arc<Clip>, start: Duration, drift_ppm: f64) -> Self {
        Self {
            ssrc,
            address: SocketAddr::from(([192, 0, 2, 1 + (ssrc % 250) as u8], 50_000)),
            sequence_number: 65_000,
            timestamp: u32::MAX - 5 * SAMPLE_RATE,
            marks_talkspurts: true,
            redundancy: 0,
            clip,
            pause: None,
            since_change: 0,
            epoch_s: start.as_secs_f64(),
            tempo: 1.0 / (1.0 + drift_ppm / 1e6),
            frame_start: 0,
            next_keep_alive: 0,
            stalled_until: Duration::ZERO,
        }
    }

    /// Ends the talkspurt and begins a pause.
    pub fn pause(&mut self, pause: Pause) {
        (self.pause, self.since_change) = (Some(pause), 0);
        self.next_keep_alive = self.frame_start;
    }

    /// Ends the pause and begins a talkspurt.
    pub fn speak(&mut self) {
        (self.pause, self.since_change) = (None, 0);
    }

    /// Restarts the stream with other numbers, as a program that was started again.
    pub fn restart(&mut self, sequence_number: u16, timestamp: u32) {
        (self.sequence_number, self.timestamp) = (sequence_number, timestamp);
        self.speak();
    }

    /// Stops the sender's clock for `length`: its next frame begins that much later.
    pub fn stop_clock(&mut self, length: Duration) {
        self.epoch_s += length.as_secs_f64();
    }

    /// Stops the process until `until`; the packets that were due by then leave in a burst.
    pub fn stall(&mut self, until: Duration) {
        self.stalled_until = until;
    }

    /// Calls `each` for every datagram that leaves by `now`, with the time at which it leaves.
    pub(crate) fn send_until(&mut self, now: Duration, mut each: impl FnMut(Duration, Vec<u8>)) {
        while let due = self.next_frame_due()
            && due <= now
        {
            let leaves = due.max(self.stalled_until);
            if leaves > now {
                return;
            }
            if let Some(datagram) = self.next_frame() {
                each(leaves, datagram);
            }
        }
    }

    fn next_frame_due(&self) -> Duration {
        let end = self.frame_start + self.clip.packet_samples() as u64;
        let own_s = end as f64 / f64::from(SAMPLE_RATE);
        Duration::from_secs_f64(self.epoch_s + own_s * self.tempo)
    }

    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let datagram = match self.pause {
            None => Some(self.packet(self.since_change)),
            Some(Pause::KeepAlive) if self.frame_start >= self.next_keep_alive => {
                self.next_keep_alive += KEEP_ALIVE_INTERVAL;
                Some(self.datagram(false, OPUS_PAYLOAD_TYPE, &self.clip.keep_alive()))
            }
            Some(_) => None,
        };
        self.since_change += 1;
        self.frame_start += self.clip.packet_samples() as u64;
        if self.pause != Some(Pause::TimeStops) {
            self.timestamp = self
                .timestamp
                .wrapping_add(self.clip.packet_samples() as u32);
        }
        if datagram.is_some() {
            self.sequence_number = self.sequence_number.wrapping_add(1);
        }
        datagram
    }

    /// Builds the packet of frame `n` of this talkspurt, with the earlier frames for redundancy.
    fn packet(&self, n: u64) -> Vec<u8> {
        let own = self.clip.payload(n);
        let earlier = DISTANCES[self.redundancy]
            .iter()
            .filter(|&&distance| distance <= n)
            .map(|&distance| Earlier {
                payload_type: OPUS_PAYLOAD_TYPE,
                offset: distance as u16 * self.clip.packet_samples() as u16,
                payload: self.clip.payload(n - distance),
            });
        if earlier.clone().next().is_none() {
            return self.datagram(n == 0, OPUS_PAYLOAD_TYPE, own);
        }
        let mut payload = Vec::with_capacity(512);
        red::write(earlier, OPUS_PAYLOAD_TYPE, own, &mut payload);
        self.datagram(n == 0, red::PAYLOAD_TYPE, &payload)
    }

    fn datagram(&self, is_first: bool, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let packet = Packet {
            marker: is_first && self.marks_talkspurts,
            payload_type,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload,
        };
        let mut datagram = Vec::with_capacity(rtp::HEADER_LEN + payload.len());
        packet.write(&mut datagram);
        datagram
    }
}

#[cfg(test)]
mod tests {
    use raa_core::red::Redundant;

    use super::*;

    /// Checks which earlier frames the first packets carry; `None` expects a plain packet.
    #[track_caller]
    fn check(redundancy: usize, expected: [Option<&[u16]>; 5]) {
        let clip = Arc::new(Clip::tone(800).unwrap());
        let mut sender = Sender::new(1, Arc::clone(&clip), Duration::ZERO, 0.0);
        sender.redundancy = redundancy;
        let mut datagrams = Vec::new();
        sender.send_until(Duration::from_millis(100), |_, datagram| {
            datagrams.push(datagram);
        });
        assert_eq!(datagrams.len(), expected.len());
        for ((n, datagram), expected) in (0..).zip(&datagrams).zip(expected) {
            let packet = Packet::parse(datagram).unwrap();
            let Some(expected) = expected else {
                let plain = (packet.payload_type, packet.payload);
                assert_eq!(plain, (OPUS_PAYLOAD_TYPE, clip.payload(n)));
                continue;
            };
            assert_eq!(packet.payload_type, red::PAYLOAD_TYPE);
            let read = Redundant::parse(packet.payload).unwrap();
            assert_eq!(read.payload, clip.payload(n));
            let distances: Vec<u16> = read.earlier().map(|e| e.offset / 960).collect();
            assert_eq!(distances, expected);
            for earlier in read.earlier() {
                let distance = u64::from(earlier.offset / 960);
                assert_eq!(earlier.payload, clip.payload(n - distance));
            }
        }
    }

    #[test]
    fn packets_carry_earlier_frames_of_their_talkspurt() {
        check(0, [None; 5]);
        check(1, [None, None, Some(&[2]), Some(&[2]), Some(&[2])]);
        check(
            2,
            [
                None,
                Some(&[1]),
                Some(&[2, 1]),
                Some(&[2, 1]),
                Some(&[2, 1]),
            ],
        );
        check(
            3,
            [
                None,
                Some(&[1]),
                Some(&[2, 1]),
                Some(&[3, 2, 1]),
                Some(&[3, 2, 1]),
            ],
        );
    }
}
