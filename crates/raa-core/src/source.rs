//! One source: its packets in, 960 samples per slot out.
//!
//! Sources know nothing of each other, so they can be played in any order or at once.
//! Always: `play` answers in every slot; a gap is bridged by libopus' concealment, which fades
//! out within 100 ms, and after that the source is silent and costs nothing; the delay follows
//! what the network asks for, and the sender's clock, by steps that are not heard.

mod pcm;
mod resample;
#[cfg(test)]
mod tests;
mod timescale;

use std::time::{Duration, Instant};

use self::pcm::Pcm;
use self::timescale::{MAX_LAG, MIN_LAG, OVERLAP, fade};
use crate::codec::{self, CodecError, Decoder, MAX_PACKET_SAMPLES};
use crate::jitter::{CONCEAL_STEP, JitterBuffer, Next, Steering};
use crate::red::Redundant;
use crate::rtp::Packet;
use crate::sequence::{Place, Sequence, Verdict};
use crate::{SAMPLE_RATE, SLOT_SAMPLES};

/// Concealment is lent its full level for this long: 60 ms,
const FADE_FROM: usize = 2880;
/// and is silent after this: 100 ms.
const FADE_TO: usize = 4800;
/// Length of a fade that is too short to be heard as one and long enough not to click: 2.5 ms.
const CLICK_FREE: usize = 120;

/// A delay that is so much too long is put right in one leap, 150 ms: after a stall the sound
/// is no longer what it was.
const LEAP: f64 = 7200.0;
/// Too long by so much, 7.5 ms, a period of the sound is left out;
const SHORTEN: f64 = 360.0;
/// too short by so much, 5 ms, one is repeated, which is more urgent.
const LENGTHEN: f64 = -240.0;
/// Slots between two periods left out.
const SHORTEN_EVERY: u32 = 5;
/// So many places of the sound may look unlike before one is taken that does.
const PATIENCE: u32 = 10;
/// Off by more than this, 2 ms, the sound is read a little faster or slower,
const RESAMPLE_FROM: f64 = 96.0;
/// until it is off by less than this;
const RESAMPLE_UNTIL: f64 = 16.0;
/// and all the time when the sender's clock is off by more than this share.
const RESAMPLE_DRIFT: f64 = 80e-6;
/// An error is put right within about so many samples: 3 s,
const RESAMPLE_SAMPLES: f64 = 144_000.0;
/// and never faster than by this share, under a hundredth of a semitone.
const MAX_CORRECTION: f64 = 0.0005;

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

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It belongs to the stream, even if it came twice or late.
    InStream,
    /// It does not fit the stream; perhaps another sender uses the same SSRC.
    Stray,
}

/// See the module's text.
pub struct Source {
    sequence: Sequence,
    jitter: JitterBuffer,
    decoder: Decoder,
    pcm: Pcm,
    /// Samples bridged since the last packet.
    bridged: usize,
    resampling: bool,
    slots_since_shortened: u32,
    /// Slots in which the sound was unlike itself everywhere.
    refused: u32,
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
            decoder: Decoder::new()?,
            pcm: Pcm::default(),
            bridged: FADE_TO,
            resampling: false,
            slots_since_shortened: 0,
            refused: 0,
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
    ) -> Accepted {
        let lost = self.sequence.reception().lost;
        let place = match self.sequence.receive(arrival, packet) {
            Verdict::Continues(place) => place,
            Verdict::Restarts(place) => {
                self.jitter.restart();
                place
            }
            Verdict::Duplicate => return Accepted::InStream,
            Verdict::Stray => return Accepted::Stray,
        };
        let lost = self.sequence.reception().lost as i64 - lost as i64;
        let own = redundant.map_or(packet.payload, |redundant| redundant.payload);
        self.jitter.insert(arrival, place, samples, lost, own);
        for earlier in redundant.iter().flat_map(|redundant| redundant.earlier()) {
            self.insert_earlier(arrival, place, earlier.offset.into(), earlier.payload);
        }
        Accepted::InStream
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

    /// Plays the slot that is due at `due` into `out`; false when all of it is silence.
    pub fn play(
        &mut self,
        due: Instant,
        scratch: &mut Scratch,
        out: &mut [f32; SLOT_SAMPLES],
    ) -> bool {
        let was_silent = self.is_silent();
        let steering = self.jitter.begin_slot(due, was_silent);
        if was_silent {
            let ahead = self.jitter.silence_ahead(SLOT_SAMPLES);
            if ahead == SLOT_SAMPLES || steering.is_none() {
                return self.play_silence(out);
            }
        }
        let ratio = steering.map_or(1.0, |steering| self.steer(steering, scratch));
        self.decode(self.pcm.needed(ratio), scratch);
        let is_sound = !self.pcm.is_quiet();
        self.pcm.read(ratio, out);
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
        self.bridged = FADE_TO;
    }

    /// A copy of all counters.
    pub fn stats(&self) -> SourceStats {
        let reception = self.sequence.reception();
        let jitter = self.jitter.stats();
        let ms = |samples: f64| samples * 1000.0 / f64::from(SAMPLE_RATE);
        SourceStats {
            received: reception.received,
            lost: reception.lost,
            late: jitter.late,
            duplicate: reception.duplicate,
            reordered: reception.reordered,
            concealed: jitter.concealed_samples / SLOT_SAMPLES as u64,
            repaired: jitter.repaired_samples / SLOT_SAMPLES as u64,
            delay_ms: ms(jitter.mean_wait.max(0.0)),
            target_delay_ms: ms(jitter.target),
            drift_ppm: jitter.drift * 1e6,
            jitter_ms: ms(reception.jitter),
        }
    }

    /// The newest sequence number, unwrapped; `None` before the first packet of a stream.
    pub(crate) fn highest_sequence(&self) -> Option<i64> {
        self.sequence.highest_sequence()
    }

    /// Nothing is heard and nothing waits to be.
    fn is_silent(&self) -> bool {
        self.bridged >= FADE_TO && self.pcm.is_quiet()
    }

    fn play_silence(&mut self, out: &mut [f32; SLOT_SAMPLES]) -> bool {
        self.pcm.clear();
        let _ = self.jitter.next(SLOT_SAMPLES);
        self.jitter.end_slot(0.0);
        out.fill(0.0);
        false
    }

    /// Brings the delay nearer to where it shall be; the ratio at which the slot is to be read.
    fn steer(&mut self, steering: Steering, scratch: &mut Scratch) -> f64 {
        let Steering { error, drift } = steering;
        self.slots_since_shortened = self.slots_since_shortened.saturating_add(1);
        if self.is_silent() {
            self.pcm.clear();
            self.resampling = false;
        } else if error > LEAP {
            self.leap(error, scratch);
        } else if error > SHORTEN && self.slots_since_shortened >= SHORTEN_EVERY {
            self.shorten(error as usize, scratch);
        } else if error < LENGTHEN {
            self.lengthen(-error as usize, scratch);
        }
        self.ratio(error, drift)
    }

    /// How fast the slot is read: a little faster when the delay is too long or the sender's
    /// clock too fast.
    fn ratio(&mut self, error: f64, drift: f64) -> f64 {
        let drifts = drift.abs() > RESAMPLE_DRIFT;
        if error.abs() > RESAMPLE_FROM || drifts {
            self.resampling = true;
        }
        if !self.resampling {
            return 1.0;
        }
        let correction = (error / RESAMPLE_SAMPLES).clamp(-MAX_CORRECTION, MAX_CORRECTION);
        if drifts || error.abs() > RESAMPLE_UNTIL {
            return 1.0 + drift + correction;
        }
        // To a whole sample, and from there on as a copy.
        self.resampling = false;
        if self.pcm.is_whole() {
            return 1.0;
        }
        let end = self.pcm.fraction() + SLOT_SAMPLES as f64;
        1.0 + (end.round() - end) / SLOT_SAMPLES as f64
    }

    /// Leaves out a period of what is decoded, when there is more to decode.
    fn shorten(&mut self, error: usize, scratch: &mut Scratch) {
        let wanted = SLOT_SAMPLES + MAX_LAG + OVERLAP;
        while self.pcm.len() < wanted && self.jitter.has_next() {
            self.decode(self.pcm.len() + 1, scratch);
        }
        // What the slot itself needs stays, or it would have to be made up.
        let spare = self.pcm.len().saturating_sub(SLOT_SAMPLES + OVERLAP);
        if spare < MIN_LAG || !self.is_live() {
            return;
        }
        let force = self.refused >= PATIENCE;
        if self.pcm.shorten(error.min(spare), force) > 0 {
            (self.refused, self.slots_since_shortened) = (0, 0);
        } else {
            self.refused += 1;
        }
    }

    /// Repeats a period of what is decoded.
    fn lengthen(&mut self, error: usize, scratch: &mut Scratch) {
        self.decode(SLOT_SAMPLES, scratch);
        if !self.is_live() {
            return;
        }
        let force = self.refused >= PATIENCE;
        if self.pcm.lengthen(error, force) > 0 {
            self.refused = 0;
        } else {
            self.refused += 1;
        }
    }

    /// Whether what waits was decoded from packets, and not made up to bridge a gap.
    fn is_live(&self) -> bool {
        self.bridged == 0
    }

    /// Leaves out what makes the delay too long, and joins the two ends without a click.
    fn leap(&mut self, error: f64, scratch: &mut Scratch) {
        let end: [f32; CLICK_FREE] = self.pcm.head();
        let samples = error - self.pcm.waiting();
        self.pcm.clear();
        self.jitter.leap(samples.max(0.0) as i64);
        self.decode(SLOT_SAMPLES, scratch);
        fade(&end, self.pcm.head_mut());
    }

    /// Decodes, or bridges, until so many samples wait.
    fn decode(&mut self, needed: usize, scratch: &mut Scratch) {
        while self.pcm.len() < needed {
            match self.jitter.next(needed - self.pcm.len()) {
                Next::Packet { payload, skip } => {
                    // A packet that is late in part begins within what bridges the gap.
                    let bridge = (skip > 0)
                        .then(|| old_end(&mut self.decoder, self.bridged, scratch))
                        .flatten();
                    let (samples, is_sound) =
                        play_packet(&mut self.decoder, &mut self.bridged, payload, scratch);
                    let fresh = &mut scratch[skip.min(samples)..samples];
                    if let Some(bridge) = bridge {
                        fade(&bridge, fresh);
                    }
                    self.pcm.push(fresh, is_sound);
                }
                Next::Gap {
                    samples,
                    fec: Some(payload),
                } => {
                    let whole = samples.next_multiple_of(CONCEAL_STEP);
                    if self.decoder.repair(payload, &mut scratch[..whole]).is_ok() {
                        self.bridged = 0;
                        self.pcm.push(&scratch[whole - samples..whole], true);
                    } else {
                        self.bridge(samples, scratch);
                    }
                }
                Next::Gap { samples, fec: None } => self.bridge(samples, scratch),
            }
        }
    }

    /// Continues the past over a gap, fading.
    fn bridge(&mut self, samples: usize, scratch: &mut Scratch) {
        if self.bridged >= FADE_TO {
            return self.pcm.push_silence(samples);
        }
        let whole = &mut scratch[..samples.next_multiple_of(CONCEAL_STEP)];
        conceal(&mut self.decoder, self.bridged, whole);
        self.bridged += samples;
        self.pcm.push(&whole[..samples], true);
    }
}

/// Continues the past, `bridged` samples after the last packet, fading.
fn conceal(decoder: &mut Decoder, bridged: usize, out: &mut [f32]) {
    if decoder.conceal(out).is_err() {
        out.fill(0.0);
    }
    for (i, x) in out.iter_mut().enumerate() {
        *x *= fade_at(bridged + i);
    }
}

/// A short continuation of what bridges a gap; `None` when nothing does, or not any longer.
fn old_end(
    decoder: &mut Decoder,
    bridged: usize,
    scratch: &mut Scratch,
) -> Option<[f32; CLICK_FREE]> {
    if !(1..FADE_TO).contains(&bridged) {
        return None;
    }
    let end = scratch.first_chunk_mut()?;
    conceal(decoder, bridged, end);
    Some(*end)
}

/// Decodes a packet into `scratch`; `bridged` is how long its source has been without one. Its
/// samples, and whether they are sound.
fn play_packet(
    decoder: &mut Decoder,
    bridged: &mut usize,
    payload: &[u8],
    scratch: &mut Scratch,
) -> (usize, bool) {
    let silent = *bridged >= FADE_TO;
    if silent && codec::is_dtx(payload) {
        // It says that the silence goes on.
        let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
        scratch[..samples].fill(0.0);
        return (samples, false);
    }
    let samples = decode(decoder, payload, scratch);
    if silent {
        fade_in(&mut scratch[..samples]);
    }
    *bridged = 0;
    (samples, true)
}

/// One that libopus refuses is as good as lost, and lasts as long as it says.
fn decode(decoder: &mut Decoder, payload: &[u8], scratch: &mut Scratch) -> usize {
    decoder.decode(payload, scratch).unwrap_or_else(|_| {
        let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
        if decoder.conceal(&mut scratch[..samples]).is_err() {
            scratch[..samples].fill(0.0);
        }
        samples
    })
}

fn fade_at(bridged: usize) -> f32 {
    let faded = bridged.saturating_sub(FADE_FROM) as f32 / (FADE_TO - FADE_FROM) as f32;
    (1.0 - faded).max(0.0)
}

fn fade_in(pcm: &mut [f32]) {
    for (i, x) in pcm.iter_mut().take(CLICK_FREE).enumerate() {
        *x *= i as f32 / CLICK_FREE as f32;
    }
}
