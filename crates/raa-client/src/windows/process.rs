//! Starts this program again as a process of its own, and looks at processes.
//!
//! Always: a started process has no handle of this one, so that nobody who waits for the end of this
//! program's output waits for the other one, too; it is in the program's folder, not in that of a script.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::Path;
use std::time::Duration;

use windows::Win32::Foundation::{CloseHandle, HANDLE, WAIT_OBJECT_0};
use windows::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows::Win32::System::Threading::{
    CREATE_BREAKAWAY_FROM_JOB, CreateProcessW, GetExitCodeProcess, INFINITE, OpenProcess,
    PROCESS_ACCESS_RIGHTS, PROCESS_CREATION_FLAGS, PROCESS_INFORMATION, STARTF_USESTDHANDLES,
    STARTUPINFOW, TerminateProcess, WaitForSingleObject,
};
use windows::core::{HSTRING, PCWSTR, PWSTR};

use super::paths;

/// A process that this one may wait for.
#[derive(Debug)]
pub(super) struct Process(OwnedHandle);

impl Process {
    /// Starts this program with these arguments, which are quoted where needed.
    ///
    /// # Errors
    /// When Windows refuses.
    pub(super) fn start(arguments: &OsStr) -> io::Result<Self> {
        let exe = paths::exe()?;
        // A task scheduler or a remote shell may end all processes of its job; some jobs allow no
        // process to leave them.
        start(&exe, arguments, CREATE_BREAKAWAY_FROM_JOB)
            .or_else(|_| start(&exe, arguments, PROCESS_CREATION_FLAGS(0)))
    }

    /// Opens a process with these rights.
    #[allow(unsafe_code)]
    pub(super) fn open(process_id: u32, rights: PROCESS_ACCESS_RIGHTS) -> io::Result<Self> {
        // SAFETY: takes numbers.
        let process = unsafe { OpenProcess(rights, false, process_id) }?;
        Ok(Self(owned(process)))
    }

    /// Waits for its end, and returns whether it has ended.
    #[allow(unsafe_code)]
    pub(super) fn has_ended(&self, limit: Option<Duration>) -> bool {
        let limit = limit.map_or(INFINITE, |limit| {
            u32::try_from(limit.as_millis()).unwrap_or(INFINITE - 1)
        });
        // SAFETY: the handle is open for as long as `self` lives.
        unsafe { WaitForSingleObject(self.raw(), limit) == WAIT_OBJECT_0 }
    }

    /// Returns the exit code; that of a process that has not ended means nothing.
    #[allow(unsafe_code)]
    pub(super) fn exit_code(&self) -> io::Result<u32> {
        let mut code = 0;
        // SAFETY: as above, and the code is a variable that lives here.
        unsafe { GetExitCodeProcess(self.raw(), &raw mut code) }?;
        Ok(code)
    }

    /// Ends it by force.
    #[allow(unsafe_code)]
    pub(super) fn end(&self, code: u32) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { TerminateProcess(self.raw(), code) }?;
        Ok(())
    }

    fn raw(&self) -> HANDLE {
        HANDLE(self.0.as_raw_handle())
    }
}

/// The session of services, where nobody hears or sees anything
/// (learn.microsoft.com/windows-hardware/drivers/wdf/session-zero-guidelines-for-umdf-drivers).
pub(super) const SERVICE_SESSION: u32 = 0;

/// Returns the session of this process, if Windows says which one it is.
#[allow(unsafe_code)]
pub(super) fn session() -> Option<u32> {
    let mut session = u32::MAX;
    // SAFETY: the session is a variable that lives here.
    unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) }.ok()?;
    Some(session)
}

/// Quotes a path, which contains no quotes. A backslash at its end is doubled, because it would
/// otherwise escape the closing quote.
pub(super) fn quoted(path: &Path) -> OsString {
    let mut text = OsString::from("\"");
    text.push(path);
    if path.as_os_str().as_encoded_bytes().ends_with(b"\\") {
        text.push("\\");
    }
    text.push("\"");
    text
}

#[allow(unsafe_code)]
fn start(exe: &Path, arguments: &OsStr, flags: PROCESS_CREATION_FLAGS) -> io::Result<Process> {
    let mut line = quoted(exe);
    line.push(" ");
    line.push(arguments);
    let mut line: Vec<u16> = wide(&line);
    let folder = HSTRING::from(exe.parent().unwrap_or(Path::new("\\")));
    let startup = STARTUPINFOW {
        cb: size_of::<STARTUPINFOW>() as u32,
        // Otherwise it may get a copy of this program's standard handles.
        dwFlags: STARTF_USESTDHANDLES,
        ..STARTUPINFOW::default()
    };
    let mut started = PROCESS_INFORMATION::default();
    // SAFETY: the strings end with zero, the line can be written to, and everything lives until the call
    // returns.
    unsafe {
        CreateProcessW(
            &HSTRING::from(exe),
            Some(PWSTR(line.as_mut_ptr())),
            None,
            None,
            false,
            flags,
            None,
            PCWSTR(folder.as_ptr()),
            &raw const startup,
            &raw mut started,
        )
    }?;
    // SAFETY: the handle is open, and nobody uses it.
    let _ = unsafe { CloseHandle(started.hThread) };
    Ok(Process(owned(started.hProcess)))
}

#[allow(unsafe_code)]
fn owned(handle: HANDLE) -> OwnedHandle {
    // SAFETY: the callers pass handles that they have just opened and keep no copy of.
    unsafe { OwnedHandle::from_raw_handle(handle.0) }
}

fn wide(text: &OsStr) -> Vec<u16> {
    use std::os::windows::ffi::OsStrExt as _;
    text.encode_wide().chain([0]).collect()
}
