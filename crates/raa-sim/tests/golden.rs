//! A table of the concealment and delay for each kind of network, under version control.
//!
//! The table is computed again and compared with `golden/network.txt`, so every change of the
//! receiver that makes a network sound worse or later is visible.
//! `UPDATE_GOLDEN=1 cargo test -p raa-sim --test golden` rewrites the file.
//! Always: all cells have the same seed, so they differ only by their network; nothing in the table
//! depends on the speed of the machine.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use common::golden::{assert_golden, measure_all};
use common::*;
use raa_core::source::SourceStats;
use raa_sim::{Jitter, Link, OneSource};

const SEED: u64 = 6;
const WARM_UP: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(180);
/// Shares of independent losses, in percent.
const LOSSES: [u32; 6] = [0, 1, 5, 10, 20, 30];
/// Jitters that are combined with independent losses: 99th percentiles in ms.
const JITTERS_MS: [u32; 5] = [0, 10, 30, 60, 120];
/// Shares of losses in bursts, in percent.
const BURSTY_LOSSES: [u32; 4] = [1, 5, 10, 20];
/// Mean lengths of the bursts, in packets.
const BURSTS: [u32; 2] = [2, 4];
/// Jitters that are combined with bursts of losses: 99th percentiles in ms.
const BURSTY_JITTERS_MS: [u32; 2] = [0, 30];
/// The number of redundancies that are measured: 0 to 3 earlier frames in each packet.
const REDUNDANCIES: usize = 4;

const HEAD: &str = "\
# One sender for 3 minutes, by the properties of its network and by the redundancy, which is the
# number of earlier frames in each packet. Written by
# UPDATE_GOLDEN=1 cargo test -p raa-sim --test golden
#
# loss       share of packets that never arrive
# burst      mean number of packets lost in a row; - means independent losses
# jitter     99th percentile of an exponential jitter
# concealed  share of frames that were neither received nor repaired
# delay      mean time between a packet's arrival and its play-out
#
#                       concealed in %                  delay in ms
#                       redundancy                      redundancy
# loss  burst  jitter        0       1       2       3      0    1    2    3
#    %             ms
";

/// The network of one line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    loss_percent: u32,
    /// Mean length of loss bursts; 0 for independent losses.
    burst: u32,
    jitter_ms: u32,
}

/// The concealment and delay of a network with one redundancy.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    concealed_percent: f64,
    delay_ms: f64,
}

/// The table, computed once for all tests in this file.
static TABLE: LazyLock<Vec<(Network, [Cost; REDUNDANCIES])>> = LazyLock::new(|| {
    let networks = networks();
    let with_redundancies =
        |&network| (0..REDUNDANCIES).map(move |redundancy| (network, redundancy));
    let cells: Vec<_> = networks.iter().flat_map(with_redundancies).collect();
    let costs = measure_all(&cells, |&(network, redundancy)| {
        measure(network, redundancy)
    });
    let rows = costs.as_chunks().0.iter().copied();
    networks.into_iter().zip(rows).collect()
});

fn networks() -> Vec<Network> {
    let mut networks = Vec::new();
    let mut add = |losses: &[u32], burst, jitters_ms: &[u32]| {
        for &loss_percent in losses {
            networks.extend(jitters_ms.iter().map(|&jitter_ms| Network {
                loss_percent,
                burst,
                jitter_ms,
            }));
        }
    };
    add(&LOSSES, 0, &JITTERS_MS);
    for burst in BURSTS {
        add(&BURSTY_LOSSES, burst, &BURSTY_JITTERS_MS);
    }
    networks
}

fn measure(network: Network, redundancy: usize) -> Cost {
    let link = Link {
        delay: 25 * MS,
        jitter: Jitter::exponential_with_p99(network.jitter_ms * MS),
        loss: f64::from(network.loss_percent) / 100.0,
        burst: network.burst.into(),
        ..Link::default()
    };
    let mut sender = alice();
    sender.redundancy = redundancy;
    let mut one = OneSource::new(SEED, sender, link).unwrap();
    one.run_for(WARM_UP);
    let before = one.stats();
    let watched = one.run_watched(MEASURED);
    let after = watched[watched.len() - 1];
    let frames = |stats: SourceStats| stats.received + stats.lost;
    let concealed = after.concealed - before.concealed;
    let delays_ms = watched.iter().map(|stats| stats.delay_ms);
    Cost {
        concealed_percent: 100.0 * concealed as f64 / (frames(after) - frames(before)) as f64,
        delay_ms: delays_ms.sum::<f64>() / watched.len() as f64,
    }
}

/// Returns the table as text.
fn rendered() -> String {
    let mut text = String::from(HEAD);
    for (network, costs) in TABLE.iter() {
        let burst = match network.burst {
            0 => "-".to_owned(),
            burst => burst.to_string(),
        };
        let _ = write!(
            text,
            "{:6} {burst:>6} {:7}  ",
            network.loss_percent, network.jitter_ms
        );
        for cost in costs {
            let _ = write!(text, "{:8.2}", cost.concealed_percent);
        }
        text.push_str("  ");
        for cost in costs {
            let _ = write!(text, "{:5.0}", cost.delay_ms);
        }
        text.push('\n');
    }
    text
}

#[test]
fn no_network_has_changed() {
    assert_golden("network.txt", HEAD, &rendered());
}

#[test]
fn frames_are_lost_only_with_all_copies() {
    let of_loss_alone: Vec<_> = TABLE
        .iter()
        .filter(|(network, _)| network.burst == 0 && network.jitter_ms == 0)
        .collect();
    assert!(
        of_loss_alone
            .iter()
            .map(|(network, _)| network.loss_percent)
            .eq(LOSSES)
    );
    for (network, costs) in of_loss_alone {
        let loss = f64::from(network.loss_percent) / 100.0;
        for (carriers, cost) in (1..).zip(costs) {
            let limit = 100.0 * 1.5 * loss.powi(carriers) + 0.1;
            assert!(
                cost.concealed_percent <= limit,
                "{network:?}, redundancy {}: {cost:?}, limit {limit} %",
                carriers - 1
            );
        }
        if network.loss_percent == 10 {
            assert!(costs[2].concealed_percent < 0.3, "{:?}", costs[2]);
        }
    }
}
