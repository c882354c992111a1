//! The client's guard: a second process of this program that waits for the end of the first, and starts
//! a client again if that one has crashed.
//!
//! Nothing else would until the next sign-in: `RegisterApplicationRestart` restarts after a crash only
//! if Windows Error Reporting may ask
//! (learn.microsoft.com/windows/win32/api/winbase/nf-winbase-registerapplicationrestart).
//! Always: the guard ends with its client; it has no window and captures nothing.

use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use windows::Win32::System::Threading::{PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE};

use super::paths::Files;
use super::process::{Process, quoted};
use crate::restarts;
use crate::settings::WindowsOptions;

/// How long to wait for the end of the guard; it is ended by force.
const END_LIMIT: Duration = Duration::from_secs(1);

/// The guard of this process, which ends together with this value.
#[derive(Debug)]
pub(super) struct Guarded(Option<Process>);

impl Guarded {
    /// Starts the guard of this process. Without one, a crash is final.
    pub(super) fn start(options: &WindowsOptions, files: &Files) -> Self {
        let own = std::process::id();
        let crashes = options.after_crashes;
        let mut arguments = OsString::from(format!("--guard {own} --after-crashes {crashes}"));
        arguments.push(folder(options, files));
        let guard = Process::start(&arguments);
        if let Err(error) = &guard {
            tracing::warn!("a crash will not be followed by a new start: {error}");
        }
        Self(guard.ok())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(guard) = &self.0 {
            // It may have ended already. Waiting for it makes the program's file free.
            let _ = guard.end(0);
            guard.has_ended(Some(END_LIMIT));
        }
    }
}

/// Guards the client with this process id.
pub(super) fn run(client: u32, options: &WindowsOptions, files: &Files) -> ExitCode {
    let rights = PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION;
    // A client that has ended before its guard began needs none.
    let Ok(client) = Process::open(client, rights) else {
        return ExitCode::SUCCESS;
    };
    let began = Instant::now();
    client.has_ended(None);
    let Some(code) = client
        .exit_code()
        .ok()
        .filter(|code| restarts::is_crash(*code))
    else {
        return ExitCode::SUCCESS;
    };
    let crashes = restarts::crashes(options.after_crashes, began.elapsed());
    let pause = restarts::pause(crashes);
    files.start_log();
    let seconds = pause.as_secs();
    tracing::error!("the client has crashed (0x{code:08X}); it is started again in {seconds} s");
    thread::sleep(pause);
    let mut arguments = OsString::from(format!("--silent --after-crashes {crashes}"));
    arguments.push(folder(options, files));
    match Process::start(&arguments) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot start the client again: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the option that names the folder of the settings, if it was given.
pub(super) fn folder(options: &WindowsOptions, files: &Files) -> OsString {
    let mut option = OsString::new();
    if options.settings_dir.is_some() {
        option.push(" --settings-dir ");
        option.push(quoted(files.folder()));
    }
    option
}
