//! The whole of RAA's sound without sockets, threads, files or clocks.
//!
//! Two state machines stand at its ends: [`packetizer::Packetizer`] turns captured PCM into RTP
//! datagrams, [`hub::Hub`] turns RTP datagrams into one mixed RTP stream. `now` is an argument
//! everywhere, so an hour of a bad network is simulated in a fraction of a second.

pub mod arrival;
pub mod client;
pub mod codec;
pub mod hub;
mod jitter;
pub mod level;
pub mod mix;
pub mod packetizer;
pub mod quality;
pub mod red;
pub mod refused;
mod reports;
pub mod rtcp;
pub mod rtp;
mod sequence;
pub mod settings;
pub mod source;

use std::time::{Duration, Instant};

/// Samples per second of all PCM in RAA and of every RTP timestamp (RFC 7587 section 4.1).
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in one slot of the mix.
pub const SLOT_SAMPLES: usize = 960;
/// Length of one slot: one mixed frame is made per slot, always.
pub const SLOT: Duration = Duration::from_millis(20);
/// The payload type RAA itself sends Opus with; others can be allowed in the configuration.
pub const OPUS_PAYLOAD_TYPE: u8 = 111;

/// Samples that pass in `duration` at 48 kHz, rounded to the nearest.
pub(crate) fn samples_in(duration: Duration) -> i64 {
    (duration.as_secs_f64() * f64::from(SAMPLE_RATE)).round() as i64
}

/// The time from `earlier` to `later` in seconds, negative when they are the other way round.
pub(crate) fn seconds_between(earlier: Instant, later: Instant) -> f64 {
    match later.checked_duration_since(earlier) {
        Some(ahead) => ahead.as_secs_f64(),
        None => -earlier.duration_since(later).as_secs_f64(),
    }
}

/// Where a test's time begins; there is no other way to make an instant.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "simulated time needs an origin")]
pub(crate) fn any_instant() -> std::time::Instant {
    std::time::Instant::now()
}
