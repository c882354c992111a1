//! One open stream from start to end: packets in, blocks out, and a check once a second.
//!
//! Always: sleeps until a packet arrives, or for up to a second; what the stream holds back is
//! delivered soon after the sound has ended; samples that cannot be sound are never delivered.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::super::audibility::{Audibility, DeviceVolume};
use super::super::watchdog::Watchdog;
use super::super::{PcmInbox, SenderEnded};
use super::devices::Devices;
use super::process_loopback::ProcessLoopback;
use super::report::Report;
use super::stream::{Packet, Stream};
use crate::status::{CaptureFault, CaptureMethod, CaptureTrouble, ConversionError, Trouble};

/// How often everything except packets is checked: within a second, with some reserve.
const TICK: Duration = Duration::from_millis(900);
/// After this long without a packet, the sound has ended. Devices deliver every 10 ms, some every
/// 40 ms.
const FLUSH_AFTER: Duration = Duration::from_millis(80);
/// A gap between packets that are closer together than this has lost sound.
const PAUSE: Duration = Duration::from_millis(100);
/// How often packets are looked for when there are no events: before Windows 10 version 1703,
/// loopback signals none (learn.microsoft.com/windows/win32/coreaudio/loopback-recording).
const POLL: Duration = Duration::from_millis(10);
/// After packets without an event this many times in a row, there are no events.
const MISSED_EVENTS: u32 = 3;

pub(super) struct Session<'a, 'b> {
    pub(super) stream: Stream,
    pub(super) devices: &'a Devices,
    pub(super) pcm: &'a PcmInbox,
    pub(super) watchdog: &'a mut Watchdog,
    pub(super) audibility: Audibility,
    pub(super) report: &'a mut Report<'b>,
    /// The better method to change to, unless a device was chosen.
    pub(super) process_loopback: Option<&'a mut ProcessLoopback>,
}

/// How a session ended, or why it did not begin.
pub(super) enum End {
    SenderEnded(SenderEnded),
    /// The capture works, but must be reopened for this reason.
    Reopen(&'static str),
    Failed(Failed),
}

/// A capture that failed.
pub(super) struct Failed {
    pub(super) method: CaptureMethod,
    pub(super) trouble: CaptureTrouble,
    /// How long it had lasted; zero if it could not be opened.
    pub(super) age: Duration,
}

impl End {
    /// Returns the end of a session for which `method` could not be opened.
    pub(super) fn unopened(method: CaptureMethod, trouble: CaptureTrouble) -> Self {
        Self::Failed(Failed {
            method,
            trouble,
            age: Duration::ZERO,
        })
    }
}

impl From<SenderEnded> for End {
    fn from(ended: SenderEnded) -> Self {
        Self::SenderEnded(ended)
    }
}

impl From<Failed> for Trouble {
    fn from(failed: Failed) -> Self {
        Self::Capture {
            method: failed.method,
            reason: failed.trouble,
        }
    }
}

/// The reason for which the loop of a session ends.
enum Break {
    SenderEnded(SenderEnded),
    Reopen(&'static str),
    Failed(CaptureTrouble),
}

impl From<SenderEnded> for Break {
    fn from(ended: SenderEnded) -> Self {
        Self::SenderEnded(ended)
    }
}

impl From<CaptureTrouble> for Break {
    fn from(trouble: CaptureTrouble) -> Self {
        Self::Failed(trouble)
    }
}

impl From<CaptureFault> for Break {
    fn from(fault: CaptureFault) -> Self {
        Self::Failed(fault.into())
    }
}

impl From<ConversionError> for Break {
    fn from(error: ConversionError) -> Self {
        Self::Failed(error.into())
    }
}

/// When something last happened.
struct Times {
    tick: Instant,
    last_packet: Instant,
    missed_events: u32,
}

impl Times {
    /// Takes note of a wait of up to `limit`: whether an event ended it, and whether there were
    /// packets.
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
    /// Captures until something ends the session, which was opened at `opened`.
    pub(super) fn run(mut self, opened: Instant) -> End {
        match self.capture(opened) {
            Ok(never) => match never {},
            Err(Break::SenderEnded(ended)) => End::SenderEnded(ended),
            Err(Break::Reopen(reason)) => End::Reopen(reason),
            Err(Break::Failed(trouble)) => End::Failed(Failed {
                method: self.stream.method(),
                trouble,
                age: opened.elapsed(),
            }),
        }
    }

    fn capture(&mut self, opened: Instant) -> Result<Infallible, Break> {
        let mut times = Times {
            tick: opened + TICK,
            last_packet: opened,
            missed_events: 0,
        };
        self.check_volume(opened);
        loop {
            let limit = self.limit(&times);
            let woken = self.stream.wait(limit);
            let read = self.read_packets(&mut times)?;
            times.note_event(limit, woken, read);
            let now = Instant::now();
            if self.stream.has_rest() && now - times.last_packet >= FLUSH_AFTER {
                self.flush(now)?;
            }
            if now >= times.tick {
                times.tick = now + TICK;
                self.tick(now)?;
            }
        }
    }

    /// Returns how long to wait for a packet.
    fn limit(&self, times: &Times) -> Duration {
        if times.is_without_events() {
            return POLL;
        }
        let left = times.tick.saturating_duration_since(Instant::now());
        if self.stream.has_rest() {
            left.min(FLUSH_AFTER)
        } else {
            left
        }
    }

    /// Reads all waiting packets; returns whether there were any.
    fn read_packets(&mut self, times: &mut Times) -> Result<bool, Break> {
        let mut any = false;
        while let Some(Packet { follows_gap }) = self.stream.read()? {
            let now = Instant::now();
            // A gap after a pause has lost nothing.
            if follows_gap && now - times.last_packet < PAUSE {
                self.flush(now)?;
                self.watchdog.note_gap(now)?;
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
        let judged = self.watchdog.check_block(now, &block);
        self.audibility.note_block(now, &block);
        self.report.audible(self.audibility.trouble());
        if !judged.is_err_and(CaptureFault::is_in_block) {
            self.pcm.push(block)?;
        }
        Ok(judged?)
    }

    fn tick(&mut self, now: Instant) -> Result<(), Break> {
        if self.pcm.is_closed() {
            return Err(Break::SenderEnded(SenderEnded));
        }
        self.stream.check()?;
        self.follow_default_device()?;
        self.check_volume(now);
        let peak = self.device_peak(now);
        self.watchdog.tick(now, peak)?;
        if self.watchdog.is_refresh_due(now) {
            return Err(Break::Reopen("it is old, and nothing plays"));
        }
        if self.is_process_loopback_ready(now) {
            return Err(Break::Reopen("process loopback is available"));
        }
        Ok(())
    }

    fn is_process_loopback_ready(&mut self, now: Instant) -> bool {
        let silent_for = self.watchdog.silent_for(now);
        let is_in_use = self.stream.method() == CaptureMethod::ProcessLoopback;
        match &mut self.process_loopback {
            Some(better) if !is_in_use => better.should_open(silent_for, self.report),
            _ => false,
        }
    }

    /// Fails when endpoint loopback, chosen automatically, is not of the default device.
    fn follow_default_device(&self) -> Result<(), Break> {
        let is_automatic = self.process_loopback.is_some();
        if !is_automatic || self.stream.method() != CaptureMethod::EndpointLoopback {
            return Ok(());
        }
        let default = self
            .devices
            .default_playback()?
            .get_id()
            .map_err(CaptureTrouble::from)?;
        if self.stream.device_id() == Some(&default) {
            Ok(())
        } else {
            Err(Break::Reopen("the default device has changed"))
        }
    }

    /// Reports whether somebody muted the device or turned it down, which Windows does not announce
    /// to a capture. Process loopback has no device and lies before all of them.
    fn check_volume(&mut self, now: Instant) {
        let device = self.stream.device_id();
        // A device without a volume control cannot be turned down.
        let volume = device.and_then(|id| self.devices.volume(id).ok());
        self.audibility
            .set_volume(now, volume.unwrap_or(DeviceVolume::FULL));
        self.report.audible(self.audibility.trouble());
    }

    /// Returns the linear peak on the playback device's meter, if it matters and can be read. The
    /// meter lies before a mute that silences the capture; opening it again would not help.
    fn device_peak(&self, now: Instant) -> Option<f32> {
        let is_audible = self.audibility.trouble().is_none();
        let wanted = is_audible && self.watchdog.wants_device_peak(now);
        let peak = || self.devices.peak(self.stream.device_id()).ok();
        wanted.then(peak).flatten()
    }
}
