//! The program on Linux: a command line, and a client until a signal ends it.
//!
//! Always: it exits with 0 after a signal, with 2 if the command line or the configuration is wrong,
//! with 1 if it cannot work at all; after any other trouble it continues.

use std::process::ExitCode;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Client;
use crate::logging;
use crate::settings::{self, LinuxOptions, Settings, SsrcFile};
use crate::status::SharedStatus;

/// Runs the program.
pub fn main() -> ExitCode {
    let options = LinuxOptions::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    #[cfg(target_os = "linux")]
    if let Some(settings::LinuxCommand::Doctor(how)) = options.command.clone() {
        return crate::doctor::run(&how, options);
    }
    let (settings, file) = match settings::load(options) {
        Ok(loaded) => loaded,
        Err(fault) => {
            eprintln!("raa-client: {fault}");
            return ExitCode::from(2);
        }
    };
    logging::init(settings.log_level);
    match send_until_signal(&settings, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn send_until_signal(settings: &Settings, file: SsrcFile) -> anyhow::Result<()> {
    // Before the client starts, so that no signal is missed.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("cannot wait for signals")?;
    let client = Client::start(settings, SharedStatus::unwatched(), move |ssrc| {
        file.keep(ssrc);
    })?;
    signals.forever().next();
    client.stop();
    Ok(())
}
