//! Decides when a capture that reports no error is to be opened anew all the same.
//!
//! What it looks for is known of real systems: process loopback that turns noisy after hours until
//! it is opened anew (obsproject/obs-studio issues 8064 and 13175), loopback that delivers silence
//! while the device plays, devices that stop delivering or deliver at a rate that is not theirs.
//!
//! Contract: tell of every opening, every block of 48 kHz mono and every packet that follows a
//! gap, call [`Watchdog::tick`] once a second, and open anew on a [`Fault`].
//!
//! Always: never looks at a clock. Samples that are no sound are a fault at once. What might be
//! meant, or not be the capture's fault, is one rarely: noise once until something else is heard,
//! all else again only after a patience that doubles from 10 s to 10 minutes.

mod noise;
mod rate;

use std::time::{Duration, Instant};

use raa_core::level::{dbfs, from_dbfs};

use self::noise::{NoiseMeter, Suspicion};
use self::rate::RateMeter;

/// Below this a block is silence: the packetizer's gate judges alike.
const SILENCE_DBFS: f32 = -70.0;
/// Louder than any mix of any number of programs.
const ABSURD_DBFS: f32 = 24.0;
/// What a device's own meter shows at least when something is to be heard of it.
const PLAYING_DBFS: f32 = -50.0;
/// A capture that delivers all the time has stopped when nothing came for longer than this.
const STOPPED_AFTER: Duration = Duration::from_secs(3);
/// The device's own meter is asked when this much silence was captured.
const SILENT_BEFORE_METER: Duration = Duration::from_secs(2);
/// Ticks in a row in which the device plays and nothing is captured.
const DEAF_TICKS: u32 = 5;
/// Gaps within [`GLITCH_WINDOW`] that are no longer the odd one of a busy computer.
const MANY_GLITCHES: u32 = 30;
const GLITCH_WINDOW: Duration = Duration::from_secs(10);
/// A capture with as many gaps when it is younger than this always has them: some drivers declare
/// a gap before every packet and mean none.
const STEADY_AFTER: Duration = Duration::from_secs(60);
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PATIENCE: Duration = Duration::from_secs(600);
/// A capture that went well for so long is as good as new.
const FORGIVEN_AFTER: Duration = Duration::from_secs(3600);
/// Process loopback of this age is refreshed in a silence of this length: the older it is, the
/// shorter the pause that will do. Opening takes a fraction of either.
const REFRESH: [(Duration, Duration); 2] = [
    (Duration::from_secs(600), Duration::from_secs(10)),
    (Duration::from_secs(3600), Duration::from_secs(1)),
];

/// A way of capturing, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Everything that any program but this one plays, on whatever device.
    ProcessLoopback,
    /// What one device plays.
    EndpointLoopback,
    /// What one device records.
    CaptureDevice,
}

impl Way {
    /// As people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ProcessLoopback => "process loopback",
            Self::EndpointLoopback => "endpoint loopback",
            Self::CaptureDevice => "capture device",
        }
    }

    /// Endpoint loopback delivers nothing while nothing plays. Process loopback is documented to
    /// deliver silence; whether it always does is not worth losing it for.
    fn delivers_silence(self) -> bool {
        self == Self::CaptureDevice
    }

    fn is_loopback(self) -> bool {
        self != Self::CaptureDevice
    }
}

/// What is wrong with a capture that reports no error.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("it delivers samples that are no numbers")]
    NotFinite,
    #[error("it delivers samples of {0:.0} dBFS")]
    Absurd(f32),
    #[error("it delivers nothing but loud noise")]
    Noise,
    #[error("it delivers one value over and over")]
    Stuck,
    #[error("it delivers {0} samples a second where there are 48000")]
    WrongRate(u32),
    #[error("it lost sound {0} times in 10 s")]
    Glitches(u32),
    #[error("it delivers nothing any more")]
    Stopped,
    #[error("it delivers silence while the device plays")]
    Deaf,
}

impl Fault {
    /// Whether nobody shall hear the block in which it was found.
    pub(super) fn is_in_block(self) -> bool {
        matches!(self, Self::NotFinite | Self::Absurd(_))
    }
}

/// See the module's text.
pub(super) struct Watchdog {
    way: Way,
    opened: Instant,
    last_block: Instant,
    last_sound: Instant,
    noise: NoiseMeter,
    rate: RateMeter,
    glitches: (Instant, u32),
    is_always_glitchy: bool,
    deaf_ticks: u32,
    patience: Patience,
}

impl Watchdog {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            way: Way::ProcessLoopback,
            opened: now,
            last_block: now,
            last_sound: now,
            noise: NoiseMeter::default(),
            rate: RateMeter::default(),
            glitches: (now, 0),
            is_always_glitchy: false,
            deaf_ticks: 0,
            patience: Patience::new(now),
        }
    }

    /// A capture begins.
    pub(super) fn opened(&mut self, now: Instant, way: Way) {
        self.way = way;
        self.opened = now;
        self.last_block = now;
        self.noise.begin();
        self.rate = RateMeter::default();
        self.glitches = (now, 0);
        self.is_always_glitchy = false;
        self.deaf_ticks = 0;
    }

    /// Takes a block of 48 kHz mono that came just now.
    ///
    /// # Errors
    /// When the capture is to be opened anew.
    pub(super) fn heard(&mut self, now: Instant, pcm: &[f32]) -> Result<(), Fault> {
        self.last_block = now;
        let peak = pcm.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        if !pcm.iter().all(|x| x.is_finite()) {
            return Err(Fault::NotFinite);
        }
        if peak > from_dbfs(ABSURD_DBFS) {
            return Err(Fault::Absurd(dbfs(peak)));
        }
        if peak >= from_dbfs(SILENCE_DBFS) {
            self.last_sound = now;
            self.deaf_ticks = 0;
        }
        if let Some(rate) = self.rate.push(now, pcm.len()) {
            self.patience.grant(now, Fault::WrongRate(rate))?;
        }
        match self.noise.push(pcm) {
            Some(Suspicion::Noise) => Err(Fault::Noise),
            Some(Suspicion::Stuck) => Err(Fault::Stuck),
            None => Ok(()),
        }
    }

    /// A packet came that does not continue the one before.
    ///
    /// # Errors
    /// When the capture is to be opened anew.
    pub(super) fn glitched(&mut self, now: Instant) -> Result<(), Fault> {
        let (since, count) = self.glitches;
        let is_over = now.duration_since(since) > GLITCH_WINDOW;
        self.glitches = if is_over {
            (now, 1)
        } else {
            (since, count + 1)
        };
        if self.glitches.1 < MANY_GLITCHES {
            return Ok(());
        }
        self.glitches = (now, 0);
        self.is_always_glitchy |= self.age(now) < STEADY_AFTER;
        if self.is_always_glitchy {
            return Ok(());
        }
        self.patience.grant(now, Fault::Glitches(MANY_GLITCHES))
    }

    /// A second has passed. `device_peak`: what the playback device's own meter shows, linear;
    /// `None` when it was not asked or does not say.
    ///
    /// # Errors
    /// When the capture is to be opened anew.
    pub(super) fn tick(&mut self, now: Instant, device_peak: Option<f32>) -> Result<(), Fault> {
        let quiet_for = now.duration_since(self.last_block);
        if self.way.delivers_silence() && quiet_for > STOPPED_AFTER {
            self.patience.grant(now, Fault::Stopped)?;
        }
        let plays = device_peak.is_some_and(|peak| peak >= from_dbfs(PLAYING_DBFS));
        self.deaf_ticks = if plays { self.deaf_ticks + 1 } else { 0 };
        if self.deaf_ticks < DEAF_TICKS {
            return Ok(());
        }
        self.deaf_ticks = 0;
        self.patience.grant(now, Fault::Deaf)
    }

    /// Whether it matters what the playback device's meter shows.
    pub(super) fn wants_device_peak(&self, now: Instant) -> bool {
        self.way.is_loopback() && self.silent_for(now) >= SILENT_BEFORE_METER
    }

    /// Whether the capture is old and nothing sounds that opening it anew could break off.
    pub(super) fn is_refresh_due(&self, now: Instant) -> bool {
        let (age, silence) = (self.age(now), self.silent_for(now));
        let is_due = |(min_age, min_silence)| age >= min_age && silence >= min_silence;
        self.way == Way::ProcessLoopback && REFRESH.into_iter().any(is_due)
    }

    /// How long ago the capture was opened.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.duration_since(self.opened)
    }

    /// How long ago the last sound was captured; opening anew is no sound.
    pub(super) fn silent_for(&self, now: Instant) -> Duration {
        now.duration_since(self.last_sound)
    }
}

/// Lets a fault pass that may be none, less and less often.
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

    fn grant(&mut self, now: Instant, fault: Fault) -> Result<(), Fault> {
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
