//! `--uninstall`: takes back what this client has set up outside of its folder.
//!
//! Always: the settings and the log stay where they are and are named, so that a client that is
//! installed again is the same one to the server.

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
    // One that cannot be ended is no reason to let it start again.
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
    let mut report = format!("RAA's client no longer starts with Windows; {ended}.\n");
    let kept = [&files.ini.user, &files.log];
    for file in kept.into_iter().filter(|file| file.exists()) {
        report += &format!(
            "It is kept, delete it if nobody needs it: {}\n",
            file.display()
        );
    }
    report
}
