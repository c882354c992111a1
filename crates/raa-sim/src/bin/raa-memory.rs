//! What a known client costs in memory: a thousand of them, who have spoken.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-memory [CLIENTS]
//! ```
//!
//! Always: what is told is how much the process has grown in resident pages, so the allocator's
//! own cost counts, too; it fails where a client costs more than [`MOST_KIB`].

#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::{env, fs};

use anyhow::Context;
use nix::unistd::{SysconfVar, sysconf};
use raa_core::codec::Decoder;
use raa_sim::measure::work::Speakers;

const CLIENTS: usize = 1000;
/// A client may cost so much, most of it its decoder.
const MOST_KIB: f64 = 100.0;
/// Slots in which all speak: they join 50 in a slot, and then their delays settle.
const SPOKEN: u32 = 100;
/// For each of how many, in KiB.
const KIB: f64 = 1024.0;

fn main() -> anyhow::Result<ExitCode> {
    let clients = env::args().nth(1).map_or(Ok(CLIENTS), |arg| arg.parse())?;
    let decoder_kib = decoder_kib(clients)?;
    let mut speakers = Speakers::new(clients)?;
    // What the senders need is there before, and is not counted.
    speakers.write();
    let before = resident_bytes()?;
    speakers.warm_up(SPOKEN + clients.div_ceil(50) as u32);
    let client_kib = (resident_bytes()? - before) / KIB / clients as f64;
    anyhow::ensure!(speakers.hub.stats().active == clients, "not all are heard");
    println!("{clients} clients who have spoken: {client_kib:.1} KiB each, at most {MOST_KIB}");
    println!("a decoder alone: {decoder_kib:.1} KiB, {:.0} % of that", {
        100.0 * decoder_kib / client_kib
    });
    Ok(if client_kib <= MOST_KIB {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The memory of one of so many decoders; they are kept, or the clients would get their pages.
fn decoder_kib(count: usize) -> anyhow::Result<f64> {
    let before = resident_bytes()?;
    let decoders: Result<Vec<_>, _> = (0..count).map(|_| Decoder::new()).collect();
    std::mem::forget(decoders?);
    Ok((resident_bytes()? - before) / KIB / count as f64)
}

/// Memory of this process that is really there, proc(5).
fn resident_bytes() -> anyhow::Result<f64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm.split(' ').nth(1).context("statm")?.parse()?;
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?.context("no page size")?;
    Ok(pages * page_bytes as f64)
}
