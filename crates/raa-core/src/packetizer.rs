//! The sending half without sockets, threads or clocks: captured PCM in, datagrams out.
//!
//! Contract: give everything that capture has delivered to [`Packetizer::push_pcm`], and call
//! [`Packetizer::handle_timeout`] when the instant that [`Packetizer::poll_timeout`] names has
//! come; after either, call [`Packetizer::poll_transmit`] until it answers `None` and send each
//! datagram. Blocks may have any length; those of up to 20 ms keep a sound's onset whole.
//!
//! Two clocks run here. While capture flows, its samples are the clock, so that the drift of a
//! sound card makes no jumps; a pause of capture (loopback capture delivers nothing while nothing
//! plays) is measured by `now`. Timestamps go on through silence either way.
//!
//! Always: never looks at a clock; holds at most [`MAX_PENDING`] samples, the oldest give way;
//! what capture delivers late is dropped and not sent late; silence costs one packet of one
//! payload byte per [`KEEP_ALIVE`]; no allocation in the steady state.

mod capture_clock;
mod gate;
mod reports;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use self::capture_clock::CaptureClock;
use self::gate::{Gate, Passage};
use self::reports::Reports;
use crate::codec::{self, CodecError, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use crate::hub::StreamStart;
use crate::level::{Level, Meter};
use crate::rtp::Packet;
use crate::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT_SAMPLES};

/// Samples that wait to be sent at most: 200 ms.
pub const MAX_PENDING: usize = 9600;
/// How often silence is said again, so that the receiver knows that the sender is alive.
pub const KEEP_ALIVE: Duration = Duration::from_millis(400);
/// After so long without PCM capture counts as paused.
pub const CAPTURE_GAP: Duration = Duration::from_millis(60);

const FRAME: i64 = SLOT_SAMPLES as i64;
const KEEP_ALIVE_SAMPLES: i64 = KEEP_ALIVE.as_millis() as i64 * SAMPLE_RATE as i64 / 1000;
/// How far capture may run ahead of time before it is held to be a backlog: 60 ms.
const MAX_LEAD: i64 = 2880;
/// How far it may fall behind before samples are held to be lost: 100 ms.
const MAX_LAG: i64 = 4800;
/// While capture pauses, silence is declared only so far behind time that a block of up to 20 ms
/// which arrives next finds its place: a frame is complete 20 ms after it began, and 20 ms more.
const SILENCE_BEHIND: i64 = 2 * FRAME;
/// TOC of a mono full-band CELT frame of 20 ms (RFC 6716 section 3.1): what the encoder makes of
/// sound, and what silence is said with before there was any.
const DEFAULT_TOC: u8 = 31 << 3;
/// The two lowest bits of a TOC are the frame count code; 0 is one frame.
const TOC_ONE_FRAME: u8 = !0x03;

/// What a sender is set to.
#[derive(Debug, Clone)]
pub struct PacketizerConfig {
    /// The SSRC, which is this client's for ever, and random first values.
    pub stream: StreamStart,
    /// How sound is encoded.
    pub encoder: EncoderSettings,
    /// What the sender says of itself.
    pub identity: Identity,
    /// Any number: it spreads the senders' reports.
    pub seed: u64,
    /// The wall clock's time at the `start` given to [`Packetizer::new`].
    pub wall_clock: SystemTime,
}

/// What a sender says of itself by RTCP (RFC 3550 section 6.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Unique and lasting, as `user@host`.
    pub cname: String,
    /// The name for people.
    pub name: String,
    /// Program and version.
    pub tool: String,
}

/// How the sender is doing; counters since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketizerStats {
    /// RTP packets.
    pub packets: u64,
    /// Payload bytes of all RTP packets.
    pub octets: u64,
    /// Times that sound began after silence.
    pub talkspurts: u64,
    /// Times that capture paused or lost samples.
    pub capture_gaps: u64,
    /// Samples dropped because they came too late or in a burst.
    pub dropped_samples: u64,
    /// Whether sound is being sent now.
    pub sending: bool,
    /// Of what was captured in about the last 100 ms.
    pub level: Level,
}

/// What the receiver was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Sound,
    Silence { at: i64 },
}

/// See the module's text.
pub struct Packetizer {
    stream: StreamStart,
    now: Instant,
    clock: CaptureClock,
    /// When PCM came last; `None` while capture pauses.
    last_capture: Option<Instant>,
    /// Captured and not yet sent; begins at `head`.
    pending: VecDeque<f32>,
    /// Where the next frame begins, in samples since the start: a multiple of [`FRAME`], beyond
    /// everything sent.
    head: i64,
    meter: Meter,
    gate: Gate,
    encoder: Encoder,
    toc: u8,
    told: Told,
    reports: Reports,
    /// The datagram handed out last; its buffer is reused.
    datagram: Vec<u8>,
    packets: u64,
    octets: u64,
    talkspurts: u64,
    capture_gaps: u64,
    dropped_samples: u64,
}

impl Packetizer {
    /// A sender whose first timestamp is the one of `start`.
    ///
    /// # Errors
    /// When a setting of the encoder is out of its range.
    pub fn new(config: PacketizerConfig, start: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            stream: config.stream,
            now: start,
            clock: CaptureClock::new(start),
            last_capture: None,
            // A block joins before the oldest gives way.
            pending: VecDeque::with_capacity(2 * MAX_PENDING),
            head: 0,
            meter: Meter::default(),
            gate: Gate::default(),
            encoder: Encoder::new(config.encoder)?,
            toc: DEFAULT_TOC,
            told: Told::Nothing,
            reports: Reports::new(config.identity, config.seed, start, config.wall_clock),
            datagram: Vec::with_capacity(crate::rtp::HEADER_LEN + MAX_ENCODED_LEN),
            packets: 0,
            octets: 0,
            talkspurts: 0,
            capture_gaps: 0,
            dropped_samples: 0,
        })
    }

    /// Takes 48 kHz mono PCM whose last sample was captured at `now`.
    pub fn push_pcm(&mut self, now: Instant, pcm: &[f32]) {
        if pcm.is_empty() {
            return;
        }
        self.handle_timeout(now);
        let paused = self.last_capture.replace(now).is_none();
        let (old, pcm) = pcm.split_at(pcm.len().saturating_sub(MAX_PENDING));
        self.dropped_samples += old.len() as u64;
        let pcm = self.place(paused, pcm);
        self.pending.extend(pcm);
        self.bound_pending();
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let gap = |last| now.saturating_duration_since(last) >= CAPTURE_GAP;
        if self.last_capture.is_some_and(gap) {
            self.last_capture = None;
            self.capture_gaps += 1;
        }
    }

    /// When to call [`Packetizer::handle_timeout`] next, if no PCM comes before.
    pub fn poll_timeout(&self) -> Instant {
        let silence = match self.last_capture {
            Some(last) => last + CAPTURE_GAP,
            None => self
                .clock
                .instant_at(self.next_declared_silence() + SILENCE_BEHIND),
        };
        self.reports
            .due()
            .map_or(silence, |report| report.min(silence))
    }

    /// The next datagram to send, oldest first.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        let ready = self.write_frame() || self.write_declared_silence() || self.write_report();
        ready.then_some(self.datagram.as_slice())
    }

    /// Says who this is at once and not at the next report's time: the receiver may be another
    /// one than before.
    pub fn introduce_again(&mut self) {
        if self.packets > 0 {
            self.reports.hurry(self.now);
        }
    }

    /// Leaves: the last datagram to send, `None` when nothing was sent before it (RFC 3550
    /// section 6.3.7).
    pub fn goodbye(mut self, now: Instant) -> Option<Vec<u8>> {
        if self.packets == 0 {
            return None;
        }
        self.now = now;
        self.datagram.clear();
        self.reports
            .write_goodbye(&self.sender_state(), &mut self.datagram);
        Some(self.datagram)
    }

    /// A copy of all counters.
    pub fn stats(&self) -> PacketizerStats {
        PacketizerStats {
            packets: self.packets,
            octets: self.octets,
            talkspurts: self.talkspurts,
            capture_gaps: self.capture_gaps,
            dropped_samples: self.dropped_samples,
            sending: self.told == Told::Sound,
            level: if self.last_capture.is_some() {
                self.meter.level()
            } else {
                Level::SILENCE
            },
        }
    }

    /// Where the next captured sample belongs while capture flows.
    fn end(&self) -> i64 {
        self.head + self.pending.len() as i64
    }

    /// Makes the place for a block in time and returns what of it is to be sent.
    fn place<'a>(&mut self, paused: bool, pcm: &'a [f32]) -> &'a [f32] {
        let len = pcm.len() as i64;
        let live = self.clock.position(self.now);
        let lead = self.end() + len - live;
        if paused || lead < -MAX_LAG {
            self.capture_gaps += u64::from(!paused);
            self.gate.close();
            self.pass_silence(live - len);
            // What begins before `head` has been declared silent already.
            let overlap = (self.end() - (live - len)).clamp(0, len);
            self.dropped_samples += overlap as u64;
            &pcm[overlap as usize..]
        } else if lead > MAX_LEAD {
            self.drop_backlog(lead as usize, pcm)
        } else {
            self.clock.follow(self.now, self.end() + len);
            pcm
        }
    }

    /// Puts silence up to `to`, to the sample; frames that would be nothing else are left out.
    fn pass_silence(&mut self, to: i64) {
        let frame_start = to - to.rem_euclid(FRAME);
        if frame_start > self.head {
            // The begun frame cannot arrive in time any more.
            self.pending.clear();
            self.head = frame_start;
        }
        if to > self.end() {
            self.pending.resize((to - self.head) as usize, 0.0);
        }
    }

    /// Drops the oldest `samples` of what is not sent yet, so that the rest is live again.
    fn drop_backlog<'a>(&mut self, samples: usize, pcm: &'a [f32]) -> &'a [f32] {
        let waiting = samples.min(self.pending.len());
        self.pending.drain(..waiting);
        let fresh = (samples - waiting).min(pcm.len());
        self.dropped_samples += (waiting + fresh) as u64;
        &pcm[fresh..]
    }

    fn bound_pending(&mut self) {
        while self.pending.len() > MAX_PENDING {
            self.pending.drain(..SLOT_SAMPLES);
            self.head += FRAME;
            self.dropped_samples += SLOT_SAMPLES as u64;
        }
    }

    /// Takes whole frames until one makes a datagram.
    fn write_frame(&mut self) -> bool {
        while self.pending.len() >= SLOT_SAMPLES {
            let mut frame = [0.0; SLOT_SAMPLES];
            for (sample, captured) in frame.iter_mut().zip(self.pending.drain(..SLOT_SAMPLES)) {
                *sample = captured;
            }
            let at = self.head;
            self.head += FRAME;
            if self.write_sound_or_silence(at, &frame) {
                return true;
            }
        }
        false
    }

    fn write_sound_or_silence(&mut self, at: i64, frame: &[f32; SLOT_SAMPLES]) -> bool {
        let passage = self.gate.pass(self.meter.push(frame));
        if passage == Passage::Closed {
            return self.write_silence(at);
        }
        // The encoder keeps its past: a reset alone would make libopus predict this frame from a
        // silence that the receiver's decoder does not have, up to 10 dB too loud.
        let mut payload = [0; MAX_ENCODED_LEN];
        // libopus has no reason to refuse a frame; were it to, silence is the honest answer.
        let len = self.encoder.encode(frame, &mut payload).unwrap_or(0);
        let payload = &payload[..len];
        if codec::is_dtx(payload) {
            return self.write_silence(at);
        }
        self.toc = payload[0] & TOC_ONE_FRAME;
        let begins = passage == Passage::Opens || self.told != Told::Sound;
        self.talkspurts += u64::from(begins);
        self.told = Told::Sound;
        self.write_rtp(at, begins, payload);
        true
    }

    /// Says silence when it begins, and again when the receiver has not heard so for a while.
    fn write_silence(&mut self, at: i64) -> bool {
        if matches!(self.told, Told::Silence { at: before } if at - before < KEEP_ALIVE_SAMPLES) {
            return false;
        }
        self.told = Told::Silence { at };
        self.write_rtp(at, false, &[self.toc]);
        true
    }

    /// Says silence in capture's stead while it pauses.
    fn write_declared_silence(&mut self) -> bool {
        let behind = self.clock.position(self.now) - SILENCE_BEHIND;
        if self.last_capture.is_some() || behind < self.next_declared_silence() {
            return false;
        }
        let at = behind - behind.rem_euclid(FRAME);
        self.pending.clear();
        self.head = at + FRAME;
        self.write_silence(at)
    }

    /// While capture pauses: where silence is to be said next.
    fn next_declared_silence(&self) -> i64 {
        let unsaid = if self.pending.is_empty() {
            self.head
        } else {
            self.head + FRAME
        };
        match self.told {
            Told::Silence { at } => unsaid.max(at + KEEP_ALIVE_SAMPLES),
            Told::Nothing | Told::Sound => unsaid,
        }
    }

    fn write_rtp(&mut self, at: i64, marker: bool, payload: &[u8]) {
        self.datagram.clear();
        let packet = Packet {
            marker,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.stream.sequence_number,
            timestamp: self.timestamp(at),
            ssrc: self.stream.ssrc,
            payload,
        };
        packet.write(&mut self.datagram);
        self.stream.sequence_number = self.stream.sequence_number.wrapping_add(1);
        if self.packets == 0 {
            self.reports.hurry(self.now);
        }
        self.packets += 1;
        self.octets += payload.len() as u64;
    }

    fn write_report(&mut self) -> bool {
        if self.reports.due().is_none_or(|due| self.now < due) {
            return false;
        }
        self.datagram.clear();
        self.reports.write(&self.sender_state(), &mut self.datagram);
        true
    }

    fn sender_state(&self) -> reports::SenderState {
        reports::SenderState {
            now: self.now,
            ssrc: self.stream.ssrc,
            rtp_timestamp: self.timestamp(self.clock.position(self.now)),
            packets: self.packets,
            octets: self.octets,
        }
    }

    fn timestamp(&self, position: i64) -> u32 {
        self.stream.timestamp.wrapping_add(position as u32)
    }
}
