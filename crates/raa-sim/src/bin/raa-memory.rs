//! Measures how much memory a client takes, with a thousand clients that have spoken, and how much of it
//! they keep when they have gone offline.
//!
//! ```text
//! cargo run --release -p raa-sim --bin raa-memory [CLIENTS]
//! ```
//!
//! Always: the result is the growth of the process in resident pages, so it includes the
//! allocator's own memory; more than [`MAX_KIB`] for each client is a failure.

#![allow(clippy::unwrap_used)]

use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs};

use anyhow::Context;
use nix::unistd::{SysconfVar, sysconf};
use raa_core::codec::Decoder;
use raa_sim::measure::work::Speakers;

const CLIENTS: usize = 1000;
/// The most that a client may take. Most of it is its decoder.
const MAX_KIB: f64 = 100.0;
/// The most that a client may take that has gone offline: its row, and what is known of its network.
const MAX_OFFLINE_KIB: f64 = 16.0;
/// Slots in which all speak after the last one has joined, so that their delays settle.
const SPEAKING_SLOTS: u32 = 100;
/// Bytes in a KiB.
const KIB: f64 = 1024.0;

fn main() -> anyhow::Result<ExitCode> {
    let clients = env::args().nth(1).map_or(Ok(CLIENTS), |arg| arg.parse())?;
    let decoder_kib = decoder_kib(clients)?;
    let mut speakers = Speakers::new(clients)?;
    // The senders' own memory is allocated first, so that it does not count.
    speakers.write();
    let before = resident_bytes()?;
    // 50 clients can join in a slot.
    speakers.warm_up(SPEAKING_SLOTS + clients.div_ceil(50) as u32);
    let client_kib = (resident_bytes()? - before) / KIB / clients as f64;
    anyhow::ensure!(
        speakers.hub.stats().active == clients,
        "not all clients are in the mix"
    );
    println!("{clients} clients that have spoken: {client_kib:.1} KiB each, at most {MAX_KIB}");
    println!("a decoder alone: {decoder_kib:.1} KiB, {:.0} % of that", {
        100.0 * decoder_kib / client_kib
    });
    // The allocator keeps what it gets back, so what others need in addition is what those that are
    // offline still hold.
    speakers.replace();
    speakers.warm_up(SPEAKING_SLOTS + clients.div_ceil(50) as u32);
    anyhow::ensure!(
        speakers.hub.stats().active == clients
            && speakers.hub.clients(Instant::now()).count() == 2 * clients,
        "not all clients are in the mix"
    );
    let offline_kib = (resident_bytes()? - before) / KIB / clients as f64 - client_kib;
    println!(
        "{clients} clients that have gone offline: {offline_kib:.1} KiB each, at most {MAX_OFFLINE_KIB}"
    );
    Ok(if client_kib <= MAX_KIB && offline_kib <= MAX_OFFLINE_KIB {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Measures the memory of one of `count` decoders. They are never freed, because the clients
/// would otherwise reuse their pages.
fn decoder_kib(count: usize) -> anyhow::Result<f64> {
    let before = resident_bytes()?;
    let decoders: Result<Vec<_>, _> = (0..count).map(|_| Decoder::new()).collect();
    std::mem::forget(decoders?);
    Ok((resident_bytes()? - before) / KIB / count as f64)
}

/// Returns the resident memory of this process (proc(5)).
fn resident_bytes() -> anyhow::Result<f64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm
        .split(' ')
        .nth(1)
        .context("/proc/self/statm has no resident pages")?
        .parse()?;
    let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?.context("the page size is unknown")?;
    Ok(pages * page_bytes as f64)
}
