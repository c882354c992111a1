//! `raa-load CLIENTS SPEAKING HOST`: what so many clients cost a running server.
//!
//! Real Opus from its own thread to the server's audio port, a few listeners if wanted, and the
//! server's own figures from its API, in one table. It talks to the host it was given and to
//! nothing else, and is bounded in count and time.

mod api;
mod args;
mod histogram;
mod listeners;
mod own;
mod report;
mod run;
mod senders;
mod sound;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
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
