//! A stream's packets for the judgement of its codec, which plain Opus must pass.

use std::time::Duration;

use super::input::Input;
use crate::any_instant;
use crate::framing;
use crate::probation::Probation;
use crate::rtp::Packet;

/// Packets of one stream, with gaps, repeats, restarts and malformed ones.
pub(super) fn packets(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut probation = Probation::default();
    let mut now = any_instant();
    let (mut sequence_number, mut timestamp) = (input.word(), u32::from(input.word()) << 16);
    while !input.is_empty() {
        let was_withheld = probation.is_withheld();
        match input.below(8) {
            0 => probation.take_malformed(),
            1 => {
                probation.restart();
                assert_eq!(
                    probation.is_withheld(),
                    was_withheld,
                    "a restart decides nothing"
                );
            }
            _ => {
                now += Duration::from_millis(input.below(64).into());
                sequence_number =
                    sequence_number.wrapping_add_signed(input.signed().max(-3).into());
                timestamp = timestamp.wrapping_add_signed(i32::from(input.signed()) * 120);
                let own = input.counted();
                let packet = Packet {
                    marker: false,
                    payload_type: 111,
                    sequence_number,
                    timestamp,
                    ssrc: 1,
                    payload: own,
                };
                if let Some(framing) = framing::parse(own) {
                    probation.take(now, &packet, own, &framing);
                }
            }
        }
    }
}
