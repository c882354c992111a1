//! One stream from its opening to its end: packets in, blocks out, and a look around once a second.
//!
//! Always: sleeps until there is a packet, or for a second; what the stream holds back is given out
//! soon after the sound has ended; nobody hears what is no sound.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::super::mono::ConversionError;
use super::super::watchdog::{Fault, Watchdog, Way};
use super::super::{Gone, PcmInbox};
use super::best_way::BestWay;
use super::devices::Devices;
use super::end::{End, Failed};
use super::report::Report;
use super::stream::{Packet, Stream};
use super::trouble::Trouble;

/// So often everything but packets is looked at; what is promised within a second takes no longer.
const TICK: Duration = Duration::from_millis(900);
/// After so long without a packet nothing follows that belongs to what came before. Devices
/// deliver every 10 ms, some every 40 ms.
const FLUSH_AFTER: Duration = Duration::from_millis(80);
/// Packets so close together would be one sound.
const PAUSE: Duration = Duration::from_millis(100);
/// Before Windows 10 version 1703 loopback gives no events
/// (learn.microsoft.com/windows/win32/coreaudio/loopback-recording); then packets are looked for
/// so often. That it is so shows when packets are there without one, as many times in a row.
const POLL: Duration = Duration::from_millis(10);
const MISSED_EVENTS: u32 = 3;

pub(super) struct Session<'a, 'b> {
    pub(super) stream: Stream,
    pub(super) devices: &'a Devices,
    pub(super) pcm: &'a PcmInbox,
    pub(super) watchdog: &'a mut Watchdog,
    pub(super) report: &'a mut Report<'b>,
    /// Where the way is chosen automatically: the one to change to.
    pub(super) best_way: Option<&'a mut BestWay>,
}

/// What ends the loop, before it is known how long it has lasted.
enum Break {
    Gone(Gone),
    Again(&'static str),
    Failed(Trouble),
}

impl From<Gone> for Break {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<Trouble> for Break {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble)
    }
}

impl From<Fault> for Break {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

impl From<ConversionError> for Break {
    fn from(error: ConversionError) -> Self {
        Self::Failed(error.into())
    }
}

/// Times of the session's own.
struct Times {
    tick: Instant,
    last_packet: Instant,
    missed_events: u32,
}

impl Times {
    /// Whether there were packets after a wait of at most `limit` that an event ended, or not.
    fn note_event(&mut self, limit: Duration, woken: bool, read: bool) {
        if self.is_without_events() {
            return;
        }
        if woken {
            self.missed_events = 0;
        } else if read && limit >= FLUSH_AFTER {
            self.missed_events += 1;
        }
    }

    fn is_without_events(&self) -> bool {
        self.missed_events >= MISSED_EVENTS
    }
}

impl Session<'_, '_> {
    /// Captures until something ends it; it was opened at `opened`.
    pub(super) fn run(mut self, opened: Instant) -> End {
        match self.flow(opened) {
            Ok(never) => match never {},
            Err(Break::Gone(gone)) => End::Gone(gone),
            Err(Break::Again(why)) => End::Again(why),
            Err(Break::Failed(trouble)) => End::Failed(Failed {
                what: self.stream.way().name(),
                trouble,
                age: opened.elapsed(),
            }),
        }
    }

    fn flow(&mut self, opened: Instant) -> Result<Infallible, Break> {
        let mut times = Times {
            tick: opened + TICK,
            last_packet: opened,
            missed_events: 0,
        };
        loop {
            let limit = self.limit(&times);
            let woken = self.stream.wait(limit);
            let read = self.read_packets(&mut times)?;
            times.note_event(limit, woken, read);
            let now = Instant::now();
            if self.stream.holds_something() && now - times.last_packet >= FLUSH_AFTER {
                self.flush(now)?;
            }
            if now >= times.tick {
                times.tick = now + TICK;
                self.tick(now)?;
            }
        }
    }

    /// How long to wait for a packet.
    fn limit(&self, times: &Times) -> Duration {
        if times.is_without_events() {
            return POLL;
        }
        let left = times.tick.saturating_duration_since(Instant::now());
        if self.stream.holds_something() {
            left.min(FLUSH_AFTER)
        } else {
            left
        }
    }

    /// Whether there were any.
    fn read_packets(&mut self, times: &mut Times) -> Result<bool, Break> {
        let mut any = false;
        while let Some(Packet { is_torn }) = self.stream.read()? {
            let now = Instant::now();
            // After a pause nothing was torn.
            if is_torn && now - times.last_packet < PAUSE {
                self.flush(now)?;
                self.watchdog.glitched(now)?;
            }
            times.last_packet = now;
            any = true;
            self.stream.convert()?;
            while let Some(block) = self.stream.next_block() {
                self.deliver(now, block)?;
            }
        }
        Ok(any)
    }

    fn flush(&mut self, now: Instant) -> Result<(), Break> {
        let rest = self.stream.flush()?;
        if rest.is_empty() {
            return Ok(());
        }
        self.deliver(now, rest)
    }

    fn deliver(&mut self, now: Instant, block: Vec<f32>) -> Result<(), Break> {
        let judged = self.watchdog.heard(now, &block);
        if !judged.is_err_and(Fault::is_in_block) {
            self.pcm.push(block)?;
        }
        Ok(judged?)
    }

    fn tick(&mut self, now: Instant) -> Result<(), Break> {
        if self.pcm.is_gone() {
            return Err(Break::Gone(Gone));
        }
        self.stream.check()?;
        self.follow_default_device()?;
        let peak = self.device_peak(now);
        self.watchdog.tick(now, peak)?;
        if self.watchdog.is_refresh_due(now) {
            return Err(Break::Again("it is old, and it is silent"));
        }
        if self.is_better_way_there(now) {
            return Err(Break::Again("a better way is there"));
        }
        Ok(())
    }

    fn is_better_way_there(&mut self, now: Instant) -> bool {
        let silent_for = self.watchdog.silent_for(now);
        match &mut self.best_way {
            Some(best_way) if self.stream.way() != Way::ProcessLoopback => {
                best_way.is_to_be_opened(silent_for, self.report)
            }
            _ => false,
        }
    }

    /// Endpoint loopback that was chosen automatically belongs to the default device.
    fn follow_default_device(&self) -> Result<(), Break> {
        if self.best_way.is_none() || self.stream.way() != Way::EndpointLoopback {
            return Ok(());
        }
        let default = self
            .devices
            .default_playback()?
            .get_id()
            .map_err(Trouble::from)?;
        if self.stream.device_id() == Some(&default) {
            Ok(())
        } else {
            Err(Break::Again("the default device is another one"))
        }
    }

    /// What the playback device's own meter shows, if that matters and can be had.
    fn device_peak(&self, now: Instant) -> Option<f32> {
        let wanted = self.watchdog.wants_device_peak(now);
        let peak = || self.devices.peak(self.stream.device_id()).ok();
        wanted.then(peak).flatten()
    }
}
