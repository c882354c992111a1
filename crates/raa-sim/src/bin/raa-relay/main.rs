//! `raa-relay SERVER` simulates a bad network between real programs.
//!
//! Clients send to the relay. It forwards their datagrams to the server and the server's reports
//! back, with the loss, delay and duplication given on the command line.
//! Always: talks only to the given host and to those that send to it; the same seed gives each
//! sender's datagrams the same fate.

mod args;
mod relay;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;

use crate::args::Args;
use crate::relay::Relay;

/// How long the relay waits for datagrams at most, before it waits again.
const IDLE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raa-relay: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let server = args.server_address()?;
    let mut relay = Relay::new(args.listen, server, args.plan())
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    println!("relaying {} to {server}", relay.local_address()?);
    loop {
        relay.run_once(IDLE).context("cannot wait for datagrams")?;
    }
}
