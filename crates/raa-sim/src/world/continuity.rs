//! How the frames of a mix's stream follow each other, by sequence number and timestamp.
//!
//! The sequence number shows frames that this listener did not receive; the timestamp shows, in
//! addition, slots that the server skipped for every listener.

use raa_core::SLOT_SAMPLES;
use raa_core::rtp::Packet;

/// Remembers the last frame of one RTP stream.
#[derive(Debug, Default)]
pub struct Continuity {
    last: Option<(u16, u32)>,
}

/// The distance from one frame to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Difference of the sequence numbers: 1 in an unbroken stream.
    pub frames: u16,
    /// Difference of the timestamps: one slot if nothing was skipped.
    pub samples: u32,
}

impl Continuity {
    /// Takes the next packet and returns its distance from the one before; `None` for the first.
    pub fn advance(&mut self, packet: &Packet<'_>) -> Option<Step> {
        let now = (packet.sequence_number, packet.timestamp);
        let (sequence_number, timestamp) = self.last.replace(now)?;
        Some(Step {
            frames: now.0.wrapping_sub(sequence_number),
            samples: now.1.wrapping_sub(timestamp),
        })
    }
}

impl Step {
    /// Whether the packet is the next one of its stream: no frame is missing in between, and it
    /// begins a whole number of slots, at least one, after the packet before it.
    pub fn is_regular(self) -> bool {
        let whole_slots = self.samples.is_multiple_of(SLOT_SAMPLES as u32);
        self.frames == 1 && self.samples > 0 && whole_slots
    }

    /// Frames that were sent in between and not received.
    pub fn missing_frames(self) -> u16 {
        self.frames.saturating_sub(1)
    }

    /// Slots that were skipped in between, so that no frame was ever made for them.
    pub fn skipped_slots(self) -> u32 {
        let slots = self.samples / SLOT_SAMPLES as u32;
        slots.saturating_sub(1 + u32::from(self.missing_frames()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence_number: u16, timestamp: u32) -> Packet<'static> {
        Packet {
            marker: false,
            payload_type: 111,
            sequence_number,
            timestamp,
            ssrc: 1,
            payload: &[0],
        }
    }

    #[test]
    fn missing_frames_are_distinguished_from_skipped_slots() {
        let mut continuity = Continuity::default();
        assert_eq!(continuity.advance(&packet(65_534, u32::MAX - 959)), None);
        for (sequence_number, timestamp, expected) in [
            (65_535, 0, (1, 0, 0)),
            // Both counters wrap, and two frames are missing.
            (2, 3 * 960, (3, 2, 0)),
            // Five slots on, with one frame missing: the server skipped three.
            (4, 8 * 960, (2, 1, 3)),
        ] {
            let step = continuity
                .advance(&packet(sequence_number, timestamp))
                .unwrap();
            let found = (step.frames, step.missing_frames(), step.skipped_slots());
            assert_eq!(found, expected, "frame {sequence_number}");
        }
    }

    #[test]
    fn only_the_next_packet_is_regular() {
        for (frames, samples, expected) in [
            (1, 960, true),
            (1, 3 * 960, true),
            (2, 960, false),
            (0, 960, false),
            (1, 0, false),
            (1, 961, false),
            (1, u32::MAX - 959, false),
        ] {
            let step = Step { frames, samples };
            assert_eq!(step.is_regular(), expected, "{step:?}");
        }
    }
}
