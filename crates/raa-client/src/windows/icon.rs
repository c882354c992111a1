//! Pictures of the program, in the size that a screen of some resolution wants.
//!
//! Always: an [`OwnedIcon`] belongs to who has it and is destroyed with it.

use windows::Win32::Foundation::HWND;
use windows::Win32::UI::HiDpi::{GetDpiForSystem, GetDpiForWindow, GetSystemMetricsForDpi};
use windows::Win32::UI::WindowsAndMessaging::{
    DestroyIcon, FindWindowW, HICON, IMAGE_ICON, LR_DEFAULTCOLOR, LoadImageW, SM_CXICON,
    SM_CXSMICON, SM_CYICON, SM_CYSMICON,
};
use windows::core::{PCWSTR, w};

use super::window::program;

/// What an icon is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A title bar or the tray: 16 pixels at 96 dots per inch.
    Small,
    /// The list of windows: 32 pixels at 96 dots per inch.
    Big,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct OwnedIcon(HICON);

impl OwnedIcon {
    /// One of the program's icons; an empty one when there is no memory for it.
    pub(super) fn load(id: u16, size: Size, dpi: u32) -> Self {
        let (width, height) = pixels(size, dpi);
        Self(load(id, width, height))
    }

    pub(super) fn handle(&self) -> HICON {
        self.0
    }
}

impl Drop for OwnedIcon {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: nobody else has it: windows that show it go before it, the taskbar copies it.
        let _ = unsafe { DestroyIcon(self.0) };
    }
}

/// The resolution of the screen with the taskbar, which may have changed since the program
/// started.
#[allow(unsafe_code)]
pub(super) fn taskbar_dpi() -> u32 {
    // SAFETY: the class is a constant that ends with zero.
    let taskbar = unsafe { FindWindowW(w!("Shell_TrayWnd"), PCWSTR::null()) };
    window_dpi(taskbar.unwrap_or_default())
}

/// The resolution that a window is shown in.
#[allow(unsafe_code)]
pub(super) fn window_dpi(window: HWND) -> u32 {
    // SAFETY: takes any window; one that is gone has the resolution 0.
    unsafe {
        match GetDpiForWindow(window) {
            0 => GetDpiForSystem(),
            dpi => dpi,
        }
    }
}

#[allow(unsafe_code)]
fn pixels(size: Size, dpi: u32) -> (i32, i32) {
    let (width, height) = match size {
        Size::Small => (SM_CXSMICON, SM_CYSMICON),
        Size::Big => (SM_CXICON, SM_CYICON),
    };
    // SAFETY: takes numbers.
    unsafe {
        (
            GetSystemMetricsForDpi(width, dpi),
            GetSystemMetricsForDpi(height, dpi),
        )
    }
}

#[allow(unsafe_code)]
fn load(id: u16, width: i32, height: i32) -> HICON {
    // LoadIconMetric scales better, but is missing from the comctl32 that programs without this
    // one's manifest get, such as its tests.
    // SAFETY: a name below 65536 is a number and is not followed.
    let image = unsafe {
        let name = PCWSTR(usize::from(id) as *const u16);
        LoadImageW(
            Some(program()),
            name,
            IMAGE_ICON,
            width,
            height,
            LR_DEFAULTCOLOR,
        )
    };
    image.map(|image| HICON(image.0)).unwrap_or_default()
}
