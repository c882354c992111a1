//! Where the sound comes from: one thread that puts blocks of PCM into the sender's inbox.
//!
//! Always: 48 kHz mono, about 20 ms a block; a source that has nothing to say says nothing; a
//! source that fails is opened again for ever; a full inbox costs a block and never waits.

mod file;
mod pacer;
#[cfg(target_os = "linux")]
mod pulse;
mod tone;

use std::io;
use std::sync::mpsc::{SyncSender, TrySendError};

use crate::config::Source;
use crate::sender::Input;

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
    #[error("source \"pulse\" is for Linux only")]
    NoPulse,
}

/// The capturing side of the sender's inbox.
pub struct PcmInbox(SyncSender<Input>);

impl PcmInbox {
    /// Puts one block in.
    ///
    /// # Errors
    /// [`Gone`] when the sender has ended.
    pub fn push(&self, pcm: Vec<f32>) -> Result<(), Gone> {
        match self.0.try_send(Input::Pcm(pcm)) {
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
        #[cfg(not(target_os = "linux"))]
        Source::Pulse => Err(CaptureError::NoPulse),
    }
}

/// Captures in a thread of its own.
///
/// # Errors
/// When the thread cannot be made.
pub fn spawn(mut capture: Box<dyn Capture>, inbox: SyncSender<Input>) -> io::Result<()> {
    let run = move || {
        let Gone = capture.run(&PcmInbox(inbox));
    };
    std::thread::Builder::new()
        .name("capture".into())
        .spawn(run)?;
    Ok(())
}
