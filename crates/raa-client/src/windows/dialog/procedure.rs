//! What Windows says to the dialog, in the program's own terms.
//!
//! Always: changes nothing by itself; see [`crate::windows::app`] for why.

use windows::Win32::Foundation::{HWND, LPARAM, WPARAM};
use windows::Win32::UI::Controls::{
    ICC_PROGRESS_CLASS, ICC_STANDARD_CLASSES, INITCOMMONCONTROLSEX, InitCommonControlsEx,
};
use windows::Win32::UI::WindowsAndMessaging::{
    BN_CLICKED, CBN_CLOSEUP, CBN_DROPDOWN, CBN_SELCHANGE, CreateDialogParamW, EN_CHANGE,
    IsDialogMessageW, MSG, WM_COMMAND, WM_TIMER,
};
use windows::core::{PCWSTR, Result};

use super::controls;
use crate::ui::texts::Language;
use crate::windows::app::{self, notify};
use crate::windows::ids;
use crate::windows::window::program;

/// What the person did, or what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::windows) enum Event {
    /// The server's field has changed.
    ServerTyped,
    /// The name's field has changed.
    NameTyped,
    /// A line of the list of sources was chosen, or may have been.
    SourceChosen,
    /// The list of sources opens.
    SourcesOpened,
    /// The box was ticked, or the tick taken away.
    StartWithWindowsClicked,
    /// Test was pressed.
    TestPressed,
    /// OK was pressed, or Enter.
    Accepted,
    /// Cancel was pressed, or Esc, or the dialog was closed.
    Cancelled,
    /// The meter is to move.
    MeterDue,
}

/// Makes the dialog, still hidden.
#[allow(unsafe_code)]
pub(super) fn create(language: Language) -> Result<HWND> {
    let id = match language {
        Language::English => ids::SETTINGS,
        Language::Japanese => ids::SETTINGS_JAPANESE,
    };
    let classes = INITCOMMONCONTROLSEX {
        dwSize: size_of::<INITCOMMONCONTROLSEX>() as u32,
        dwICC: ICC_STANDARD_CLASSES | ICC_PROGRESS_CLASS,
    };
    let name = PCWSTR(usize::from(id) as *const u16);
    // SAFETY: the structure says its size; the dialog's name is a number; the procedure lives as
    // long as the program.
    unsafe {
        let _ = InitCommonControlsEx(&raw const classes);
        CreateDialogParamW(Some(program()), name, None, Some(procedure), LPARAM(0))
    }
}

/// Lets the dialog have a message of the program's loop; whether it was one for it.
#[allow(unsafe_code)]
pub(super) fn takes(dialog: HWND, message: &MSG) -> bool {
    // SAFETY: a dialog that is gone takes nothing.
    unsafe { IsDialogMessageW(dialog, message) }.as_bool()
}

/// 1 is "handled". For `WM_INITDIALOG`, 0 says that the focus is set by somebody else.
extern "system" fn procedure(_: HWND, message: u32, wparam: WPARAM, _: LPARAM) -> isize {
    match event(message, wparam) {
        Some(event) => {
            notify(app::Event::Dialog(event));
            1
        }
        None => 0,
    }
}

fn event(message: u32, wparam: WPARAM) -> Option<Event> {
    match message {
        WM_COMMAND => command(wparam.0 as u16, u32::from((wparam.0 >> 16) as u16)),
        WM_TIMER if wparam.0 == super::METER_TIMER => Some(Event::MeterDue),
        _ => None,
    }
}

fn command(control: u16, notification: u32) -> Option<Event> {
    match (control, notification) {
        (ids::SERVER, EN_CHANGE) => Some(Event::ServerTyped),
        (ids::NAME, EN_CHANGE) => Some(Event::NameTyped),
        // Esc takes back what the arrow keys chose in the open list.
        (ids::SOURCE, CBN_SELCHANGE | CBN_CLOSEUP) => Some(Event::SourceChosen),
        (ids::SOURCE, CBN_DROPDOWN) => Some(Event::SourcesOpened),
        (ids::START_WITH_WINDOWS, BN_CLICKED) => Some(Event::StartWithWindowsClicked),
        (ids::TEST, BN_CLICKED) => Some(Event::TestPressed),
        (controls::OK, BN_CLICKED) => Some(Event::Accepted),
        (controls::CANCEL, BN_CLICKED) => Some(Event::Cancelled),
        _ => None,
    }
}
