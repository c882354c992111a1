//! Measures the parts of the core: parsing, receiving, decoding and mixing, encoding.
//!
//! `cargo bench -p raa-sim --bench core`; with `-- --quick` it takes a minute.
//! Always: parts that contain libopus are measured next to libopus alone in the same run, because
//! only ratios can be compared between machines; times are CPU times of the thread, which other
//! programs do not lengthen.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BenchmarkId, Throughput, criterion_group, criterion_main};
use raa_core::codec::{Decoder, Encoder, EncoderSettings, MAX_ENCODED_LEN, packet_samples};
use raa_core::mix::{self, Limiter};
use raa_core::red::Redundant;
use raa_core::rtcp;
use raa_core::rtp::Packet;
use raa_core::source::{Load, Scratch, Source};
use raa_core::{OPUS_PAYLOAD_TYPE, SLOT, SLOT_SAMPLES};
use raa_sim::Random;
use raa_sim::measure::cpu;
use raa_sim::measure::work::{
    BareLoop, PACKETS, Speakers, chord, music, red_payload, report, write_packet,
};

/// Numbers of speakers that a hub is measured with.
const COUNTS: [usize; 5] = [1, 10, 40, 100, 300];
/// Slots until delays have settled.
const WARM_UP: u32 = 200;

criterion_group! {
    name = benches;
    config = criterion::Criterion::default()
        .with_measurement(CpuTime)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = parse, jitter, mixing, encode, decode_and_mix
}
criterion_main!(benches);

type Criterion = criterion::Criterion<CpuTime>;

/// Measures the CPU time of this thread.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu::thread_time()
    }

    fn end(&self, start: Duration) -> Duration {
        self.start() - start
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Parsing one datagram of each kind.
fn parse(criterion: &mut Criterion) {
    let music = music(0.5).unwrap();
    let mut rtp = Vec::new();
    write_packet(1, 7, &music[7], &mut rtp);
    let red = red_payload(&music);
    let report = report();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(1));
    group.bench_function("rtp", |bencher| {
        bencher.iter(|| black_box(Packet::parse(black_box(&rtp)).unwrap()).timestamp);
    });
    group.bench_function("red", |bencher| {
        bencher.iter(|| {
            let redundant = Redundant::parse(black_box(&red)).unwrap();
            redundant
                .earlier()
                .map(|frame| frame.payload.len())
                .sum::<usize>()
        });
    });
    group.bench_function("rtcp", |bencher| {
        bencher.iter(|| rtcp::parse(black_box(&report), |item| _ = black_box(item)));
    });
    group.finish();
}

/// A packet and a slot of a source on a calm and on a bad network, and bare decoding of the same
/// packets. The difference is the cost of the jitter buffer and of the losses. Packets in DTX are
/// not decoded, so they show the jitter buffer alone.
fn jitter(criterion: &mut Criterion) {
    let music = music(0.5).unwrap();
    let toc = vec![vec![music[0][0] & !0b11]; PACKETS];
    let mut group = criterion.benchmark_group("jitter");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare decode", |bencher| {
        let mut decoder = Decoder::new().unwrap();
        let mut scratch = Box::new([0.0; _]);
        let mut packets = music.iter().cycle();
        bencher.iter(|| decoder.decode(packets.next().unwrap(), &mut scratch));
    });
    for (name, packets, network) in [
        ("calm", &music[..], CALM),
        ("disturbed", &music[..], DISTURBED),
        ("silence, calm", &toc[..], CALM),
        ("silence, disturbed", &toc[..], DISTURBED),
    ] {
        group.bench_function(name, |bencher| {
            let mut source = FedSource::new(packets, network);
            (0..WARM_UP).for_each(|_| source.slot());
            bencher.iter(|| source.slot());
        });
    }
    group.finish();
}

/// A network on which every packet arrives in time.
const CALM: Network = Network {
    loss: 0.0,
    mean_late: Duration::ZERO,
};
/// A network on which many packets are late, reordered or lost.
const DISTURBED: Network = Network {
    loss: 0.05,
    mean_late: Duration::from_millis(8),
};

#[derive(Clone, Copy)]
struct Network {
    /// Share of packets that never arrive.
    loss: f64,
    /// Mean of the exponential delay of the others.
    mean_late: Duration,
}

/// A source behind a network, with one packet sent in every slot.
struct FedSource<'a> {
    source: Source,
    packets: &'a [Vec<u8>],
    network: Network,
    random: Random,
    /// Arrival and number of the packets on their way.
    in_flight: Vec<(Instant, u32)>,
    slot_start: Instant,
    sent: u32,
    scratch: Box<Scratch>,
}

impl<'a> FedSource<'a> {
    fn new(packets: &'a [Vec<u8>], network: Network) -> Self {
        Self {
            source: Source::new(Duration::from_millis(400)).unwrap(),
            packets,
            network,
            random: Random::new(7),
            in_flight: Vec::new(),
            slot_start: Instant::now(),
            sent: 0,
            scratch: Box::new([0.0; _]),
        }
    }

    fn slot(&mut self) {
        self.send();
        self.slot_start += SLOT;
        self.receive();
        let mut out = [0.0; SLOT_SAMPLES];
        self.source
            .play(self.slot_start, Load::Normal, &mut self.scratch, &mut out);
        black_box(&out);
    }

    fn send(&mut self) {
        let late = self.network.mean_late.mul_f64(self.random.exponential());
        if !self.random.chance(self.network.loss) {
            let arrival = self.slot_start + Duration::from_millis(7) + late;
            self.in_flight.push((arrival, self.sent));
            self.in_flight.sort_unstable();
        }
        self.sent += 1;
    }

    /// Passes on the packets that have arrived by now.
    fn receive(&mut self) {
        let now = self.slot_start;
        let count = self
            .in_flight
            .partition_point(|&(arrival, _)| arrival <= now);
        for (arrival, n) in self.in_flight.drain(..count) {
            let payload = &self.packets[n as usize % PACKETS];
            let packet = Packet {
                marker: n == 0,
                payload_type: OPUS_PAYLOAD_TYPE,
                sequence_number: n as u16,
                timestamp: n.wrapping_mul(SLOT_SAMPLES as u32),
                ssrc: 1,
                payload,
            };
            let samples = packet_samples(payload).unwrap();
            black_box(self.source.insert(arrival, &packet, samples, None));
        }
    }
}

/// Adding one slot to the sum, and limiting the sum.
fn mixing(criterion: &mut Criterion) {
    let source = chord(0.5, 7);
    let mut group = criterion.benchmark_group("mix");
    group.bench_function("add", |bencher| {
        let mut sum = [0.0; SLOT_SAMPLES];
        bencher.iter(|| mix::add(black_box(&mut sum), black_box(&source), 1.0, 1.0));
    });
    for (name, amplitude) in [("limiter, quiet", 0.5), ("limiter, loud", 4.0)] {
        let slot = chord(amplitude, 7);
        group.bench_function(name, |bencher| {
            let mut limiter = Limiter::default();
            bencher.iter(|| {
                let mut pcm = slot;
                limiter.process(black_box(&mut pcm));
                pcm[0]
            });
        });
    }
    group.finish();
}

/// Encoding a frame of the mix, with music and with silence.
fn encode(criterion: &mut Criterion) {
    let slots: Vec<_> = (0..PACKETS).map(|n| chord(0.5, n)).collect();
    let silence = vec![[0.0; SLOT_SAMPLES]];
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(1));
    for (name, slots) in [("music", &slots), ("silence", &silence)] {
        group.bench_function(name, |bencher| {
            let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
            let mut out = [0; MAX_ENCODED_LEN];
            let mut slots = slots.iter().cycle();
            bencher.iter(|| encoder.encode(slots.next().unwrap(), &mut out));
        });
    }
    group.finish();
}

/// A slot of a hub, which receives, decodes and mixes one packet of each speaker and encodes the
/// mix, and the bare loop, which is the least that this can cost.
fn decode_and_mix(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot");
    group.sample_size(30);
    for count in COUNTS {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("bare loop", count), |bencher| {
            let mut bare = BareLoop::new(count).unwrap();
            bencher.iter(|| bare.slot().unwrap());
        });
        group.bench_function(BenchmarkId::new("hub", count), |bencher| {
            let mut speakers = Speakers::new(count).unwrap();
            speakers.warm_up(50);
            bencher.iter(|| speakers.slot());
            assert_eq!(speakers.hub.stats().active, count);
        });
    }
    group.finish();
}
