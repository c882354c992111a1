//! A WAV file of any rate and any number of channels, repeated in real time. From a pipe, each WAV
//! stream is played once.
//!
//! Always: a file is read in small pieces, so its length does not matter for memory; its end and its
//! beginning join without a gap; a file that cannot be played is refused when it is opened and not
//! tried again before it has changed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use raa_core::SLOT_SAMPLES;
use tracing::{info, warn};

use super::mono::Mono;
use super::pacer::Pacer;
use super::wav::{Header, WavError};
use super::{Capture, CaptureError, FileTrouble, PcmInbox, SenderEnded};
use crate::status::{CaptureStatus, Trouble};

/// The pause before a file that can no longer be read is reopened.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct WavFile {
    path: PathBuf,
    /// `None` for a pipe, because nobody may write to it yet.
    player: Option<Player>,
}

impl WavFile {
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let refused = |reason| CaptureError::File {
            path: path.display().to_string(),
            reason,
        };
        let kind = path.metadata().map_err(|error| refused(error.into()))?;
        let player = kind.is_file().then(|| Player::open(path)).transpose();
        Ok(Self {
            path: path.to_owned(),
            player: player.map_err(refused)?,
        })
    }
}

impl Capture for WavFile {
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded {
        let mut pacer = Pacer::new();
        loop {
            let mut player = match self.player.take() {
                Some(player) => player,
                None => match self.reopen(pcm) {
                    Ok(player) => player,
                    Err(ended) => return ended,
                },
            };
            info!("playing {}, {}", self.path.display(), player.format());
            let reason = loop {
                let block = player.next_block();
                pacer.wait();
                match block {
                    Ok(Some(block)) => {
                        if let Err(ended) = pcm.push(block) {
                            return ended;
                        }
                    }
                    Ok(None) => break None,
                    Err(reason) => break Some(reason),
                }
            };
            match reason {
                None => info!("{} has ended; waiting for more", self.path.display()),
                Some(reason) => self.report(pcm, Some(&reason)),
            }
        }
    }
}

impl WavFile {
    /// Opens the file again until it can be played. One that was refused is left alone until it has
    /// changed.
    fn reopen(&self, pcm: &PcmInbox) -> Result<Player, SenderEnded> {
        let mut refused = None;
        loop {
            let version = Version::of(&self.path);
            if refused.is_none() || refused != Some(version) {
                match Player::open(&self.path) {
                    Ok(player) => {
                        self.report(pcm, None);
                        return Ok(player);
                    }
                    Err(reason) => {
                        self.report(pcm, Some(&reason));
                        refused = reason.is_permanent().then_some(version);
                    }
                }
            }
            std::thread::sleep(REOPEN_AFTER);
            if pcm.is_closed() {
                return Err(SenderEnded);
            }
        }
    }

    /// Reports why the file cannot be played, once for each reason.
    fn report(&self, pcm: &PcmInbox, reason: Option<&FileTrouble>) {
        let trouble = reason.map(|reason| Trouble::File {
            path: self.path.display().to_string(),
            reason: reason.to_string(),
        });
        if pcm.status().get().capture.trouble == trouble {
            return;
        }
        if let Some(trouble) = &trouble {
            warn!("{trouble}; trying again when it changes");
        }
        pcm.status().update(|status| {
            status.capture = CaptureStatus {
                trouble,
                ..CaptureStatus::default()
            }
        });
    }
}

/// Length and modification time of a file, which show that it was written or replaced; the default if
/// it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Version {
    len: u64,
    modified: Option<SystemTime>,
}

impl Version {
    fn of(path: &Path) -> Self {
        path.metadata().map_or_else(
            |_| Self::default(),
            |metadata| Self {
                len: metadata.len(),
                modified: metadata.modified().ok(),
            },
        )
    }
}

/// An open file and its conversion to 48 kHz mono.
struct Player {
    reader: BufReader<File>,
    header: Header,
    /// Where the sound begins; `None` for a pipe, which cannot be repeated.
    start: Option<u64>,
    /// Bytes of sound that follow, if their number is known.
    left: Option<u64>,
    /// Whole frames that were read but not converted yet.
    bytes: Vec<u8>,
    samples: Vec<f32>,
    mono: Mono,
}

impl Player {
    fn open(path: &Path) -> Result<Self, FileTrouble> {
        let mut reader = BufReader::new(File::open(path)?);
        let header = Header::read(&mut reader)?;
        let mono = Mono::new(header.rate, header.layout.clone())?;
        let start = reader.stream_position().ok();
        let mut player = Self {
            left: header.len,
            reader,
            header,
            start,
            bytes: Vec::new(),
            samples: Vec::new(),
            mono,
        };
        // A file without sound would begin again for ever.
        if player.start.is_some() && !player.read()? {
            return Err(FileTrouble::Empty);
        }
        Ok(player)
    }

    fn format(&self) -> String {
        let (rate, channels) = (self.header.rate, self.header.layout.channels());
        let encoding = self.header.encoding.name();
        format!("{rate} Hz, {channels} channels, {encoding}")
    }

    /// Returns the next slot; `None` at the end of a pipe.
    fn next_block(&mut self) -> Result<Option<Vec<f32>>, FileTrouble> {
        loop {
            if let Some(block) = self.mono.next_block() {
                return Ok(Some(block));
            }
            if self.bytes.is_empty() && !self.read()? {
                let Some(start) = self.start else {
                    return Ok(None);
                };
                self.reader.seek(io::SeekFrom::Start(start))?;
                self.left = self.header.len;
                if !self.read()? {
                    return Err(FileTrouble::Empty);
                }
            }
            self.samples.clear();
            self.header.encoding.decode(&self.bytes, &mut self.samples);
            // Floating point may be anything, and nothing watches over a file.
            for sample in self.samples.iter_mut().filter(|x| !x.is_finite()) {
                *sample = 0.0;
            }
            self.bytes.clear();
            self.mono.push(&self.samples)?;
        }
    }

    /// Reads up to 20 ms of a file at 48 kHz; fewer at its end. Returns whether there was any.
    fn read(&mut self) -> Result<bool, FileTrouble> {
        let frame = self.header.encoding.bytes() * self.header.layout.channels();
        let wanted = (SLOT_SAMPLES * frame) as u64;
        let limit = self.left.map_or(wanted, |left| left.min(wanted));
        self.bytes.clear();
        let read = (&mut self.reader)
            .take(limit)
            .read_to_end(&mut self.bytes)?;
        if let Some(left) = &mut self.left {
            *left -= read as u64;
        }
        // Half a frame at the end of a file that was cut off.
        self.bytes.truncate(read / frame * frame);
        Ok(!self.bytes.is_empty())
    }
}

impl FileTrouble {
    /// Returns whether only another content of the file can help.
    fn is_permanent(&self) -> bool {
        !matches!(self, Self::Io(_) | Self::Wav(WavError::Io(_)))
    }
}

#[cfg(test)]
mod tests;
