//! Copies text to the clipboard.
//!
//! Always: the memory belongs to this program until the system has accepted it.

use std::thread;
use std::time::Duration;

use windows::Win32::Foundation::{GlobalFree, HANDLE, HGLOBAL};
use windows::Win32::System::DataExchange::{
    CloseClipboard, EmptyClipboard, OpenClipboard, SetClipboardData,
};
use windows::Win32::System::Memory::{GMEM_MOVEABLE, GlobalAlloc, GlobalLock, GlobalUnlock};
use windows::Win32::System::Ole::CF_UNICODETEXT;
use windows::core::{Error, Result};

use super::handle::Window;

/// Attempts to open the clipboard, because another program may have it open for some milliseconds.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);

/// Replaces the content of the clipboard, with Windows line endings.
pub(super) fn set_text(owner: Window, text: &str) -> Result<()> {
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let _open = Open::new(owner)?;
    replace(&units)
}

/// Keeps the clipboard open until it is dropped.
struct Open;

impl Open {
    fn new(owner: Window) -> Result<Self> {
        let mut opened = open(owner);
        for _ in 1..ATTEMPTS {
            if opened.is_ok() {
                break;
            }
            thread::sleep(BETWEEN_ATTEMPTS);
            opened = open(owner);
        }
        opened.map(|()| Self)
    }
}

impl Drop for Open {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: this thread has it open.
        let _ = unsafe { CloseClipboard() };
    }
}

#[allow(unsafe_code)]
fn open(owner: Window) -> Result<()> {
    // SAFETY: takes a window, which becomes the owner of the content.
    unsafe { OpenClipboard(Some(owner.handle())) }
}

/// `units` ends with zero; the clipboard is open.
#[allow(unsafe_code)]
fn replace(units: &[u16]) -> Result<()> {
    // SAFETY: takes nothing; the clipboard is open.
    unsafe { EmptyClipboard() }?;
    // SAFETY: takes numbers.
    let memory = unsafe { GlobalAlloc(GMEM_MOVEABLE, size_of_val(units)) }?;
    // SAFETY: the memory has room for `units`.
    let filled = unsafe { fill(memory, units) };
    // SAFETY: the memory is filled and no longer locked; the clipboard owns it if this succeeds.
    let give = || unsafe { SetClipboardData(CF_UNICODETEXT.0.into(), Some(HANDLE(memory.0))) };
    let taken = filled.and_then(|()| give());
    if taken.is_err() {
        // SAFETY: the clipboard has not accepted the memory, so it belongs to this function alone.
        let _ = unsafe { GlobalFree(Some(memory)) };
    }
    taken.map(drop)
}

/// `memory` has room for `units`.
#[allow(unsafe_code)]
unsafe fn fill(memory: HGLOBAL, units: &[u16]) -> Result<()> {
    // SAFETY: `memory` is a block of the global heap.
    let to = unsafe { GlobalLock(memory) }.cast::<u16>();
    if to.is_null() {
        return Err(Error::from_thread());
    }
    // SAFETY: the block is locked, the caller guarantees its size, and nothing else knows it yet.
    unsafe { to.copy_from_nonoverlapping(units.as_ptr(), units.len()) };
    // Windows reports "no longer locked" as an error with the code 0.
    // SAFETY: the block was locked above, and `to` is not used again.
    let _ = unsafe { GlobalUnlock(memory) };
    Ok(())
}
