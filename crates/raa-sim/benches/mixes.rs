//! The cost of a slot of 40 speakers in 1, 8 and 32 mixes, on one thread and on two.
//!
//! Always: the parts that grow with the mixes, adding and encoding, are measured in the same run,
//! because only ratios hold on another machine.
//! `cargo bench -p raa-sim --bench mixes -- --quick`.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Encoder, EncoderSettings, MAX_ENCODED_LEN};
use raa_core::hub::{Executor, Sequential};
use raa_core::mix;
use raa_sim::measure::work::{PACKETS, Speakers, chord};

const SPEAKERS: usize = 40;
const MIXES: [u32; 3] = [1, 8, 32];

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .sample_size(20);
    targets = slots, parts
}
criterion_main!(benches);

/// Runs one half of the jobs on a second thread, which is started for each round.
struct TwoThreads;

impl Executor for TwoThreads {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        let (ours, theirs) = jobs.split_at_mut(jobs.len() / 2);
        if ours.is_empty() {
            return theirs.iter_mut().for_each(job);
        }
        thread::scope(|threads| {
            threads.spawn(|| theirs.iter_mut().for_each(&job));
            ours.iter_mut().for_each(&job);
        });
    }
}

fn slots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slot of 40 speakers");
    for mixes in MIXES {
        let name = format!("{mixes} mixes");
        group.bench_function(BenchmarkId::new("one thread", &name), |bencher| {
            let mut speakers = speakers(mixes);
            bencher.iter(|| slot(&mut speakers, &mut Sequential));
        });
        group.bench_function(BenchmarkId::new("two threads", &name), |bencher| {
            let mut speakers = speakers(mixes);
            bencher.iter(|| slot(&mut speakers, &mut TwoThreads));
        });
    }
    group.finish();
}

fn speakers(mixes: u32) -> Speakers {
    let mut speakers = Speakers::in_mixes(SPEAKERS, mixes).unwrap();
    speakers.warm_up(50);
    assert_eq!(speakers.hub.stats().active, SPEAKERS);
    speakers
}

fn slot(speakers: &mut Speakers, executor: &mut impl Executor) {
    speakers.write();
    speakers.deliver();
    speakers.play_with(executor);
}

/// The parts of one mix.
fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("part of one mix");
    group.bench_function("adding 40 speakers", |bencher| {
        let source = chord(0.5, 7);
        let mut sum = [0.0; SLOT_SAMPLES];
        bencher.iter(|| {
            for _ in 0..SPEAKERS {
                mix::add(black_box(&mut sum), black_box(&source), 0.5, 0.5);
            }
        });
    });
    group.bench_function("encoding", |bencher| {
        let slots: Vec<_> = (0..PACKETS).map(|n| chord(0.5, n)).collect();
        let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
        let mut out = [0; MAX_ENCODED_LEN];
        let mut slots = slots.iter().cycle();
        bencher.iter(|| encoder.encode(slots.next().unwrap(), &mut out));
    });
    group.finish();
}
