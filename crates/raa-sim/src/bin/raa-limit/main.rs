//! `raa-limit`: the least that mixing and sending can cost on this machine.
//!
//! Every figure of the server stands beside one of these, taken in the same run: libopus and the
//! kernel alone (`parts`), the barest program that mixes (`loop`), and bare writes (`writes`).
//! Always: the same sound as raa-load's, the server's own codec settings, and no feature at all.

mod args;
mod mixer;
mod parts;
mod queue;
mod writes;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Parts {
            speakers,
            slots,
            threads,
        } => parts::measure(speakers, slots, threads).map(|parts| {
            // Numbers only: there is nothing that JSON has no word for.
            println!(
                "{}",
                serde_json::to_string_pretty(&parts).unwrap_or_default()
            );
        }),
        Command::Loop { port } => mixer::run(port),
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
