//! The program on Windows: a command line, and a user interface with a tray icon.
//!
//! Always: one client per session; a program that cannot continue says why on the console that
//! started it, otherwise in a message box, with `--silent` only in the log; it exits with 1, or with
//! 2 if the command line or the settings are wrong.

mod app;
mod autostart;
mod clipboard;
pub(crate) mod code_page;
pub(crate) mod computer;
mod console;
mod diagnose;
mod dialog;
mod events;
mod facts;
mod failure;
mod guard;
mod handle;
mod icon;
mod ids;
mod instance;
mod menu;
mod message_box;
mod paths;
mod process;
mod question;
mod quit;
mod registry;
mod session;
mod shell;
mod start;
mod tray;
mod uninstall;
mod window;

use std::process::ExitCode;

use self::console::Console;
use self::failure::WRONG;
use self::paths::Files;
use crate::settings::{Command, NotRun, WindowsOptions};
use crate::ui::log_file;

/// Runs the program.
pub fn main() -> ExitCode {
    let code = run_command_line();
    log_file::flush();
    code
}

fn run_command_line() -> ExitCode {
    let options = WindowsOptions::read(std::env::args_os());
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

fn run(options: &WindowsOptions, console: &Console) -> ExitCode {
    let files = match Files::find(options.settings_dir.as_deref()) {
        Ok(files) => files,
        Err(fault) => {
            console.complain(&fault.to_string());
            return ExitCode::from(WRONG);
        }
    };
    match options.command() {
        Command::Run => start::run(options, files, console),
        Command::Diagnose => diagnose::run(&files, console),
        Command::Uninstall => uninstall::run(&files, console),
        Command::Quit => quit::run(console),
        Command::Guard(client) => guard::run(client, options, &files),
    }
}
