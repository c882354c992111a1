//! Captures what this computer plays, from PulseAudio or PipeWire's pulse server.
//!
//! Captures the monitor of the default sink. Implements the native protocol over the Unix socket, so
//! no C library is needed, and one thread with one blocking read per 20 ms is enough.
//!
//! Always: follows the default sink; never gives up while there is no sound server or no sink; never
//! captures anything except a monitor, so no microphone is captured by accident; while nothing plays,
//! the sink may sleep, and nothing is delivered.

mod connection;
mod server_path;

use std::convert::Infallible;
use std::time::Duration;

use tracing::{debug, info, warn};

use self::connection::{Connection, Message};
use super::{Capture, PcmInbox, SenderEnded};
use crate::status::{CaptureMethod, CaptureStatus, SharedStatus, SoundServerTrouble, Trouble};

/// The pause between two attempts to reach a sound server.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Pulse {
    /// Why nothing is captured now, as it was last reported.
    trouble: Option<SoundServerTrouble>,
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
    /// Captures the default sink's monitor until something ends the session.
    fn session(&mut self, pcm: &PcmInbox) -> Result<Infallible, End> {
        let mut connection = Connection::open()?;
        let sink = connection.default_sink()?;
        connection.record_default_monitor()?;
        self.report_capture(pcm.status(), &sink);
        loop {
            match connection.read()? {
                Message::Pcm(block) => pcm.push(block)?,
                Message::ServerChanged => connection.request_default_sink()?,
                Message::DefaultSink(name) if name != sink => return Err(End::DefaultSinkChanged),
                Message::DefaultSink(_) | Message::Other => {}
            }
        }
    }

    fn report_capture(&mut self, status: &SharedStatus, sink: &str) {
        self.trouble = None;
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
