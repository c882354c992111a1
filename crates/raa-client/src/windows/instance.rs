//! One client per session: which one it is, and how a later start reaches it.
//!
//! The first start holds a named mutex and has a hidden window of a known class, whose title is the
//! folder of its settings. A later one compares that folder with its own, posts a message to the
//! window and ends: [`SHOW_SETTINGS`] opens the settings dialog, [`RELOAD`] reads the settings
//! again, [`DIAGNOSE`] asks for the diagnostics, and `WM_CLOSE` ends the client.
//!
//! The title can be read even if the client runs as administrator or does not respond, when it would
//! accept no question.
//! Always: every wait has a limit; clients in other sessions are left alone.

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use windows::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, GetLastError, HANDLE, HWND, LPARAM, WPARAM,
};
use windows::Win32::System::Threading::{CreateMutexW, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE};
use windows::Win32::UI::WindowsAndMessaging::{
    AllowSetForegroundWindow, FindWindowW, GetPropW, GetWindowTextW, GetWindowThreadProcessId,
    PostMessageW, RegisterWindowMessageW, SetPropW, WM_CLOSE,
};
use windows::core::{PCWSTR, w};

use super::process::Process;

/// The class of the running client's hidden window.
pub(super) const WINDOW_CLASS: PCWSTR = w!("raa-client");
/// The mutex that the running client holds, named for this session.
const MUTEX: PCWSTR = w!("Local\\raa-client");

/// Message to the hidden window: open the settings dialog.
pub(super) static SHOW_SETTINGS: LazyLock<u32> =
    LazyLock::new(|| register(w!("raa-client.settings")));
/// Message to the hidden window: read the settings files again, which may have changed.
pub(super) static RELOAD: LazyLock<u32> = LazyLock::new(|| register(w!("raa-client.reload")));

/// Message to the hidden window: send the diagnostics to the window in `wparam`.
pub(super) static DIAGNOSE: LazyLock<u32> = LazyLock::new(|| register(w!("raa-client.diagnose")));

/// The property of the hidden window that tells versions apart.
const VERSION: PCWSTR = w!("raa-client.version");
/// Time limit for a new client to show its window: its capture may need some seconds to be opened.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Time limit for a window to get its version.
const VERSION_LIMIT: Duration = Duration::from_millis(500);

/// Time limit for a client that has just started to create its window.
const WINDOW_LIMIT: Duration = Duration::from_secs(5);
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// Time limit for a client to end; sending its goodbye takes a few milliseconds.
const END_LIMIT: Duration = Duration::from_secs(5);
/// The longest path that Windows has.
const MAX_PATH_UNITS: usize = 32_768;
/// The exit code of a client that was ended by force.
const ENDED_BY_FORCE: u32 = 1;

/// The client of this session.
#[derive(Debug)]
#[must_use]
pub(super) enum Claim {
    /// This process, as long as it keeps the guard.
    First(Guard),
    /// A client that was started earlier.
    Another,
}

/// Makes this process the session's client until it is dropped.
#[derive(Debug)]
pub(super) struct Guard {
    _mutex: Option<OwnedHandle>,
}

/// Makes this process the session's client unless there is one.
pub(super) fn claim() -> Claim {
    match create_mutex() {
        Ok((_, true)) => Claim::Another,
        Ok((mutex, false)) => Claim::First(Guard {
            _mutex: Some(mutex),
        }),
        // A client that runs as administrator holds it.
        Err(error) if error.code() == ERROR_ACCESS_DENIED.to_hresult() => Claim::Another,
        Err(error) => {
            tracing::warn!("cannot find out whether a client is running in this session: {error}");
            Claim::First(Guard { _mutex: None })
        }
    }
}

/// Returns the folder of the running client's settings, after waiting for its window.
///
/// # Errors
/// When it has no window.
pub(super) fn running_folder() -> io::Result<PathBuf> {
    find_window(WINDOW_LIMIT).map(title)
}

/// Returns whether the running client is of this version, after waiting for its window.
///
/// # Errors
/// When it has no window.
pub(super) fn runs_this_version() -> io::Result<bool> {
    let window = find_window(WINDOW_LIMIT)?;
    let start = Instant::now();
    // A window is there a moment before its version; one of an early version never has it.
    while version_of(window) == 0 && start.elapsed() < VERSION_LIMIT {
        thread::sleep(CHECK_EVERY);
    }
    Ok(version_of(window) == own_version())
}

/// Marks this client's window with the version, for later starts.
#[allow(unsafe_code)]
pub(super) fn mark_version(window: HWND) {
    let version = HANDLE(std::ptr::without_provenance_mut(own_version()));
    // SAFETY: the name ends with zero; the value is a number that nobody uses as a handle.
    if let Err(error) = unsafe { SetPropW(window, VERSION, Some(version)) } {
        tracing::warn!("another version cannot recognize this client: {error}");
    }
}

/// Waits until a client has its window, or until `starting` has ended; returns whether there is a window.
pub(super) fn wait_for_window(starting: &Process) -> bool {
    let start = Instant::now();
    while start.elapsed() < START_LIMIT {
        if try_find_window().is_ok() {
            return true;
        }
        if starting.has_ended(Some(CHECK_EVERY)) {
            return try_find_window().is_ok();
        }
    }
    false
}

/// Posts [`SHOW_SETTINGS`] or [`RELOAD`] to the running client, after waiting for its window.
///
/// # Errors
/// When it has no window, or accepts no message from this process.
pub(super) fn post_to_running(message: u32) -> io::Result<()> {
    let window = find_window(WINDOW_LIMIT)?;
    let process_id = process_of(window);
    allow_foreground(process_id);
    post(window, message)
}

/// Posts [`DIAGNOSE`] to the running client, which answers to `asker`.
///
/// # Errors
/// When it has no window, or accepts no message from this process.
pub(super) fn ask_running(asker: HWND) -> io::Result<()> {
    post_with(
        find_window(WINDOW_LIMIT)?,
        *DIAGNOSE,
        WPARAM(asker.0 as usize),
    )
}

/// Ends the running client: by a message, or by force if it has not ended after 5 s.
///
/// # Errors
/// When it has no window, or this process is not allowed to end it.
pub(super) fn end_running() -> io::Result<()> {
    let window = find_window(WINDOW_LIMIT)?;
    let process = Process::open(process_of(window), PROCESS_SYNCHRONIZE | PROCESS_TERMINATE)?;
    // A window that accepts no messages is another reason to use force.
    let posted = post(window, WM_CLOSE);
    if posted.is_ok() && process.has_ended(Some(END_LIMIT)) {
        return Ok(());
    }
    process.end(ENDED_BY_FORCE)?;
    if process.has_ended(Some(END_LIMIT)) {
        Ok(())
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn find_window(limit: Duration) -> io::Result<HWND> {
    let start = Instant::now();
    loop {
        match try_find_window() {
            Ok(window) => return Ok(window),
            Err(error) if start.elapsed() > limit => return Err(error.into()),
            Err(_) => thread::sleep(CHECK_EVERY),
        }
    }
}

#[allow(unsafe_code)]
fn register(name: PCWSTR) -> u32 {
    // SAFETY: `name` is a constant that ends with zero.
    unsafe { RegisterWindowMessageW(name) }
}

/// Returns the mutex, and whether it existed already.
#[allow(unsafe_code)]
fn create_mutex() -> windows::core::Result<(OwnedHandle, bool)> {
    // SAFETY: `MUTEX` is a constant that ends with zero.
    let mutex = unsafe { CreateMutexW(None, false, MUTEX) }?;
    // Every successful call sets the last error
    // (learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexw).
    // SAFETY: the last error is this thread's own.
    let was_there = unsafe { GetLastError() } == ERROR_ALREADY_EXISTS;
    // SAFETY: the handle is open and belongs to nobody else.
    let mutex = unsafe { OwnedHandle::from_raw_handle(mutex.0) };
    Ok((mutex, was_there))
}

#[allow(unsafe_code)]
fn try_find_window() -> windows::core::Result<HWND> {
    // SAFETY: the class is a constant that ends with zero, the title is none.
    unsafe { FindWindowW(WINDOW_CLASS, PCWSTR::null()) }
}

/// Returns the title of a window, as its process set it: the function asks no other process
/// (learn.microsoft.com/windows/win32/api/winuser/nf-winuser-getwindowtextw).
#[allow(unsafe_code)]
fn title(window: HWND) -> PathBuf {
    let mut units = vec![0; MAX_PATH_UNITS];
    // SAFETY: the buffer is a slice with its length; a window that is gone has no title.
    let read = unsafe { GetWindowTextW(window, &mut units) };
    let title = &units[..usize::try_from(read).unwrap_or(0)];
    OsString::from_wide(title).into()
}

/// Returns a number for the version, which is never 0.
fn own_version() -> usize {
    // FNV-1a, cut to what fits into a handle of 32 bits, too.
    let mut hash = 0x811c_9dc5_u32;
    for byte in env!("CARGO_PKG_VERSION").bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    (hash >> 1 | 1) as usize
}

#[allow(unsafe_code)]
fn version_of(window: HWND) -> usize {
    // SAFETY: the name ends with zero; a window that is gone has no property.
    unsafe { GetPropW(window, VERSION) }.0.addr()
}

/// Returns the id of the window's process; 0, which is no process, if the window is gone.
#[allow(unsafe_code)]
fn process_of(window: HWND) -> u32 {
    let mut process_id = 0;
    // SAFETY: the function writes into a variable that lives here; a window that is gone is an
    // error that leaves it as it is.
    unsafe { GetWindowThreadProcessId(window, Some(&raw mut process_id)) };
    process_id
}

/// Keeps the dialog from opening behind the window that this process was started from.
#[allow(unsafe_code)]
fn allow_foreground(process_id: u32) {
    // SAFETY: takes a number. Without the permission the dialog only blinks in the task bar.
    let _ = unsafe { AllowSetForegroundWindow(process_id) };
}

fn post(window: HWND, message: u32) -> io::Result<()> {
    post_with(window, message, WPARAM(0))
}

#[allow(unsafe_code)]
fn post_with(window: HWND, message: u32, wparam: WPARAM) -> io::Result<()> {
    // SAFETY: the message's parameters point nowhere; a window that is gone is an error.
    unsafe { PostMessageW(Some(window), message, wparam, LPARAM(0)) }?;
    Ok(())
}
