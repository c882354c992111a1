//! Every other codec under Opus' payload type is heard for a moment at most: the mix stays below
//! -60 dBFS but for 200 ms, and the client says that it is withheld.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::replay::{Replay, Sound, Stream};
use opusic_c::multistream::{self, Config};
use opusic_c::{Application, Bitrate, SampleRate};
use raa_core::client::{Status, Withheld};
use raa_sim::Random;

const MS: Duration = Duration::from_millis(1);
/// For how long noise may be heard in all.
const PATIENCE: Duration = Duration::from_millis(200);
/// Duration of each stream.
const LENGTH: Duration = Duration::from_secs(4);

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.next_u64() as usize % all.len()]
}

/// Sends `each` packet of this many samples at this rate, with timestamps in the same samples.
fn stream(
    random: &mut Random,
    (rate, samples): (u32, u32),
    mut each: impl FnMut(u32, &mut Random) -> Vec<u8>,
) -> Stream {
    let mut stream = Stream::new(random);
    let begun = stream.at;
    let length = Duration::from_secs(1) * samples / rate;
    let mut start = 0;
    while stream.at < begun + LENGTH {
        let payload = each(start, random);
        stream.send(&payload, samples, length);
        start += samples;
    }
    stream
}

/// A codec that turns each sample into bytes.
fn pcm(random: &mut Random, rates: &[u32], code: impl Fn(i16, &mut Vec<u8>)) -> Stream {
    let sound = Sound::any(random);
    pcm_of(sound, random, rates, code)
}

/// A sound in a codec that turns each sample into bytes.
fn pcm_of(
    sound: Sound,
    random: &mut Random,
    rates: &[u32],
    code: impl Fn(i16, &mut Vec<u8>),
) -> Stream {
    let rate = pick(random, rates);
    let samples = rate * pick(random, &[5, 10, 20, 30, 40, 40, 60]) / 1000;
    let channels = pick(random, &[1, 2]);
    let gain = pick(random, &[0.05, 0.3, 1.0, 2.5]);
    stream(random, (rate, samples), |start, random| {
        let mut payload = Vec::new();
        for i in start..start + samples {
            let x = gain * sound.sample(f64::from(i) / f64::from(rate), random);
            for _ in 0..channels {
                code((x * 32_767.0) as i16, &mut payload);
            }
        }
        payload.truncate(1460);
        payload
    })
}

/// ITU-T G.711, mu-law.
fn mu_law(x: i16) -> u8 {
    let magnitude = (i32::from(x).abs() + 132).min(32_767);
    let exponent = 7 - (magnitude.leading_zeros() - 17).min(7);
    let mantissa = magnitude >> (exponent + 3) & 0x0f;
    let sign = u8::from(x < 0) << 7;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

/// ITU-T G.711, A-law.
fn a_law(x: i16) -> u8 {
    let magnitude = i32::from(x).abs().min(32_767) >> 3;
    let exponent = 7u32.saturating_sub((magnitude | 1).leading_zeros() - 20);
    let mantissa = magnitude >> exponent.max(1) & 0x0f;
    let sign = u8::from(x >= 0) << 7;
    (sign | (exponent as u8) << 4 | mantissa as u8) ^ 0x55
}

fn random_bytes(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.next_u64() as u8).collect()
}

/// Encrypted Opus, or anything else without structure; the header is in the clear.
fn encrypted(random: &mut Random) -> Stream {
    let samples = pick(random, &[480, 960, 960, 2880]);
    let bytes = pick(random, &[60, 170, 400]);
    stream(random, (48_000, samples), |_, random| {
        let len = bytes - (random.next_u64() % 40) as usize;
        random_bytes(random, len)
    })
}

/// AAC (RFC 3640): the length of the headers, then a size in 13 bits, then the frame.
fn aac(random: &mut Random) -> Stream {
    let rate = pick(random, &[44_100, 48_000]);
    let bytes = pick(random, &[120, 180, 340, 700]);
    stream(random, (rate, 1024), |_, random| {
        let len = bytes - (random.next_u64() % 60) as usize;
        let mut payload = vec![0, 16, (len >> 5) as u8, (len << 3) as u8];
        payload.extend(random_bytes(random, len));
        payload
    })
}

/// MPEG audio (RFC 2250): four bytes of zero, a frame's header, and the frame.
fn mpeg(random: &mut Random) -> Stream {
    let bytes = pick(random, &[192, 384, 576, 1152]);
    let mut stream = Stream::new(random);
    while stream.at < LENGTH {
        let mut payload = vec![0, 0, 0, 0, 0xff, 0xfd, 0xa4, 0];
        payload.extend(random_bytes(random, bytes));
        stream.send(&payload, 2160, 24 * MS);
    }
    stream
}

/// Opus of three to eight channels, in one packet for all (RFC 7845 section 5.1.1).
fn multistream(random: &mut Random, lengths: &[u32]) -> Stream {
    let application = pick(random, &[Application::Audio, Application::Voip]);
    let rate = SampleRate::Hz48000;
    let (channels, mut encoder) = match random.next_u64() % 4 {
        0 => (
            3,
            multistream::Encoder::new(Config::new(2, 1, [0, 2, 1]), rate, application),
        ),
        1 => (
            4,
            multistream::Encoder::new(Config::new(2, 2, [0, 1, 2, 3]), rate, application),
        ),
        2 => {
            let mapping = Config::new(4, 2, [0, 4, 1, 2, 3, 5]);
            (6, multistream::Encoder::new(mapping, rate, application))
        }
        _ => {
            let mapping = Config::new(5, 3, [0, 6, 1, 2, 3, 4, 5, 7]);
            (8, multistream::Encoder::new(mapping, rate, application))
        }
    };
    let encoder = encoder.as_mut().unwrap();
    let bitrate = channels as u32 * pick(random, &[12_000, 24_000, 48_000]);
    encoder.set_bitrate(Bitrate::Value(bitrate)).unwrap();
    encoder.set_vbr(random.chance(0.7)).unwrap();
    let samples = pick(random, lengths);
    let sound = match channels {
        // The packets of a steady tone repeat each other, and two streams alone leave a doubt then.
        3 | 4 => pick(random, &[Sound::Noise, Sound::Voice { hz: 120.0 }]),
        _ => Sound::any(random),
    };
    // Often only some of the channels have sound.
    let sounding = random.next_u64() | 1 << (random.next_u64() % channels as u64);
    stream(random, (48_000, samples), |start, random| {
        let mut pcm = Vec::new();
        for i in start..start + samples {
            let x = sound.sample(f64::from(i) / 48_000.0, random) as f32;
            pcm.extend((0..channels).map(|channel| x * (sounding >> channel & 1) as f32));
        }
        let mut packet = vec![0; 4000];
        let len = encoder.encode_float_to_slice(&pcm, &mut packet).unwrap();
        packet.truncate(len);
        packet
    })
}

/// Plays streams of a codec, one of each seed. All must be withheld unless all of their packets were
/// refused or they are silent to the ear.
#[track_caller]
fn check(codec: &str, seeds: u64, stream: impl Fn(&mut Random) -> Stream) {
    let (mut longest, mut withheld, mut faults) = (Duration::ZERO, 0, Vec::new());
    for seed in 0..seeds {
        let mut random = Random::new(seed);
        let stream = stream(&mut random);
        assert!(stream.datagrams.len() > 20, "{codec} {seed}");
        let mut replay = Replay::new();
        replay.run(&stream.datagrams);
        let heard = replay.heard();
        longest = longest.max(heard);
        let view = replay.view();
        let is_withheld = view.as_ref().is_some_and(|view| view.withheld.is_some());
        withheld += u64::from(is_withheld);
        if heard > PATIENCE {
            faults.push((seed, heard));
        }
        if let Some(view) = view.filter(|view| view.withheld == Some(Withheld::NotOpus)) {
            assert_ne!(view.status, Status::Sounding, "{codec} {seed}");
        }
    }
    println!("{codec}: {withheld} of {seeds} withheld, heard for {longest:?} at most");
    assert!(faults.is_empty(), "{codec}: {faults:?}");
    assert!(withheld > seeds / 3, "{codec}: {withheld} of {seeds}");
}

#[test]
fn mu_law_is_heard_for_a_moment_at_most() {
    let code = |x, out: &mut Vec<u8>| out.push(mu_law(x));
    check("mu-law", 100, |random| {
        pcm(random, &[8000, 8000, 16_000, 48_000], code)
    });
}

#[test]
fn a_law_is_heard_for_a_moment_at_most() {
    let code = |x, out: &mut Vec<u8>| out.push(a_law(x));
    check("A-law", 100, |random| {
        pcm(random, &[8000, 8000, 16_000, 48_000], code)
    });
}

#[test]
fn noise_in_g711_is_heard_for_a_moment_at_most() {
    let a_law = |x, out: &mut Vec<u8>| out.push(a_law(x));
    let mu_law = |x, out: &mut Vec<u8>| out.push(mu_law(x));
    check("A-law of noise", 300, |random| {
        pcm_of(Sound::Noise, random, &[8000, 16_000, 48_000], a_law)
    });
    check("mu-law of noise", 100, |random| {
        pcm_of(Sound::Noise, random, &[8000, 16_000, 48_000], mu_law)
    });
}

#[test]
fn l16_is_heard_for_a_moment_at_most() {
    let code = |x: i16, out: &mut Vec<u8>| out.extend(x.to_be_bytes());
    check("L16", 100, |random| {
        pcm(random, &[8000, 16_000, 44_100, 48_000, 48_000], code)
    });
}

#[test]
fn l24_is_heard_for_a_moment_at_most() {
    let code = |x: i16, out: &mut Vec<u8>| {
        out.extend(x.to_be_bytes());
        out.push(0);
    };
    check("L24", 60, |random| pcm(random, &[44_100, 48_000], code));
}

#[test]
fn encrypted_sound_is_heard_for_a_moment_at_most() {
    check("encrypted", 200, encrypted);
}

#[test]
fn aac_is_heard_for_a_moment_at_most() {
    check("AAC", 100, aac);
}

#[test]
fn mpeg_audio_is_heard_for_a_moment_at_most() {
    check("MPEG audio", 60, mpeg);
}

#[test]
fn opus_of_many_channels_is_heard_for_a_moment_at_most() {
    check("multistream", 150, |random| {
        multistream(random, &[120, 240, 480, 960, 960, 960, 960])
    });
}

#[test]
fn long_packets_of_many_channels_are_heard_for_a_moment_at_most() {
    check("multistream, 40 to 120 ms", 150, |random| {
        multistream(random, &[1920, 2880, 3840, 4800, 5760])
    });
}
