//! `raa-limit` measures the least that mixing and sending can cost on this machine.
//!
//! Each figure of the server is compared with one of these from the same run: libopus and the
//! kernel alone (`parts`), the simplest program that mixes (`loop`), a thread that only
//! waits for its slots (`lateness`), and bare writes (`writes`).
//! Always: the same sound as raa-load's, the server's codec settings, and no other feature.

mod args;
mod lateness;
mod mixer;
mod parts;
mod queue;
mod writes;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Parts {
            speakers,
            slots,
            threads,
        } => parts::measure(speakers, slots, threads).map(|parts| {
            // Numbers can always be written as JSON.
            println!(
                "{}",
                serde_json::to_string_pretty(&parts).unwrap_or_default()
            );
        }),
        Command::Loop { port } => mixer::run(port),
        Command::Lateness { least_ms } => lateness::print(Duration::from_millis(least_ms)),
        Command::Writes {
            listeners,
            seconds,
            port,
        } => writes::measure(port, listeners, seconds).map(|cost| {
            println!(
                "{}",
                serde_json::to_string_pretty(&cost).unwrap_or_default()
            );
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raa-limit: {error:#}");
            ExitCode::FAILURE
        }
    }
}
