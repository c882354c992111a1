//! Every stream that is Opus is heard from its first packet: no encoder's habit and no sender's
//! timestamps make the server take it for another codec.

#![allow(clippy::unwrap_used)]

mod common;

use std::ops::Range;
use std::time::Duration;

use common::replay::{Replay, Sound, Stream};
use opusic_c::{Application, Bandwidth, Bitrate, Channels, Encoder, InbandFec, SampleRate, Signal};
use raa_sim::Random;

/// The durations of packets, in 48ths of a millisecond.
const LENGTHS: [usize; 9] = [120, 240, 480, 960, 1920, 2880, 3840, 4800, 5760];

/// Those that may look like several streams in one packet soonest, since few of them are needed.
const LONG_LENGTHS: [usize; 5] = [1920, 2880, 3840, 4800, 5760];

/// A sender that uses everything that libopus offers.
struct Sender {
    encoder: Encoder,
    stereo: bool,
    length: usize,
    /// Whether it leaves out DTX packets, as a sender of talkspurts does.
    leaves_out_dtx: bool,
    /// Samples that the first timestamps fall behind, as GStreamer's look-ahead does.
    behind: u32,
    /// Whether timestamps are rounded to a millisecond, as in Matroska files.
    rounds: bool,
}

fn pick<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[random.next_u64() as usize % all.len()]
}

impl Sender {
    fn any(random: &mut Random, lengths: &[usize]) -> Self {
        let stereo = random.chance(0.4);
        let channels = [Channels::Mono, Channels::Stereo][usize::from(stereo)];
        let rate = SampleRate::Hz48000;
        let application = pick(
            random,
            &[Application::Voip, Application::Audio, Application::LowDelay],
        );
        let mut encoder = Encoder::new(channels, rate, application).unwrap();
        encoder
            .set_complexity(pick(random, &[0, 5, 9, 10]))
            .unwrap();
        encoder.set_vbr(random.chance(0.7)).unwrap();
        encoder.set_vbr_constraint(random.chance(0.5)).unwrap();
        encoder.set_dtx(random.chance(0.5)).unwrap();
        let fec = pick(
            random,
            &[InbandFec::Off, InbandFec::Mode1, InbandFec::Mode2],
        );
        encoder.set_inband_fec(fec).unwrap();
        encoder
            .set_packet_loss(pick(random, &[0, 5, 20, 50]))
            .unwrap();
        let signal = pick(random, &[Signal::Auto, Signal::Voice, Signal::Music]);
        encoder.set_signal(signal).unwrap();
        let bandwidth = pick(
            random,
            &[
                Bandwidth::Narrow,
                Bandwidth::Medium,
                Bandwidth::Wide,
                Bandwidth::Superwide,
                Bandwidth::Full,
            ],
        );
        encoder.set_max_bandwidth(bandwidth).unwrap();
        let mut sender = Self {
            encoder,
            stereo,
            length: pick(random, lengths),
            leaves_out_dtx: random.chance(0.3),
            behind: pick(random, &[0, 0, 120, 312]),
            rounds: random.chance(0.2),
        };
        sender.change_bitrate(random);
        sender
    }

    fn change_bitrate(&mut self, random: &mut Random) {
        let bitrate = 6000.0 * 85f64.powf(random.unit());
        let bitrate = Bitrate::Value(bitrate as u32);
        self.encoder.set_bitrate(bitrate).unwrap();
    }

    /// Encodes the next packet of a sound.
    fn packet(&mut self, sound: Sound, start: usize, random: &mut Random) -> Vec<u8> {
        let mut pcm = Vec::new();
        for i in start..start + self.length {
            let x = sound.sample(i as f64 / 48_000.0, random) as f32;
            pcm.push(x);
            if self.stereo {
                pcm.push(0.7 * x);
            }
        }
        let mut packet = vec![0; 1400];
        let len = self
            .encoder
            .encode_float_to_slice(&pcm, &mut packet)
            .unwrap();
        packet.truncate(len);
        packet
    }

    /// Sends four seconds, in which the sender changes its mind now and then.
    fn send(&mut self, random: &mut Random) -> Stream {
        let mut sound = Sound::any(random);
        let mut stream = Stream::new(random);
        let (mut at, mut sent, mut held_back) = (0, 0, self.behind);
        let changes_length = random.chance(0.2);
        let mut next_change = (96_000.0 * random.unit()) as usize;
        while at < 4 * 48_000 {
            let packet = self.packet(sound, at, random);
            let step = self.length as u32;
            let behind = held_back.min(step);
            held_back -= behind;
            at += self.length;
            let mut target = at as u32 - (self.behind - held_back);
            if self.rounds {
                target = target / 48 * 48;
            }
            let is_left_out = self.leaves_out_dtx && packet.len() <= 2;
            let length = Duration::from_nanos(self.length as u64 * 1_000_000_000 / 48_000);
            if is_left_out {
                stream.timestamp = stream.timestamp.wrapping_add(target - sent);
                stream.at += length;
            } else {
                stream.send(&packet, target - sent, length);
            }
            sent = target;
            if at >= next_change {
                next_change = at + 14_400 + (96_000.0 * random.unit()) as usize;
                self.change_bitrate(random);
                sound = Sound::any(random);
                if changes_length {
                    self.length = pick(random, &LENGTHS);
                }
            }
        }
        stream
    }
}

/// The network: some packets are lost, come twice, late or out of order.
fn disturb(stream: &mut Stream, random: &mut Random) {
    let loss = pick(random, &[0.0, 0.0, 0.02, 0.2]);
    let jitter = pick(random, &[0, 0, 5_000, 60_000]);
    let before = std::mem::take(&mut stream.datagrams);
    for (at, datagram) in before {
        if random.chance(loss) {
            continue;
        }
        let late = Duration::from_micros(random.next_u64() % (jitter + 1));
        if random.chance(loss / 4.0) {
            stream.datagrams.push((at + late, datagram.clone()));
        }
        stream.datagrams.push((at + late, datagram));
    }
    stream.datagrams.sort_by_key(|(at, _)| *at);
}

/// Plays a stream of each seed; none may be withheld in any slot.
#[track_caller]
fn check(seeds: Range<u64>, lengths: &[usize]) {
    let (count, mut packets, mut withheld) = (seeds.end - seeds.start, 0, Vec::new());
    for seed in seeds {
        let mut random = Random::new(seed);
        let mut stream = Sender::any(&mut random, lengths).send(&mut random);
        disturb(&mut stream, &mut random);
        let mut replay = Replay::new();
        replay.run(&stream.datagrams);
        packets += stream.datagrams.len() as u64;
        if replay.withheld.contains(&true) {
            withheld.push(seed);
        }
        assert!(replay.view().unwrap().stats.received > 0, "seed {seed}");
    }
    println!("{count} streams of {packets} packets");
    assert!(withheld.is_empty(), "seeds {withheld:?}");
    assert!(packets > 20 * count, "{packets}");
}

/// Returns how many streams to try: the usual number, or `OPUS_STREAMS` if that is more. Whoever changes a threshold of the
/// judgement tries 1200 of each kind, which takes minutes.
fn streams(usual: u64) -> u64 {
    let asked = std::env::var("OPUS_STREAMS").map(|text| text.parse().unwrap());
    asked.unwrap_or(usual).max(usual)
}

#[test]
fn every_opus_stream_is_heard_throughout() {
    check(0..streams(300), &LENGTHS);
}

#[test]
fn long_opus_packets_are_heard_throughout() {
    check(0..streams(100), &LONG_LENGTHS);
}

#[test]
fn four_changes_of_the_configuration_are_no_contradiction() {
    // A voice falls silent while the bitrate changes: libopus makes four changes in six packets.
    check(698..699, &LENGTHS);
}
