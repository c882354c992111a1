//! A simulated sender: steady Opus frames, pauses, restarts, a clock that drifts.
//!
//! Always: a packet leaves at the end of the sound it carries, by the sender's own clock; its
//! timestamp follows the sound, its sequence number goes up by one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE};

use crate::Clip;

/// How often a sender with keep-alives sends one in its pauses: 400 ms, in samples.
const KEEP_ALIVE_EVERY: u64 = 400 * SAMPLE_RATE as u64 / 1000;

/// What a sender does while it has nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Its timestamps run on and nothing is sent.
    Nothing,
    /// Its timestamps run on and a DTX packet is sent now and then.
    KeepAlive,
    /// Its timestamps stand still, as those of a player whose file is paused.
    TimeStops,
}

/// See the module's text.
#[derive(Debug)]
pub struct Sender {
    /// Who it says it is.
    pub ssrc: u32,
    /// Where its datagrams come from.
    pub address: SocketAddr,
    /// The next packet's.
    pub sequence_number: u16,
    /// The next packet's.
    pub timestamp: u32,
    /// Whether it sets the marker bit at the beginning of a talkspurt.
    pub marks_talkspurts: bool,
    clip: Arc<Clip>,
    pause: Option<Pause>,
    /// Packets of this talkspurt or keep-alive periods of this pause.
    since_change: u64,
    /// By the world's clock, when the first frame began.
    epoch_s: f64,
    /// Seconds of the world in one of the sender's.
    tempo: f64,
    /// The sender's time, in samples.
    frame_start: u64,
    next_keep_alive: u64,
    stalled_until: Duration,
}

impl Sender {
    /// A sender that speaks from `start` on; positive `drift_ppm` is a fast clock.
    pub fn new(ssrc: u32, clip: Arc<Clip>, start: Duration, drift_ppm: f64) -> Self {
        Self {
            ssrc,
            address: SocketAddr::from(([192, 0, 2, 1 + (ssrc % 250) as u8], 50_000)),
            sequence_number: 65_000,
            timestamp: u32::MAX - 5 * SAMPLE_RATE,
            marks_talkspurts: true,
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

    /// Ends the talkspurt.
    pub fn pause(&mut self, pause: Pause) {
        (self.pause, self.since_change) = (Some(pause), 0);
        self.next_keep_alive = self.frame_start;
    }

    /// Ends the pause.
    pub fn speak(&mut self) {
        (self.pause, self.since_change) = (None, 0);
    }

    /// Begins anew with other numbers, as a program that was started again.
    pub fn restart(&mut self, sequence_number: u16, timestamp: u32) {
        (self.sequence_number, self.timestamp) = (sequence_number, timestamp);
        self.speak();
    }

    /// The process stands still until then; what it has captured goes out in a burst.
    pub fn stall(&mut self, until: Duration) {
        self.stalled_until = until;
    }

    /// Hands every datagram that leaves by `now` to `each`, with the time at which it leaves.
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
            None => {
                Some(self.datagram(self.since_change == 0, self.clip.payload(self.since_change)))
            }
            Some(Pause::KeepAlive) if self.frame_start >= self.next_keep_alive => {
                self.next_keep_alive += KEEP_ALIVE_EVERY;
                Some(self.datagram(false, &self.clip.keep_alive()))
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

    fn datagram(&self, first: bool, payload: &[u8]) -> Vec<u8> {
        let packet = Packet {
            marker: first && self.marks_talkspurts,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload,
        };
        let mut datagram = Vec::with_capacity(64);
        packet.write(&mut datagram);
        datagram
    }
}
