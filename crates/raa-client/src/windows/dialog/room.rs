//! Gives the note under the server as many lines as it needs.
//!
//! The resource has room for the longest note, which is Windows' own explanation of a network error in three
//! lines; most notes have one, and the room for the others would be a gap.
//!
//! Always: what is below the note moves down and never up again while the dialog is open, so that no button
//! moves back and forth under the pointer; a dialog that Windows has laid out again for another display
//! gets the same number of lines.

use std::cell::Cell;

use windows::Win32::Foundation::{HWND, LPARAM, POINT, RECT, WPARAM};
use windows::Win32::Graphics::Gdi::{
    DRAW_TEXT_FORMAT, DT_CALCRECT, DT_NOPREFIX, DT_WORDBREAK, DrawTextW, GetDC, HDC, HGDIOBJ,
    MapWindowPoints, ReleaseDC, SelectObject,
};
use windows::Win32::UI::WindowsAndMessaging::{
    GET_WINDOW_CMD, GW_CHILD, GW_HWNDNEXT, GetWindow, GetWindowRect, SET_WINDOW_POS_FLAGS,
    SWP_NOACTIVATE, SWP_NOMOVE, SWP_NOSIZE, SWP_NOZORDER, SendMessageW, SetWindowPos, WM_GETFONT,
};

/// The lines that the note has had so far.
#[derive(Debug, Default)]
pub(super) struct Room {
    lines: Cell<i32>,
}

impl Room {
    /// Fits the note's height to this text, and moves what is below it.
    pub(super) fn fit(&self, dialog: HWND, note: HWND, text: &str) {
        let at = rect_in(dialog, note);
        let measure = Measure::of(note);
        let line = measure.height("X", i32::MAX);
        if line <= 0 || at.right <= at.left {
            return;
        }
        let needed = measure.height(text, at.right - at.left);
        let lines = ((needed + line - 1) / line).max(1).max(self.lines.get());
        self.lines.set(lines);
        let growth = line * lines - (at.bottom - at.top);
        if growth == 0 {
            return;
        }
        for child in children(dialog) {
            let place = rect_in(dialog, child);
            if place.top >= at.bottom {
                set_place(child, place.left, place.top + growth, SWP_NOSIZE);
            }
        }
        set_place(note, at.right - at.left, line * lines, SWP_NOMOVE);
        let whole = rect(dialog);
        let (width, height) = (whole.right - whole.left, whole.bottom - whole.top);
        set_place(dialog, width, height + growth, SWP_NOMOVE);
    }
}

/// Measures texts in a control's font.
struct Measure {
    control: HWND,
    context: HDC,
    before: HGDIOBJ,
}

impl Measure {
    #[allow(unsafe_code)]
    fn of(control: HWND) -> Self {
        // SAFETY: takes a window, which may be gone.
        let context = unsafe { GetDC(Some(control)) };
        // SAFETY: the message takes nothing.
        let font = unsafe { SendMessageW(control, WM_GETFONT, Some(WPARAM(0)), Some(LPARAM(0))) };
        // SAFETY: the font belongs to the dialog, which lives as long.
        let before = unsafe { SelectObject(context, HGDIOBJ(font.0 as *mut _)) };
        Self {
            control,
            context,
            before,
        }
    }

    /// Returns the height of a text with lines of this width.
    #[allow(unsafe_code)]
    fn height(&self, text: &str, width: i32) -> i32 {
        let mut text: Vec<u16> = text.encode_utf16().collect();
        let mut rect = RECT {
            right: width,
            ..RECT::default()
        };
        let format: DRAW_TEXT_FORMAT = DT_CALCRECT | DT_WORDBREAK | DT_NOPREFIX;
        // SAFETY: the context is open, and the text is a slice of its own that is only measured.
        unsafe { DrawTextW(self.context, &mut text, &raw mut rect, format) };
        rect.bottom - rect.top
    }
}

impl Drop for Measure {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the object is the one that was selected before.
        unsafe { SelectObject(self.context, self.before) };
        // SAFETY: the context is this control's, and is not used again.
        unsafe { ReleaseDC(Some(self.control), self.context) };
    }
}

/// Moves or resizes a window, in the coordinates of its parent.
#[allow(unsafe_code)]
fn set_place(window: HWND, one: i32, other: i32, keep: SET_WINDOW_POS_FLAGS) {
    let flags = keep | SWP_NOZORDER | SWP_NOACTIVATE;
    // SAFETY: takes a window, which may be gone, and numbers; those that `keep` names are ignored.
    let _ = unsafe { SetWindowPos(window, None, one, other, one, other, flags) };
}

#[allow(unsafe_code)]
fn rect(window: HWND) -> RECT {
    let mut rect = RECT::default();
    // SAFETY: the rectangle is a local variable.
    let _ = unsafe { GetWindowRect(window, &raw mut rect) };
    rect
}

/// Returns where a control is in the dialog.
#[allow(unsafe_code)]
fn rect_in(dialog: HWND, control: HWND) -> RECT {
    let on_screen = rect(control);
    let point = |x, y| POINT { x, y };
    let mut corners = [
        point(on_screen.left, on_screen.top),
        point(on_screen.right, on_screen.bottom),
    ];
    // SAFETY: the points are a local variable.
    unsafe { MapWindowPoints(None, Some(dialog), &mut corners) };
    let [from, to] = corners;
    RECT {
        left: from.x,
        top: from.y,
        right: to.x,
        bottom: to.y,
    }
}

fn children(dialog: HWND) -> impl Iterator<Item = HWND> {
    let next = |child: &HWND| neighbour(*child, GW_HWNDNEXT);
    std::iter::successors(neighbour(dialog, GW_CHILD), next)
}

#[allow(unsafe_code)]
fn neighbour(window: HWND, which: GET_WINDOW_CMD) -> Option<HWND> {
    // SAFETY: takes a window, which may be gone, and a number.
    unsafe { GetWindow(window, which) }.ok()
}
