//! The dialog's controls, by their ids.
//!
//! Always: a missing control has no consequences; a text that is already shown is not set again,
//! because that flickers and makes screen readers repeat it.

use windows::Win32::Foundation::{HWND, LPARAM, WPARAM};
use windows::Win32::UI::Controls::{
    BST_CHECKED, BST_UNCHECKED, CheckDlgButton, EM_LIMITTEXT, IsDlgButtonChecked, PBM_GETPOS,
    PBM_SETPOS, PBM_SETRANGE32,
};
use windows::Win32::UI::Input::KeyboardAndMouse::{EnableWindow, GetFocus};
use windows::Win32::UI::WindowsAndMessaging::{
    CB_ADDSTRING, CB_GETCURSEL, CB_RESETCONTENT, CB_SETCURSEL, GetDlgItem, GetWindowTextLengthW,
    GetWindowTextW, ICON_BIG, ICON_SMALL, IDCANCEL, IDOK, SW_SHOWNORMAL, SendMessageW,
    SetForegroundWindow, SetWindowTextW, ShowWindow, WM_NEXTDLGCTL, WM_SETICON,
};
use windows::core::HSTRING;

use super::room::Room;
use crate::windows::icon::OwnedIcon;

/// The id of the button that Enter presses.
pub(super) const OK: u16 = IDOK.0 as u16;
/// The id of the button that Esc presses.
pub(super) const CANCEL: u16 = IDCANCEL.0 as u16;

/// Access to the controls of one dialog.
#[derive(Debug)]
pub(super) struct Controls(HWND);

impl Controls {
    pub(super) fn of(dialog: HWND) -> Self {
        Self(dialog)
    }

    pub(super) fn text(&self, id: u16) -> String {
        window_text(self.control(id))
    }

    pub(super) fn set_text(&self, id: u16, text: &str) {
        set_window_text(self.control(id), text);
    }

    /// Gives a note the room that this text needs.
    pub(super) fn make_room(&self, room: &Room, id: u16, text: &str) {
        room.fit(self.0, self.control(id), text);
    }

    pub(super) fn set_title(&self, text: &str) {
        set_window_text(self.0, text);
    }

    /// Limits the text of a field to this many UTF-16 units.
    pub(super) fn limit(&self, id: u16, units: u16) {
        self.send(id, EM_LIMITTEXT, usize::from(units), 0);
    }

    pub(super) fn is_checked(&self, id: u16) -> bool {
        is_checked(self.0, id)
    }

    pub(super) fn check(&self, id: u16, checked: bool) {
        check(self.0, id, checked);
    }

    /// Replaces the lines of a list.
    pub(super) fn set_lines(&self, id: u16, lines: &[String], selected: usize) {
        self.send(id, CB_RESETCONTENT, 0, 0);
        for line in lines {
            let line = HSTRING::from(line);
            self.send(id, CB_ADDSTRING, 0, line.as_ptr() as isize);
        }
        self.send(id, CB_SETCURSEL, selected, 0);
    }

    /// Returns the selected line of a list.
    pub(super) fn selected(&self, id: u16) -> Option<usize> {
        usize::try_from(self.send(id, CB_GETCURSEL, 0, 0)).ok()
    }

    /// Sets the value at the right end of a meter.
    pub(super) fn set_range(&self, id: u16, steps: u32) {
        self.send(id, PBM_SETRANGE32, 0, steps as isize);
    }

    /// Moves a meter. Windows animates a growing bar, which delays it by half a second, but not a
    /// shrinking one; so the bar grows one step too far and shrinks back.
    pub(super) fn set_progress(&self, id: u16, steps: u32) {
        let shown = u32::try_from(self.send(id, PBM_GETPOS, 0, 0)).unwrap_or(0);
        if steps > shown {
            self.send(id, PBM_SETPOS, steps as usize + 1, 0);
        }
        if steps != shown {
            self.send(id, PBM_SETPOS, steps as usize, 0);
        }
    }

    pub(super) fn enable(&self, id: u16, enabled: bool) {
        enable(self.control(id), enabled);
    }

    pub(super) fn has_focus(&self, id: u16) -> bool {
        has_focus(self.control(id))
    }

    /// Moves the keyboard focus, as Tab does: with the field's text selected.
    pub(super) fn focus(&self, id: u16) {
        let control = self.control(id);
        send(self.0, WM_NEXTDLGCTL, control.0 as usize, 1);
    }

    /// Sets the icons of title bar and window list, which must live as long as the dialog.
    pub(super) fn set_icons(&self, small: &OwnedIcon, big: &OwnedIcon) {
        for (which, icon) in [(ICON_SMALL, small), (ICON_BIG, big)] {
            send(self.0, WM_SETICON, which as usize, icon.handle().0 as isize);
        }
    }

    /// Shows the dialog in front of all other windows.
    #[allow(unsafe_code)]
    pub(super) fn show_window(&self) {
        // SAFETY: takes a window, which may be gone.
        let _ = unsafe { ShowWindow(self.0, SW_SHOWNORMAL) };
        // SAFETY: as above.
        let _ = unsafe { SetForegroundWindow(self.0) };
    }

    fn send(&self, id: u16, message: u32, wparam: usize, lparam: isize) -> isize {
        send(self.control(id), message, wparam, lparam)
    }

    /// Returns the control, or no window if there is none.
    #[allow(unsafe_code)]
    fn control(&self, id: u16) -> HWND {
        // SAFETY: takes a window, which may be gone, and a number.
        unsafe { GetDlgItem(Some(self.0), i32::from(id)) }.unwrap_or_default()
    }
}

/// Sends a message. `lparam` is a number, or the address of a text that lives until this returns.
#[allow(unsafe_code)]
fn send(window: HWND, message: u32, wparam: usize, lparam: isize) -> isize {
    // SAFETY: the messages of this file take numbers, or a text that is read before the call returns.
    unsafe { SendMessageW(window, message, Some(WPARAM(wparam)), Some(LPARAM(lparam))) }.0
}

#[allow(unsafe_code)]
fn window_text(window: HWND) -> String {
    // SAFETY: takes a window, which may be gone.
    let units = unsafe { GetWindowTextLengthW(window) };
    let mut text = vec![0; usize::try_from(units).unwrap_or(0) + 1];
    // SAFETY: the buffer is a slice with its length, to which the text is cut.
    let read = unsafe { GetWindowTextW(window, &mut text) };
    String::from_utf16_lossy(&text[..usize::try_from(read).unwrap_or(0)])
}

#[allow(unsafe_code)]
fn set_window_text(window: HWND, text: &str) {
    if window_text(window) != text {
        // SAFETY: the text ends with zero and lives until the call returns.
        let _ = unsafe { SetWindowTextW(window, &HSTRING::from(text)) };
    }
}

#[allow(unsafe_code)]
fn is_checked(dialog: HWND, id: u16) -> bool {
    // SAFETY: takes a window, which may be gone, and a number.
    unsafe { IsDlgButtonChecked(dialog, i32::from(id)) == BST_CHECKED.0 }
}

#[allow(unsafe_code)]
fn check(dialog: HWND, id: u16, checked: bool) {
    let state = if checked { BST_CHECKED } else { BST_UNCHECKED };
    // SAFETY: takes a window, which may be gone, and numbers.
    let _ = unsafe { CheckDlgButton(dialog, i32::from(id), state) };
}

#[allow(unsafe_code)]
fn enable(window: HWND, enabled: bool) {
    // SAFETY: takes a window, which may be gone.
    let _ = unsafe { EnableWindow(window, enabled) };
}

#[allow(unsafe_code)]
fn has_focus(window: HWND) -> bool {
    // SAFETY: takes nothing.
    unsafe { GetFocus() == window }
}
