//! What each part of a slot costs by itself, and the least that N speakers can cost.
//!
//! Always: CPU time of this thread, part by part in turns over several rounds, the median of
//! them: another program's minute does not fall on one part alone.

use std::hint::black_box;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::mix::{self, Limiter};
use raa_core::{SLOT, SLOT_SAMPLES};
use raa_sim::sound::{self, Piece};
use serde::Serialize;

use crate::queue::Queue;

/// Slots of all speakers that one round decodes, at least so many packets.
const PACKETS_PER_ROUND: usize = 2000;
const ENCODES_PER_ROUND: usize = 200;
const SUMS_PER_ROUND: usize = 200;
const DATAGRAMS_PER_ROUND: usize = 1000;
const WAKE_UPS_PER_ROUND: u32 = 25;
/// From one wake-up to the next: long enough to fall asleep.
const NAP: Duration = Duration::from_millis(4);

/// CPU time of each part, in us, and of all of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Parts {
    pub speakers: u32,
    /// One packet, by a decoder of its own among so many.
    pub decode_us: f64,
    /// One datagram out of the kernel's queue.
    pub receive_us: f64,
    /// One source's share of the sum and of the limiter.
    pub mix_us: f64,
    /// One slot of the mix.
    pub encode_us: f64,
    /// One sleep to a deadline.
    pub wake_up_us: f64,
    /// All of a slot, in percent of a core.
    pub limit_percent: f64,
}

/// Measures for so many speakers.
pub(crate) fn measure(speakers: u32, rounds: u32) -> anyhow::Result<Parts> {
    let pieces = sound::pieces()?;
    let mut decoding = Decoding::new(&pieces, speakers as usize)?;
    let mut encoder = Encoder::new(EncoderSettings::default())?;
    let mut queue = Queue::bind(0)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    sender.connect(queue.socket.local_addr()?)?;
    let mut samples: [Vec<f64>; 5] = Default::default();
    for _ in 0..rounds {
        let round = [
            decoding.round()?,
            receive(&mut queue, &sender)?,
            sum(&decoding.heard, speakers as usize),
            encode(&mut encoder, &decoding.heard)?,
            wake_up(),
        ];
        for (all, us) in samples.iter_mut().zip(round) {
            all.push(us);
        }
    }
    let [decode_us, receive_us, mix_us, encode_us, wake_up_us] = samples.map(median);
    let per_speaker_us = decode_us + receive_us + mix_us;
    let slot_us = f64::from(speakers) * per_speaker_us + encode_us + wake_up_us;
    Ok(Parts {
        speakers,
        decode_us,
        receive_us,
        mix_us,
        encode_us,
        wake_up_us,
        limit_percent: 100.0 * slot_us / SLOT.as_micros() as f64,
    })
}

/// As many decoders as there are speakers, each at a place of its own in its piece.
struct Decoding<'a> {
    decoders: Vec<(Decoder, &'a Piece, usize)>,
    pcm: Box<[f32; MAX_PACKET_SAMPLES]>,
    /// Some slots of what was decoded.
    heard: Vec<[f32; SLOT_SAMPLES]>,
}

impl<'a> Decoding<'a> {
    fn new(pieces: &'a [Piece], speakers: usize) -> anyhow::Result<Self> {
        let decoder = |n: usize| -> anyhow::Result<_> {
            let piece = &pieces[n % pieces.len()];
            Ok((Decoder::new()?, piece, n * 37 % piece.len()))
        };
        Ok(Self {
            decoders: (0..speakers).map(decoder).collect::<Result<_, _>>()?,
            pcm: Box::new([0.0; MAX_PACKET_SAMPLES]),
            heard: vec![[0.0; SLOT_SAMPLES]; 50],
        })
    }

    /// Whole slots of all speakers; us per packet.
    fn round(&mut self) -> anyhow::Result<f64> {
        let slots = PACKETS_PER_ROUND.div_ceil(self.decoders.len());
        let before = cpu_time();
        for slot in 0..slots {
            for (decoder, piece, at) in &mut self.decoders {
                decoder.decode(&piece[*at], &mut self.pcm)?;
                *at = (*at + 1) % piece.len();
            }
            let kept = slot % self.heard.len();
            self.heard[kept].copy_from_slice(&self.pcm[..SLOT_SAMPLES]);
        }
        Ok(us_each(before, slots * self.decoders.len()))
    }
}

fn receive(queue: &mut Queue, sender: &UdpSocket) -> anyhow::Result<f64> {
    let datagram = [0x80; 172];
    for _ in 0..DATAGRAMS_PER_ROUND {
        sender.send(&datagram)?;
    }
    let before = cpu_time();
    let count = queue.drain(|at_ns, bytes| _ = black_box((at_ns, bytes.len())))?;
    Ok(us_each(before, count))
}

/// Sums of all speakers; us per speaker, with its share of the limiter.
fn sum(heard: &[[f32; SLOT_SAMPLES]], speakers: usize) -> f64 {
    let mut limiter = Limiter::default();
    let sums = (SUMS_PER_ROUND * 10).div_ceil(speakers);
    let before = cpu_time();
    for _ in 0..sums {
        let mut sum = [0.0; SLOT_SAMPLES];
        for n in 0..speakers {
            mix::add(&mut sum, &heard[n % heard.len()], 1.0, 1.0);
        }
        limiter.process(&mut sum);
        black_box(&sum);
    }
    us_each(before, sums * speakers)
}

fn encode(encoder: &mut Encoder, heard: &[[f32; SLOT_SAMPLES]]) -> anyhow::Result<f64> {
    let mut packet = [0; MAX_ENCODED_LEN];
    let before = cpu_time();
    for pcm in heard.iter().cycle().take(ENCODES_PER_ROUND) {
        black_box(encoder.encode(pcm, &mut packet)?);
    }
    Ok(us_each(before, ENCODES_PER_ROUND))
}

fn wake_up() -> f64 {
    let start = Instant::now();
    let before = cpu_time();
    for n in 1..=WAKE_UPS_PER_ROUND {
        thread::sleep((start + NAP * n).saturating_duration_since(Instant::now()));
    }
    us_each(before, WAKE_UPS_PER_ROUND as usize)
}

/// Of this thread; zero where the system does not tell.
pub(crate) fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

/// CPU time since `before`, in us, for each of `count`.
pub(crate) fn us_each(before: Duration, count: usize) -> f64 {
    let used = cpu_time().saturating_sub(before);
    used.as_secs_f64() * 1e6 / count.max(1) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_sum_of_its_parts() {
        let parts = measure(7, 1).unwrap();
        let speaker_us = parts.decode_us + parts.receive_us + parts.mix_us;
        let slot_us = 7.0 * speaker_us + parts.encode_us + parts.wake_up_us;
        assert!((parts.limit_percent - slot_us / 200.0).abs() < 1e-9);
        assert!(
            parts.decode_us > parts.mix_us && parts.mix_us > 0.0,
            "{parts:?}"
        );
        assert!(parts.encode_us > parts.decode_us, "{parts:?}");
    }

    #[test]
    fn one_wild_round_does_not_move_the_median() {
        assert!((median(vec![3.0, 1000.0, 1.0, 2.0, 2.5]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
    }
}
