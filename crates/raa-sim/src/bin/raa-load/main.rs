//! `raa-load CLIENTS SPEAKING HOST`: what so many clients and listeners cost a running server,
//! and what the listeners got.
//!
//! Real Opus from one thread to the server's audio port, listeners in another, and the server's
//! own figures from its API, in one table. It wakes up every few milliseconds and not for packets
//! or frames, so that it does not disturb what it measures. It talks to the host it was given and to
//! nothing else, and is bounded in count and time.

mod api;
mod args;
mod client;
mod cpu;
mod figures;
mod frames;
mod handshake;
mod histogram;
mod listener;
mod listeners;
mod outlet;
mod progress;
mod report;
mod run;
mod senders;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::of_process();
    match run::run(&args) {
        Ok(report) => {
            report.print(args.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raa-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}
