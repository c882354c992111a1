//! Message boxes: about the program, and what went wrong.
//!
//! Always: pumps messages until it is closed, so nothing may be borrowed meanwhile.

use windows::Win32::UI::WindowsAndMessaging::{
    GetLastActivePopup, MB_ICONWARNING, MB_OK, MB_SETFOREGROUND, MB_USERICON, MSGBOXPARAMSW,
    MessageBoxIndirectW, SetForegroundWindow,
};
use windows::core::{HSTRING, PCWSTR};

use super::ids;
use super::window::{Window, program};

/// What a message box says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The window that waits for it.
    pub owner: Window,
    /// Its title.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Whether it is about something that went wrong.
    pub is_warning: bool,
}

/// Shows it until the person closes it.
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

/// Brings the box that `owner` waits for to the front; whether there is one.
#[allow(unsafe_code)]
pub(super) fn bring_to_front(owner: Window) -> bool {
    // SAFETY: takes a window, which may be gone.
    unsafe {
        let popup = GetLastActivePopup(owner.handle());
        let waits = Window::of(popup) != owner && !popup.is_invalid();
        if waits {
            let _ = SetForegroundWindow(popup);
        }
        waits
    }
}
