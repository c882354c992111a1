//! RAA's audio processing, without sockets, threads, files or clocks.
//!
//! Its two ends are state machines: [`packetizer::Packetizer`] turns captured PCM into RTP
//! datagrams, [`hub::Hub`] turns RTP datagrams into mixed RTP streams. `now` is an argument
//! everywhere, so an hour of a bad network is simulated in a fraction of a second.

pub mod arrival;
mod claims;
pub mod client;
pub mod codec;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod host;
pub mod hub;
mod jitter;
pub mod level;
pub mod mix;
mod ownership;
pub mod packetizer;
mod probation;
pub mod quality;
pub mod red;
pub mod refused;
pub mod refused_senders;
mod reports;
mod rivals;
pub mod rtcp;
pub mod rtp;
mod sequence;
pub mod settings;
mod sounding;
pub mod source;
mod steady;

use std::time::{Duration, Instant};

/// Samples per second of all PCM and of every RTP timestamp (RFC 7587 section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in one slot of the mix.
pub const SLOT_SAMPLES: usize = 960;
/// Length of one slot, in which each mix makes exactly one frame.
pub const SLOT: Duration = Duration::from_millis(20);
/// Payload type with which RAA itself sends Opus; the configuration can allow others.
pub const OPUS_PAYLOAD_TYPE: u8 = 111;

/// Converts milliseconds to samples at 48 kHz.
pub(crate) const fn ms(milliseconds: f64) -> f64 {
    milliseconds * (SAMPLE_RATE / 1000) as f64
}

/// Converts milliseconds to whole samples at 48 kHz.
pub(crate) const fn samples(milliseconds: f64) -> usize {
    ms(milliseconds) as usize
}

/// Returns the samples that pass in `duration` at 48 kHz, rounded to the nearest.
pub(crate) fn samples_in(duration: Duration) -> i64 {
    (duration.as_secs_f64() * f64::from(SAMPLE_RATE)).round() as i64
}

/// Returns the seconds from `earlier` to `later`; negative if `later` comes first.
pub(crate) fn seconds_between(earlier: Instant, later: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(ahead) => ahead.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

/// Returns the origin of a test's time; there is no other way to make an instant.
#[cfg(any(test, fuzzing))]
#[expect(clippy::disallowed_methods, reason = "simulated time needs an origin")]
pub(crate) fn any_instant() -> std::time::Instant {
    std::time::Instant::now()
}
