//! One open stream from start to end: packets in, blocks out, and a check once a second.
//!
//! Always: sleeps until a packet arrives, or for up to a second; what the stream holds back is
//! delivered soon after the sound has ended; samples that cannot be sound are never delivered.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::super::audibility::{Audibility, DeviceVolume};
use super::super::cutover::{Cutover, fade};
use super::super::programs::outside;
use super::super::rest::Rest;
use super::super::watchdog::{self, Watchdog};
use super::super::{PcmInbox, SenderEnded};
use super::devices::Devices;
use super::process_loopback::ProcessLoopback;
use super::processes::processes;
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

/// The pause after a successor that could not be opened.
const RENEW_AGAIN: Duration = Duration::from_secs(600);

pub(super) struct Session<'a, 'b> {
    pub(super) stream: Stream,
    pub(super) successor: Successor,
    pub(super) devices: &'a Devices,
    pub(super) pcm: &'a PcmInbox,
    pub(super) watchdog: &'a mut Watchdog,
    pub(super) audibility: Audibility,
    pub(super) report: &'a mut Report<'b>,
    pub(super) rest: &'a Rest,
    /// The better method to change to, unless a device was chosen.
    pub(super) process_loopback: Option<&'a mut ProcessLoopback>,
}

/// The stream that replaces one of process loopback that is too old.
#[derive(Default)]
pub(super) struct Successor {
    next: Option<Next>,
    /// It is not requested before.
    not_before: Option<Instant>,
}

struct Next {
    stream: Stream,
    cutover: Cutover,
    /// Its newest block.
    block: Option<Vec<f32>>,
}

/// How a session ended, or why it did not begin.
pub(super) enum End {
    SenderEnded(SenderEnded),
    /// The capture works, but must be reopened for this reason.
    Reopen(&'static str),
    /// It is silent, and the computer may sleep.
    Rest,
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
    Rest,
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
            Err(Break::Rest) => End::Rest,
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
        while let Some(packet) = self.stream.read()? {
            let Packet {
                follows_gap,
                is_suspect,
            } = packet;
            let now = Instant::now();
            // A gap after a pause has lost nothing.
            if follows_gap && now - times.last_packet < PAUSE {
                self.flush(now)?;
                self.watchdog.note_gap(now)?;
            }
            if is_suspect && !follows_gap {
                self.watchdog.note_gap(now)?;
            }
            times.last_packet = now;
            any = true;
            self.stream.convert()?;
            while let Some(block) = self.stream.next_block() {
                let block = self.cut_over(now, block)?;
                self.deliver(now, block)?;
            }
        }
        Ok(any)
    }

    /// Changes to the successor if this block of the present stream is the moment; returns the block to
    /// deliver.
    fn cut_over(&mut self, now: Instant, old: Vec<f32>) -> Result<Vec<f32>, Break> {
        let Some(next) = &mut self.successor.next else {
            return Ok(old);
        };
        next.read()?;
        if !next.cutover.is_due(now, &old) {
            return Ok(old);
        }
        let Some(new) = next.block.take() else {
            return Ok(old);
        };
        if let Some(next) = self.successor.next.take() {
            self.stream = next.stream;
        }
        debug!("process loopback was renewed");
        self.watchdog.opened(now, self.stream.method());
        Ok(fade(&old, new))
    }

    /// Opens the successor of a stream that is too old.
    fn renew(&mut self, now: Instant) {
        let is_early = self.successor.not_before.is_some_and(|until| now < until);
        if is_early || self.successor.next.is_some() || !self.watchdog.is_renewal_due(now) {
            return;
        }
        let Some(process_loopback) = &mut self.process_loopback else {
            return;
        };
        match process_loopback.successor() {
            None => {}
            Some(Ok(stream)) => {
                self.successor.next = Some(Next {
                    stream,
                    cutover: Cutover::new(now),
                    block: None,
                });
            }
            Some(Err(trouble)) => {
                debug!("process loopback cannot be renewed: {trouble}");
                self.successor.not_before = Some(now + RENEW_AGAIN);
            }
        }
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
        if let Err(fault) = self.watchdog.tick(now, peak) {
            self.log_missing(fault);
            return Err(fault.into());
        }
        self.renew(now);
        if self.has_other_program() {
            return Err(Break::Reopen("the program has been started or has ended"));
        }
        if self.watchdog.is_refresh_due(now) {
            return Err(Break::Reopen("it is old, and nothing plays"));
        }
        if self.is_process_loopback_ready(now) {
            return Err(Break::Reopen("process loopback is available"));
        }
        if self.may_rest(now) {
            return Err(Break::Rest);
        }
        Ok(())
    }

    /// Returns whether it has been silent long enough for the computer to sleep. For a chosen capture device,
    /// the capture itself is the only meter.
    fn may_rest(&self, now: Instant) -> bool {
        let silent_for = self.watchdog.silent_for(now);
        if !self.rest.is_near(now, silent_for) {
            return false;
        }
        let peak = match self.process_loopback {
            Some(_) => self.devices.meters().and_then(|meters| meters.peak()),
            None => Some(0.0),
        };
        self.rest.is_due(now, silent_for, peak)
    }

    fn has_other_program(&self) -> bool {
        let loopback = self.process_loopback.as_deref();
        loopback.is_some_and(ProcessLoopback::has_other_target)
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
        if !is_audible || !self.watchdog.wants_device_peak(now) {
            return None;
        }
        let peak = self.devices.peak(self.stream.device_id()).ok()?;
        let is_process_loopback = self.stream.method() == CaptureMethod::ProcessLoopback;
        if is_process_loopback && watchdog::plays(peak) {
            self.missing_peak()
        } else {
            Some(peak)
        }
    }

    /// Returns the peak of what process loopback must deliver: the meter of the device also shows this
    /// program's own children, which it leaves out, and sound without a session, which it may not
    /// contain. With chosen programs, silence may be intended.
    fn missing_peak(&self) -> Option<f32> {
        let loopback = self.process_loopback.as_deref()?;
        if loopback.only_method().is_some() {
            return None;
        }
        let sessions = self.devices.sounding_sessions().ok()?;
        let outside = outside(std::process::id(), &sessions, &processes());
        outside.first().map(|session| session.peak)
    }

    /// Logs which programs sound while process loopback is silent.
    fn log_missing(&self, fault: CaptureFault) {
        if fault != CaptureFault::Deaf || self.stream.method() != CaptureMethod::ProcessLoopback {
            return;
        }
        let (sessions, processes) = (self.devices.sounding_sessions(), processes());
        let sessions = outside(
            std::process::id(),
            &sessions.unwrap_or_default(),
            &processes,
        );
        let name = |id| {
            let process = processes.iter().find(|process| process.id == id);
            process.map_or("Windows", |process| process.name.as_str())
        };
        let named = sessions.iter().take(5).map(|session| {
            let (id, name) = (session.process, name(session.process));
            format!("{name} ({id})")
        });
        let named: Vec<_> = named.collect();
        warn!(
            "process loopback is silent while these sound: {}",
            named.join(", ")
        );
    }
}

impl Next {
    /// Reads what has arrived and keeps the newest block.
    fn read(&mut self) -> Result<(), Break> {
        while self.stream.read()?.is_some() {
            self.stream.convert()?;
            while let Some(block) = self.stream.next_block() {
                self.block = Some(block);
            }
        }
        Ok(())
    }
}
