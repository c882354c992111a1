//! raa-client for Linux: sends what this computer plays to an RAA server.
//!
//! Always: ends with 0 when a signal told it to, 2 when the command line or the configuration is
//! wrong, 1 when it cannot work at all; whatever else goes wrong, it goes on.

use std::process::ExitCode;
use std::sync::mpsc::SyncSender;

use clap::Parser;
use raa_client::config::Settings;
use raa_client::options::Options;
use raa_client::sender::Input;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let settings = match Settings::load(Options::parse()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("raa-client: {error}");
            return ExitCode::from(2);
        }
    };
    raa_client::logging::init(settings.log_level);
    match raa_client::run(&settings, stop_on_signal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn stop_on_signal(inbox: SyncSender<Input>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let wait = move || {
        signals.forever().next();
        // An inbox that is closed has stopped already.
        let _ = inbox.send(Input::Stop);
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)?;
    Ok(())
}
