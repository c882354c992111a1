//! Message boxes: about the program, and about errors.
//!
//! Always: pumps messages until the box is closed, so nothing may be borrowed during the call.

use windows::Win32::UI::WindowsAndMessaging::{
    GetLastActivePopup, MB_ICONWARNING, MB_OK, MB_SETFOREGROUND, MB_USERICON, MSGBOXPARAMSW,
    MessageBoxIndirectW, SetForegroundWindow,
};
use windows::core::{HSTRING, PCWSTR};

use super::handle::{Window, program};
use super::ids;

/// The content of a message box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The window that is disabled until the box is closed.
    pub(super) owner: Window,
    pub(super) title: String,
    pub(super) text: String,
    /// Shows a warning sign instead of the program's icon.
    pub(super) is_warning: bool,
}

/// Shows the box until the user closes it.
#[allow(unsafe_code)]
pub(super) fn show(message: &Message) {
    let title = HSTRING::from(&message.title);
    let text = HSTRING::from(&message.text);
    let icon = if message.is_warning {
        MB_ICONWARNING
    } else {
        MB_USERICON
    };
    let parameters = MSGBOXPARAMSW {
        cbSize: size_of::<MSGBOXPARAMSW>() as u32,
        hwndOwner: message.owner.handle(),
        hInstance: program(),
        lpszText: PCWSTR(text.as_ptr()),
        lpszCaption: PCWSTR(title.as_ptr()),
        dwStyle: MB_OK | MB_SETFOREGROUND | icon,
        lpszIcon: PCWSTR(usize::from(ids::ICON_ACTIVE) as *const u16),
        ..MSGBOXPARAMSW::default()
    };
    // SAFETY: the strings end with zero and live until the call returns; the icon's name is a
    // number.
    unsafe { MessageBoxIndirectW(&raw const parameters) };
}

/// Brings an open box of `owner` to the front; returns whether there is one.
#[allow(unsafe_code)]
pub(super) fn bring_to_front(owner: Window) -> bool {
    // SAFETY: takes a window, which may be gone.
    let popup = unsafe { GetLastActivePopup(owner.handle()) };
    let waits = Window::of(popup) != owner && !popup.is_invalid();
    if waits {
        // SAFETY: as above.
        let _ = unsafe { SetForegroundWindow(popup) };
    }
    waits
}
