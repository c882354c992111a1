//! raa-client: sends what this computer plays to an RAA server. Without a face on Linux, with a
//! tray icon on Windows.
//!
//! Always: on Linux it ends with 0 when a signal told it to, 2 when the command line or the
//! configuration is wrong, 1 when it cannot work at all; whatever else goes wrong, it goes on.

// A console window would open beside the tray icon.
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
    use raa_client::settings::options::Options;

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

    // Before anything is sent, so that no signal comes too early to be seen.
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])
        .context("cannot wait for signals")?;
    let board = raa_client::status::Board::unattended();
    let client = raa_client::Client::start(settings, board)?;
    signals.forever().next();
    client.stop();
    Ok(())
}
