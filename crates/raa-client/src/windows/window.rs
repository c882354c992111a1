//! The hidden window, which receives messages from other threads, other starts and the taskbar.
//!
//! Always: top-level, because no other kind of window receives the taskbar's messages and the end of
//! the session; never shown.

use std::path::Path;
use std::sync::LazyLock;

use windows::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows::Win32::UI::WindowsAndMessaging::{
    ChangeWindowMessageFilterEx, CreateWindowExW, DefWindowProcW, MSGFLT_ALLOW,
    PBT_APMRESUMEAUTOMATIC, PBT_APMSUSPEND, RegisterClassW, RegisterWindowMessageW,
    WINDOW_EX_STYLE, WM_CLOSE, WM_ENDSESSION, WM_POWERBROADCAST, WM_TIMER, WM_WTSSESSION_CHANGE,
    WNDCLASSW, WS_POPUP,
};
use windows::core::{HSTRING, Result, w};

use super::events::{Event, notify};
use super::handle::{Window, program};
use super::{ids, instance, session, tray};
use crate::ui::turn::Place;

/// The taskbar's broadcast after it was created
/// (learn.microsoft.com/windows/win32/shell/taskbar#taskbar-creation-notification).
static TASKBAR_CREATED: LazyLock<u32> = LazyLock::new(register_message);

/// Creates the hidden window of a client with its settings in this folder, which becomes its title.
pub(super) fn create_hidden(folder: &Path) -> Result<Window> {
    LazyLock::force(&TASKBAR_CREATED);
    let window = create(&HSTRING::from(folder))?;
    admit_taskbar(window);
    instance::mark_version(window);
    let window = Window::of(window);
    session::announce_changes(window);
    Ok(window)
}

/// Lets the taskbar's broadcast through to a program that runs as administrator. Otherwise the message
/// of a less privileged program is dropped, and the icon does not come back when Explorer was started
/// again (learn.microsoft.com/windows/win32/api/winuser/nf-winuser-changewindowmessagefilterex).
#[allow(unsafe_code)]
fn admit_taskbar(window: HWND) {
    // SAFETY: takes a window of this thread and numbers; no information is asked for.
    let admitted =
        unsafe { ChangeWindowMessageFilterEx(window, *TASKBAR_CREATED, MSGFLT_ALLOW, None) };
    if let Err(error) = admitted {
        tracing::debug!("the taskbar's messages are not let through: {error}");
    }
}

#[allow(unsafe_code)]
fn register_message() -> u32 {
    // SAFETY: the name is a constant that ends with zero.
    unsafe { RegisterWindowMessageW(w!("TaskbarCreated")) }
}

#[allow(unsafe_code)]
fn create(title: &HSTRING) -> Result<HWND> {
    let class = WNDCLASSW {
        lpfnWndProc: Some(procedure),
        hInstance: program(),
        lpszClassName: instance::WINDOW_CLASS,
        ..WNDCLASSW::default()
    };
    // SAFETY: the class's name is a constant, and the procedure lives as long as the program.
    unsafe { RegisterClassW(&raw const class) };
    // SAFETY: the class's name is a constant that ends with zero; so does the title.
    unsafe {
        CreateWindowExW(
            WINDOW_EX_STYLE::default(),
            instance::WINDOW_CLASS,
            title,
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
    // SAFETY: the parameters are passed on unchanged.
    unsafe { DefWindowProcW(window, message, wparam, lparam) }
}

fn event(message: u32, wparam: WPARAM, lparam: LPARAM) -> Option<Event> {
    match message {
        ids::STATUS_CHANGED => Some(Event::StatusChanged),
        ids::RESULT_READY => Some(Event::ResultReady),
        ids::TRAY => tray::event(wparam, lparam).map(Event::Tray),
        WM_TIMER if wparam.0 == ids::TRAY_TIMER => Some(Event::TrayRetryDue),
        WM_TIMER if wparam.0 == ids::TURN_TIMER => Some(Event::TurnDue),
        WM_TIMER if wparam.0 == ids::AWAKE_TIMER => Some(Event::Awake),
        WM_WTSSESSION_CHANGE => Place::after(wparam.0).map(Event::SessionMoved),
        WM_POWERBROADCAST if wparam.0 == PBT_APMSUSPEND as usize => Some(Event::FallsAsleep),
        WM_POWERBROADCAST if wparam.0 == PBT_APMRESUMEAUTOMATIC as usize => Some(Event::Awake),
        WM_CLOSE => Some(Event::Quit),
        // With 0, another program has refused, and the session continues.
        WM_ENDSESSION if wparam.0 != 0 => Some(Event::SessionEnds),
        message if message == *TASKBAR_CREATED => Some(Event::TaskbarCreated),
        message if message == *instance::SHOW_SETTINGS => Some(Event::ShowSettings),
        message if message == *instance::DIAGNOSE => {
            Some(Event::Asked(Window::of(HWND(wparam.0 as *mut _))))
        }
        message if message == *instance::RELOAD => Some(Event::Reload),
        _ => None,
    }
}
