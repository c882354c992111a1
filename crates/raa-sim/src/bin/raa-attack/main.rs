//! `raa-attack` attacks a running server in every known way at once, to show that nobody who sends
//! or listens suffers.
//!
//! The attacks need no account and no knowledge beyond what the server's API tells everybody. Each
//! comes from a host of its own, an address of 127.0.0.0/8, except the one that forges what a
//! victim's own host sends. The answers are counted, so that a test can tell a refused attack from
//! one that never happened.
//! Always: attacks only a server on this computer; bounded in rate and time.

mod args;
mod datagrams;
mod requests;
mod visitor;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::bail;
use clap::Parser as _;
use raa_sim::measure::socket::raise_descriptor_limit;

use crate::args::Args;

/// How often something was sent, or an answer came, by name.
type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raa-attack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all attacks for the given time, and returns their counts as JSON.
fn run(args: &Args) -> anyhow::Result<serde_json::Value> {
    raise_descriptor_limit();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let datagrams = scope.spawn(|| datagrams::run(args, &stop));
        let requests: Vec<_> = requests::ATTACKS
            .iter()
            .map(|attack| (attack.name, scope.spawn(|| attack.run(args, &stop))))
            .collect();
        thread::sleep(Duration::from_secs(args.seconds));
        stop.store(true, Ordering::Relaxed);
        let mut counts = BTreeMap::from([("datagrams", join(datagrams)?)]);
        for (name, thread) in requests {
            counts.insert(name, join(thread)?);
        }
        Ok(serde_json::to_value(counts)?)
    })
}

fn join(thread: thread::ScopedJoinHandle<'_, anyhow::Result<Counts>>) -> anyhow::Result<Counts> {
    match thread.join() {
        Ok(counts) => counts,
        Err(_) => bail!("a thread has panicked"),
    }
}
