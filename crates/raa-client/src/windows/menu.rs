//! The menu of the tray icon.
//!
//! Always: pumps messages until the menu is closed, so nothing may be borrowed during the call.

use windows::Win32::UI::WindowsAndMessaging::{
    AppendMenuW, CreatePopupMenu, DestroyMenu, GetSystemMetrics, HMENU, MENU_ITEM_FLAGS,
    MF_CHECKED, MF_GRAYED, MF_SEPARATOR, MF_STRING, SM_MENUDROPALIGNMENT, SetForegroundWindow,
    SetMenuDefaultItem, TPM_BOTTOMALIGN, TPM_LEFTALIGN, TPM_NONOTIFY, TPM_RETURNCMD,
    TPM_RIGHTALIGN, TPM_RIGHTBUTTON, TrackPopupMenuEx, WM_NULL,
};
use windows::core::{HSTRING, PCWSTR, Result};

use super::handle::Window;
use crate::ui::view::{MenuCommand, MenuItem, MenuLine};

/// Shows the menu at a point of the screen; returns the chosen command.
pub(super) fn choose(owner: Window, at: (i32, i32), lines: &[MenuLine]) -> Option<MenuCommand> {
    let menu = Menu::new().ok()?;
    for line in lines {
        menu.append(line).ok()?;
    }
    menu.set_default();
    let number = menu.track(owner, at);
    // 0 means none.
    MenuCommand::ALL.get(number.checked_sub(1)?).copied()
}

/// Returns the command's number in the menu, from 1.
fn number(command: MenuCommand) -> usize {
    let at = MenuCommand::ALL.iter().position(|other| *other == command);
    at.map_or(0, |at| at + 1)
}

struct Menu(HMENU);

impl Menu {
    #[allow(unsafe_code)]
    fn new() -> Result<Self> {
        // SAFETY: takes nothing; the menu is destroyed on drop.
        unsafe { CreatePopupMenu() }.map(Self)
    }

    fn append(&self, line: &MenuLine) -> Result<()> {
        match line {
            MenuLine::Separator => self.append_item(MF_SEPARATOR, 0, None),
            MenuLine::Item(item) => {
                self.append_item(flags(item), number(item.command), Some(item.text))
            }
        }
    }

    #[allow(unsafe_code)]
    fn append_item(&self, flags: MENU_ITEM_FLAGS, id: usize, text: Option<&str>) -> Result<()> {
        let text = text.map(HSTRING::from);
        let name = text
            .as_ref()
            .map_or(PCWSTR::null(), |text| PCWSTR(text.as_ptr()));
        // SAFETY: the menu exists, and `text` lives until the call returns.
        unsafe { AppendMenuW(self.0, flags, id, name) }
    }

    /// Emphasizes the first line, which a click on the icon executes.
    #[allow(unsafe_code)]
    fn set_default(&self) {
        // SAFETY: the menu exists.
        let _ = unsafe { SetMenuDefaultItem(self.0, 0, 1) };
    }

    /// Shows the menu; returns the number of the chosen line, or 0.
    #[allow(unsafe_code)]
    fn track(&self, owner: Window, (x, y): (i32, i32)) -> usize {
        let flags = alignment() | TPM_BOTTOMALIGN | TPM_RIGHTBUTTON | TPM_RETURNCMD | TPM_NONOTIFY;
        // A menu closes on a click elsewhere only if its owner is in the foreground; without the empty
        // message it would do so only the first time
        // (learn.microsoft.com/windows/win32/api/winuser/nf-winuser-trackpopupmenuex).
        // SAFETY: takes a window, which may be gone.
        let _ = unsafe { SetForegroundWindow(owner.handle()) };
        // SAFETY: the menu exists; a window that is gone makes it return at once.
        let chosen = unsafe { TrackPopupMenuEx(self.0, flags.0, x, y, owner.handle(), None) };
        owner.post(WM_NULL);
        // With TPM_RETURNCMD this is not a Boolean but the number.
        usize::try_from(chosen.0).unwrap_or(0)
    }
}

impl Drop for Menu {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the menu belongs to this value alone.
        let _ = unsafe { DestroyMenu(self.0) };
    }
}

fn flags(item: &MenuItem) -> MENU_ITEM_FLAGS {
    let mut flags = MF_STRING;
    if item.checked {
        flags |= MF_CHECKED;
    }
    if !item.enabled {
        flags |= MF_GRAYED;
    }
    flags
}

/// Returns the side of the point on which tablets and some languages show menus.
#[allow(unsafe_code)]
fn alignment() -> windows::Win32::UI::WindowsAndMessaging::TRACK_POPUP_MENU_FLAGS {
    // SAFETY: takes a number.
    if unsafe { GetSystemMetrics(SM_MENUDROPALIGNMENT) } == 0 {
        TPM_LEFTALIGN
    } else {
        TPM_RIGHTALIGN
    }
}
