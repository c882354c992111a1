//! The tray icon.
//!
//! It speaks by version 4 of the protocol: one message for "choose" and one for "menu", whether by
//! mouse or keyboard (learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-shell_notifyiconw).
//! At sign-in the taskbar may not be there yet, or be too busy to answer in time; then the icon is
//! offered again every two seconds, and whenever the taskbar says that it is new.
//!
//! Always: shows the newest face that it was given; gone when this is dropped.

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

use super::icon::{OwnedIcon, Size, taskbar_dpi};
use super::ids;
use super::window::{TRAY, TRAY_TIMER, Window};
use crate::ui::texts::{self, BALLOON_TITLE_UNITS, BALLOON_UNITS};
use crate::ui::view::{Face, Icon};

/// How often the icon is offered to a taskbar that does not take it.
const RETRY_EVERY_MS: u32 = 2_000;
/// The window has one icon.
const ICON_ID: u32 = 1;
/// Chosen by keyboard; `NINF_KEY` makes it of `NIN_SELECT`.
const NIN_KEYSELECT: u32 = NIN_SELECT | 1;

/// What a person does with the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A click, a double click, or a key.
    Chosen,
    /// The menu is wanted at this point of the screen.
    Menu((i32, i32)),
}

/// A sentence beside the icon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Balloon {
    /// Its title.
    pub title: String,
    /// The sentence.
    pub text: String,
    /// Which picture it has.
    pub kind: BalloonKind,
}

/// Which picture a balloon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BalloonKind {
    /// All is well.
    Info,
    /// Something needs a person.
    Warning,
}

thread_local! {
    /// The taskbar speaks version 4; one from before Windows Vista sends mouse messages.
    static IS_VERSION_4: Cell<bool> = const { Cell::new(false) };
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Tray {
    window: Window,
    icons: Icons,
    face: Face,
    is_there: bool,
    /// For when the icon is there.
    waiting: Option<Balloon>,
}

impl Tray {
    /// Shows the icon, now or as soon as there is a taskbar.
    pub(super) fn new(window: Window, face: Face) -> Self {
        let mut tray = Self {
            window,
            icons: Icons::load(),
            face,
            is_there: false,
            waiting: None,
        };
        tray.add();
        tray
    }

    /// Shows another face.
    pub(super) fn show(&mut self, face: Face) {
        if face == self.face {
            return;
        }
        self.face = face;
        // A taskbar that has forgotten the icon gets it anew.
        if self.is_there && !self.send(NIM_MODIFY, &self.data()) {
            self.add();
        }
    }

    /// The taskbar is new, or its size of icons is.
    pub(super) fn taskbar_created(&mut self) {
        self.icons = Icons::load();
        self.add();
    }

    /// Offers the icon again if the taskbar has not taken it.
    pub(super) fn retry(&mut self) {
        if !self.is_there {
            self.add();
        }
    }

    /// Shows a sentence for a while, now or when the icon is there; the system decides how.
    pub(super) fn balloon(&mut self, balloon: Balloon) {
        if self.is_there {
            self.show_balloon(&balloon);
        } else {
            self.waiting = Some(balloon);
        }
    }

    /// Takes the icon away.
    pub(super) fn remove(&mut self) {
        self.window.kill_timer(TRAY_TIMER);
        if std::mem::take(&mut self.is_there) {
            self.send(NIM_DELETE, &self.empty_data(NOTIFY_ICON_DATA_FLAGS(0)));
        }
    }

    fn add(&mut self) {
        let data = self.data();
        // An answer that came too late counts as a refusal, though the icon is there.
        self.is_there = self.send(NIM_ADD, &data) || self.send(NIM_MODIFY, &data);
        if self.is_there {
            self.window.kill_timer(TRAY_TIMER);
            let mut version = self.empty_data(NOTIFY_ICON_DATA_FLAGS(0));
            version.Anonymous = NOTIFYICONDATAW_0 {
                uVersion: NOTIFYICON_VERSION_4,
            };
            IS_VERSION_4.set(self.send(NIM_SETVERSION, &version));
            if let Some(balloon) = self.waiting.take() {
                self.show_balloon(&balloon);
            }
        } else {
            self.window.set_timer(TRAY_TIMER, RETRY_EVERY_MS);
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
        // Version 4 shows the tooltip only if asked to.
        let mut data = self.empty_data(NIF_MESSAGE | NIF_ICON | NIF_TIP | NIF_SHOWTIP);
        data.uCallbackMessage = TRAY;
        data.hIcon = self.icons.of(self.face.icon);
        write(&mut data.szTip, &self.face.tooltip);
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
        // SAFETY: the structure says its size; its icon, if any, is one of `self.icons`.
        unsafe { Shell_NotifyIconW(message, data) }.as_bool()
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Event {
    /// What the parameters of a [`TRAY`] message mean.
    pub(super) fn read(wparam: WPARAM, lparam: LPARAM) -> Option<Self> {
        if !IS_VERSION_4.get() {
            return match lparam.0 as u32 {
                WM_LBUTTONUP | NIN_BALLOONUSERCLICK => Some(Self::Chosen),
                WM_RBUTTONUP => Some(Self::Menu(cursor())),
                _ => None,
            };
        }
        // Two signed halves each: the event and the icon's id, x and y.
        match lparam.0 as u32 & 0xffff {
            NIN_SELECT | NIN_KEYSELECT | NIN_BALLOONUSERCLICK => Some(Self::Chosen),
            WM_CONTEXTMENU => {
                let [x, y] = [wparam.0 as i16, (wparam.0 >> 16) as i16].map(i32::from);
                Some(Self::Menu((x, y)))
            }
            _ => None,
        }
    }
}

/// The pictures, in the size of the taskbar as it was when they were loaded.
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
    // SAFETY: writes into a variable that lives here; without a cursor it stays at 0, 0.
    let _ = unsafe { GetCursorPos(&raw mut at) };
    (at.x, at.y)
}

/// Puts a text into a field that is large enough for it and a zero.
fn write(field: &mut [u16], text: &str) {
    let room = field.len() - 1;
    for (unit, place) in text.encode_utf16().chain([0]).zip(&mut field[..=room]) {
        *place = unit;
    }
    field[room] = 0;
}
