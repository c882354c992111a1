//! Measures the cost of receiving in addition to decoding: an undisturbed source next to libopus.
//!
//! Both process the same packets in turn, in one thread. The result is the ratio of their CPU
//! times, which is the same on a slow or busy machine.
//! `cargo bench -p raa-sim --bench source`

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use raa_core::codec::{
    Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, MAX_PACKET_SAMPLES, packet_samples,
};
use raa_core::rtp::Packet;
use raa_core::source::{Load, Scratch, Source};
use raa_core::{OPUS_PAYLOAD_TYPE, SAMPLE_RATE, SLOT, SLOT_SAMPLES};
use raa_sim::Random;
use raa_sim::measure::cpu;

/// The number of packets that are repeated: 2 s of music.
const PACKETS: usize = 100;
/// Slots of one measurement: 40 s.
const SLOTS: u32 = 2000;
/// The number of measurements of each kind.
const ROUNDS: usize = 31;
/// Slots until the delay of a source has settled.
const WARM_UP: u32 = 3000;
/// The time from a slot to the arrival of its packet, in seconds.
const PHASE_S: f64 = 0.007;
const MAX_DELAY: Duration = Duration::from_millis(400);
/// The networks: drift of the sender's clock in ppm, and mean of the exponential jitter in ms.
const NETWORKS: [(f64, f64); 4] = [(0.0, 0.0), (30.0, 0.0), (30.0, 0.3), (30.0, 1.0)];

fn main() {
    let packets = music();
    let mut bare = Bare::new(&packets);
    let mut sources =
        NETWORKS.map(|(drift_ppm, jitter_ms)| Undisturbed::new(&packets, drift_ppm, jitter_ms));
    let mut ratios = NETWORKS.map(|_| Vec::new());
    let mut bare_us = Vec::new();
    for _ in 0..ROUNDS {
        // Before and after, so that a change of the CPU frequency affects both.
        let before = cpu_time(|| bare.run());
        let costs = sources.each_mut().map(|source| cpu_time(|| source.run()));
        let after = cpu_time(|| bare.run());
        let mean_s = (before + after).as_secs_f64() / 2.0;
        bare_us.push(mean_s * 1e6 / f64::from(SLOTS));
        for (ratios, cost) in ratios.iter_mut().zip(costs) {
            ratios.push(cost.as_secs_f64() / mean_s);
        }
    }
    println!("bare decode        {} us per slot", spread(bare_us, 1));
    for ((drift_ppm, jitter_ms), ratios) in NETWORKS.iter().zip(ratios) {
        println!(
            "source at {drift_ppm:2} ppm and {jitter_ms} ms of jitter  {} times that",
            spread(ratios, 3)
        );
    }
    for source in &sources {
        source.assert_undisturbed();
    }
}

/// The decoder alone.
struct Bare<'a> {
    packets: &'a [Vec<u8>],
    decoder: Decoder,
    out: Box<[f32; MAX_PACKET_SAMPLES]>,
}

impl<'a> Bare<'a> {
    fn new(packets: &'a [Vec<u8>]) -> Self {
        Self {
            packets,
            decoder: Decoder::new().unwrap(),
            out: Box::new([0.0; MAX_PACKET_SAMPLES]),
        }
    }

    fn run(&mut self) {
        for n in 0..SLOTS as usize {
            let packet = &self.packets[n % PACKETS];
            self.decoder.decode(packet, &mut self.out).unwrap();
            black_box(&self.out);
        }
    }
}

/// A source whose packets all arrive in time.
struct Undisturbed<'a> {
    packets: &'a [Vec<u8>],
    source: Source,
    start: Instant,
    /// The time between two packets, in seconds.
    interval_s: f64,
    jitter_s: f64,
    random: Random,
    sent: u32,
    slots: u32,
    scratch: Box<Scratch>,
    out: [f32; SLOT_SAMPLES],
}

impl<'a> Undisturbed<'a> {
    fn new(packets: &'a [Vec<u8>], drift_ppm: f64, jitter_ms: f64) -> Self {
        let mut source = Self {
            packets,
            source: Source::new(MAX_DELAY).unwrap(),
            start: Instant::now(),
            interval_s: SLOT.as_secs_f64() / (1.0 + drift_ppm / 1e6),
            jitter_s: jitter_ms / 1000.0,
            random: Random::new(7),
            sent: 0,
            slots: 0,
            scratch: Box::new([0.0; MAX_PACKET_SAMPLES]),
            out: [0.0; SLOT_SAMPLES],
        };
        (0..WARM_UP).for_each(|_| source.slot());
        source
    }

    fn run(&mut self) {
        (0..SLOTS).for_each(|_| self.slot());
    }

    fn slot(&mut self) {
        self.slots += 1;
        let due = SLOT * self.slots;
        while let arrival =
            Duration::from_secs_f64(PHASE_S + self.interval_s * f64::from(self.sent))
            && arrival <= due
        {
            let late_s = self.jitter_s * self.random.exponential();
            self.insert(self.start + arrival + Duration::from_secs_f64(late_s));
        }
        self.source.play(
            self.start + due,
            Load::Normal,
            &mut self.scratch,
            &mut self.out,
        );
        black_box(&self.out);
    }

    fn insert(&mut self, arrival: Instant) {
        let payload = &self.packets[self.sent as usize % PACKETS];
        let packet = Packet {
            marker: self.sent == 0,
            payload_type: OPUS_PAYLOAD_TYPE,
            sequence_number: self.sent as u16,
            timestamp: self.sent.wrapping_mul(SLOT_SAMPLES as u32),
            ssrc: 1,
            payload,
        };
        let samples = packet_samples(payload).unwrap();
        self.source.insert(arrival, &packet, samples, None);
        self.sent += 1;
    }

    /// Asserts that the measured source had no losses.
    fn assert_undisturbed(&self) {
        let stats = self.source.stats();
        assert_eq!((stats.concealed, stats.late, stats.lost), (0, 0, 0));
    }
}

/// Encodes a chord with overtones as RAA's clients do.
fn music() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let packet = |n: usize| {
        let pcm = std::array::from_fn(|i| {
            let t = (n * SLOT_SAMPLES + i) as f64 / f64::from(SAMPLE_RATE);
            let chord = [110.0, 165.0, 277.5, 440.0, 660.0, 1110.0, 2220.0, 4440.0];
            let sum = chord.map(|hz| (t * hz * std::f64::consts::TAU).sin());
            (0.06 * sum.iter().sum::<f64>()) as f32
        });
        let mut out = [0; MAX_ENCODED_LEN];
        let len = encoder.encode(&pcm, &mut out).unwrap();
        out[..len].to_vec()
    };
    (0..PACKETS).map(packet).collect()
}

/// Returns the CPU time that this thread spends on `work`.
fn cpu_time(work: impl FnOnce()) -> Duration {
    let before = cpu::thread_time();
    work();
    cpu::thread_time() - before
}

/// Formats the median with the quartiles.
fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    let [low, median, high] = [1, 2, 3].map(|quarter| values[values.len() * quarter / 4]);
    format!("{median:.digits$} ({low:.digits$} to {high:.digits$})")
}
