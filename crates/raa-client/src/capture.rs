//! Where the sound comes from: one thread that puts blocks of PCM into the sender's inbox.
//!
//! Always: 48 kHz mono, about 20 ms a block; a source that has nothing to say says nothing; a
//! source that fails is opened again for ever; a full inbox costs a block and never waits.

#[cfg(any(windows, test))]
mod encoding;
mod file;
mod mono;
mod pacer;
#[cfg(target_os = "linux")]
mod pulse;
#[cfg(any(windows, test))]
mod question;
#[cfg(any(windows, test))]
mod retry;
mod tone;
#[cfg(windows)]
mod wasapi;
#[cfg(any(windows, test))]
mod watchdog;

use std::io;
use std::sync::Weak;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

use crate::sender::Input;
use crate::settings::Source;
use crate::status::Board;

#[cfg(windows)]
pub use self::wasapi::{Device, devices};

/// Something that can be captured.
pub trait Capture: Send {
    /// Captures until the sender is gone.
    fn run(&mut self, pcm: &PcmInbox) -> Gone;
}

/// The sender has ended, and so shall its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Why a source cannot be captured at all.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file is missing or is no WAV file.
    #[error("cannot play {path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// This system has no such source.
    #[error("this system cannot capture {0:?}")]
    NotHere(Source),
}

/// The capturing side of the sender's inbox.
pub struct PcmInbox {
    inbox: SyncSender<Input>,
    board: Board,
    /// Held by the sender.
    alive: Weak<()>,
}

impl PcmInbox {
    /// `alive` dies with the sender.
    pub fn new(inbox: SyncSender<Input>, board: Board, alive: Weak<()>) -> Self {
        Self {
            inbox,
            board,
            alive,
        }
    }

    /// Whether the sender has ended, for a source that has nothing to push.
    pub fn is_gone(&self) -> bool {
        self.alive.strong_count() == 0
    }

    /// Where the source says how it is doing.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Puts one block in.
    ///
    /// # Errors
    /// [`Gone`] when the sender has ended.
    pub fn push(&self, pcm: Vec<f32>) -> Result<(), Gone> {
        match self.inbox.try_send(Input::Pcm(pcm)) {
            // A sender that is so far behind drops it anyway.
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Gone),
        }
    }
}

/// Opens what must be there from the start.
///
/// # Errors
/// [`CaptureError`]; a sound server that is not there yet is none.
pub fn open(source: &Source) -> Result<Box<dyn Capture>, CaptureError> {
    match source {
        Source::Tone => Ok(Box::new(tone::Tone)),
        Source::File(path) => Ok(Box::new(file::WavFile::open(path)?)),
        #[cfg(target_os = "linux")]
        Source::Pulse => Ok(Box::new(pulse::Pulse::default())),
        #[cfg(windows)]
        Source::Automatic | Source::Device(_) => Ok(wasapi::open(source)),
        not_here => Err(CaptureError::NotHere(not_here.clone())),
    }
}

/// Captures in a thread of its own.
///
/// # Errors
/// When the thread cannot be made.
pub fn spawn(mut capture: Box<dyn Capture>, pcm: PcmInbox) -> io::Result<JoinHandle<()>> {
    let run = move || {
        let Gone = capture.run(&pcm);
    };
    std::thread::Builder::new()
        .name("capture".into())
        .spawn(run)
}
