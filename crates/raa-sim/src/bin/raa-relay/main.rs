//! `raa-relay SERVER`: a bad network between real programs.
//!
//! Clients send to the relay, and it passes their datagrams on to the server, and the server's
//! answers back, with the losses, delays and repetitions that it was asked for.
//! Always: it talks to the host it was given and to those who send to it; the same seed gives the
//! same fate to each sender's datagrams.

mod args;
mod relay;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;

use crate::args::Args;
use crate::relay::Relay;

/// Nothing needs to be done for longer than this only if nothing comes.
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
        relay.turn(IDLE).context("cannot wait for datagrams")?;
    }
}
