//! Measures each part of a slot by itself, and so the least that N speakers can cost.
//!
//! The work has the rhythm of slots: a mixer waits for its packets, and the CPU's caches are cold
//! after that. In a loop without pauses a decoder is faster than it can be in any mixer; that is
//! reported as well.
//! Always: CPU time of this thread; medians over many slots, so that a short disturbance by another
//! program does not matter.

use std::hint::black_box;
use std::net::UdpSocket;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES};
use raa_core::mix::{self, Limiter};
use raa_core::{SLOT, SLOT_SAMPLES};
use raa_sim::measure::cpu;
use raa_sim::world::sound::{self, Piece};
use serde::Serialize;

use crate::queue::Queue;

/// A datagram of the same length as raa-load's.
const DATAGRAM: [u8; 172] = [0x80; 172];
/// The pause before a slot if the work of the last one took the whole slot.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
/// The least number of packets that are decoded without a pause.
const TIGHT_PACKETS: usize = 10_000;

/// CPU time of each part in us, and of all of them together.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Parts {
    pub speakers: u32,
    /// One sleep until a deadline.
    pub wake_up_us: f64,
    /// Receiving one datagram from the kernel's queue.
    pub receive_us: f64,
    /// Decoding one packet with its own decoder and adding it to the sum.
    pub decode_us: f64,
    /// Threads that decode at the same time, which can slow each other down.
    pub threads: u32,
    /// Limiting and encoding one slot of the mix.
    pub encode_us: f64,
    /// The whole slot, in percent of a core.
    pub limit_percent: f64,
    /// Like `decode_us`, but without pauses between slots.
    pub tight_decode_us: f64,
    /// Like `limit_percent`, but with `tight_decode_us`.
    pub tight_limit_percent: f64,
}

/// Measures `slots` slots with `speakers` speakers that `threads` threads decode.
pub(crate) fn measure(speakers: u32, slots: u32, threads: u32) -> anyhow::Result<Parts> {
    let pieces = sound::pieces()?;
    let mut mixer = Mixer::new(&pieces, speakers as usize, threads as usize)?;
    let mut parts_us: [Vec<f64>; 4] = Default::default();
    for _ in 0..slots {
        for (all, us) in parts_us.iter_mut().zip(mixer.slot()?) {
            all.push(us);
        }
    }
    let [wake_up_us, receive_us, decode_us, encode_us] = parts_us.map(median);
    let tight_decode_us = mixer.decode_without_pause()?;
    let around_us = wake_up_us + receive_us + encode_us;
    let percent = |slot_us: f64| 100.0 * slot_us / SLOT.as_micros() as f64;
    let count = f64::from(speakers);
    Ok(Parts {
        speakers,
        wake_up_us,
        receive_us: receive_us / count,
        decode_us: decode_us / count,
        threads,
        encode_us,
        limit_percent: percent(around_us + decode_us),
        tight_decode_us,
        tight_limit_percent: percent(around_us + tight_decode_us * count),
    })
}

/// A decoder and its position in its piece.
struct Voice<'a> {
    decoder: Decoder,
    piece: &'a Piece,
    at: usize,
}

/// The parts of a mixer, with as many decoders as there are speakers.
struct Mixer<'a> {
    voices: Vec<Voice<'a>>,
    threads: usize,
    sum: [f32; SLOT_SAMPLES],
    limiter: Limiter,
    encoder: Encoder,
    queue: Queue,
    sender: UdpSocket,
    due: Instant,
}

impl<'a> Mixer<'a> {
    fn new(pieces: &'a [Piece], speakers: usize, threads: usize) -> anyhow::Result<Self> {
        let voice = |n: usize| -> anyhow::Result<_> {
            let piece = &pieces[n % pieces.len()];
            let (decoder, at) = (Decoder::new()?, n * 37 % piece.len());
            Ok(Voice { decoder, piece, at })
        };
        let queue = Queue::bind(0)?;
        let sender = UdpSocket::bind("127.0.0.1:0")?;
        sender.connect(queue.socket.local_addr()?)?;
        Ok(Self {
            voices: (0..speakers).map(voice).collect::<Result<_, _>>()?,
            threads,
            sum: [0.0; SLOT_SAMPLES],
            limiter: Limiter::default(),
            encoder: Encoder::new(EncoderSettings::default())?,
            queue,
            sender,
            due: Instant::now(),
        })
    }

    /// Runs one slot. Returns the times of waking up, receiving, decoding and encoding, in us.
    fn slot(&mut self) -> anyhow::Result<[f64; 4]> {
        for _ in 0..self.voices.len() {
            self.sender.send(&DATAGRAM)?;
        }
        let begin = cpu::thread_time();
        let now = Instant::now();
        self.due = (self.due + SLOT).max(now + SHORTEST_PAUSE);
        thread::sleep(self.due - now);
        let awake = cpu::thread_time();
        let each = |at_ns, bytes: &[u8]| _ = black_box((at_ns, bytes.len()));
        self.queue.drain(each)?;
        let received = cpu::thread_time();
        let decode_us = self.decode()?;
        let decoded = cpu::thread_time();
        self.encode()?;
        Ok([
            us_between(begin, awake),
            us_between(awake, received),
            decode_us,
            us_between(decoded, cpu::thread_time()),
        ])
    }

    /// Decodes one packet of each speaker into the sum. Returns the time of all threads together in
    /// us.
    fn decode(&mut self) -> anyhow::Result<f64> {
        if self.threads == 1 {
            return decode(&mut self.voices, &mut self.sum);
        }
        let share = self.voices.len().div_ceil(self.threads);
        let shares: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = self
                .voices
                .chunks_mut(share)
                .map(|voices| {
                    scope.spawn(|| {
                        let mut sum = [0.0; SLOT_SAMPLES];
                        decode(voices, &mut sum).map(|us| (us, sum))
                    })
                })
                .collect();
            threads.into_iter().map(ScopedJoinHandle::join).collect()
        });
        let mut all_us = 0.0;
        for share in shares {
            let (us, sum) =
                share.map_err(|_| anyhow::anyhow!("a decoding thread has panicked"))??;
            mix::add(&mut self.sum, &sum, 1.0, 1.0);
            all_us += us;
        }
        Ok(all_us)
    }

    /// Encodes the sum into a packet and clears it.
    fn encode(&mut self) -> anyhow::Result<()> {
        let mut packet = [0; MAX_ENCODED_LEN];
        self.limiter.process(&mut self.sum);
        black_box(self.encoder.encode(&self.sum, &mut packet)?);
        self.sum.fill(0.0);
        Ok(())
    }

    /// Decodes many slots without pauses. Returns the time per packet in us.
    fn decode_without_pause(&mut self) -> anyhow::Result<f64> {
        let slots = TIGHT_PACKETS.div_ceil(self.voices.len());
        let mut all_us = 0.0;
        for _ in 0..slots {
            all_us += self.decode()?;
        }
        Ok(all_us / (slots * self.voices.len()) as f64)
    }
}

/// One packet of each of these into `sum`; us.
fn decode(voices: &mut [Voice<'_>], sum: &mut [f32; SLOT_SAMPLES]) -> anyhow::Result<f64> {
    let begin = cpu::thread_time();
    let mut pcm = [0.0; MAX_PACKET_SAMPLES];
    for Voice { decoder, piece, at } in voices {
        decoder.decode(&piece[*at], &mut pcm)?;
        *at = (*at + 1) % piece.len();
        if let Some(pcm) = pcm.first_chunk() {
            mix::add(sum, pcm, 1.0, 1.0);
        }
    }
    Ok(us_between(begin, cpu::thread_time()))
}

fn us_between(begin: Duration, end: Duration) -> f64 {
    end.saturating_sub(begin).as_secs_f64() * 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_sum_of_the_parts() {
        for threads in [1, 3] {
            check_sum(&measure(7, 5, threads).unwrap());
        }
    }

    fn check_sum(parts: &Parts) {
        let around_us = parts.wake_up_us + 7.0 * parts.receive_us + parts.encode_us;
        let paced = around_us + 7.0 * parts.decode_us;
        assert!((parts.limit_percent - paced / 200.0).abs() < 1e-9);
        let tight = around_us + 7.0 * parts.tight_decode_us;
        assert!((parts.tight_limit_percent - tight / 200.0).abs() < 1e-9);
        assert!(
            parts.decode_us > parts.receive_us && parts.receive_us > 0.0,
            "{parts:?}"
        );
        assert!(parts.encode_us > parts.decode_us, "{parts:?}");
    }

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert!((median(vec![3.0, 1000.0, 1.0, 2.0, 2.5]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
    }
}
