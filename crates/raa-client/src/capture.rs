//! The source of the sound: one thread that puts blocks of PCM into the sender's inbox.
//!
//! Always: blocks are 48 kHz mono and about 20 ms long; a source without sound may deliver nothing;
//! a source that fails is reopened until it works; a full inbox costs a block and never waits.

mod audibility;
#[cfg(any(windows, test))]
mod cutover;
mod downmix;
mod encoding;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod judging;
mod limit;
mod mono;
mod pacer;
#[cfg(any(windows, test))]
mod programs;
#[cfg(target_os = "linux")]
mod pulse;
#[cfg(any(windows, test))]
mod question;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code))]
mod rest;
#[cfg(any(windows, test))]
mod retry;
mod tone;
#[cfg(windows)]
mod wasapi;
#[cfg(any(windows, test))]
mod watchdog;
mod wav;

use std::io;
use std::sync::Weak;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

use crate::sender::Input;
use crate::settings::{Settings, Source};
#[cfg(target_os = "linux")]
use crate::status::SoundServerTrouble;
use crate::status::{ConversionError, SharedStatus};

#[cfg(target_os = "linux")]
pub(crate) use self::pulse::{SeenSink, look as look_at_sound_server};
#[cfg(windows)]
pub(crate) use self::wasapi::devices;

/// Something that can be captured.
pub(crate) trait Capture: Send {
    /// Captures until the sender has ended.
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded;
}

/// The sender has ended, so its source must end, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SenderEnded;

/// Why a source cannot be opened at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CaptureError {
    /// The file is missing or not a WAV file.
    #[error("cannot play {path}: {reason}")]
    File { path: String, reason: FileTrouble },
    /// The environment names no sound server of this computer, and never will.
    #[cfg(target_os = "linux")]
    #[error("cannot capture: {0}")]
    SoundServer(#[from] SoundServerTrouble),
    /// The source belongs to another operating system.
    #[error("this system cannot capture {0:?}")]
    OtherSystem(Source),
}

/// Why a WAV file cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileTrouble {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wav(#[from] wav::WavError),
    #[error("it has no samples")]
    Empty,
    #[error("{0}")]
    Conversion(#[from] ConversionError),
}

/// A device that sound can be captured from.
#[cfg(any(windows, test))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Windows' endpoint id, which never changes.
    pub(crate) id: String,
    /// The display name; two devices may have the same one.
    pub(crate) name: String,
}

/// The capturing side of the sender's inbox.
pub(crate) struct PcmInbox {
    inbox: SyncSender<Input>,
    status: SharedStatus,
    /// Held by the sender.
    alive: Weak<()>,
}

impl PcmInbox {
    /// Creates an inbox that is closed when the value behind `alive` is dropped.
    pub(crate) fn new(inbox: SyncSender<Input>, status: SharedStatus, alive: Weak<()>) -> Self {
        Self {
            inbox,
            status,
            alive,
        }
    }

    /// Returns whether the sender has ended; for a source that has nothing to push.
    pub(crate) fn is_closed(&self) -> bool {
        self.alive.strong_count() == 0
    }

    /// Returns the status to which the source reports.
    pub(crate) fn status(&self) -> &SharedStatus {
        &self.status
    }

    /// Puts one block in; drops it if the inbox is full.
    pub(crate) fn push(&self, pcm: Vec<f32>) -> Result<(), SenderEnded> {
        match self.inbox.try_send(Input::Pcm(pcm)) {
            // A sender that is this far behind would drop the block anyway.
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(SenderEnded),
        }
    }
}

/// Opens a source. A sound server or device that is not there yet is no error.
pub(crate) fn open(settings: &Settings) -> Result<Box<dyn Capture>, CaptureError> {
    match &settings.source {
        Source::Tone => Ok(Box::new(tone::Tone)),
        Source::File(path) => Ok(Box::new(file::WavFile::open(path)?)),
        #[cfg(target_os = "linux")]
        Source::Pulse => Ok(Box::new(pulse::Pulse::open()?)),
        #[cfg(windows)]
        Source::Automatic | Source::Device(_) => Ok(wasapi::open(settings)),
        other => Err(CaptureError::OtherSystem(other.clone())),
    }
}

/// Runs `capture` in a thread of its own.
pub(crate) fn spawn(mut capture: Box<dyn Capture>, pcm: PcmInbox) -> io::Result<JoinHandle<()>> {
    let run = move || {
        let SenderEnded = capture.run(&pcm);
    };
    std::thread::Builder::new()
        .name("capture".into())
        .spawn(run)
}
