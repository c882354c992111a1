//! One simulated client: the packets that it sends in each slot of its own clock.
//!
//! Always: packets follow RFC 3550; sequence numbers have no gap; a silent client sends a
//! keep-alive every 400 ms.

use std::time::{SystemTime, UNIX_EPOCH};

use raa_core::rtcp::{self, Description, SenderReport};
use raa_core::rtp::Packet;
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT_SAMPLES};
use raa_sim::Random;
use raa_sim::world::sound::Piece;

/// The SSRC of the first client. SSRCs are the same in every run, so that the server's list does
/// not grow with each run.
const FIRST_SSRC: u32 = 0x10ad_0000;
/// Slots between two keep-alives: 400 ms.
const KEEP_ALIVE_SLOTS: u64 = 20;
/// The payload of a keep-alive: the TOC byte of an empty mono full-band CELT frame of 20 ms.
const KEEP_ALIVE: &[u8] = &[0xf8];
/// Mean length of a talkspurt in slots: 4 s.
const TALK_SLOTS: f64 = 200.0;
/// Mean length of a pause in slots: 3 s.
const PAUSE_SLOTS: f64 = 150.0;

/// Whether an SSRC belongs to the first `clients` clients of a run. Speaking clients come first.
pub(crate) fn is_ours(ssrc: u32, clients: u32) -> bool {
    (FIRST_SSRC..FIRST_SSRC + clients).contains(&ssrc)
}

/// One client of the load.
pub(crate) struct Client<'a> {
    ssrc: u32,
    name: String,
    /// `None` for a client that is always silent.
    voice: Option<Voice<'a>>,
    /// Slots since the client fell silent.
    silent_slots: u64,
    sequence_number: u16,
    timestamp: u32,
    packets: u32,
    octets: u32,
}

/// The sound of a speaker: a piece that is repeated from a random place on.
struct Voice<'a> {
    piece: &'a Piece,
    at: usize,
    /// Whether the next packet is the first one after silence.
    is_onset: bool,
    /// `None` for a speaker without pauses.
    turns: Option<Turns>,
}

/// Alternates between talking and pausing.
struct Turns {
    is_talking: bool,
    slots_left: u64,
}

impl<'a> Client<'a> {
    /// Creates client number `n`, from 0, which repeats `piece` with or without pauses.
    pub(crate) fn new(n: u32, piece: Option<&'a Piece>, pauses: bool, random: &mut Random) -> Self {
        Self {
            ssrc: FIRST_SSRC + n,
            name: format!("Load {:03}", n + 1),
            voice: piece.map(|piece| Voice {
                piece,
                at: random.next_u64() as usize % piece.len(),
                is_onset: true,
                turns: pauses.then(|| Turns::new(random)),
            }),
            silent_slots: 0,
            sequence_number: random.next_u64() as u16,
            timestamp: random.next_u64() as u32,
            packets: 0,
            octets: 0,
        }
    }

    /// Returns the packet of the next slot, if there is one.
    pub(crate) fn next(&mut self, random: &mut Random) -> Option<Packet<'a>> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(SLOT_SAMPLES as u32);
        let sound = self.voice.as_mut().and_then(|voice| voice.next(random));
        let (payload, marker) = if let Some(sound) = sound {
            self.silent_slots = 0;
            sound
        } else {
            self.silent_slots += 1;
            if self.silent_slots % KEEP_ALIVE_SLOTS != 1 {
                return None;
            }
            (KEEP_ALIVE, self.packets == 0)
        };
        let sequence_number = self.sequence_number;
        self.sequence_number = sequence_number.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Some(Packet {
            marker,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number,
            timestamp,
            ssrc: self.ssrc,
            payload,
        })
    }

    /// Appends a sender report with the client's name (RFC 3550 sections 6.4.1 and 6.5).
    pub(crate) fn write_report(&self, out: &mut Vec<u8>) {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let report = SenderReport {
            ssrc: self.ssrc,
            ntp: rtcp::ntp::timestamp(unix),
            rtp_timestamp: self.timestamp,
            packets: self.packets,
            octets: self.octets,
        };
        let description = Description {
            ssrc: self.ssrc,
            cname: "raa-load",
            name: &self.name,
            tool: concat!("raa-load ", env!("CARGO_PKG_VERSION")),
        };
        rtcp::write_report(&report, &description, None, out);
    }

    /// Appends a last report and a goodbye.
    pub(crate) fn write_goodbye(&self, out: &mut Vec<u8>) {
        self.write_report(out);
        rtcp::write_goodbye(self.ssrc, out);
    }
}

impl<'a> Voice<'a> {
    /// Returns the payload of the next slot, and whether it is the first after silence.
    fn next(&mut self, random: &mut Random) -> Option<(&'a [u8], bool)> {
        if self.turns.as_mut().is_some_and(|turns| !turns.next(random)) {
            self.is_onset = true;
            return None;
        }
        let payload = &self.piece[self.at];
        self.at = (self.at + 1) % self.piece.len();
        Some((payload, std::mem::take(&mut self.is_onset)))
    }
}

impl Turns {
    fn new(random: &mut Random) -> Self {
        let share = TALK_SLOTS / (TALK_SLOTS + PAUSE_SLOTS);
        Self {
            is_talking: random.chance(share),
            slots_left: (TALK_SLOTS * random.unit()) as u64,
        }
    }

    /// Returns whether the speaker talks in the next slot.
    fn next(&mut self, random: &mut Random) -> bool {
        if self.slots_left == 0 {
            self.is_talking = !self.is_talking;
            let mean = if self.is_talking {
                TALK_SLOTS
            } else {
                PAUSE_SLOTS
            };
            self.slots_left = 1 + (mean * random.exponential()) as u64;
        }
        self.slots_left -= 1;
        self.is_talking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_with_pauses_marks_each_talkspurt() {
        let piece: Piece = vec![vec![0xf8, 1, 2, 3]; 7];
        let mut random = Random::new(3);
        let mut client = Client::new(0, Some(&piece), true, &mut random);
        let packets: Vec<_> = (0..20_000)
            .filter_map(|_| client.next(&mut random))
            .collect();
        let talk = packets.iter().filter(|packet| packet.payload.len() == 4);
        let share = talk.count() as f64 / 20_000.0;
        assert!((0.4..0.75).contains(&share), "{share}");
        for pair in packets.windows(2) {
            let [before, after] = pair else { continue };
            assert_eq!(
                after.sequence_number,
                before.sequence_number.wrapping_add(1)
            );
            let slots = after.timestamp.wrapping_sub(before.timestamp) / 960;
            assert!((1..=20).contains(&slots), "{slots}");
            let is_onset = before.payload.len() == 1 && after.payload.len() == 4;
            assert_eq!(after.marker, is_onset);
        }
    }

    #[test]
    fn speakers_start_at_different_places() {
        let piece: Piece = (0..100).map(|n| vec![0xf8, n, 0, 0]).collect();
        let mut random = Random::new(1);
        let mut firsts: Vec<u8> = (0..10)
            .filter_map(|n| {
                Client::new(n, Some(&piece), false, &mut random).next(&mut Random::new(1))
            })
            .map(|packet| packet.payload[1])
            .collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert!(firsts.len() >= 8, "{firsts:?}");
    }
}
