//! The program's icons, in the size that fits the resolution of a screen.
//!
//! Always: dropping an [`OwnedIcon`] destroys the icon.

use windows::Win32::Foundation::HWND;
use windows::Win32::UI::HiDpi::{GetDpiForSystem, GetDpiForWindow, GetSystemMetricsForDpi};
use windows::Win32::UI::WindowsAndMessaging::{
    DestroyIcon, FindWindowW, HICON, IMAGE_ICON, LR_DEFAULTCOLOR, LoadImageW, SM_CXICON,
    SM_CXSMICON, SM_CYICON, SM_CYSMICON,
};
use windows::core::{PCWSTR, w};

use super::handle::program;

/// The size of an icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// For title bars and the tray: 16 pixels at 96 dots per inch.
    Small,
    /// For lists of windows: 32 pixels at 96 dots per inch.
    Big,
}

/// An icon that is destroyed on drop.
#[derive(Debug)]
pub(super) struct OwnedIcon(HICON);

impl OwnedIcon {
    /// Loads one of the program's icons; an empty one if that fails.
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
        // SAFETY: nothing else uses it: windows that show it are destroyed before, and the taskbar has
        // a copy.
        let _ = unsafe { DestroyIcon(self.0) };
    }
}

/// Returns the current resolution of the taskbar's screen, in dots per inch.
#[allow(unsafe_code)]
pub(super) fn taskbar_dpi() -> u32 {
    // SAFETY: the class is a constant that ends with zero.
    let taskbar = unsafe { FindWindowW(w!("Shell_TrayWnd"), PCWSTR::null()) };
    window_dpi(taskbar.unwrap_or_default())
}

/// Returns the resolution at which a window is shown, in dots per inch.
#[allow(unsafe_code)]
pub(super) fn window_dpi(window: HWND) -> u32 {
    // SAFETY: takes any window; the resolution of one that is gone is 0.
    match unsafe { GetDpiForWindow(window) } {
        // SAFETY: takes nothing.
        0 => unsafe { GetDpiForSystem() },
        dpi => dpi,
    }
}

#[allow(unsafe_code)]
fn pixels(size: Size, dpi: u32) -> (i32, i32) {
    let (width, height) = match size {
        Size::Small => (SM_CXSMICON, SM_CYSMICON),
        Size::Big => (SM_CXICON, SM_CYICON),
    };
    // SAFETY: takes numbers.
    let metric = |which| unsafe { GetSystemMetricsForDpi(which, dpi) };
    (metric(width), metric(height))
}

#[allow(unsafe_code)]
fn load(id: u16, width: i32, height: i32) -> HICON {
    // LoadIconMetric scales better, but the comctl32 of programs without this one's manifest, such as
    // its tests, does not have it.
    // SAFETY: a name below 65536 is a number and is not dereferenced.
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
