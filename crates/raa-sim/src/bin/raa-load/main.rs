//! `raa-load CLIENTS SPEAKING HOST` loads a running server with clients and listeners, and reports
//! what that costs the server and what the listeners receive.
//!
//! One thread sends real Opus to the server's audio port and another one receives the mix; the
//! server's own figures come from its API. The threads wake up every few milliseconds rather than
//! for each packet, so that they hardly disturb the measurement.
//! Always: talks only to the given host; bounded in count and time.

mod api;
mod args;
mod client;
mod connection;
mod cpu;
mod figures;
mod frames;
mod handshake;
mod histogram;
mod listener;
mod listeners;
mod outlet;
mod plan;
mod progress;
mod report;
mod run;
mod senders;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::from_process();
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
