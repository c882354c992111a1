//! Translates Windows' messages to the dialog into events.
//!
//! Always: changes nothing itself; [`crate::windows::events`] explains why.

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
use crate::windows::events::{DialogEvent, Event, notify};
use crate::windows::handle::program;
use crate::windows::ids;

/// Creates the dialog without showing it.
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
    // SAFETY: the structure contains its size.
    let _ = unsafe { InitCommonControlsEx(&raw const classes) };
    // SAFETY: the dialog's name is a number; the procedure lives as long as the program.
    unsafe { CreateDialogParamW(Some(program()), name, None, Some(procedure), LPARAM(0)) }
}

/// Lets the dialog handle a message of the program's loop; returns whether it did.
#[allow(unsafe_code)]
pub(super) fn handles(dialog: HWND, message: &MSG) -> bool {
    // SAFETY: a dialog that is gone handles nothing.
    unsafe { IsDialogMessageW(dialog, message) }.as_bool()
}

/// Returns 1 for a handled message. 0 for `WM_INITDIALOG` leaves the focus to the program.
extern "system" fn procedure(_: HWND, message: u32, wparam: WPARAM, _: LPARAM) -> isize {
    match event(message, wparam) {
        Some(event) => {
            notify(Event::Dialog(event));
            1
        }
        None => 0,
    }
}

fn event(message: u32, wparam: WPARAM) -> Option<DialogEvent> {
    match message {
        WM_COMMAND => command(wparam.0 as u16, u32::from((wparam.0 >> 16) as u16)),
        WM_TIMER if wparam.0 == ids::METER_TIMER => Some(DialogEvent::MeterDue),
        _ => None,
    }
}

fn command(control: u16, notification: u32) -> Option<DialogEvent> {
    match (control, notification) {
        (ids::SERVER, EN_CHANGE) => Some(DialogEvent::ServerEdited),
        (ids::NAME, EN_CHANGE) => Some(DialogEvent::NameEdited),
        // Closing the list with Esc undoes a selection by the arrow keys.
        (ids::SOURCE, CBN_SELCHANGE | CBN_CLOSEUP) => Some(DialogEvent::SourceSelected),
        (ids::SOURCE, CBN_DROPDOWN) => Some(DialogEvent::SourcesOpened),
        (ids::START_WITH_WINDOWS, BN_CLICKED) => Some(DialogEvent::StartWithWindowsClicked),
        (ids::TEST, BN_CLICKED) => Some(DialogEvent::TestPressed),
        (controls::OK, BN_CLICKED) => Some(DialogEvent::Accepted),
        (controls::CANCEL, BN_CLICKED) => Some(DialogEvent::Cancelled),
        _ => None,
    }
}
