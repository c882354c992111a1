//! The frame of a packet that did not fit its stream, kept until the next packet.
//!
//! A restarted sender is believed at its second packet. Its first one carries the start of an alarm,
//! so it is played, too.
//! Always: one frame at most; a buffer that is allocated once.

use std::time::Instant;

use crate::jitter::JitterBuffer;
use crate::sequence::Place;

/// Longest payload that is kept: 120 ms at the highest bitrate of Opus has 7650 bytes.
const MAX_BYTES: usize = 8 << 10;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Held {
    arrival: Option<Instant>,
    samples: usize,
    payload: Vec<u8>,
}

impl Held {
    /// Keeps a frame in place of the one before, unless it is too long for Opus.
    pub(super) fn keep(&mut self, arrival: Instant, samples: usize, payload: &[u8]) {
        self.arrival = (payload.len() <= MAX_BYTES).then_some(arrival);
        self.samples = samples;
        self.payload.clear();
        self.payload
            .extend_from_slice(&payload[..payload.len().min(MAX_BYTES)]);
    }

    #[cfg(test)]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.payload.capacity()
    }

    /// Inserts the frame, which is the first one of a stream, into its jitter buffer.
    pub(super) fn insert_into(&mut self, jitter: &mut JitterBuffer, place: Place) {
        if let Some(arrival) = self.arrival.take() {
            jitter.insert(arrival, place, self.samples, 0, &self.payload);
        }
    }
}
