//! One source: its packets in, 960 samples per slot out.
//!
//! Sources are independent, so they can be played in any order or at once. A source owns the
//! decoded samples ([`Pcm`]), and its [`JitterBuffer`] owns the cursor; `jitter` states the order
//! of calls between the two.
//! Always: `play` returns in every slot; a gap is bridged by libopus' concealment, which fades out
//! within 100 ms, and then the source is silent and costs nothing; the delay follows its target
//! and the sender's clock in inaudible steps.

mod budget;
mod held;
mod pcm;
mod resample;
mod steer;
#[cfg(test)]
mod tests;
mod timescale;
mod voice;

use std::time::{Duration, Instant};

use self::budget::Budget;
use self::held::Held;
use self::pcm::{Fresh, Pcm};
use self::voice::{Decoded, Voice};
use crate::codec::{self, CodecError, MAX_PACKET_SAMPLES};
use crate::jitter::{JitterBuffer, Next};
use crate::red::Redundant;
use crate::rtp::Packet;
use crate::sequence::{Candidate, Place, Sequence, Verdict};
use crate::{SAMPLE_RATE, SLOT_SAMPLES, samples};

/// Length of a fade that avoids a click and is too short to be noticed.
const CLICK_FREE: usize = samples(2.5);

/// A buffer to decode one packet into; all sources of a thread can share one.
pub type Scratch = [f32; MAX_PACKET_SAMPLES];

/// A source's counters since its first packet, and its current state.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SourceStats {
    /// All RTP packets of this SSRC.
    pub received: u64,
    /// Packets that never arrived, by their sequence numbers.
    pub lost: u64,
    /// Packets that arrived after their slot.
    pub late: u64,
    /// Packets that had already arrived.
    pub duplicate: u64,
    /// Packets that arrived after one that was sent later.
    pub reordered: u64,
    /// Frames of 20 ms that were concealed because their packet was lost or late and no other packet
    /// carried their sound in time.
    pub concealed: u64,
    /// Frames of 20 ms whose packet was lost or late and whose sound another packet carried.
    pub repaired: u64,
    /// Frames that were left out because the source had too much to decode: no legal sender's.
    pub over_budget: u64,
    /// Samples that were decoded or concealed, played or not.
    pub decoded_samples: u64,
    /// Mean time from a packet's arrival to its play-out, in ms.
    pub delay_ms: f64,
    /// Target of the playout delay, in ms; `delay_ms` follows it.
    pub target_delay_ms: f64,
    /// How much faster the sender's clock runs than the server's, in parts per million.
    pub drift_ppm: f64,
    /// Interarrival jitter (RFC 3550 section 6.4.1), in ms.
    pub jitter_ms: f64,
}

/// Whether the work fits into the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Slots begin on time.
    Normal,
    /// Slots begin late, so a delay that is too long is kept for now: shortening it costs more
    /// than playing it.
    Late,
}

/// The result of inserting a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// It is the first one of a stream.
    Begins,
    /// It belongs to the stream, even if it came late.
    InStream,
    /// It belongs to the stream and had already come.
    Repeated,
    /// It does not fit the stream; perhaps another sender uses the same SSRC.
    Stray,
}

/// See the module's text.
pub struct Source {
    sequence: Sequence,
    /// The last stray, which may turn out to be the first packet of a restarted sender.
    held: Held,
    jitter: JitterBuffer,
    voice: Voice,
    budget: Budget,
    over_budget: u64,
    pcm: Pcm,
    resampling: bool,
    /// Lost packets that the jitter buffer knows of.
    lost: u64,
    /// Slots since the last period was left out in which none was alike enough to leave out.
    failed_shortenings: u32,
}

impl Source {
    /// Creates a source whose playout delay is at most `max_delay`, 20 to 400 ms.
    ///
    /// # Errors
    /// If there is no memory for a decoder.
    pub fn new(max_delay: Duration) -> Result<Self, CodecError> {
        resample::prepare();
        Ok(Self {
            sequence: Sequence::default(),
            held: Held::default(),
            jitter: JitterBuffer::new(max_delay),
            voice: Voice::new()?,
            budget: Budget::default(),
            over_budget: 0,
            pcm: Pcm::default(),
            resampling: false,
            lost: 0,
            failed_shortenings: 0,
        })
    }

    /// Takes one packet; `samples` is its duration. Its earlier frames (RFC 2198) replace missing
    /// packets.
    pub fn insert(
        &mut self,
        arrival: Instant,
        packet: &Packet<'_>,
        samples: usize,
        redundant: Option<&Redundant<'_>>,
    ) -> Insertion {
        let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
        let (place, insertion) = match self.sequence.receive(arrival, packet) {
            Verdict::Continues(place) => (place, Insertion::InStream),
            Verdict::Restarts(place) => {
                self.jitter.restart();
                (place, Insertion::Begins)
            }
            Verdict::Confirms { first, place } => {
                self.jitter.restart();
                self.held.insert_into(&mut self.jitter, first);
                (place, Insertion::Begins)
            }
            Verdict::Duplicate => return Insertion::Repeated,
            Verdict::Stray => {
                self.held.keep(arrival, samples, own);
                return Insertion::Stray;
            }
        };
        let lost_before = std::mem::replace(&mut self.lost, self.sequence.stats().lost);
        let lost = self.lost as i64 - lost_before as i64;
        self.jitter.insert(arrival, place, samples, lost, own);
        for earlier in redundant.iter().flat_map(|redundant| redundant.earlier()) {
            self.insert_earlier(arrival, place, earlier.offset.into(), earlier.payload);
        }
        insertion
    }

    /// Takes a packet of this SSRC that is no sound, and returns whether it lies within the stream: it
    /// then occupies its number.
    pub fn occupy(&mut self, arrival: Instant, sequence_number: u16, timestamp: u32) -> bool {
        self.sequence.occupy(arrival, sequence_number, timestamp)
    }

    /// Takes a frame that seems to continue the stream and comes from an address that does not own it:
    /// it is played only if its place stays empty.
    pub(crate) fn insert_provisional(
        &mut self,
        arrival: Instant,
        place: Place,
        samples: usize,
        payload: &[u8],
        displaces: bool,
    ) {
        self.jitter
            .insert_provisional(arrival, place, samples, payload, displaces);
    }

    /// Drops such frames.
    pub(crate) fn drop_provisional(&mut self) {
        self.jitter.drop_provisional();
    }

    /// Returns the place of a packet that follows the stream, and whether its sound would continue it
    /// without a gap; `None` for a packet with any other numbers.
    pub(crate) fn place_of_next(&self, next: &Candidate, samples: usize) -> Option<(Place, bool)> {
        self.sequence.place_of_next(next, samples as i64)
    }

    /// Whether a packet of sound would continue the stream.
    pub(crate) fn would_continue(&self, next: &Candidate) -> bool {
        self.sequence.would_continue(next)
    }

    /// Whether a packet is a copy of one that arrived lately.
    pub(crate) fn has_arrived(&self, next: &Candidate) -> bool {
        self.sequence.has_arrived(next)
    }

    /// Whether a packet of the stream came within the last 80 ms.
    pub(crate) fn is_active(&self, now: Instant) -> bool {
        self.sequence.is_active(now)
    }

    /// Returns the arrival of the stream's newest packet.
    pub(crate) fn newest_arrival(&self) -> Option<Instant> {
        self.sequence.newest_arrival()
    }

    /// Makes the next packet begin a new stream, whatever its numbers. What waits is played until then.
    pub(crate) fn expect_another_stream(&mut self) {
        self.sequence.forget_stream();
    }

    /// Takes an earlier frame, `offset` samples before the packet at `place` that carries it.
    fn insert_earlier(&mut self, arrival: Instant, place: Place, offset: i64, payload: &[u8]) {
        let Some(samples) = codec::packet_samples(payload) else {
            return;
        };
        // Senders repeat frames of one length without pauses, which gives the sequence number of
        // the frame's own packet; a number that is too old is taken for a pause.
        let place = Place {
            sequence: place.sequence - offset / samples as i64,
            timestamp: place.timestamp - offset,
        };
        if offset > 0 {
            self.jitter.insert_repair(arrival, place, samples, payload);
        }
    }

    /// Plays the slot that is due at `due` into `out`. Returns false if all of it is silence; `out`
    /// is then meaningless.
    pub fn play(
        &mut self,
        due: Instant,
        load: Load,
        scratch: &mut Scratch,
        out: &mut [f32; SLOT_SAMPLES],
    ) -> bool {
        self.budget.begin_slot();
        let was_silent = self.is_silent();
        let steering = self.jitter.begin_slot(due, was_silent);
        if was_silent {
            let ahead = self.jitter.silence_ahead(SLOT_SAMPLES);
            if ahead == SLOT_SAMPLES || steering.is_none() {
                return self.play_silence();
            }
        }
        let ratio = steering.map_or(1.0, |steering| self.steer(steering, load, scratch));
        let fresh = self.decode_to_play(self.pcm.needed(ratio), scratch);
        let is_sound = self.pcm.read(fresh, ratio, out);
        self.jitter.end_slot(self.pcm.waiting());
        is_sound
    }

    /// Passes over slots that were not played.
    pub fn skip_slots(&mut self, slots: u64) {
        let samples = slots.saturating_mul(SLOT_SAMPLES as u64);
        self.pcm.skip(samples.min(usize::MAX as u64) as usize);
        self.jitter.skip_samples(samples as i64);
    }

    /// Forgets a sender that is gone: the next packet begins a new stream, whatever its numbers. Counters
    /// and what is known of its network stay; all other memory is given back.
    pub fn forget_stream(&mut self) {
        self.sequence.forget_stream();
        self.held = Held::default();
        self.jitter.release();
        self.pcm = Pcm::default();
        self.voice.release();
    }

    /// Makes ready for packets what was given back when its sender was gone.
    ///
    /// # Errors
    /// If there is no memory for a decoder.
    pub fn prepare(&mut self) -> Result<(), CodecError> {
        self.voice.prepare()
    }

    /// Returns all counters.
    pub fn stats(&self) -> SourceStats {
        let packets = self.sequence.stats();
        let jitter = self.jitter.stats();
        let ms = |samples: f64| samples * 1000.0 / f64::from(SAMPLE_RATE);
        SourceStats {
            received: packets.received,
            lost: packets.lost,
            late: jitter.late,
            duplicate: packets.duplicate,
            reordered: packets.reordered,
            concealed: jitter.concealed_samples / SLOT_SAMPLES as u64,
            repaired: jitter.repaired_samples / SLOT_SAMPLES as u64,
            over_budget: self.over_budget,
            decoded_samples: self.budget.spent(),
            delay_ms: ms(jitter.mean_wait.max(0.0)),
            target_delay_ms: ms(jitter.target),
            drift_ppm: jitter.drift * 1e6,
            jitter_ms: ms(packets.jitter),
        }
    }

    /// Returns the bytes of all buffers.
    #[cfg(test)]
    fn buffered_bytes(&self) -> usize {
        self.pcm.buffered_bytes() + self.held.buffered_bytes() + self.jitter.buffered_bytes()
    }

    /// Returns the newest sequence number, unwrapped; `None` before a stream's first packet.
    pub(crate) fn highest_sequence(&self) -> Option<i64> {
        self.sequence.highest_sequence()
    }

    /// Whether nothing is audible and no sound waits.
    fn is_silent(&self) -> bool {
        self.voice.is_silent() && self.pcm.is_quiet()
    }

    fn play_silence(&mut self) -> bool {
        self.pcm.clear();
        let _ = self.jitter.next(SLOT_SAMPLES);
        self.jitter.end_slot(0.0);
        false
    }

    /// Decodes or bridges until `needed` samples wait.
    fn decode(&mut self, needed: usize, scratch: &mut Scratch) {
        while self.pcm.len() < needed {
            let decoded = self.decode_next(needed - self.pcm.len(), scratch);
            self.pcm.push(decoded.of(scratch));
        }
    }

    /// Does the same, but returns the last decoded samples, which are played at once.
    fn decode_to_play<'a>(&mut self, needed: usize, scratch: &'a mut Scratch) -> Fresh<'a> {
        while self.pcm.len() < needed {
            let missing = needed - self.pcm.len();
            let decoded = self.decode_next(missing, scratch);
            if decoded.len() >= missing {
                return decoded.of(scratch);
            }
            self.pcm.push(decoded.of(scratch));
        }
        Fresh::NONE
    }

    /// Decodes the next packet or bridges a gap; `wanted` samples are missing in this slot. Without a
    /// budget, it is silence.
    fn decode_next(&mut self, wanted: usize, scratch: &mut Scratch) -> Decoded {
        let may_decode = self.budget.is_left();
        if !may_decode {
            self.voice.fall_silent();
        }
        let (decoded, cost) = match self.jitter.next(wanted) {
            Next::Packet { payload, skip } if !may_decode => {
                self.over_budget += 1;
                return self.voice.leave_out(payload, skip, scratch);
            }
            Next::Packet { payload, skip } => self.voice.play(payload, skip, scratch),
            Next::Gap { samples, fec } => {
                let fec = fec.filter(|_| may_decode);
                self.voice.fill(samples, fec, scratch)
            }
        };
        self.budget.spend(cost);
        decoded
    }
}
