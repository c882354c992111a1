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
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, GetLastError, HANDLE, HWND, LPARAM, WAIT_OBJECT_0,
    WPARAM,
};
use windows::Win32::System::Threading::{
    CreateMutexW, OpenProcess, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, TerminateProcess,
    WaitForSingleObject,
};
use windows::Win32::UI::WindowsAndMessaging::{
    AllowSetForegroundWindow, FindWindowW, GetWindowTextW, GetWindowThreadProcessId, PostMessageW,
    RegisterWindowMessageW, WM_CLOSE,
};
use windows::core::{PCWSTR, w};

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
    let process = open_process(process_of(window))?;
    // A window that accepts no messages is another reason to use force.
    let posted = post(window, WM_CLOSE);
    if posted.is_ok() && has_ended(&process, END_LIMIT) {
        return Ok(());
    }
    terminate(&process)?;
    if has_ended(&process, END_LIMIT) {
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

#[allow(unsafe_code)]
fn open_process(process_id: u32) -> io::Result<OwnedHandle> {
    let rights = PROCESS_SYNCHRONIZE | PROCESS_TERMINATE;
    // SAFETY: takes numbers.
    let process = unsafe { OpenProcess(rights, false, process_id) }?;
    // SAFETY: the handle is open and belongs to nobody else.
    Ok(unsafe { OwnedHandle::from_raw_handle(process.0) })
}

#[allow(unsafe_code)]
fn has_ended(process: &OwnedHandle, limit: Duration) -> bool {
    let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: the handle is open for as long as `process` lives.
    unsafe { WaitForSingleObject(raw(process), limit_ms) == WAIT_OBJECT_0 }
}

#[allow(unsafe_code)]
fn terminate(process: &OwnedHandle) -> io::Result<()> {
    // SAFETY: the handle is open for as long as `process` lives, with the right to do this.
    unsafe { TerminateProcess(raw(process), ENDED_BY_FORCE) }?;
    Ok(())
}

fn raw(handle: &OwnedHandle) -> HANDLE {
    use std::os::windows::io::AsRawHandle as _;
    HANDLE(handle.as_raw_handle())
}
