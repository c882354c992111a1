//! The end of a program that cannot continue: its exit code and its reason.

use std::process::ExitCode;

use super::console::Console;

/// The exit code of a client that cannot work.
pub(super) const CANNOT_WORK: u8 = 1;
/// The exit code when the command line or the settings are wrong.
pub(super) const WRONG: u8 = 2;

/// The reason why the program does not continue.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    reason: String,
}

impl Failure {
    pub(super) fn new(code: u8, reason: impl ToString) -> Self {
        let reason = reason.to_string();
        Self { code, reason }
    }

    /// Reports the reason in the log and to the person, and returns the exit code.
    pub(super) fn report(self, console: &Console) -> ExitCode {
        tracing::error!("{}", self.reason);
        console.complain(&self.reason);
        ExitCode::from(self.code)
    }
}
