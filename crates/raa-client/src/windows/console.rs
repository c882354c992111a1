//! Where a command's words go: the console that the program was started from.
//!
//! A program without a console window has no console either, until it attaches itself to that of
//! its parent. It does so for its last words only: whatever is attached ends with Ctrl+C, or when
//! a person closes that console's window. What the parent has redirected to a file or a pipe
//! stays redirected.
//! Always: words that cannot be written anywhere are lost without an error.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::windows::io::IntoRawHandle;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::Storage::FileSystem::{FILE_TYPE_UNKNOWN, GetFileType};
use windows::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE,
    STD_OUTPUT_HANDLE, SetStdHandle,
};
use windows::Win32::UI::WindowsAndMessaging::{
    MB_ICONINFORMATION, MB_ICONWARNING, MB_OK, MESSAGEBOX_STYLE, MessageBoxW,
};
use windows::core::{HSTRING, w};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Console {
    /// Never a message box.
    pub(super) silent: bool,
}

impl Console {
    /// What was asked for. The program is to end then.
    pub(super) fn say(&self, text: &str) {
        let is_deaf = !attach();
        let _ = writeln!(io::stdout(), "{}", text.trim_end());
        self.show(is_deaf, text, MB_ICONINFORMATION);
    }

    /// Why the program does not go on.
    pub(super) fn complain(&self, reason: &str) {
        let is_deaf = !attach();
        let text = format!("raa-client: {}", reason.trim_end());
        let _ = writeln!(io::stderr(), "{text}");
        self.show(is_deaf, &text, MB_ICONWARNING);
    }

    /// What nobody would read otherwise is shown in a message box.
    fn show(&self, is_deaf: bool, text: &str, icon: MESSAGEBOX_STYLE) {
        if is_deaf && !self.silent {
            message_box(text, icon);
        }
    }
}

/// Leads stdout and stderr to the parent's console unless they lead somewhere. Returns whether
/// anybody can read them.
fn attach() -> bool {
    let kept = [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].map(|which| (which, handle(which)));
    if kept.iter().any(|(_, handle)| handle.is_none()) {
        attach_to_parent();
        for (which, handle) in kept {
            lead(which, handle);
        }
    }
    handle(STD_OUTPUT_HANDLE).is_some()
}

/// Gives a standard handle back that it had, or a console if it has none.
fn lead(which: STD_HANDLE, kept: Option<HANDLE>) {
    if let Some(kept) = kept {
        set_handle(which, kept);
    } else if handle(which).is_none()
        && let Ok(console) = OpenOptions::new().read(true).write(true).open("CONOUT$")
    {
        // It stays open for as long as the process lives.
        set_handle(which, HANDLE(console.into_raw_handle()));
    }
}

/// A standard handle, if it leads anywhere.
#[allow(unsafe_code)]
fn handle(which: STD_HANDLE) -> Option<HANDLE> {
    // SAFETY: both take values only; a handle that is none has an unknown type.
    unsafe {
        let handle = GetStdHandle(which)
            .ok()
            .filter(|handle| !handle.is_invalid())?;
        (GetFileType(handle) != FILE_TYPE_UNKNOWN).then_some(handle)
    }
}

#[allow(unsafe_code)]
fn set_handle(which: STD_HANDLE, handle: HANDLE) {
    // SAFETY: the handle stays open for as long as the process lives.
    let _ = unsafe { SetStdHandle(which, handle) };
}

/// There is none when the program was started from the desktop.
#[allow(unsafe_code)]
fn attach_to_parent() {
    // SAFETY: takes a number.
    let _ = unsafe { AttachConsole(ATTACH_PARENT_PROCESS) };
}

#[allow(unsafe_code)]
fn message_box(text: &str, icon: MESSAGEBOX_STYLE) {
    // SAFETY: both strings end with zero and live until the call returns.
    unsafe { MessageBoxW(None, &HSTRING::from(text), w!("RAA"), MB_OK | icon) };
}
