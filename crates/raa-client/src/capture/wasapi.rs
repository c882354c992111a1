//! What a Windows computer plays or records, by WASAPI.
//!
//! The ways, best first, and what Microsoft's documentation says of volume and mute:
//! - Process loopback, of everything but this program. "The capture is not tied to a specific
//!   audio endpoint" (learn.microsoft.com/samples/microsoft/windows-classic-samples/
//!   applicationloopbackaudio-sample), so no device's volume or mute lies on its way. Documented
//!   from build 20348 on, it is there from Windows 10 version 2004 on.
//! - Endpoint loopback, of the default playback device. WASAPI "copies the output stream from the
//!   audio engine", which is before the volume of the device; but "if the hardware supports a
//!   loopback pin on the render endpoint, WASAPI uses the audio provided on this pin"
//!   (learn.microsoft.com/windows/win32/coreaudio/loopback-recording), and then it is the driver's
//!   choice: with some, a muted device gives silence.
//! - A chosen capture device. Its own volume and mute count: they are "on the audio stream to or
//!   from an audio endpoint device" (learn.microsoft.com/windows/win32/api/endpointvolume/
//!   nn-endpointvolume-iaudioendpointvolume).
//!
//! A program's own volume in the mixer counts in all of them: it is part of the mix.
//!
//! Always: tries for ever; what fails is tried again within 2 s; a better way is tried again now
//! and then, in silence only; process loopback that never answers stops nothing.

mod activation;
mod best_way;
mod devices;
mod end;
mod report;
mod session;
mod stream;
mod thread;
mod trouble;

use std::time::{Duration, Instant};

use tracing::debug;

use self::best_way::BestWay;
use self::devices::Devices;
pub use self::devices::{Device, devices};
use self::end::End;
use self::report::Report;
use self::session::Session;
use self::stream::Stream;
use self::thread::{Com, ProAudio};
use super::retry::Backoff;
use super::watchdog::{Watchdog, Way};
use super::{Capture, Gone, PcmInbox};
use crate::settings::Source;

/// While it waits, the thread looks so often whether it is still needed.
const LOOK: Duration = Duration::from_millis(250);

/// Captures whatever the computer plays, or the device that `source` names.
pub(super) fn open(source: &Source) -> Box<dyn Capture> {
    let device = match source {
        Source::Device(id) => Some(id.clone()),
        _ => None,
    };
    Box::new(Wasapi { device })
}

struct Wasapi {
    /// The device's id; `None`: whatever the computer plays.
    device: Option<String>,
}

impl Capture for Wasapi {
    fn run(&mut self, pcm: &PcmInbox) -> Gone {
        let mut report = Report::new(pcm.board());
        let mut backoff = Backoff::default();
        loop {
            match Com::begin() {
                // Everything that comes from COM is gone before COM is.
                Ok(_com) => return Capturing::new(self.device.clone(), pcm, report).run(),
                Err(trouble) => report.failing("capture", &trouble),
            }
            if let Err(gone) = sleep(backoff.broke_off(Duration::ZERO), pcm) {
                return gone;
            }
        }
    }
}

/// The thread at work.
struct Capturing<'a> {
    device: Option<String>,
    pcm: &'a PcmInbox,
    report: Report<'a>,
    watchdog: Watchdog,
    backoff: Backoff,
    best_way: BestWay,
    /// Held for as long as the thread captures.
    _priority: Option<ProAudio>,
}

impl<'a> Capturing<'a> {
    fn new(device: Option<String>, pcm: &'a PcmInbox, mut report: Report<'a>) -> Self {
        let priority = ProAudio::begin();
        if let Err(trouble) = &priority {
            report.note_thread(trouble);
        }
        Self {
            device,
            pcm,
            report,
            watchdog: Watchdog::new(Instant::now()),
            backoff: Backoff::default(),
            best_way: BestWay::default(),
            _priority: priority.ok(),
        }
    }

    fn run(mut self) -> Gone {
        loop {
            let wait = match self.session() {
                End::Gone(gone) => return gone,
                End::Again(why) => {
                    debug!("capture is opened anew: {why}");
                    continue;
                }
                End::Failed(failed) => {
                    self.report.failing(failed.what, &failed.trouble);
                    self.backoff.broke_off(failed.age)
                }
            };
            if let Err(gone) = sleep(wait, self.pcm) {
                return gone;
            }
        }
    }

    /// Opens the best way there is, and captures until something ends it.
    fn session(&mut self) -> End {
        match self.open() {
            Ok((devices, stream)) => self.capture(&devices, stream),
            Err(end) => end,
        }
    }

    fn open(&mut self) -> Result<(Devices, Stream), End> {
        let way = match self.device {
            Some(_) => Way::CaptureDevice,
            None => Way::EndpointLoopback,
        };
        let unopened = |trouble| End::unopened(way.name(), trouble);
        let devices = Devices::new().map_err(unopened)?;
        if self.device.is_none()
            && let Some(stream) = self.best_way.open(self.pcm, &mut self.report)?
        {
            return Ok((devices, stream));
        }
        let device = match &self.device {
            Some(id) => devices.by_id(id),
            None => devices.default_playback(),
        };
        let stream = device.and_then(|device| Stream::device(&device));
        Ok((devices, stream.map_err(unopened)?))
    }

    fn capture(&mut self, devices: &Devices, stream: Stream) -> End {
        let (way, opened) = (stream.way(), Instant::now());
        self.report.capturing(&stream);
        self.watchdog.opened(opened, way);
        let session = Session {
            stream,
            devices,
            pcm: self.pcm,
            watchdog: &mut self.watchdog,
            report: &mut self.report,
            best_way: self.device.is_none().then_some(&mut self.best_way),
        };
        let end = session.run(opened);
        if let (End::Failed(failed), Way::ProcessLoopback) = (&end, way) {
            self.best_way.broke_off(failed, &mut self.report);
        }
        end
    }
}

/// Waits, unless nobody needs the capture any more.
fn sleep(duration: Duration, pcm: &PcmInbox) -> Result<(), Gone> {
    let end = Instant::now() + duration;
    loop {
        if pcm.is_gone() {
            return Err(Gone);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(LOOK));
    }
}
