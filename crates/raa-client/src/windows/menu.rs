//! The tray icon's menu.
//!
//! Always: pumps messages until something is chosen or the menu is closed, so nothing may be
//! borrowed meanwhile.

use windows::Win32::UI::WindowsAndMessaging::{
    AppendMenuW, CreatePopupMenu, DestroyMenu, GetSystemMetrics, HMENU, MENU_ITEM_FLAGS,
    MF_CHECKED, MF_GRAYED, MF_SEPARATOR, MF_STRING, SM_MENUDROPALIGNMENT, SetForegroundWindow,
    SetMenuDefaultItem, TPM_BOTTOMALIGN, TPM_LEFTALIGN, TPM_NONOTIFY, TPM_RETURNCMD,
    TPM_RIGHTALIGN, TPM_RIGHTBUTTON, TrackPopupMenuEx, WM_NULL,
};
use windows::core::{HSTRING, PCWSTR, Result};

use super::window::Window;
use crate::ui::view::{Command, Item, Line};

/// Shows the menu at a point of the screen and waits for the person.
pub(super) fn choose(owner: Window, at: (i32, i32), lines: &[Line]) -> Option<Command> {
    let menu = Menu::new().ok()?;
    for line in lines {
        menu.append(line).ok()?;
    }
    menu.set_default();
    let number = menu.track(owner, at);
    // 0 is none.
    Command::ALL.get(number.checked_sub(1)?).copied()
}

/// The command's number in the menu, from 1.
fn number(command: Command) -> usize {
    let at = Command::ALL.iter().position(|other| *other == command);
    at.map_or(0, |at| at + 1)
}

struct Menu(HMENU);

impl Menu {
    #[allow(unsafe_code)]
    fn new() -> Result<Self> {
        // SAFETY: takes nothing; what it makes is destroyed with this.
        unsafe { CreatePopupMenu() }.map(Self)
    }

    fn append(&self, line: &Line) -> Result<()> {
        match line {
            Line::Separator => self.append_item(MF_SEPARATOR, 0, None),
            Line::Item(item) => {
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
        // SAFETY: the menu lives, and `text` until the call returns.
        unsafe { AppendMenuW(self.0, flags, id, name) }
    }

    /// The first line is what a click on the icon does.
    #[allow(unsafe_code)]
    fn set_default(&self) {
        // SAFETY: the menu lives.
        let _ = unsafe { SetMenuDefaultItem(self.0, 0, 1) };
    }

    /// The number of what was chosen.
    #[allow(unsafe_code)]
    fn track(&self, owner: Window, (x, y): (i32, i32)) -> usize {
        let flags = alignment() | TPM_BOTTOMALIGN | TPM_RIGHTBUTTON | TPM_RETURNCMD | TPM_NONOTIFY;
        // Unless its owner is in the foreground, a menu stays when one clicks elsewhere; the empty
        // message makes it go the second time, too
        // (learn.microsoft.com/windows/win32/api/winuser/nf-winuser-trackpopupmenuex).
        // SAFETY: the menu lives; a window that is gone makes it return at once.
        let chosen = unsafe {
            let _ = SetForegroundWindow(owner.handle());
            TrackPopupMenuEx(self.0, flags.0, x, y, owner.handle(), None)
        };
        owner.post(WM_NULL);
        // With TPM_RETURNCMD it is no truth value but the number.
        usize::try_from(chosen.0).unwrap_or(0)
    }
}

impl Drop for Menu {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: nobody else has it.
        let _ = unsafe { DestroyMenu(self.0) };
    }
}

fn flags(item: &Item) -> MENU_ITEM_FLAGS {
    let mut flags = MF_STRING;
    if item.checked {
        flags |= MF_CHECKED;
    }
    if !item.enabled {
        flags |= MF_GRAYED;
    }
    flags
}

/// Where tablets and some languages want menus.
#[allow(unsafe_code)]
fn alignment() -> windows::Win32::UI::WindowsAndMessaging::TRACK_POPUP_MENU_FLAGS {
    // SAFETY: takes a number.
    if unsafe { GetSystemMetrics(SM_MENUDROPALIGNMENT) } == 0 {
        TPM_LEFTALIGN
    } else {
        TPM_RIGHTALIGN
    }
}
