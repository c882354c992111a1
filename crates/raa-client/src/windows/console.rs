//! Prints the results of a command on the console that the program was started from.
//!
//! A program for the Windows subsystem has no console until it attaches to that of its parent. It
//! attaches only before it ends, because Ctrl+C, or closing the console's window, ends every
//! attached process. What the parent has redirected to a file or a pipe stays redirected.
//! Always: text that cannot be written anywhere is lost without an error.

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

/// The output of this program; see the module's text.
#[derive(Debug)]
pub(super) struct Console {
    /// Never show a message box.
    pub(super) silent: bool,
}

impl Console {
    /// Prints the result of a command; the program must end after it.
    pub(super) fn say(&self, text: &str) {
        let is_unread = !attach();
        let _ = writeln!(io::stdout(), "{}", text.trim_end());
        self.show(is_unread, text, MB_ICONINFORMATION);
    }

    /// Prints the reason why the program does not continue.
    pub(super) fn complain(&self, reason: &str) {
        let is_unread = !attach();
        let text = format!("raa-client: {}", reason.trim_end());
        let _ = writeln!(io::stderr(), "{text}");
        self.show(is_unread, &text, MB_ICONWARNING);
    }

    /// Shows the text in a message box if nobody can read the output.
    fn show(&self, is_unread: bool, text: &str, icon: MESSAGEBOX_STYLE) {
        if is_unread && !self.silent {
            message_box(text, icon);
        }
    }
}

/// Connects stdout and stderr to the parent's console unless they are connected already. Returns
/// whether anybody can read them.
fn attach() -> bool {
    let kept = [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE].map(|which| (which, handle(which)));
    if kept.iter().any(|(_, handle)| handle.is_none()) {
        attach_to_parent();
        for (which, handle) in kept {
            restore(which, handle);
        }
    }
    handle(STD_OUTPUT_HANDLE).is_some()
}

/// Restores a standard handle, or opens the console for it if there was none.
fn restore(which: STD_HANDLE, kept: Option<HANDLE>) {
    if let Some(kept) = kept {
        set_handle(which, kept);
    } else if handle(which).is_none()
        && let Ok(console) = OpenOptions::new().read(true).write(true).open("CONOUT$")
    {
        // It stays open as long as the process lives.
        set_handle(which, HANDLE(console.into_raw_handle()));
    }
}

/// Returns a standard handle if it is connected.
#[allow(unsafe_code)]
fn handle(which: STD_HANDLE) -> Option<HANDLE> {
    // SAFETY: takes a number.
    let handle = unsafe { GetStdHandle(which) };
    let handle = handle.ok().filter(|handle| !handle.is_invalid())?;
    // SAFETY: a handle that is closed has an unknown type.
    let kind = unsafe { GetFileType(handle) };
    (kind != FILE_TYPE_UNKNOWN).then_some(handle)
}

#[allow(unsafe_code)]
fn set_handle(which: STD_HANDLE, handle: HANDLE) {
    // SAFETY: the handle stays open as long as the process lives.
    let _ = unsafe { SetStdHandle(which, handle) };
}

/// Attaches to the parent's console. There is none if the program was started from the desktop.
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
