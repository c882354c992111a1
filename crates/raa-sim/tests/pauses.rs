//! A table of how much of each beep is heard after a pause, under version control.
//!
//! Alarms beep, and some senders' clocks stand still in between: their sequence numbers and timestamps go
//! on as if there had been no pause, which looks like a packet that the network delayed. The
//! table holds the beeps' lengths, the pauses and the ways of sending, on a calm network, where nothing is
//! lost on the way. `UPDATE_GOLDEN=1 cargo test -p raa-sim --test pauses` rewrites the file.
//! Always: a beep counts as heard where the output has its own sound, not where concealment sounds
//! like it.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::golden::{assert_golden, measure_all};
use common::*;
use raa_core::SLOT_SAMPLES;
use raa_core::codec::{Decoder, MAX_PACKET_SAMPLES};
use raa_sim::{Jitter, Link, OneSource, Pause};

const BEEPS_MS: [u32; 6] = [40, 60, 100, 140, 200, 300];
const PAUSES_MS: [u32; 10] = [
    200, 300, 400, 700, 1000, 3000, 9000, 11_000, 60_000, 3_600_000,
];
/// The time for which a beep may come later than it is sent.
const MAX_DELAY: Duration = Duration::from_millis(160);
/// Length of the blocks in which a beep is searched for: 2.5 ms.
const BLOCK: usize = 120;
/// Largest difference of a sample from the beep's own; concealment differs more.
const TOLERANCE: f32 = 0.08;

const HEAD: &str = "\
# Beeps after pauses on a calm network, by the sender's way of sending. Written by
# UPDATE_GOLDEN=1 cargo test -p raa-sim --test pauses
#
# way     the timestamps go on during the pause (with or without DTX packets), stand still, restart
#         at random, or restart together with the sequence numbers
# marker  whether the first packet of a beep has the marker bit
# pause   length of the pauses in ms
# heard   least share of a beep that is heard, in %
# cut     longest part of a beep's start that is not heard, in ms
#
#                                heard of a beep of              cut
# way          marker     pause     40   60  100  140  200  300 ms
";

/// What a sender does with its numbers in a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    GoOn,
    GoOnWithDtx,
    StandStill,
    RestartTimestamp,
    RestartBoth,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    way: Way,
    has_marker: bool,
    pause_ms: u32,
    beep_ms: u32,
}

/// The worst of a cell's beeps.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Heard {
    percent: u32,
    /// Blocks of a beep's start that are not heard.
    cut: usize,
    /// Packets that were lost or late, and frames that were concealed.
    missing: u64,
    /// The playout delay in the end.
    target_ms: u32,
}

/// The sound of the clip's first 300 ms, as any receiver decodes it.
static BEEP: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let clip = raa_sim::Clip::sweep().unwrap();
    let mut decoder = Decoder::new().unwrap();
    let mut pcm = [0.0; MAX_PACKET_SAMPLES];
    let frames = (0..15).flat_map(|n| {
        let samples = decoder.decode(clip.payload(n), &mut pcm).unwrap();
        pcm[..samples].to_vec()
    });
    frames.collect()
});

impl Way {
    const ALL: [Self; 5] = [
        Self::GoOn,
        Self::GoOnWithDtx,
        Self::StandStill,
        Self::RestartTimestamp,
        Self::RestartBoth,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::GoOn => "go on",
            Self::GoOnWithDtx => "go on, DTX",
            Self::StandStill => "stand still",
            Self::RestartTimestamp => "restart",
            Self::RestartBoth => "restart both",
        }
    }

    fn begin_pause(self, one: &mut OneSource) {
        one.sender.pause(match self {
            Self::GoOnWithDtx => Pause::KeepAlive,
            Self::StandStill => Pause::TimeStops,
            _ => Pause::Nothing,
        });
    }

    fn end_pause(self, one: &mut OneSource) {
        let timestamp = one.sender.timestamp.wrapping_mul(2_654_435_761);
        match self {
            Self::RestartTimestamp => one.sender.timestamp = timestamp,
            Self::RestartBoth => one.sender.restart(timestamp as u16, timestamp),
            _ => {}
        }
        one.sender.speak();
    }
}

/// Everything that was played, except the rest of long pauses.
struct Recording {
    one: OneSource,
    pcm: Vec<f32>,
}

impl Recording {
    fn record(&mut self, length: Duration) {
        self.pcm.extend(self.one.record(length));
    }

    /// Lets the sender beep and pause; returns where in the recording the beep began to be sent.
    fn beep_and_pause(&mut self, cell: Cell, number: u32) -> usize {
        let start = self.pcm.len();
        self.record(cell.beep_ms * MS);
        cell.way.begin_pause(&mut self.one);
        if !matches!(cell.way, Way::GoOn | Way::GoOnWithDtx) {
            // A few ms more in each pause, so that packets come at every time within a slot.
            self.one.sender.stop_clock(number * 3 * MS);
        }
        let pause = cell.pause_ms * MS;
        let recorded = pause.min(MAX_DELAY);
        self.record(recorded);
        self.one.run_for(pause - recorded);
        cell.way.end_pause(&mut self.one);
        start
    }
}

fn measure(cell: Cell) -> Heard {
    let clip = Arc::new(raa_sim::Clip::sweep().unwrap());
    let mut sender = raa_sim::Sender::new(ALICE, clip, Duration::ZERO, 0.0);
    sender.marks_talkspurts = cell.has_marker;
    let link = Link {
        delay: 20 * MS,
        jitter: Jitter::Uniform(2 * MS),
        ..Link::default()
    };
    let mut recording = Recording {
        one: OneSource::new(7, sender, link).unwrap(),
        pcm: Vec::new(),
    };
    let beeps = if cell.pause_ms > 60_000 { 2 } else { 7 };
    let starts = (0..beeps)
        .map(|n| recording.beep_and_pause(cell, n))
        .collect::<Vec<_>>();
    let beep = &BEEP[..cell.beep_ms as usize * 48];
    let heard = starts.iter().map(|&start| {
        let end = start + beep.len() + MAX_DELAY.as_millis() as usize * 48;
        blocks_heard(beep, &recording.pcm[start..end.min(recording.pcm.len())])
    });
    let heard: Vec<Vec<bool>> = heard.collect();
    let stats = recording.one.stats();
    Heard {
        percent: heard
            .iter()
            .map(|blocks| share_percent(blocks))
            .min()
            .unwrap(),
        cut: heard
            .iter()
            .map(|blocks| blocks.iter().take_while(|heard| !**heard).count())
            .max()
            .unwrap(),
        missing: stats.lost + stats.late + stats.concealed,
        target_ms: stats.target_delay_ms.round() as u32,
    }
}

fn share_percent(blocks: &[bool]) -> u32 {
    (100 * blocks.iter().filter(|heard| **heard).count() / blocks.len()) as u32
}

/// Returns for each block of a beep whether it is in the recording, at the place where most of the beep is.
fn blocks_heard(beep: &[f32], recorded: &[f32]) -> Vec<bool> {
    let places = (0..recorded.len()).filter(|&at| {
        // The middles of packets; comparing only them is fast.
        (0..beep.len() / SLOT_SAMPLES)
            .any(|n| is_at(beep, recorded, at, n * SLOT_SAMPLES + SLOT_SAMPLES / 2))
    });
    let heard = places.map(|at| {
        (0..beep.len())
            .step_by(BLOCK)
            .map(|block| is_at(beep, recorded, at, block))
            .collect::<Vec<_>>()
    });
    heard
        .max_by_key(|blocks| share_percent(blocks))
        .unwrap_or_else(|| vec![false; beep.len() / BLOCK])
}

/// Whether a block of the beep is in the recording if the beep begins at `at`. In the first one the decoder
/// overlaps the packet with what it decoded before, so only its energy counts.
fn is_at(beep: &[f32], recorded: &[f32], at: usize, block: usize) -> bool {
    let own = &beep[block..block + BLOCK];
    let Some(played) = recorded.get(at + block..at + block + BLOCK) else {
        return false;
    };
    if block == 0 {
        let energy = |pcm: &[f32]| pcm.iter().map(|x| x * x).sum::<f32>();
        return energy(played) > energy(own) / 4.0;
    }
    let mut pairs = own.iter().zip(played);
    pairs.all(|(own, played)| (own - played).abs() < TOLERANCE)
}

/// All cells, and what was heard in each: the lines of the table, one for each way, marker and pause.
static TABLE: LazyLock<Vec<[(Cell, Heard); BEEPS_MS.len()]>> = LazyLock::new(|| {
    let mut cells = Vec::new();
    for way in Way::ALL {
        for has_marker in [true, false] {
            for pause_ms in PAUSES_MS {
                cells.extend(BEEPS_MS.map(|beep_ms| Cell {
                    way,
                    has_marker,
                    pause_ms,
                    beep_ms,
                }));
            }
        }
    }
    let heard = measure_all(&cells, |cell| measure(*cell));
    let table: Vec<_> = cells.into_iter().zip(heard).collect();
    table.as_chunks().0.to_vec()
});

/// Returns the table as text.
fn rendered() -> String {
    let mut text = String::from(HEAD);
    for line in TABLE.iter() {
        let (cell, _) = line[0];
        let marker = if cell.has_marker { "marker" } else { "-" };
        let _ = write!(
            text,
            "{:13} {marker:6} {:8}  ",
            cell.way.name(),
            cell.pause_ms
        );
        for (_, heard) in line {
            let _ = write!(text, "{:5}", heard.percent);
        }
        let cut = line.iter().map(|(_, heard)| heard.cut).max().unwrap();
        let _ = writeln!(text, "{:7.1}", cut as f64 * BLOCK as f64 / 48.0);
    }
    text
}

#[test]
fn no_beep_after_a_pause_has_changed() {
    assert_golden("pauses.txt", HEAD, &rendered());
}

#[test]
fn beeps_are_heard_whole_after_pauses_of_any_kind() {
    let lines = Way::ALL.len() * 2 * PAUSES_MS.len();
    assert_eq!(TABLE.len(), lines);
    for (cell, heard) in TABLE.iter().flatten() {
        let whole = Heard {
            percent: 100,
            cut: 0,
            missing: 0,
            target_ms: heard.target_ms,
        };
        assert_eq!(*heard, whole, "{cell:?}");
        assert!(heard.target_ms <= 41, "{cell:?}: {heard:?}");
    }
}
