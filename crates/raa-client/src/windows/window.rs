//! The hidden window: what other threads, other starts and the taskbar talk to.
//!
//! Always: top-level, because the taskbar's messages and the end of the session reach no other
//! windows; never shown.

use std::sync::LazyLock;

use windows::Win32::Foundation::{HINSTANCE, HWND, LPARAM, LRESULT, WPARAM};
use windows::Win32::System::LibraryLoader::GetModuleHandleW;
use windows::Win32::UI::WindowsAndMessaging::{
    CreateWindowExW, DefWindowProcW, DestroyWindow, KillTimer, PostMessageW, RegisterClassW,
    RegisterWindowMessageW, SetTimer, WINDOW_EX_STYLE, WM_APP, WM_CLOSE, WM_ENDSESSION, WM_TIMER,
    WNDCLASSW, WS_POPUP,
};
use windows::core::{Result, w};

use super::app::{Event, notify};
use super::{instance, tray};

/// The client's status has changed; comes from any thread.
pub(super) const STATUS_CHANGED: u32 = WM_APP + 1;
/// A thread has an answer.
pub(super) const ANSWERED: u32 = WM_APP + 2;
/// From the tray icon.
pub(super) const TRAY: u32 = WM_APP + 3;

/// The timer of [`Event::TrayDue`].
pub(super) const TRAY_TIMER: usize = 1;

/// Broadcast when the taskbar has been made
/// (learn.microsoft.com/windows/win32/shell/taskbar#taskbar-creation-notification).
static TASKBAR_CREATED: LazyLock<u32> = LazyLock::new(register_message);

/// Names a window, which may be gone: whatever is done to it then is an error and does no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window(isize);

impl Window {
    /// The hidden window.
    pub(super) fn create_hidden() -> Result<Self> {
        LazyLock::force(&TASKBAR_CREATED);
        create_hidden().map(Self::of)
    }

    pub(super) fn of(handle: HWND) -> Self {
        Self(handle.0 as isize)
    }

    pub(super) fn handle(self) -> HWND {
        HWND(self.0 as *mut _)
    }

    /// Leaves a message for the window's thread.
    #[allow(unsafe_code)]
    pub(super) fn post(self, message: u32) {
        // A window that is gone needs none.
        // SAFETY: the message's parameters point nowhere.
        let _ = unsafe { PostMessageW(Some(self.handle()), message, WPARAM(0), LPARAM(0)) };
    }

    /// Lets a timer send `WM_TIMER` again and again.
    #[allow(unsafe_code)]
    pub(super) fn set_timer(self, timer: usize, every_ms: u32) {
        // SAFETY: without a callback, the timer is a message.
        unsafe { SetTimer(Some(self.handle()), timer, every_ms, None) };
    }

    #[allow(unsafe_code)]
    pub(super) fn kill_timer(self, timer: usize) {
        // SAFETY: takes numbers; a timer that is not there is an error.
        let _ = unsafe { KillTimer(Some(self.handle()), timer) };
    }

    #[allow(unsafe_code)]
    pub(super) fn destroy(self) {
        // SAFETY: takes any number; a window of another thread is an error.
        let _ = unsafe { DestroyWindow(self.handle()) };
    }
}

/// The program, whose resources are its own.
#[allow(unsafe_code)]
pub(super) fn program() -> HINSTANCE {
    // SAFETY: no name is this program's; its handle is there as long as it runs.
    let module = unsafe { GetModuleHandleW(None) };
    module.map(HINSTANCE::from).unwrap_or_default()
}

#[allow(unsafe_code)]
fn register_message() -> u32 {
    // SAFETY: the name is a constant that ends with zero.
    unsafe { RegisterWindowMessageW(w!("TaskbarCreated")) }
}

#[allow(unsafe_code)]
fn create_hidden() -> Result<HWND> {
    let class = WNDCLASSW {
        lpfnWndProc: Some(procedure),
        hInstance: program(),
        lpszClassName: instance::WINDOW_CLASS,
        ..WNDCLASSW::default()
    };
    // SAFETY: the class name and the title are constants, and the procedure lives as long as the
    // program.
    unsafe {
        RegisterClassW(&raw const class);
        CreateWindowExW(
            WINDOW_EX_STYLE::default(),
            instance::WINDOW_CLASS,
            w!("RAA client"),
            WS_POPUP,
            0,
            0,
            0,
            0,
            None,
            None,
            Some(program()),
            None,
        )
    }
}

#[allow(unsafe_code)]
extern "system" fn procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    if let Some(event) = event(message, wparam, lparam) {
        notify(event);
        return LRESULT(0);
    }
    // SAFETY: the parameters are passed on as they came.
    unsafe { DefWindowProcW(window, message, wparam, lparam) }
}

fn event(message: u32, wparam: WPARAM, lparam: LPARAM) -> Option<Event> {
    match message {
        STATUS_CHANGED => Some(Event::StatusChanged),
        ANSWERED => Some(Event::Answered),
        TRAY => tray::Event::read(wparam, lparam).map(Event::Tray),
        WM_TIMER if wparam.0 == TRAY_TIMER => Some(Event::TrayDue),
        WM_CLOSE => Some(Event::Quit),
        // Without it, somebody else refused, and the session goes on.
        WM_ENDSESSION if wparam.0 != 0 => Some(Event::SessionEnds),
        message if message == *TASKBAR_CREATED => Some(Event::TaskbarCreated),
        message if message == *instance::SHOW_SETTINGS => Some(Event::ShowSettings),
        message if message == *instance::RELOAD => Some(Event::Reload),
        _ => None,
    }
}
