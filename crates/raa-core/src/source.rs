//! One source: its packets in, 960 samples per slot out.
//!
//! Sources know nothing of each other, so they can be played in any order or at once.
//! Always: `play` answers in every slot; a gap is bridged by libopus' concealment, which fades
//! out within 100 ms, and after that the source is silent and costs nothing; the delay follows
//! what the network asks for, and the sender's clock, by steps that are not heard.

mod pcm;
mod resample;
mod steer;
#[cfg(test)]
mod tests;
mod timescale;
mod voice;

use std::time::{Duration, Instant};

use self::pcm::{Fresh, Pcm};
use self::voice::{Decoded, Voice};
use crate::codec::{self, CodecError, MAX_PACKET_SAMPLES};
use crate::jitter::{JitterBuffer, Next};
use crate::red::Redundant;
use crate::rtp::Packet;
use crate::sequence::{Place, Sequence, Verdict};
use crate::{SAMPLE_RATE, SLOT_SAMPLES};

/// Length of a fade that is too short to be heard as one and long enough not to click: 2.5 ms.
const CLICK_FREE: usize = 120;

/// Room to decode one packet in; one suffices for all sources of a thread.
pub type Scratch = [f32; MAX_PACKET_SAMPLES];

/// What a source has suffered, in packets since it was first heard, and how it is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SourceStats {
    /// All RTP packets of this SSRC.
    pub received: u64,
    /// Expected by their sequence numbers and never arrived.
    pub lost: u64,
    /// Arrived when their slot had passed.
    pub late: u64,
    /// Arrived more than once.
    pub duplicate: u64,
    /// Arrived after a packet that was sent later.
    pub reordered: u64,
    /// Frames of 20 ms that were concealed because their packet was lost or late, and no other
    /// carried their sound in time.
    pub concealed: u64,
    /// Frames of 20 ms whose packet was lost or late, and whose sound another packet carried.
    pub repaired: u64,
    /// Mean time a packet waits between its arrival and its play-out, in ms.
    pub delay_ms: f64,
    /// The playout delay that the network's behaviour asks for, in ms; `delay_ms` follows it.
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

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// It belongs to the stream, even if it came late.
    InStream,
    /// It belongs to the stream and has come before.
    Repeated,
    /// It does not fit the stream; perhaps another sender uses the same SSRC.
    Stray,
}

/// See the module's text.
pub struct Source {
    sequence: Sequence,
    jitter: JitterBuffer,
    voice: Voice,
    pcm: Pcm,
    resampling: bool,
    /// Slots since the last period was left out in which none was alike enough to leave out.
    failed_shortenings: u32,
}

impl Source {
    /// A source whose playout delay is at most `max_delay`, 20 to 400 ms.
    ///
    /// # Errors
    /// When there is no memory for a decoder.
    pub fn new(max_delay: Duration) -> Result<Self, CodecError> {
        resample::prepare();
        Ok(Self {
            sequence: Sequence::default(),
            jitter: JitterBuffer::new(max_delay),
            voice: Voice::new()?,
            pcm: Pcm::default(),
            resampling: false,
            failed_shortenings: 0,
        })
    }

    /// Takes one packet; `samples` is its duration. What the packet carries besides its own
    /// frame (RFC 2198) is taken for packets that are missing.
    pub fn insert(
        &mut self,
        arrival: Instant,
        packet: &Packet<'_>,
        samples: usize,
        redundant: Option<&Redundant<'_>>,
    ) -> Insertion {
        let lost = self.sequence.stats().lost;
        let place = match self.sequence.receive(arrival, packet) {
            Verdict::Continues(place) => place,
            Verdict::Restarts(place) => {
                self.jitter.restart();
                place
            }
            Verdict::Duplicate => return Insertion::Repeated,
            Verdict::Stray => return Insertion::Stray,
        };
        let lost = self.sequence.stats().lost as i64 - lost as i64;
        let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
        self.jitter.insert(arrival, place, samples, lost, own);
        for earlier in redundant.iter().flat_map(|redundant| redundant.earlier()) {
            self.insert_earlier(arrival, place, earlier.offset.into(), earlier.payload);
        }
        Insertion::InStream
    }

    /// Takes a frame that lies `offset` samples before the packet at `place` that carries it.
    fn insert_earlier(&mut self, arrival: Instant, place: Place, offset: i64, payload: &[u8]) {
        let Some(samples) = codec::packet_samples(payload) else {
            return;
        };
        // Senders repeat frames of one length without a pause between them, so the number of the
        // frame's own packet follows; a guess that is too old is taken for a pause.
        let place = Place {
            sequence: place.sequence - offset / samples as i64,
            timestamp: place.timestamp - offset,
        };
        if offset > 0 {
            self.jitter.insert_repair(arrival, place, samples, payload);
        }
    }

    /// Plays the slot that is due at `due` into `out`; false when all of it is silence, and then
    /// `out` means nothing.
    pub fn play(
        &mut self,
        due: Instant,
        load: Load,
        scratch: &mut Scratch,
        out: &mut [f32; SLOT_SAMPLES],
    ) -> bool {
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

    /// Passes over slots that nobody heard.
    pub fn skip_slots(&mut self, slots: u64) {
        let samples = slots.saturating_mul(SLOT_SAMPLES as u64);
        self.pcm.skip(samples.min(usize::MAX as u64) as usize);
        self.jitter.skip_samples(samples as i64);
    }

    /// The sender is gone: the next packet begins a new stream, whatever its numbers are.
    pub fn forget_stream(&mut self) {
        self.sequence.forget_stream();
        self.jitter.restart();
        self.pcm.clear();
        self.voice.fall_silent();
    }

    /// A copy of all counters.
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
            delay_ms: ms(jitter.mean_wait.max(0.0)),
            target_delay_ms: ms(jitter.target),
            drift_ppm: jitter.drift * 1e6,
            jitter_ms: ms(packets.jitter),
        }
    }

    /// The newest sequence number, unwrapped; `None` before the first packet of a stream.
    pub(crate) fn highest_sequence(&self) -> Option<i64> {
        self.sequence.highest_sequence()
    }

    /// Nothing is heard and nothing waits to be.
    fn is_silent(&self) -> bool {
        self.voice.is_silent() && self.pcm.is_quiet()
    }

    fn play_silence(&mut self) -> bool {
        self.pcm.clear();
        let _ = self.jitter.next(SLOT_SAMPLES);
        self.jitter.end_slot(0.0);
        false
    }

    /// Decodes, or bridges, until so many samples wait.
    fn decode(&mut self, needed: usize, scratch: &mut Scratch) {
        while self.pcm.len() < needed {
            let decoded = self.decode_next(needed - self.pcm.len(), scratch);
            self.pcm.push(decoded.of(scratch));
        }
    }

    /// The same, but what is decoded last does not wait: it is given back.
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

    /// Decodes what comes next, or bridges a gap; `wanted` samples are missing in this slot.
    fn decode_next(&mut self, wanted: usize, scratch: &mut Scratch) -> Decoded {
        match self.jitter.next(wanted) {
            Next::Packet { payload, skip } => self.voice.play(payload, skip, scratch),
            Next::Gap { samples, fec } => self.voice.fill(samples, fec, scratch),
        }
    }
}
