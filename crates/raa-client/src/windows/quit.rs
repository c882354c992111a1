//! `--quit`: ends the running client of this session, as for an update of the program.
//!
//! Always: settings and the start with Windows stay as they are; when it succeeds, no process of the
//! client is left that holds the program's file.

use std::process::ExitCode;

use super::console::Console;
use super::instance::{self, Claim};

pub(super) fn run(console: &Console) -> ExitCode {
    let ended = match instance::claim() {
        Claim::First(_guard) => Ok("No client was running."),
        Claim::Another => instance::end_running().map(|()| "The running client has ended."),
    };
    match ended {
        Ok(text) => {
            console.say(text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            console.complain(&format!("cannot end the running client: {error}"));
            ExitCode::FAILURE
        }
    }
}
