//! Decides when a capture must be reopened although it reports no error.
//!
//! It looks for faults of real systems: process loopback that turns noisy after hours
//! (obsproject/obs-studio issues 8064 and 13175), loopback that delivers silence while the device
//! plays, devices that stop delivering or deliver at the wrong rate.
//!
//! Contract: report every opening, every block of 48 kHz mono and every gap between packets, call
//! [`Watchdog::tick`] once a second, and reopen the capture after a [`CaptureFault`].
//!
//! Always: never looks at a clock. Samples that cannot be sound are a fault at once. Anything that
//! may be intended, or not be the capture's fault, is reported rarely: noise once until there is
//! other sound, the rest again only after a patience that doubles from 10 s to 10 minutes.

mod noise;
mod rate;

use std::time::{Duration, Instant};

use raa_core::level::{dbfs, from_dbfs};

use self::noise::{NoiseMeter, Suspicion};
use self::rate::RateMeter;
use super::limit::{TOO_LOUD_DBFS, peak};
use crate::status::{CaptureFault, CaptureMethod};

/// A block below this level is silence; the packetizer's gate agrees.
const SILENCE_DBFS: f32 = -70.0;
/// The device's own meter shows at least this level while the device plays.
const PLAYING_DBFS: f32 = -50.0;
/// A capture that also delivers silence has stopped when nothing arrives for this long.
const STOPPED_AFTER: Duration = Duration::from_secs(3);
/// Two ticks further apart than this mean that the process stood still, as in a sleeping computer: the
/// time between them says nothing about the device.
const STOOD_STILL_AFTER: Duration = Duration::from_secs(2);
/// The device's own meter is read after this much captured silence.
const SILENT_BEFORE_METER: Duration = Duration::from_secs(2);
/// Ticks in a row with sound on the device and silence in the capture that make it a fault.
const DEAF_TICKS: u32 = 5;
/// Gaps within [`GAP_WINDOW`] that a busy computer alone does not explain.
const MANY_GAPS: u32 = 30;
const GAP_WINDOW: Duration = Duration::from_secs(10);
/// Many gaps before this age are ignored from then on: some drivers report one before every packet.
const STEADY_AFTER: Duration = Duration::from_secs(60);
/// The pause after the first fault of an uncertain kind; each further one is twice as long.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);
/// After this long without a fault, the patience starts again at [`FIRST_PATIENCE`].
const FORGIVEN_AFTER: Duration = Duration::from_secs(3600);
/// The age from which on process loopback is renewed whatever plays.
const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// Age of process loopback, and length of silence in which it is reopened as a precaution: the older
/// it is, the shorter the silence that suffices. Reopening takes a fraction of either.
const REFRESH: [(Duration, Duration); 2] = [
    (Duration::from_secs(600), Duration::from_secs(10)),
    (Duration::from_secs(3600), Duration::from_secs(1)),
];

impl CaptureMethod {
    /// Returns whether packets arrive while nothing plays. Endpoint loopback delivers none; process
    /// loopback is documented to deliver some, but that is not certain enough to reopen it for.
    fn delivers_silence(self) -> bool {
        self == Self::CaptureDevice
    }

    fn is_loopback(self) -> bool {
        matches!(self, Self::ProcessLoopback | Self::EndpointLoopback)
    }
}

impl CaptureFault {
    /// Returns whether the block in which the fault was found must not be sent.
    pub(super) fn is_in_block(self) -> bool {
        matches!(self, Self::NotFinite | Self::TooLoud(_))
    }
}

/// The state of the watched capture.
pub(super) struct Watchdog {
    method: CaptureMethod,
    opened: Instant,
    last_block: Instant,
    last_tick: Instant,
    last_sound: Instant,
    noise: NoiseMeter,
    rate: RateMeter,
    gaps: (Instant, u32),
    always_has_gaps: bool,
    deaf_ticks: u32,
    patience: Patience,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            method: CaptureMethod::ProcessLoopback,
            opened: now,
            last_block: now,
            last_tick: now,
            last_sound: now,
            noise: NoiseMeter::default(),
            rate: RateMeter::default(),
            gaps: (now, 0),
            always_has_gaps: false,
            deaf_ticks: 0,
            patience: Patience::new(now),
        }
    }

    /// Takes note that a capture was opened.
    pub(super) fn opened(&mut self, now: Instant, method: CaptureMethod) {
        self.method = method;
        self.opened = now;
        self.last_block = now;
        self.last_tick = now;
        self.noise.begin();
        self.rate = RateMeter::default();
        self.gaps = (now, 0);
        self.always_has_gaps = false;
        self.deaf_ticks = 0;
    }

    /// Checks a block of 48 kHz mono that arrived at `now`. After an error the capture must be
    /// reopened.
    pub(super) fn check_block(&mut self, now: Instant, pcm: &[f32]) -> Result<(), CaptureFault> {
        self.last_block = now;
        let peak = peak(pcm);
        if !pcm.iter().all(|x| x.is_finite()) {
            return Err(CaptureFault::NotFinite);
        }
        if peak > from_dbfs(TOO_LOUD_DBFS) {
            return Err(CaptureFault::TooLoud(dbfs(peak)));
        }
        if peak >= from_dbfs(SILENCE_DBFS) {
            self.last_sound = now;
            self.deaf_ticks = 0;
        }
        if let Some(rate) = self.rate.push(now, pcm.len()) {
            self.patience.admit(now, CaptureFault::WrongRate(rate))?;
        }
        match self.noise.push(pcm) {
            Some(Suspicion::Noise) => Err(CaptureFault::Noise),
            Some(Suspicion::Stuck) => Err(CaptureFault::Stuck),
            None => Ok(()),
        }
    }

    /// Takes note of a packet that does not continue the one before. After an error the capture must
    /// be reopened.
    pub(super) fn note_gap(&mut self, now: Instant) -> Result<(), CaptureFault> {
        let (since, count) = self.gaps;
        let is_over = now.duration_since(since) > GAP_WINDOW;
        self.gaps = if is_over {
            (now, 1)
        } else {
            (since, count + 1)
        };
        if self.gaps.1 < MANY_GAPS {
            return Ok(());
        }
        self.gaps = (now, 0);
        self.always_has_gaps |= self.age(now) < STEADY_AFTER;
        if self.always_has_gaps {
            return Ok(());
        }
        self.patience.admit(now, CaptureFault::Gaps(MANY_GAPS))
    }

    /// Checks what no block shows; called once a second. `device_peak` is the linear peak on the
    /// playback device's own meter, `None` if it was not read. After an error the capture must be
    /// reopened.
    pub(super) fn tick(
        &mut self,
        now: Instant,
        device_peak: Option<f32>,
    ) -> Result<(), CaptureFault> {
        if now.duration_since(self.last_tick) > STOOD_STILL_AFTER {
            self.last_block = now;
        }
        self.last_tick = now;
        let quiet_for = now.duration_since(self.last_block);
        if self.method.delivers_silence() && quiet_for > STOPPED_AFTER {
            self.patience.admit(now, CaptureFault::Stopped)?;
        }
        let plays = device_peak.is_some_and(plays);
        self.deaf_ticks = if plays { self.deaf_ticks + 1 } else { 0 };
        if self.deaf_ticks < DEAF_TICKS {
            return Ok(());
        }
        self.deaf_ticks = 0;
        self.patience.admit(now, CaptureFault::Deaf)
    }

    /// Returns whether the playback device's meter should be read.
    pub(super) fn wants_device_peak(&self, now: Instant) -> bool {
        self.method.is_loopback() && self.silent_for(now) >= SILENT_BEFORE_METER
    }

    /// Returns whether the capture is old and silent enough to be reopened as a precaution.
    pub(super) fn is_refresh_due(&self, now: Instant) -> bool {
        let (age, silence) = (self.age(now), self.silent_for(now));
        let is_due = |(min_age, min_silence)| age >= min_age && silence >= min_silence;
        self.method == CaptureMethod::ProcessLoopback && REFRESH.into_iter().any(is_due)
    }

    /// Returns whether the capture is so old that its successor must be opened, even under music that
    /// never pauses.
    pub(super) fn is_renewal_due(&self, now: Instant) -> bool {
        self.method == CaptureMethod::ProcessLoopback && self.age(now) >= RENEW_AFTER
    }

    /// Returns the time since the capture was opened.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.opened)
    }

    /// Returns the time since sound was last captured, even if it was reopened since.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now.duration_since(self.last_sound)
    }
}

/// Returns whether this linear peak on a device's meter shows that the device plays.
pub(super) fn plays(peak: f32) -> bool {
    peak >= from_dbfs(PLAYING_DBFS)
}

/// Limits faults that may be none: the pause between two of them doubles.
struct Patience {
    not_before: Instant,
    next: Duration,
}

impl Patience {
    fn new(now: Instant) -> Self {
        Self {
            not_before: now,
            next: FIRST_PATIENCE,
        }
    }

    /// Fails with `fault` unless the last one is too recent.
    fn admit(&mut self, now: Instant, fault: CaptureFault) -> Result<(), CaptureFault> {
        if now < self.not_before {
            return Ok(());
        }
        if now.duration_since(self.not_before) >= FORGIVEN_AFTER {
            self.next = FIRST_PATIENCE;
        }
        self.not_before = now + self.next;
        self.next = (self.next * 2).min(LONGEST_PATIENCE);
        Err(fault)
    }
}

#[cfg(test)]
mod tests;
