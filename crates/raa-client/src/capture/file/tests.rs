//! Real files and pipes, written byte by byte, played by the player or the whole capture.

use std::f64::consts::TAU;
use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use super::*;
use crate::capture::encoding::Encoding;
use crate::capture::judging::{rises, rms};
use crate::sender::Input;
use crate::status::SharedStatus;

/// RMS of a sine with a peak of a half.
const RMS: f32 = 0.353_55;
const UNKNOWN: u32 = u32::MAX;

/// Returns the code of a sample in a format.
fn encode(encoding: Encoding, x: f64) -> Vec<u8> {
    let top = ((x * 2_147_483_648.0) as i32).to_le_bytes();
    match encoding {
        Encoding::F32 => (x as f32).to_le_bytes().to_vec(),
        Encoding::F64 => x.to_le_bytes().to_vec(),
        Encoding::U8 => vec![(x * 128.0 + 128.0) as u8],
        Encoding::I16 => top[2..].to_vec(),
        Encoding::I24 => top[1..].to_vec(),
        Encoding::I32 => top.to_vec(),
        // The code with the nearest value.
        Encoding::ALaw | Encoding::MuLaw => {
            let mut values = Vec::new();
            encoding.decode(&(0..=255).collect::<Vec<u8>>(), &mut values);
            let distance = |code: &u8| (f64::from(values[usize::from(*code)]) - x).abs();
            let nearest = (0..=255).min_by(|a, b| distance(a).total_cmp(&distance(b)));
            vec![nearest.unwrap()]
        }
    }
}

/// Returns a WAV file with these lengths in its header; its channels are as loud as `levels` say.
fn wav(encoding: Encoding, rate: u32, levels: &[f64], lengths: [u32; 2], seconds: f64) -> Vec<u8> {
    let tag: u16 = match encoding {
        Encoding::F32 | Encoding::F64 => 3,
        Encoding::ALaw => 6,
        Encoding::MuLaw => 7,
        _ => 1,
    };
    let (channels, bytes) = (levels.len() as u16, encoding.bytes() as u16);
    let mut file = b"RIFF".to_vec();
    file.extend(lengths[0].to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend([tag, channels].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(rate.to_le_bytes());
    file.extend([0; 4]);
    file.extend(
        [channels * bytes, 8 * bytes]
            .iter()
            .flat_map(|half| half.to_le_bytes()),
    );
    file.extend(b"data");
    file.extend(lengths[1].to_le_bytes());
    for i in 0..(f64::from(rate) * seconds) as u32 {
        let x = (TAU * 1000.0 * f64::from(i) / f64::from(rate)).sin();
        file.extend(levels.iter().flat_map(|level| encode(encoding, level * x)));
    }
    file
}

/// Returns the first samples that the file plays, without the first 100 ms.
fn play(path: &Path, slots: usize) -> Vec<f32> {
    let mut player = Player::open(path).unwrap();
    let blocks = (0..slots).map(|_| player.next_block().unwrap().unwrap());
    blocks.flatten().skip(4800).collect()
}

#[test]
fn every_format_loops_at_its_pitch_and_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    for (encoding, rate, channels) in [
        (Encoding::I16, 48_000, 1),
        (Encoding::I16, 44_100, 2),
        (Encoding::U8, 8_000, 1),
        (Encoding::I24, 96_000, 2),
        (Encoding::I32, 48_000, 2),
        (Encoding::F32, 32_000, 2),
        (Encoding::F64, 48_000, 2),
        (Encoding::ALaw, 8_000, 1),
        (Encoding::MuLaw, 8_000, 2),
    ] {
        let bytes = wav(encoding, rate, &vec![0.5; channels], [UNKNOWN; 2], 1.0);
        fs::write(&path, bytes).unwrap();
        // Three seconds, so the file repeats twice.
        let pcm = play(&path, 150);
        let case = format!("{} {rate} Hz {channels} channels", encoding.name());
        assert!((rms(&pcm) - RMS).abs() < 0.01, "{case}: {}", rms(&pcm));
        let periods = rises(&pcm);
        assert!(
            (2898..=2902).contains(&periods),
            "{case}: {periods} in 2.9 s"
        );
    }
}

#[test]
fn surround_files_are_as_loud_as_stereo() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    for levels in [&[0.5, 0.5][..], &[0.5, 0.5, 0.0, 0.5, 0.0, 0.0], &[0.5; 2]] {
        let bytes = wav(Encoding::I16, 48_000, levels, [UNKNOWN; 2], 0.5);
        fs::write(&path, bytes).unwrap();
        let level = rms(&play(&path, 20));
        assert!((level / RMS - 1.0).abs() < 0.01, "{levels:?}: {level}");
    }
    // The centre alone is 3 dB louder than one side and 3 dB quieter than both.
    let bytes = wav(
        Encoding::I16,
        48_000,
        &[0.0, 0.0, 0.5, 0.0, 0.0, 0.0],
        [UNKNOWN; 2],
        0.5,
    );
    fs::write(&path, bytes).unwrap();
    let level = rms(&play(&path, 20)) / RMS;
    assert!(
        (level - std::f32::consts::FRAC_1_SQRT_2).abs() < 0.01,
        "{level}"
    );
}

#[test]
fn unfinished_files_are_played_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    for lengths in [[UNKNOWN; 2], [0, 0], [36, 0], [0x7fff_f024, 0x7fff_f000]] {
        let mut bytes = wav(Encoding::I16, 48_000, &[0.5; 2], lengths, 1.0);
        // Half a frame: the writer was killed.
        bytes.extend([1, 2]);
        fs::write(&path, bytes).unwrap();
        let pcm = play(&path, 150);
        let periods = rises(&pcm);
        assert!((2898..=2902).contains(&periods), "{lengths:?}: {periods}");
        assert!((rms(&pcm) - RMS).abs() < 0.01, "{lengths:?}");
    }
}

#[test]
fn chunks_behind_the_sound_stay_silent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let mut bytes = wav(Encoding::I16, 48_000, &[0.0], [96_084, 96_000], 1.0);
    bytes.extend(b"LIST\x28\0\0\0");
    bytes.extend([0x7f; 40]);
    fs::write(&path, bytes).unwrap();
    assert_eq!(rms(&play(&path, 150)), 0.0);
}

#[test]
fn samples_that_are_no_numbers_are_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let mut bytes = wav(Encoding::F64, 48_000, &[0.5], [UNKNOWN; 2], 0.0);
    for x in [f64::NAN, f64::INFINITY, 1e300].repeat(320) {
        bytes.extend(x.to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    assert_eq!(rms(&play(&path, 20)), 0.0);
}

#[test]
fn files_without_sound_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: Option<&[u8]>, words: &str| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
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
    for lengths in [[36, 0], [UNKNOWN; 2], [40, 0]] {
        let empty = wav(Encoding::I16, 48_000, &[0.5], lengths, 0.0);
        check("empty.wav", Some(&empty), "no samples");
    }
    let rate = wav(Encoding::I16, 999, &[0.5], [UNKNOWN; 2], 0.1);
    check("rate.wav", Some(&rate), "999 Hz");
}

/// A capture of a file in a thread of its own.
struct Bench {
    inputs: Receiver<Input>,
    status: SharedStatus,
    /// Dropped to end the capture.
    _alive: Arc<()>,
}

impl Bench {
    fn start(path: &Path) -> Self {
        let (inbox, inputs) = sync_channel(16);
        let (alive, status) = (Arc::new(()), SharedStatus::unwatched());
        let pcm = PcmInbox::new(inbox, status.clone(), Arc::downgrade(&alive));
        let mut capture = WavFile::open(path).unwrap();
        std::thread::spawn(move || capture.run(&pcm));
        Self {
            inputs,
            status,
            _alive: alive,
        }
    }

    /// Waits until half a second is as loud as this, which must happen soon.
    #[track_caller]
    fn expect_level(&self, expected: f32) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut latest = Vec::new();
        while Instant::now() < deadline {
            if let Ok(Input::Pcm(block)) = self.inputs.recv_timeout(Duration::from_secs(1)) {
                latest.extend(block);
                latest.drain(..latest.len().saturating_sub(24_000));
            }
            let level = rms(&latest);
            if latest.len() == 24_000 && (level / expected - 1.0).abs() < 0.02 {
                return;
            }
        }
        panic!("an RMS of {} instead of {expected}", rms(&latest));
    }

    #[track_caller]
    fn expect_trouble(&self, words: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let trouble = || {
            self.status
                .get()
                .capture
                .trouble
                .map(|trouble| trouble.to_string())
        };
        while !trouble().is_some_and(|trouble| trouble.contains(words)) {
            assert!(Instant::now() < deadline, "{:?}", trouble());
            let _ = self.inputs.recv_timeout(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_refused_file_is_played_once_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.wav");
    let good = |level: f64| wav(Encoding::I16, 48_000, &[level], [UNKNOWN; 2], 2.0);
    fs::write(&path, good(0.5)).unwrap();
    let bench = Bench::start(&path);
    bench.expect_level(RMS);
    // Its end comes, and then there is nothing to repeat.
    fs::write(&path, b"This is no sound at all.").unwrap();
    bench.expect_trouble("RIFF");
    fs::write(&path, good(0.25)).unwrap();
    bench.expect_level(RMS / 2.0);
    assert_eq!(bench.status.get().capture.trouble, None);
}

#[test]
#[cfg(unix)]
fn pipes_are_played_for_one_writer_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe.wav");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let bench = Bench::start(&path);
    for (encoding, level) in [(Encoding::I16, 0.5), (Encoding::MuLaw, 0.25)] {
        let bytes = wav(encoding, 48_000, &[level; 2], [UNKNOWN; 2], 2.0);
        let path = path.clone();
        let writer = std::thread::spawn(move || fs::write(path, bytes).unwrap());
        bench.expect_level(RMS * 2.0 * level as f32);
        // The rest, so that the pipe ends.
        while !writer.is_finished() {
            let _ = bench.inputs.recv_timeout(Duration::from_millis(20));
        }
    }
}
