//! A WAV file of any rate and any number of channels, repeated in real time.
//!
//! Always: a file is read in small pieces, so its length does not matter for memory; its end and its
//! beginning join without a gap.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec};
use raa_core::SLOT_SAMPLES;
use tracing::{info, warn};

use super::mono::Mono;
use super::pacer::Pacer;
use super::{Capture, CaptureError, FileTrouble, PcmInbox, SenderEnded};

/// The pause before a file that can no longer be read is reopened.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

pub(super) struct WavFile {
    path: PathBuf,
    player: Player,
}

impl WavFile {
    pub(super) fn open(path: &Path) -> Result<Self, CaptureError> {
        let player = Player::open(path).map_err(|reason| CaptureError::File {
            path: path.display().to_string(),
            reason,
        })?;
        Ok(Self {
            path: path.to_owned(),
            player,
        })
    }
}

impl Capture for WavFile {
    fn run(&mut self, pcm: &PcmInbox) -> SenderEnded {
        let WavSpec {
            sample_rate,
            channels,
            ..
        } = self.player.reader.spec();
        info!(
            "playing {}, {sample_rate} Hz, {channels} channels",
            self.path.display()
        );
        let mut pacer = Pacer::new();
        loop {
            let block = self.player.next_block();
            pacer.wait();
            match block {
                Ok(block) => {
                    if let Err(ended) = pcm.push(block) {
                        return ended;
                    }
                }
                Err(reason) => {
                    warn!(
                        "cannot play {}: {reason}; trying again",
                        self.path.display()
                    );
                    self.reopen();
                }
            }
        }
    }
}

impl WavFile {
    fn reopen(&mut self) {
        loop {
            std::thread::sleep(REOPEN_AFTER);
            if let Ok(player) = Player::open(&self.path) {
                self.player = player;
                info!("playing {} again", self.path.display());
                return;
            }
        }
    }
}

/// An open file and its conversion to 48 kHz mono.
struct Player {
    reader: WavReader<BufReader<File>>,
    mono: Mono,
}

impl Player {
    fn open(path: &Path) -> Result<Self, FileTrouble> {
        let reader = WavReader::open(path)?;
        if reader.duration() == 0 {
            return Err(FileTrouble::Empty);
        }
        let spec = reader.spec();
        let mono = Mono::new(spec.sample_rate, spec.channels)?;
        Ok(Self { reader, mono })
    }

    fn next_block(&mut self) -> Result<Vec<f32>, FileTrouble> {
        loop {
            if let Some(block) = self.mono.next_block() {
                return Ok(block);
            }
            let mut interleaved = self.read(SLOT_SAMPLES)?;
            if interleaved.is_empty() {
                self.reader.seek(0).map_err(hound::Error::from)?;
                interleaved = self.read(SLOT_SAMPLES)?;
            }
            if interleaved.is_empty() {
                return Err(FileTrouble::Empty);
            }
            self.mono.push(&interleaved)?;
        }
    }

    /// Returns up to `frames` frames; fewer at the end of the file.
    fn read(&mut self, frames: usize) -> Result<Vec<f32>, FileTrouble> {
        let WavSpec {
            channels,
            bits_per_sample,
            sample_format,
            ..
        } = self.reader.spec();
        let samples = frames * usize::from(channels);
        let full_scale = (1u64 << (bits_per_sample - 1)) as f32;
        let interleaved: Result<Vec<f32>, _> = match sample_format {
            SampleFormat::Float => self.reader.samples::<f32>().take(samples).collect(),
            SampleFormat::Int => self
                .reader
                .samples::<i32>()
                .take(samples)
                .map(|sample| sample.map(|sample| sample as f32 / full_scale))
                .collect(),
        };
        Ok(interleaved?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes one second of a 1 kHz tone at -6 dBFS to every channel.
    fn write_tone(path: &Path, spec: WavSpec) {
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        for i in 0..spec.sample_rate {
            let t = f64::from(i) / f64::from(spec.sample_rate);
            let x = 0.5 * (t * 1000.0 * std::f64::consts::TAU).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(x as f32).unwrap(),
                    SampleFormat::Int => {
                        let full_scale = f64::from(1u32 << (spec.bits_per_sample - 1));
                        writer.write_sample((x * full_scale) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn every_format_loops_at_its_pitch_and_level() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        for (sample_rate, channels, bits_per_sample, sample_format) in [
            (48_000, 1, 16, SampleFormat::Int),
            (44_100, 2, 16, SampleFormat::Int),
            (8_000, 1, 8, SampleFormat::Int),
            (96_000, 6, 24, SampleFormat::Int),
            (32_000, 2, 32, SampleFormat::Float),
        ] {
            let spec = WavSpec {
                channels,
                sample_rate,
                bits_per_sample,
                sample_format,
            };
            write_tone(&path, spec);
            let mut player = Player::open(&path).unwrap();
            // Three seconds, so the file repeats twice.
            let pcm: Vec<f32> = (0..150)
                .flat_map(|_| player.next_block().unwrap())
                .collect();
            let pcm = &pcm[4800..];
            let rms = (pcm.iter().map(|x| x * x).sum::<f32>() / pcm.len() as f32).sqrt();
            assert!((rms - 0.3536).abs() < 0.01, "{spec:?}: {rms}");
            let rises = pcm
                .windows(2)
                .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
                .count();
            assert!(
                (2898..=2902).contains(&rises),
                "{spec:?}: {rises} periods in 2.9 s"
            );
        }
    }

    #[test]
    fn files_without_sound_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, content: Option<&[u8]>, words: &str| {
            let path = folder.path().join(name);
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = WavFile::open(&path).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(words), "{error}");
        };
        let missing = if cfg!(windows) {
            "os error 2"
        } else {
            "No such file"
        };
        check("missing.wav", None, missing);
        check("text.wav", Some(b"This is not a WAV file at all."), "RIFF");
        let path = folder.path().join("empty.wav");
        let spec = WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        hound::WavWriter::create(&path, spec)
            .unwrap()
            .finalize()
            .unwrap();
        check("empty.wav", None, "no samples");
    }
}
