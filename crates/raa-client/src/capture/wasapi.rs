//! Captures what a Windows computer plays or records, by WASAPI.
//!
//! The methods, best first, and what Microsoft's documentation says about volume and mute:
//! - Process loopback of all programs except this one. "The capture is not tied to a specific
//!   audio endpoint" (learn.microsoft.com/samples/microsoft/windows-classic-samples/
//!   applicationloopbackaudio-sample), so no device's volume or mute affects it. Documented from
//!   build 20348 on; it exists since Windows 10 version 2004.
//! - Endpoint loopback of the default playback device. WASAPI "copies the output stream from the
//!   audio engine", which is before the volume of the device; but "if the hardware supports a
//!   loopback pin on the render endpoint, WASAPI uses the audio provided on this pin"
//!   (learn.microsoft.com/windows/win32/coreaudio/loopback-recording). Then it depends on the
//!   driver: with some, a muted device delivers silence.
//! - A chosen capture device. Its own volume and mute apply: they are "on the audio stream to or
//!   from an audio endpoint device" (learn.microsoft.com/windows/win32/api/endpointvolume/
//!   nn-endpointvolume-iaudioendpointvolume).
//!
//! A program's own volume in the mixer applies to the loopback methods: it is part of the mix.
//!
//! While nothing is heard of a muted or turned down device, this is reported, because only the driver
//! knows whether the capture lies behind it.
//!
//! Exclusive mode is not captured, and Windows does not report it. "WASAPI provides loopback capturing" of what
//! the audio engine plays (learn.microsoft.com/windows/win32/coreaudio/loopback-recording), and a stream
//! in exclusive mode passes the engine by (learn.microsoft.com/windows/win32/coreaudio/
//! exclusive-mode-streams). IAudioSessionManager2 lists its session, but no session says its mode
//! (learn.microsoft.com/windows/win32/api/audiopolicy/nn-audiopolicy-iaudiosessioncontrol2), and the
//! meter shows nothing of it without a meter in the hardware
//! (learn.microsoft.com/windows/win32/coreaudio/peak-meters). Only endpoint loopback fails to open then,
//! with a code of its own: "another program is using the device exclusively". While process loopback is
//! in use, asking would mean to open a second stream on every device again and again.
//!
//! Always: never gives up; a failed capture is retried within 2 s, and every 5 s once there has been
//! nothing to capture for a minute and Windows announces no change; a better method is tried again
//! from time to time, in silence only; process loopback that never answers blocks nothing.

mod activation;
mod device_changes;
mod devices;
mod process_loopback;
mod processes;
mod report;
mod rest;
mod session;
mod stream;
mod thread;
mod trouble;

use std::time::{Duration, Instant};

use tracing::debug;

use self::device_changes::DeviceChanges;
use self::devices::Devices;
pub(crate) use self::devices::devices;
use self::process_loopback::ProcessLoopback;
use self::report::Report;
use self::session::{End, Session, Successor};
use self::stream::Stream;
use self::thread::{Com, ProAudio};
use super::audibility::Audibility;
use super::rest::Rest;
use super::retry::Backoff;
use super::watchdog::Watchdog;
use super::{Capture, PcmInbox, SenderEnded};
use crate::settings::{Settings, Source};
use crate::status::{CaptureMethod, Trouble};

/// How often a waiting thread checks whether it is still needed: within a second, as
/// [`Client::stop`](crate::Client::stop) expects.
const CHECK_EVERY: Duration = Duration::from_millis(900);

/// Captures what the computer plays, or the device that the settings name.
pub(super) fn open(settings: &Settings) -> Box<dyn Capture> {
    Box::new(Wasapi(settings.clone()))
}

struct Wasapi(Settings);

impl Capture for Wasapi {
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded {
        let mut report = Report::new(pcm.status());
        let mut backoff = Backoff::default();
        loop {
            match Com::begin() {
                // All COM objects are released before COM is.
                Ok(_com) => return Capturing::new(&self.0, pcm, report).run(),
                Err(trouble) => report.failing(Trouble::NoCapture(trouble)),
            }
            let wait = backoff.wait_after(Instant::now(), Duration::ZERO);
            if let Err(ended) = sleep(wait, pcm) {
                return ended;
            }
        }
    }
}

/// The state of the capturing thread.
struct Capturing<'a> {
    /// The chosen device's id; `None` for what the computer plays.
    device: Option<String>,
    buffer_ms: u8,
    pcm: &'a PcmInbox,
    report: Report<'a>,
    watchdog: Watchdog,
    backoff: Backoff,
    rest: Rest,
    /// `None` before the first failure, and as long as Windows refuses to announce changes.
    device_changes: Option<DeviceChanges>,
    process_loopback: ProcessLoopback,
    /// Held while the thread captures.
    _priority: Option<ProAudio>,
}

impl<'a> Capturing<'a> {
    fn new(settings: &Settings, pcm: &'a PcmInbox, mut report: Report<'a>) -> Self {
        let device = match &settings.source {
            Source::Device(id) => Some(id.clone()),
            _ => None,
        };
        let buffer_ms = settings.buffer_ms;
        let priority = ProAudio::begin().map_err(|trouble| report.note_priority(trouble));
        Self {
            device,
            buffer_ms,
            pcm,
            report,
            watchdog: Watchdog::new(Instant::now()),
            backoff: Backoff::default(),
            rest: Rest::new(Instant::now(), settings.sleep_after_s),
            device_changes: None,
            process_loopback: ProcessLoopback::new(settings.programs.clone(), buffer_ms),
            _priority: priority.ok(),
        }
    }

    fn run(mut self) -> SenderEnded {
        loop {
            let wait = match self.session() {
                End::SenderEnded(ended) => return ended,
                End::Reopen(reason) => {
                    debug!("reopening the capture: {reason}");
                    continue;
                }
                End::Rest => {
                    if let Err(ended) = self.take_rest() {
                        return ended;
                    }
                    continue;
                }
                End::Failed(failed) => {
                    let wait = self.backoff.wait_after(Instant::now(), failed.age);
                    self.report.failing(failed.into());
                    wait
                }
            };
            if let Err(ended) = self.wait(wait) {
                return ended;
            }
        }
    }

    /// Captures nothing until something plays.
    fn take_rest(&mut self) -> Result<(), SenderEnded> {
        self.report.resting();
        let ended = match &self.device {
            Some(id) => rest::until_device_sounds(id, self.buffer_ms, self.pcm),
            None => rest::until_something_plays(self.pcm),
        };
        self.rest.note_end(Instant::now());
        ended
    }

    /// Waits before the next attempt, not as long if Windows announces a change of its devices.
    fn wait(&mut self, duration: Duration) -> Result<(), SenderEnded> {
        if self.device_changes.is_none() {
            self.device_changes = DeviceChanges::announced().ok();
        }
        let Some(changes) = &self.device_changes else {
            return sleep(duration, self.pcm);
        };
        let start = Instant::now();
        let end = start + duration;
        while !self.pcm.is_closed() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if changes.wait(left.min(CHECK_EVERY)) {
                let least = self.backoff.devices_changed();
                return sleep(least.saturating_sub(start.elapsed()), self.pcm);
            }
        }
        Err(SenderEnded)
    }

    /// Opens the best available method and captures until something ends it.
    fn session(&mut self) -> End {
        match self.open() {
            Ok((devices, stream)) => self.capture(&devices, stream),
            Err(end) => end,
        }
    }

    fn open(&mut self) -> Result<(Devices, Stream), End> {
        let method = match self.device {
            Some(_) => CaptureMethod::CaptureDevice,
            None => CaptureMethod::EndpointLoopback,
        };
        let unopened = |trouble| End::unopened(method, trouble);
        let devices = Devices::new().map_err(unopened)?;
        if self.device.is_none() {
            if let Some(stream) = self.process_loopback.open(self.pcm, &mut self.report)? {
                return Ok((devices, stream));
            }
            if let Some(trouble) = self.process_loopback.only_method() {
                return Err(End::unopened(CaptureMethod::ProcessLoopback, trouble));
            }
        }
        let device = match &self.device {
            Some(id) => devices.by_id(id),
            None => devices.default_playback(),
        };
        let stream = device.and_then(|device| Stream::device(&device, self.buffer_ms));
        Ok((devices, stream.map_err(unopened)?))
    }

    fn capture(&mut self, devices: &Devices, stream: Stream) -> End {
        let (method, opened) = (stream.method(), Instant::now());
        self.report.capturing(&stream);
        self.watchdog.opened(opened, method);
        let session = Session {
            stream,
            successor: Successor::default(),
            devices,
            pcm: self.pcm,
            watchdog: &mut self.watchdog,
            audibility: Audibility::new(opened),
            report: &mut self.report,
            rest: &self.rest,
            process_loopback: self.device.is_none().then_some(&mut self.process_loopback),
        };
        let end = session.run(opened);
        if let (End::Failed(failed), CaptureMethod::ProcessLoopback) = (&end, method) {
            self.process_loopback
                .note_end(&failed.trouble, failed.age, &mut self.report);
        }
        end
    }
}

/// Waits, unless the capture is no longer needed.
fn sleep(duration: Duration, pcm: &PcmInbox) -> Result<(), SenderEnded> {
    let end = Instant::now() + duration;
    loop {
        if pcm.is_closed() {
            return Err(SenderEnded);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(CHECK_EVERY));
    }
}
