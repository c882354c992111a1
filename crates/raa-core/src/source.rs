//! One source: its packets in, 960 samples per slot out.
//!
//! Sources know nothing of each other, so they can be played in any order or at once.
//! Always: `play` answers in every slot; a gap is bridged by libopus' concealment, which fades
//! out within 100 ms, and after that the source is silent and costs nothing.

use std::time::{Duration, Instant};

use crate::codec::{self, CodecError, Decoder, MAX_PACKET_SAMPLES};
use crate::jitter::{Inserted, JitterBuffer, Next};
use crate::rtp::Packet;
use crate::sequence::{Sequence, Verdict};
use crate::{SAMPLE_RATE, SLOT_SAMPLES};

/// Concealment is lent its full level for this long: 40 ms,
const FADE_FROM: usize = 1920;
/// and is silent after this: 100 ms.
const FADE_TO: usize = 4800;
/// Length of a fade that is too short to be heard as one and long enough not to click: 2.5 ms.
const CLICK_FREE: usize = 120;
/// libopus conceals in steps of 2.5 ms.
const CONCEAL_STEP: usize = 120;

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
    /// Decoded beyond the current slot.
    leftover: Vec<f32>,
    /// Samples bridged since the last packet.
    bridged: usize,
}

impl Source {
    /// A source whose packets wait `playout_delay` on average.
    ///
    /// # Errors
    /// When there is no memory for a decoder.
    pub fn new(playout_delay: Duration) -> Result<Self, CodecError> {
        Ok(Self {
            sequence: Sequence::default(),
            jitter: JitterBuffer::new(playout_delay),
            decoder: Decoder::new()?,
            leftover: Vec::new(),
            bridged: FADE_TO,
        })
    }

    /// Takes one packet; `samples` is its duration.
    pub fn insert(&mut self, arrival: Instant, packet: &Packet<'_>, samples: usize) -> Accepted {
        let place = match self.sequence.receive(arrival, packet) {
            Verdict::Continues(place) => place,
            Verdict::Restarts(place) => {
                self.jitter.restart();
                place
            }
            Verdict::Duplicate => return Accepted::InStream,
            Verdict::Stray => return Accepted::Stray,
        };
        let (Inserted::Kept | Inserted::Late) =
            self.jitter.insert(arrival, place, samples, packet.payload);
        Accepted::InStream
    }

    /// Plays the slot that is due at `due` into `out`; false when all of it is silence.
    pub fn play(
        &mut self,
        due: Instant,
        scratch: &mut Scratch,
        out: &mut [f32; SLOT_SAMPLES],
    ) -> bool {
        self.jitter.begin_slot(due);
        let mut filled = self.take_leftover(out);
        let mut sounding = filled > 0;
        let mut joint = None;
        while filled < SLOT_SAMPLES {
            let rest = &mut out[filled..];
            let step = match self.jitter.next(rest.len()) {
                Next::Packet { payload, skip } => play_packet(
                    &mut self.decoder,
                    &mut self.bridged,
                    payload,
                    scratch,
                )
                .split(skip, scratch, rest, &mut self.leftover),
                Next::Gap(samples) => {
                    let sounding = self.bridge(scratch, &mut rest[..samples]);
                    Step { samples, sounding }
                }
                Next::Jump => {
                    joint = self.old_end(scratch).map(|end| (filled, end));
                    continue;
                }
                Next::Idle => {
                    rest.fill(0.0);
                    Step {
                        samples: rest.len(),
                        sounding: false,
                    }
                }
            };
            filled += step.samples;
            sounding |= step.sounding;
        }
        if let Some((at, end)) = joint {
            crossfade(&end, &mut out[at..]);
        }
        self.jitter.end_slot(self.leftover.len());
        sounding
    }

    /// Passes over slots that nobody heard.
    pub fn skip_slots(&mut self, slots: u64) {
        let samples = slots * SLOT_SAMPLES as u64;
        let decoded = self.leftover.len().min(samples as usize);
        self.leftover.drain(..decoded);
        self.jitter.skip_samples(samples as i64);
    }

    /// The sender is gone: the next packet begins a new stream, whatever its numbers are.
    pub fn forget_stream(&mut self) {
        self.sequence.forget_stream();
        self.jitter.restart();
        self.leftover.clear();
    }

    /// A copy of all counters.
    pub fn stats(&self) -> SourceStats {
        let reception = self.sequence.reception();
        SourceStats {
            received: reception.received,
            lost: reception.lost,
            late: self.jitter.late(),
            duplicate: reception.duplicate,
            reordered: reception.reordered,
            concealed: self.jitter.concealed_samples() / SLOT_SAMPLES as u64,
            repaired: 0,
            target_delay_ms: 0.0,
            drift_ppm: 0.0,
            delay_ms: self.jitter.mean_wait().as_secs_f64() * 1000.0,
            jitter_ms: reception.jitter * 1000.0 / f64::from(SAMPLE_RATE),
        }
    }

    /// The newest sequence number, unwrapped; `None` before the first packet of a stream.
    pub(crate) fn highest_sequence(&self) -> Option<i64> {
        self.sequence.highest_sequence()
    }

    fn take_leftover(&mut self, out: &mut [f32; SLOT_SAMPLES]) -> usize {
        let samples = self.leftover.len().min(SLOT_SAMPLES);
        out[..samples].copy_from_slice(&self.leftover[..samples]);
        self.leftover.drain(..samples);
        samples
    }

    /// Continues the past over a gap, fading; false when it wrote silence.
    fn bridge(&mut self, scratch: &mut Scratch, out: &mut [f32]) -> bool {
        if self.bridged >= FADE_TO {
            out.fill(0.0);
            return false;
        }
        let whole = out.len().next_multiple_of(CONCEAL_STEP);
        if self.decoder.conceal(&mut scratch[..whole]).is_err() {
            scratch[..whole].fill(0.0);
        }
        for (i, (out, x)) in out.iter_mut().zip(scratch.iter()).enumerate() {
            *out = x * fade_at(self.bridged + i);
        }
        self.bridged += out.len();
        true
    }

    /// A short continuation of what was heard before a jump.
    fn old_end(&mut self, scratch: &mut Scratch) -> Option<[f32; CLICK_FREE]> {
        let mut end = [0.0; CLICK_FREE];
        self.bridge(scratch, &mut end).then_some(end)
    }
}

/// What one step of a slot has given.
struct Step {
    samples: usize,
    sounding: bool,
}

impl Step {
    /// Gives what fits into the slot to `out`, without the first `skip`, and keeps the rest.
    fn split(self, skip: usize, pcm: &Scratch, out: &mut [f32], leftover: &mut Vec<f32>) -> Self {
        let fresh = &pcm[skip.min(self.samples)..self.samples];
        let (now, later) = fresh.split_at(fresh.len().min(out.len()));
        out[..now.len()].copy_from_slice(now);
        leftover.extend_from_slice(later);
        Self {
            samples: now.len(),
            ..self
        }
    }
}

/// Decodes a packet into `scratch`; `bridged` is how long its source has been without one.
fn play_packet(
    decoder: &mut Decoder,
    bridged: &mut usize,
    payload: &[u8],
    scratch: &mut Scratch,
) -> Step {
    let silent = *bridged >= FADE_TO;
    if silent && codec::is_dtx(payload) {
        // It says that the silence goes on.
        let samples = codec::packet_samples(payload).unwrap_or(SLOT_SAMPLES);
        scratch[..samples].fill(0.0);
        return Step {
            samples,
            sounding: false,
        };
    }
    let samples = decode(decoder, payload, scratch);
    if silent {
        fade_in(&mut scratch[..samples]);
    }
    *bridged = 0;
    Step {
        samples,
        sounding: true,
    }
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

fn crossfade(old: &[f32; CLICK_FREE], new: &mut [f32]) {
    for (i, (old, new)) in old.iter().zip(new).enumerate() {
        let share = (i + 1) as f32 / (CLICK_FREE + 1) as f32;
        *new = old * (1.0 - share) + *new * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SLOT;
    use crate::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};

    /// A source and a sender of a tone whose packets arrive at once.
    struct Bench {
        source: Source,
        encoder: Encoder,
        start: Instant,
        slot: u32,
        sequence_number: u16,
        scratch: Box<Scratch>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                source: Source::new(Duration::from_millis(40)).unwrap(),
                encoder: Encoder::new(EncoderSettings::default()).unwrap(),
                start: crate::any_instant(),
                slot: 0,
                sequence_number: 0,
                scratch: Box::new([0.0; MAX_PACKET_SAMPLES]),
            }
        }

        fn send(&mut self, payload: &[u8]) {
            let packet = Packet {
                marker: false,
                payload_type: 111,
                sequence_number: self.sequence_number,
                timestamp: self.slot * SLOT_SAMPLES as u32,
                ssrc: 1,
                payload,
            };
            self.sequence_number += 1;
            let samples = codec::packet_samples(payload).unwrap();
            self.source
                .insert(self.start + SLOT * self.slot, &packet, samples);
        }

        fn send_tone(&mut self) {
            let pcm = std::array::from_fn(|i| {
                let t = (self.slot as usize * SLOT_SAMPLES + i) as f32 / 48_000.0;
                0.25 * (t * 1000.0 * std::f32::consts::TAU).sin()
            });
            let mut payload = [0; MAX_ENCODED_LEN];
            let len = self.encoder.encode(&pcm, &mut payload).unwrap();
            self.send(&payload[..len]);
        }

        /// The slot's samples, `None` when it is silent.
        fn play(&mut self) -> Option<[f32; SLOT_SAMPLES]> {
            let mut out = [f32::NAN; SLOT_SAMPLES];
            let due = self.start + SLOT * self.slot;
            self.slot += 1;
            self.source
                .play(due, &mut self.scratch, &mut out)
                .then_some(out)
        }

        fn run_tone(&mut self, slots: usize) {
            for _ in 0..slots {
                self.send_tone();
                self.play();
            }
        }
    }

    fn peak(pcm: &[f32]) -> f32 {
        pcm.iter().fold(0.0, |peak, x| peak.max(x.abs()))
    }

    #[test]
    fn concealment_fades_to_silence_without_a_step() {
        let mut bench = Bench::new();
        bench.run_tone(50);
        let heard: Vec<f32> = (0..10).filter_map(|_| bench.play()).flatten().collect();
        // Two slots still wait, five are concealed.
        assert_eq!(heard.len(), 7 * SLOT_SAMPLES);
        assert!(peak(&heard[..2 * SLOT_SAMPLES]) > 0.2);
        assert!(peak(&heard[heard.len() - 100..]) < 0.01);
        // The largest step of a 1 kHz sine of 0.25 is 0.033.
        let step = heard
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .fold(0.0, f32::max);
        assert!(step < 0.05, "{step}");
    }

    #[test]
    fn a_talkspurt_is_whole_from_its_first_packet() {
        let mut bench = Bench::new();
        bench.run_tone(50);
        (0..100).for_each(|_| _ = bench.play());
        bench.encoder.reset();
        let first: Vec<_> = (0..4)
            .map(|_| {
                bench.send_tone();
                bench.play()
            })
            .collect();
        assert_eq!(
            first.iter().map(Option::is_some).collect::<Vec<_>>(),
            [false, false, true, true]
        );
        assert!(
            peak(&first[2].unwrap()) > 0.2,
            "the onset is heard in its first slot"
        );
        assert_eq!(bench.source.stats().concealed, 0);
    }

    #[test]
    fn keep_alives_in_silence_are_silent() {
        let mut bench = Bench::new();
        bench.run_tone(50);
        bench.send(&[0xf8]);
        (0..20).for_each(|_| _ = bench.play());
        for _ in 0..5 {
            bench.send(&[0xf8]);
            assert!((0..20).all(|_| bench.play().is_none()));
        }
        assert_eq!(bench.source.stats().concealed, 0);
    }

    #[test]
    fn a_cut_of_the_delay_does_not_click() {
        let mut bench = Bench::new();
        bench.run_tone(50);
        // The way becomes 200 ms shorter: ten packets come at once.
        for _ in 0..10 {
            bench.send_tone();
            bench.slot += 1;
        }
        bench.slot -= 10;
        let mut last = None;
        let mut largest_step = 0.0f32;
        for _ in 0..200 {
            bench.slot += 10;
            bench.send_tone();
            bench.slot -= 10;
            for x in bench.play().unwrap() {
                largest_step = largest_step.max((x - last.replace(x).unwrap_or(x)).abs());
            }
        }
        assert!((20.0..60.0).contains(&bench.source.stats().delay_ms));
        assert!(largest_step < 0.05, "{largest_step}");
        assert_eq!(bench.source.stats().concealed, 0);
    }
}
