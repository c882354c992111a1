//! raa-client: sends what this computer plays to an RAA server. On Linux it has no user interface, on
//! Windows it has a tray icon.
//!
//! Always: on Linux it exits with 0 after a signal, with 2 if the command line or the configuration
//! is wrong, with 1 if it cannot work at all; after any other trouble it continues.

// Otherwise a console window would open.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

#[cfg(windows)]
fn main() -> ExitCode {
    raa_client::windows::main()
}

#[cfg(unix)]
fn main() -> ExitCode {
    use clap::Parser;
    use raa_client::settings::Settings;
    use raa_client::settings::linux_options::Options;

    let settings = match Settings::load(Options::parse()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("raa-client: {error}");
            return ExitCode::from(2);
        }
    };
    raa_client::logging::init(settings.log_level);
    match send_until_signal(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(unix)]
fn send_until_signal(settings: &raa_client::settings::Settings) -> anyhow::Result<()> {
    use anyhow::Context;
    use signal_hook::consts::{SIGINT, SIGTERM};

    // Before the client starts, so that no signal is missed.
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])
        .context("cannot wait for signals")?;
    let status = raa_client::status::SharedStatus::unwatched();
    let client = raa_client::Client::start(settings, status)?;
    signals.forever().next();
    client.stop();
    Ok(())
}
