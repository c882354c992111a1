//! Handles of windows and of this program.

use windows::Win32::Foundation::{HINSTANCE, HWND, LPARAM, WPARAM};
use windows::Win32::System::LibraryLoader::GetModuleHandleW;
use windows::Win32::UI::WindowsAndMessaging::{DestroyWindow, KillTimer, PostMessageW, SetTimer};

/// Refers to a window, which may be gone: using it then is an error without consequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window(isize);

impl Window {
    pub(super) fn of(handle: HWND) -> Self {
        Self(handle.0 as isize)
    }

    pub(super) fn handle(self) -> HWND {
        HWND(self.0 as *mut _)
    }

    /// Posts a message without parameters to the window's thread; works from any thread.
    #[allow(unsafe_code)]
    pub(super) fn post(self, message: u32) {
        // A window that is gone needs no message.
        // SAFETY: the message has no parameters.
        let _ = unsafe { PostMessageW(Some(self.handle()), message, WPARAM(0), LPARAM(0)) };
    }

    /// Sends `WM_TIMER` to the window every `every_ms` milliseconds.
    #[allow(unsafe_code)]
    pub(super) fn set_timer(self, timer: usize, every_ms: u32) {
        // SAFETY: without a callback, the timer is a message.
        unsafe { SetTimer(Some(self.handle()), timer, every_ms, None) };
    }

    #[allow(unsafe_code)]
    pub(super) fn kill_timer(self, timer: usize) {
        // SAFETY: takes numbers; a timer that does not exist is an error.
        let _ = unsafe { KillTimer(Some(self.handle()), timer) };
    }

    #[allow(unsafe_code)]
    pub(super) fn destroy(self) {
        // SAFETY: takes any number; a window of another thread is an error.
        let _ = unsafe { DestroyWindow(self.handle()) };
    }
}

/// Returns the handle of this program, which contains the resources.
#[allow(unsafe_code)]
pub(super) fn program() -> HINSTANCE {
    // SAFETY: no name means this program; its handle is valid while it runs.
    let module = unsafe { GetModuleHandleW(None) };
    module.map(HINSTANCE::from).unwrap_or_default()
}
