//! The sending half without sockets, threads or clocks: captured PCM in, datagrams out.
//!
//! Contract: pass everything that capture delivers to [`Packetizer::push_pcm`], and call
//! [`Packetizer::handle_timeout`] at the instant that [`Packetizer::poll_timeout`] returns. After
//! either, call [`Packetizer::poll_transmit`] until it returns `None`, and send each datagram. Blocks
//! of PCM may have any length; with up to 20 ms, the onset of a sound stays whole. Pass datagrams
//! that come back to [`Packetizer::handle_rtcp`].
//!
//! Two clocks run here. While capture flows, its samples are the clock, so that the drift of a sound
//! card causes no jumps. A pause of capture (loopback capture delivers nothing while nothing plays)
//! is measured by `now`. Timestamps continue through silence either way.
//!
//! Always: never looks at a clock; no queue grows beyond [`MAX_PENDING`] samples; audio that capture
//! delivers far too late is dropped and not sent late; silence costs one packet with one byte of
//! payload per [`KEEP_ALIVE`], and the first of these repeats the end of the sound; no allocation in
//! the steady state.

mod capture_clock;
mod gate;
mod reception;
mod redundancy;
mod reports;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::{Duration, Instant, SystemTime};

use self::gate::{Gate, Passage};
use self::reception::Feedback;
pub use self::reception::Reception;
use self::redundancy::{Carried, History};
pub use self::redundancy::{MAX_REDUNDANCY, Redundancy, RedundancyError};
use self::reports::Reports;
use self::timeline::{Place, Timeline};
use crate::codec::{self, CodecError, Encoder, EncoderSettings, MAX_ENCODED_LEN};
use crate::level::{Level, Meter};
use crate::rtcp::CaptureTrouble;
use crate::rtp::{Packet, StreamStart};
use crate::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT_SAMPLES, red};

/// Maximum number of samples that wait to be sent: 200 ms.
pub const MAX_PENDING: usize = 9600;
/// Interval of packets in silence, which show the receiver that the sender is alive.
pub const KEEP_ALIVE: Duration = Duration::from_millis(400);
/// Time without PCM after which capture counts as paused. A busy machine is often late by 60 ms.
pub const CAPTURE_GAP: Duration = Duration::from_millis(100);

/// Time between two changes of the SSRC.
const MIN_CHANGE_INTERVAL: Duration = Duration::from_secs(600);

const KEEP_ALIVE_SAMPLES: i64 = KEEP_ALIVE.as_millis() as i64 * SAMPLE_RATE as i64 / 1000;
/// Longest wait of an RTCP datagram in the socket with which it can still measure the round trip:
/// a block of audio.
const MAX_RTCP_WAIT: Duration = Duration::from_millis(25);
/// The longest payload, in bytes: headers and blocks of all earlier frames, and the packet's own.
const MAX_REDUNDANT_LEN: usize =
    MAX_REDUNDANCY as usize * (4 + red::MAX_BLOCK_LEN) + 1 + MAX_ENCODED_LEN;
/// TOC of a mono full-band CELT frame of 20 ms (RFC 6716 section 3.1), as the encoder makes it of
/// sound. Packets of silence have it before the first sound.
const DEFAULT_TOC: u8 = 31 << 3;
/// The two lowest bits of a TOC are the frame count code; 0 is one frame.
const TOC_ONE_FRAME: u8 = !0x03;

/// Settings of a sender.
#[derive(Debug, Clone)]
pub struct PacketizerConfig {
    /// The client's permanent SSRC, and random first values.
    pub stream: StreamStart,
    /// Settings of the encoder.
    pub encoder: EncoderSettings,
    /// Number of earlier frames in a packet, at first and at least; reported losses raise it for a
    /// while.
    pub redundancy: Redundancy,
    /// The sender's description of itself.
    pub identity: Identity,
    /// Any number; different ones spread the senders' reports.
    pub seed: u64,
    /// The wall clock's time at the `start` given to [`Packetizer::new`].
    pub wall_clock: SystemTime,
}

/// A sender's description of itself in RTCP (RFC 3550 section 6.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A unique and lasting identifier such as `user@host`.
    pub cname: String,
    /// The name for people.
    pub name: String,
    /// Program and version.
    pub tool: String,
}

/// A sender's state, and its counters since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacketizerStats {
    /// RTP packets sent.
    pub packets: u64,
    /// Payload bytes of all RTP packets, redundancy included (RFC 3550 section 6.4.1).
    pub octets: u64,
    /// Number of times that sound began after silence.
    pub talkspurts: u64,
    /// Number of times that capture paused or lost samples.
    pub capture_gaps: u64,
    /// Samples dropped because they arrived too late or in a burst.
    pub dropped_samples: u64,
    /// Whether sound is being sent now.
    pub sending: bool,
    /// Number of earlier frames in a packet of sound now: 0 to 3.
    pub redundancy: u8,
    /// The stream's reception, as the receiver reports it.
    pub reception: Reception,
    /// Round-trip time to the receiver; `None` until it has reported.
    pub round_trip: Option<Duration>,
    /// Level of the audio captured in the last 100 ms.
    pub level: Level,
}

/// The kind of the last RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastSent {
    Nothing,
    Sound,
    Silence { at: i64 },
}

/// The state machine; the module's documentation has its contract.
pub struct Packetizer {
    stream: StreamStart,
    now: Instant,
    timeline: Timeline,
    meter: Meter,
    gate: Gate,
    encoder: Encoder,
    toc: u8,
    last_sent: LastSent,
    reports: Reports,
    feedback: Feedback,
    /// The last frames of the current talkspurt.
    history: History,
    /// When the receiver last made it change its SSRC.
    ssrc_changed_at: Option<Instant>,
    /// Whether a report must follow the next RTP packet at once.
    introduction_due: bool,
    /// The datagram returned last; the buffer is reused.
    datagram: Vec<u8>,
    /// The payload of the last packet with redundancy; the buffer is reused.
    redundant: Vec<u8>,
    packets: u64,
    octets: u64,
    talkspurts: u64,
}

impl Packetizer {
    /// Creates a sender whose first timestamp is that of `start`.
    ///
    /// # Errors
    /// When a setting of the encoder is out of range.
    pub fn new(config: PacketizerConfig, start: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            stream: config.stream,
            now: start,
            timeline: Timeline::new(start),
            meter: Meter::default(),
            gate: Gate::default(),
            encoder: Encoder::new(config.encoder)?,
            toc: DEFAULT_TOC,
            last_sent: LastSent::Nothing,
            reports: Reports::new(config.identity, config.seed, start, config.wall_clock),
            feedback: Feedback::new(config.stream.ssrc, config.redundancy),
            history: History::new(),
            ssrc_changed_at: None,
            introduction_due: true,
            datagram: Vec::with_capacity(crate::rtp::HEADER_LEN + MAX_REDUNDANT_LEN),
            redundant: Vec::with_capacity(MAX_REDUNDANT_LEN),
            packets: 0,
            octets: 0,
            talkspurts: 0,
        })
    }

    /// Accepts 48 kHz mono PCM whose last sample was captured at `now`.
    pub fn push_pcm(&mut self, now: Instant, pcm: &[f32]) {
        self.now = now;
        if !pcm.is_empty() {
            self.timeline.push(now, pcm);
        }
    }

    /// Advances the time to `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.timeline.handle_timeout(now);
    }

    /// Handles a received RTCP datagram, which arrived at most `waited` before `now`. One that is not
    /// about this stream, or is not RTCP, changes nothing. One that may have waited for more than
    /// 25 ms updates the reception but not the round-trip time.
    pub fn handle_rtcp(&mut self, now: Instant, waited: Duration, datagram: &[u8]) {
        self.now = now;
        let arrival = (waited <= MAX_RTCP_WAIT).then(|| self.reports.ntp(now));
        self.feedback.handle_datagram(now, arrival, datagram);
    }

    /// Sets what the reports say about the capture: why it may hear nothing, or that it works. A
    /// change is reported at once.
    pub fn set_capture_trouble(&mut self, now: Instant, trouble: Option<CaptureTrouble>) {
        self.now = now;
        self.reports.set_capture_trouble(now, trouble);
    }

    /// Returns when to call [`Packetizer::handle_timeout`] next, unless PCM arrives before.
    pub fn poll_timeout(&self) -> Instant {
        let due = self.timeline.due(self.next_silence());
        self.reports.due().map_or(due, |report| report.min(due))
    }

    /// Returns the next datagram to send, oldest first.
    pub fn poll_transmit(&mut self) -> Option<&[u8]> {
        let ready = self.write_frame() || self.write_declared_silence() || self.write_report();
        ready.then_some(self.datagram.as_slice())
    }

    /// Sends a report right after the next RTP packet instead of at its regular time, because the
    /// receiver may have changed. A new receiver accepts reports only about streams that it has
    /// received.
    pub fn introduce_again(&mut self) {
        self.introduction_due = true;
        self.feedback.forget_receiver();
    }

    /// Whether the receiver has said for 3 s that another sender has the SSRC, so that nobody hears this
    /// one. It needs another SSRC then (RFC 3550 section 8.2), but no more often than once in 10 minutes:
    /// two random numbers do not collide, so somebody on the path would be forging the news.
    pub fn is_ssrc_taken(&self) -> bool {
        let is_recent = |changed| self.now.saturating_duration_since(changed) < MIN_CHANGE_INTERVAL;
        self.feedback.is_ssrc_taken() && !self.ssrc_changed_at.is_some_and(is_recent)
    }

    /// Goes on as another stream: with an SSRC that nobody else has, and random first values.
    pub fn change_stream(&mut self, stream: StreamStart, cname: String) {
        self.stream = stream;
        self.ssrc_changed_at = Some(self.now);
        self.feedback.change_ssrc(stream.ssrc);
        self.reports.set_cname(cname);
        self.history.forget();
        (self.packets, self.octets) = (0, 0);
        self.introduction_due = true;
    }

    /// Ends the stream and returns its last datagram, a BYE; `None` if nothing was sent before (RFC
    /// 3550 section 6.3.7).
    pub fn goodbye(mut self, now: Instant) -> Option<Vec<u8>> {
        if self.packets == 0 {
            return None;
        }
        self.now = now;
        self.datagram.clear();
        let state = self.begin_report();
        self.reports.write_goodbye(&state, &mut self.datagram);
        Some(self.datagram)
    }

    /// Returns the state and all counters.
    pub fn stats(&self) -> PacketizerStats {
        PacketizerStats {
            packets: self.packets,
            octets: self.octets,
            talkspurts: self.talkspurts,
            capture_gaps: self.timeline.gaps(),
            dropped_samples: self.timeline.dropped(),
            sending: self.last_sent == LastSent::Sound,
            redundancy: self.feedback.redundancy(),
            reception: self.feedback.reception(self.now),
            round_trip: self.feedback.round_trip(self.now),
            level: if self.timeline.is_paused() {
                Level::SILENCE
            } else {
                self.meter.level()
            },
        }
    }

    /// Takes whole frames until one of them makes a datagram.
    fn write_frame(&mut self) -> bool {
        let mut frame = [0.0; SLOT_SAMPLES];
        while let Some(place) = self.timeline.next_frame(&mut frame) {
            if self.write_sound_or_silence(place, &frame) {
                return true;
            }
        }
        false
    }

    fn write_sound_or_silence(&mut self, place: Place, frame: &[f32; SLOT_SAMPLES]) -> bool {
        let Place { at, after_gap } = place;
        if after_gap {
            self.gate.close();
        }
        let passage = self.gate.pass(self.meter.push(frame).peak);
        if passage == Passage::Closed {
            return self.write_silence(at);
        }
        if passage == Passage::Opens {
            // The receiver's decoder has had silence since the last sound, the encoder has not.
            self.encoder.reset();
        }
        let mut payload = [0; MAX_ENCODED_LEN];
        // libopus does not refuse frames of finite samples; if it did, the frame would be silence.
        let len = self.encoder.encode(frame, &mut payload).unwrap_or(0);
        let payload = &payload[..len];
        if codec::is_dtx(payload) {
            return self.write_silence(at);
        }
        self.toc = payload[0] & TOC_ONE_FRAME;
        let begins = passage == Passage::Opens || self.last_sent != LastSent::Sound;
        if begins {
            self.talkspurts += 1;
            self.history.forget();
        }
        self.last_sent = LastSent::Sound;
        let carried = Carried::with_sound(self.feedback.redundancy());
        self.write_rtp(at, begins, payload, carried);
        self.history.push(at, payload);
        true
    }

    /// Sends silence when it begins, and again every [`KEEP_ALIVE`].
    fn write_silence(&mut self, at: i64) -> bool {
        if at < self.next_silence() {
            return false;
        }
        self.last_sent = LastSent::Silence { at };
        let carried = Carried::with_silence(self.feedback.redundancy());
        self.write_rtp(at, false, &[self.toc], carried);
        self.history.forget();
        true
    }

    /// Sends silence in place of capture while it pauses.
    fn write_declared_silence(&mut self) -> bool {
        let not_before = self.next_silence();
        match self.timeline.declare_silence(self.now, not_before) {
            Some(at) => self.write_silence(at),
            None => false,
        }
    }

    /// Returns the position of the next packet of silence, if it is silent there.
    fn next_silence(&self) -> i64 {
        match self.last_sent {
            LastSent::Silence { at } => at + KEEP_ALIVE_SAMPLES,
            LastSent::Nothing | LastSent::Sound => 0,
        }
    }

    fn write_rtp(&mut self, at: i64, marker: bool, payload: &[u8], carried: Carried) {
        self.datagram.clear();
        let mut earlier = self.history.earlier(at, carried).peekable();
        let (payload_type, payload) = if earlier.peek().is_none() {
            (OPUS_PAYLOAD_TYPE, payload)
        } else {
            self.redundant.clear();
            red::write(earlier, OPUS_PAYLOAD_TYPE, payload, &mut self.redundant);
            (red::PAYLOAD_TYPE, &self.redundant[..])
        };
        let timestamp = self.timestamp(at);
        self.feedback
            .note_sent(self.stream.sequence_number, timestamp);
        let packet = Packet {
            marker,
            payload_type,
            sequence_number: self.stream.sequence_number,
            timestamp,
            ssrc: self.stream.ssrc,
            payload,
        };
        packet.write(&mut self.datagram);
        self.stream.sequence_number = self.stream.sequence_number.wrapping_add(1);
        if std::mem::take(&mut self.introduction_due) {
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
        let state = self.begin_report();
        self.reports.write(&state, &mut self.datagram);
        true
    }

    fn begin_report(&mut self) -> reports::SenderState {
        reports::SenderState {
            echo: self.feedback.begin_report(self.now),
            now: self.now,
            ssrc: self.stream.ssrc,
            rtp_timestamp: self.timestamp(self.timeline.position(self.now)),
            packets: self.packets,
            octets: self.octets,
        }
    }

    fn timestamp(&self, position: i64) -> u32 {
        self.stream.timestamp.wrapping_add(position as u32)
    }
}
