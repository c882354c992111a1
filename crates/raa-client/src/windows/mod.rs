//! The program as Windows has it: a command line, and a tray icon behind it.
//!
//! Always: one client per session; what cannot go on says why where it can be seen (the console
//! that started it, else a message box, nothing but the log with `--silent`) and ends with 1, or
//! with 2 when the command line or the settings are wrong.

mod about;
mod app;
mod autostart;
mod clipboard;
mod console;
mod diagnose;
mod dialog;
mod icon;
mod ids;
mod instance;
mod menu;
mod paths;
mod registry;
mod shell;
mod start;
mod system;
mod tray;
mod uninstall;
mod window;

use std::process::ExitCode;

use self::console::Console;
use self::paths::Files;
use crate::settings::ini_files::{Fault, Stored};
use crate::settings::windows_options::{Command, NotRun, Options};

/// The command line or the settings are wrong.
const WRONG: u8 = 2;

/// What the user interface begins with.
#[derive(Debug)]
struct AppStart {
    /// All layers of the settings in one; its SSRC is there.
    stored: Stored,
    /// Where the settings and the log are; `files.ini` loads and saves them.
    files: Files,
    /// Never a dialog, message box or balloon.
    silent: bool,
    /// No server is set: the dialog opens by itself, unless silent.
    first_run: bool,
    /// What is wrong in the settings files; logged already.
    faults: Vec<Fault>,
}

/// The whole program.
pub fn main() -> ExitCode {
    let options = Options::read(std::env::args_os());
    let silent = match &options {
        Ok(options) => options.silent,
        Err(NotRun { silent, .. }) => *silent,
    };
    let console = Console { silent };
    match options {
        Ok(options) => run(&options, &console),
        Err(wrong) if wrong.is_wrong => {
            console.complain(&wrong.text);
            ExitCode::from(WRONG)
        }
        Err(answer) => {
            console.say(&answer.text);
            ExitCode::SUCCESS
        }
    }
}

fn run(options: &Options, console: &Console) -> ExitCode {
    let files = match Files::find(options.settings_dir.as_deref()) {
        Ok(files) => files,
        Err(reason) => {
            console.complain(&reason);
            return ExitCode::from(WRONG);
        }
    };
    match options.command() {
        Command::Run => start::run(options, files, console),
        Command::Diagnose => diagnose::run(&files, console),
        Command::Uninstall => uninstall::run(&files, console),
    }
}
