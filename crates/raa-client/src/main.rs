//! raa-client: sends what this computer plays to an RAA server. On Linux it has no user interface, on
//! Windows it has a tray icon.

// Otherwise a console window would open.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

#[cfg(unix)]
use raa_client::linux as client;
#[cfg(windows)]
use raa_client::windows as client;

fn main() -> ExitCode {
    client::main()
}
