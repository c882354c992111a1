//! What this computer plays, from PulseAudio or PipeWire's pulse server.
//!
//! Captures the monitor of the default sink. Speaks the native protocol over the Unix socket by
//! itself: no C library has to be there, and one thread with one blocking read per 20 ms is all
//! it takes.
//!
//! Always: follows the default sink; tries for ever while there is no sound server or no sink;
//! never captures anything but a monitor, so no microphone is ever heard by accident; where
//! nothing plays the sink may sleep, and nothing is delivered.

mod connection;
mod server_path;

use std::time::Duration;

use tracing::{debug, info, warn};

use self::connection::{Connection, Failure, Message};
use super::{Capture, Gone, PcmInbox};
use crate::status::{Board, CaptureStatus};

/// How soon a sound server that is gone is looked for again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Pulse {
    /// Why nothing is captured now, as it was logged.
    trouble: Option<String>,
}

/// Why a session ended.
enum End {
    /// Another sink is the default one.
    DefaultSinkChanged,
    Failed(Failure),
    Gone(Gone),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Capture for Pulse {
    fn run(&mut self, pcm: &PcmInbox) -> Gone {
        loop {
            match self.session(pcm) {
                End::DefaultSinkChanged => debug!("the default sink has changed"),
                End::Failed(failure) => {
                    self.note_trouble(pcm.board(), failure.to_string());
                    std::thread::sleep(RETRY_AFTER);
                }
                End::Gone(gone) => return gone,
            }
        }
    }
}

impl Pulse {
    /// Captures the default sink's monitor until something changes.
    fn session(&mut self, pcm: &PcmInbox) -> End {
        match self.capture(pcm) {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    fn capture(&mut self, pcm: &PcmInbox) -> Result<std::convert::Infallible, End> {
        let mut connection = Connection::open()?;
        let sink = connection.default_sink()?;
        connection.record_default_monitor()?;
        self.trouble = None;
        info!("capturing what plays on {sink}");
        pcm.board().update(|status| {
            status.capture = CaptureStatus {
                path: Some("monitor of the default sink".into()),
                device: sink.clone(),
                ..CaptureStatus::default()
            }
        });
        loop {
            match connection.read()? {
                Message::Pcm(block) => pcm.push(block).map_err(End::Gone)?,
                Message::ServerChanged => connection.ask_default_sink()?,
                Message::DefaultSink(name) if name != sink => return Err(End::DefaultSinkChanged),
                Message::DefaultSink(_) | Message::Other => {}
            }
        }
    }

    fn note_trouble(&mut self, board: &Board, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            warn!("nothing to capture: {trouble}; trying again every second");
            board.update(|status| {
                status.capture = CaptureStatus {
                    trouble: Some(trouble.clone()),
                    ..CaptureStatus::default()
                }
            });
            self.trouble = Some(trouble);
        }
    }
}
