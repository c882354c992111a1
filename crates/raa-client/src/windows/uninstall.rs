//! `--uninstall`: ends the running client and removes everything that was set up outside its folder.
//!
//! Always: settings and log are kept, and their paths are printed, so that the server recognizes a
//! client that is installed again.

use std::process::ExitCode;

use super::autostart;
use super::console::Console;
use super::instance::{self, Claim};
use super::paths::Files;

/// Ends the running client and removes the start with Windows.
pub(super) fn run(files: &Files, console: &Console) -> ExitCode {
    let ended = match instance::claim() {
        Claim::First(_guard) => Ok("no client was running"),
        Claim::Another => instance::end_running().map(|()| "the running client has ended"),
    };
    // Even if the running client cannot be ended, it must not start again.
    let removed = autostart::set(false);
    for (what, error) in [
        ("cannot end the running client", ended.as_ref().err()),
        (
            "cannot remove the start with Windows",
            removed.as_ref().err(),
        ),
    ] {
        if let Some(error) = error {
            console.complain(&format!("{what}: {error}"));
        }
    }
    if let (Ok(ended), Ok(())) = (&ended, &removed) {
        console.say(&report(ended, files));
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

fn report(ended: &str, files: &Files) -> String {
    let mut report = format!("The RAA client no longer starts with Windows; {ended}.\n");
    for file in files.kept() {
        report += &format!(
            "This file was kept; delete it if it is not needed: {}\n",
            file.display()
        );
    }
    report
}
