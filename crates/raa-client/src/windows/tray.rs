//! The tray icon.
//!
//! Uses version 4 of the protocol: one message for "select" and one for "menu", by mouse or keyboard
//! (learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-shell_notifyiconw). At sign-in the
//! taskbar may not exist yet, or be too busy to answer in time; then the icon is offered again every
//! two seconds, and whenever a taskbar is created.
//!
//! Always: shows the latest view that it was given; the icon is removed on drop.

use std::cell::Cell;

use windows::Win32::Foundation::{LPARAM, POINT, WPARAM};
use windows::Win32::UI::Shell::{
    NIF_ICON, NIF_INFO, NIF_MESSAGE, NIF_SHOWTIP, NIF_TIP, NIIF_INFO, NIIF_WARNING, NIM_ADD,
    NIM_DELETE, NIM_MODIFY, NIM_SETVERSION, NIN_BALLOONUSERCLICK, NIN_SELECT,
    NOTIFY_ICON_DATA_FLAGS, NOTIFY_ICON_MESSAGE, NOTIFYICON_VERSION_4, NOTIFYICONDATAW,
    NOTIFYICONDATAW_0, Shell_NotifyIconW,
};
use windows::Win32::UI::WindowsAndMessaging::{
    GetCursorPos, HICON, WM_CONTEXTMENU, WM_LBUTTONUP, WM_RBUTTONUP,
};

use super::events::TrayEvent;
use super::handle::Window;
use super::icon::{OwnedIcon, Size, taskbar_dpi};
use super::ids;
use crate::ui::texts::{self, BALLOON_TITLE_UNITS, BALLOON_UNITS};
use crate::ui::view::{Icon, TrayView};

/// The pause between two offers to a taskbar that does not accept the icon.
const RETRY_EVERY_MS: u32 = 2_000;
/// The window has only this icon.
const ICON_ID: u32 = 1;
/// Selection by keyboard: `NIN_SELECT` with `NINF_KEY`.
const NIN_KEYSELECT: u32 = NIN_SELECT | 1;

/// A notification next to the icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Balloon {
    pub(super) title: String,
    pub(super) text: String,
    pub(super) kind: BalloonKind,
}

/// The sign on a balloon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BalloonKind {
    /// A letter "i".
    Info,
    /// An exclamation mark.
    Warning,
}

thread_local! {
    /// Whether the taskbar uses version 4; older ones send mouse messages.
    static IS_VERSION_4: Cell<bool> = const { Cell::new(false) };
}

/// The tray icon; see the module's text.
#[derive(Debug)]
pub(super) struct Tray {
    window: Window,
    icons: Icons,
    view: TrayView,
    is_added: bool,
    /// To be shown once the icon is added.
    waiting: Option<Balloon>,
}

impl Tray {
    /// Shows the icon, now or as soon as there is a taskbar.
    pub(super) fn new(window: Window, view: TrayView) -> Self {
        let mut tray = Self {
            window,
            icons: Icons::load(),
            view,
            is_added: false,
            waiting: None,
        };
        tray.add();
        tray
    }

    /// Shows another view.
    pub(super) fn show(&mut self, view: TrayView) {
        if view == self.view {
            return;
        }
        self.view = view;
        // A taskbar that has lost the icon gets it again.
        if self.is_added && !self.send(NIM_MODIFY, &self.data()) {
            self.add();
        }
    }

    /// Adds the icon to a new taskbar, or one whose icon size has changed.
    pub(super) fn taskbar_created(&mut self) {
        self.icons = Icons::load();
        self.add();
    }

    /// Offers the icon again if the taskbar has not accepted it.
    pub(super) fn retry(&mut self) {
        if !self.is_added {
            self.add();
        }
    }

    /// Shows a balloon, now or once the icon is added.
    pub(super) fn balloon(&mut self, balloon: Balloon) {
        if self.is_added {
            self.show_balloon(&balloon);
        } else {
            self.waiting = Some(balloon);
        }
    }

    /// Removes the icon.
    pub(super) fn remove(&mut self) {
        self.window.kill_timer(ids::TRAY_TIMER);
        if std::mem::take(&mut self.is_added) {
            self.send(NIM_DELETE, &self.empty_data(NOTIFY_ICON_DATA_FLAGS(0)));
        }
    }

    fn add(&mut self) {
        let data = self.data();
        // If the taskbar answers too late, the first call fails although the icon was added.
        self.is_added = self.send(NIM_ADD, &data) || self.send(NIM_MODIFY, &data);
        if self.is_added {
            self.window.kill_timer(ids::TRAY_TIMER);
            let mut version = self.empty_data(NOTIFY_ICON_DATA_FLAGS(0));
            version.Anonymous = NOTIFYICONDATAW_0 {
                uVersion: NOTIFYICON_VERSION_4,
            };
            IS_VERSION_4.set(self.send(NIM_SETVERSION, &version));
            if let Some(balloon) = self.waiting.take() {
                self.show_balloon(&balloon);
            }
        } else {
            self.window.set_timer(ids::TRAY_TIMER, RETRY_EVERY_MS);
        }
    }

    fn show_balloon(&self, balloon: &Balloon) {
        let Balloon { title, text, kind } = balloon;
        let mut data = self.empty_data(NIF_INFO);
        data.dwInfoFlags = match kind {
            BalloonKind::Info => NIIF_INFO,
            BalloonKind::Warning => NIIF_WARNING,
        };
        write(
            &mut data.szInfoTitle,
            &texts::cut(title, BALLOON_TITLE_UNITS),
        );
        write(&mut data.szInfo, &texts::cut(text, BALLOON_UNITS));
        self.send(NIM_MODIFY, &data);
    }

    fn data(&self) -> NOTIFYICONDATAW {
        // Version 4 shows the tooltip only with NIF_SHOWTIP.
        let mut data = self.empty_data(NIF_MESSAGE | NIF_ICON | NIF_TIP | NIF_SHOWTIP);
        data.uCallbackMessage = ids::TRAY;
        data.hIcon = self.icons.of(self.view.icon);
        write(&mut data.szTip, &self.view.tooltip);
        data
    }

    fn empty_data(&self, flags: NOTIFY_ICON_DATA_FLAGS) -> NOTIFYICONDATAW {
        NOTIFYICONDATAW {
            cbSize: size_of::<NOTIFYICONDATAW>() as u32,
            hWnd: self.window.handle(),
            uID: ICON_ID,
            uFlags: flags,
            ..NOTIFYICONDATAW::default()
        }
    }

    #[allow(unsafe_code)]
    fn send(&self, message: NOTIFY_ICON_MESSAGE, data: &NOTIFYICONDATAW) -> bool {
        // SAFETY: the structure contains its size; its icon, if any, is one of `self.icons`.
        unsafe { Shell_NotifyIconW(message, data) }.as_bool()
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Returns the meaning of the parameters of a [`TRAY`](ids::TRAY) message.
pub(super) fn event(wparam: WPARAM, lparam: LPARAM) -> Option<TrayEvent> {
    if !IS_VERSION_4.get() {
        return match lparam.0 as u32 {
            WM_LBUTTONUP | NIN_BALLOONUSERCLICK => Some(TrayEvent::Selected),
            WM_RBUTTONUP => Some(TrayEvent::Menu(cursor())),
            _ => None,
        };
    }
    // Each parameter has two halves: the event and the icon's id, and x and y, which are signed.
    match lparam.0 as u32 & 0xffff {
        NIN_SELECT | NIN_KEYSELECT | NIN_BALLOONUSERCLICK => Some(TrayEvent::Selected),
        WM_CONTEXTMENU => {
            let [x, y] = [wparam.0 as i16, (wparam.0 >> 16) as i16].map(i32::from);
            Some(TrayEvent::Menu((x, y)))
        }
        _ => None,
    }
}

/// The icons, in the size of the taskbar at the time of loading.
#[derive(Debug)]
struct Icons {
    active: OwnedIcon,
    silent: OwnedIcon,
    muted: OwnedIcon,
    error: OwnedIcon,
}

impl Icons {
    fn load() -> Self {
        let dpi = taskbar_dpi();
        let load = |id| OwnedIcon::load(id, Size::Small, dpi);
        Self {
            active: load(ids::ICON_ACTIVE),
            silent: load(ids::ICON_SILENT),
            muted: load(ids::ICON_MUTED),
            error: load(ids::ICON_ERROR),
        }
    }

    fn of(&self, icon: Icon) -> HICON {
        match icon {
            Icon::Active => self.active.handle(),
            Icon::Silent => self.silent.handle(),
            Icon::Muted => self.muted.handle(),
            Icon::Error => self.error.handle(),
        }
    }
}

#[allow(unsafe_code)]
fn cursor() -> (i32, i32) {
    let mut at = POINT::default();
    // SAFETY: writes into a local variable, which stays at 0, 0 without a cursor.
    let _ = unsafe { GetCursorPos(&raw mut at) };
    (at.x, at.y)
}

/// Writes a text and a zero into a field, cutting it if necessary.
fn write(field: &mut [u16], text: &str) {
    let last = field.len() - 1;
    for (unit, place) in text.encode_utf16().chain([0]).zip(field.iter_mut()) {
        *place = unit;
    }
    field[last] = 0;
}
