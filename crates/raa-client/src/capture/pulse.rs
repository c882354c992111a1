//! Captures what this computer plays, from PulseAudio or PipeWire's pulse server.
//!
//! Captures the monitor of the default sink. Implements the native protocol over the Unix socket, so
//! no C library is needed, and one thread with one blocking read per 20 ms is enough.
//!
//! Always: follows the default sink; never gives up while there is no sound server or no sink; never
//! captures anything except a monitor, so no microphone is captured by accident; while nothing plays,
//! the sink may sleep, and nothing is delivered; a mute and a low volume of the sink, behind which
//! PulseAudio's monitor lies, are reported.

mod channels;
mod connection;
mod server_path;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use self::connection::{Connection, Message};
use super::audibility::{Audibility, Inaudible};
use super::{Capture, PcmInbox, SenderEnded};
use crate::status::{CaptureMethod, CaptureStatus, SharedStatus, SoundServerTrouble, Trouble};

/// The pause between two attempts to reach a sound server.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The sink that a client would capture from if it started now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenSink {
    pub(crate) name: String,
    /// Whether its volume control keeps the sound away, as far as the control tells.
    pub(crate) trouble: Option<Trouble>,
}

/// Asks the sound server for the default sink. Captures nothing.
///
/// # Errors
/// When there is no sound server, when it refuses this user, or when it has no sink.
pub(crate) fn look() -> Result<SeenSink, SoundServerTrouble> {
    let mut connection = Connection::open()?;
    let name = connection.default_sink()?;
    let sink = connection.sink(&name)?;
    let inaudible = Inaudible::by_control(sink.volume);
    Ok(SeenSink {
        trouble: inaudible.map(|inaudible| inaudible.trouble(&name)),
        name,
    })
}

#[derive(Default)]
pub(super) struct Pulse {
    /// Why nothing is captured now, as it was last reported.
    trouble: Option<SoundServerTrouble>,
    /// Whether the sink is muted or turned down, as it was last reported.
    inaudible: Option<Inaudible>,
}

/// Why a session ended.
enum End {
    DefaultSinkChanged,
    Failed(SoundServerTrouble),
    SenderEnded(SenderEnded),
}

impl From<SoundServerTrouble> for End {
    fn from(trouble: SoundServerTrouble) -> Self {
        Self::Failed(trouble)
    }
}

impl From<SenderEnded> for End {
    fn from(ended: SenderEnded) -> Self {
        Self::SenderEnded(ended)
    }
}

impl Capture for Pulse {
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded {
        loop {
            let Err(end) = self.session(pcm);
            match end {
                End::DefaultSinkChanged => debug!("the default sink has changed"),
                End::Failed(trouble) => {
                    self.report_trouble(pcm.status(), trouble);
                    std::thread::sleep(RETRY_AFTER);
                    if pcm.is_closed() {
                        return SenderEnded;
                    }
                }
                End::SenderEnded(ended) => return ended,
            }
        }
    }
}

impl Pulse {
    /// Checks the environment, which a running client cannot change; whether there is a sound server
    /// does not matter yet.
    pub(super) fn open() -> Result<Self, SoundServerTrouble> {
        server_path::socket()?;
        Ok(Self::default())
    }

    /// Captures the default sink's monitor until something ends the session.
    fn session(&mut self, pcm: &PcmInbox) -> Result<Infallible, End> {
        let mut connection = Connection::open()?;
        let name = connection.default_sink()?;
        let sink = connection.sink(&name)?;
        connection.record_default_monitor(sink.channels)?;
        self.report_capture(pcm.status(), &name);
        let mut audibility = Audibility::new(Instant::now());
        audibility.set_volume(Instant::now(), sink.volume);
        self.report_audibility(pcm.status(), &name, &audibility);
        loop {
            match connection.read()? {
                Message::Pcm(interleaved) => {
                    let frames = interleaved.chunks_exact(sink.layout.channels());
                    let block: Vec<_> = frames.map(|frame| sink.layout.mix(frame)).collect();
                    audibility.note_block(Instant::now(), &block);
                    pcm.push(block)?;
                }
                Message::Changed => connection.request_state(&name)?,
                Message::DefaultSink(now) if now != name => return Err(End::DefaultSinkChanged),
                Message::Volume(volume) => audibility.set_volume(Instant::now(), volume),
                Message::DefaultSink(_) | Message::Other => continue,
            }
            self.report_audibility(pcm.status(), &name, &audibility);
        }
    }

    /// Reports whether somebody muted the sink or turned it down, once for each change.
    fn report_audibility(&mut self, status: &SharedStatus, sink: &str, audibility: &Audibility) {
        let inaudible = audibility.trouble();
        if inaudible == self.inaudible {
            return;
        }
        let trouble = inaudible.map(|inaudible| inaudible.trouble(sink));
        let kind = |inaudible: &Option<Inaudible>| inaudible.as_ref().map(std::mem::discriminant);
        match &trouble {
            None => info!("{sink} is no longer muted or turned down"),
            // Not for every step of a slider.
            Some(_) if kind(&self.inaudible) == kind(&inaudible) => {}
            Some(trouble) => warn!("{trouble}; this is what the server hears, too"),
        }
        status.update(|status| status.capture.trouble = trouble);
        self.inaudible = inaudible;
    }

    fn report_capture(&mut self, status: &SharedStatus, sink: &str) {
        self.trouble = None;
        self.inaudible = None;
        info!("capturing the monitor of {sink}");
        status.update(|status| {
            status.capture = CaptureStatus {
                method: Some(CaptureMethod::SinkMonitor),
                device: sink.into(),
                ..CaptureStatus::default()
            }
        });
    }

    fn report_trouble(&mut self, status: &SharedStatus, trouble: SoundServerTrouble) {
        if self.trouble.as_ref() == Some(&trouble) {
            return;
        }
        warn!("nothing is captured: {trouble}; retrying every second");
        status.update(|status| {
            status.capture = CaptureStatus {
                trouble: Some(Trouble::SoundServer(trouble.clone())),
                ..CaptureStatus::default()
            }
        });
        self.trouble = Some(trouble);
    }
}
