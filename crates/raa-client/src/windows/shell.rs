//! Opens the server's page in the default browser.
//!
//! Always: in a thread of its own, because starting a browser may take seconds.

use std::thread;

use windows::Win32::System::Com::{
    COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoInitializeEx, CoUninitialize,
};
use windows::Win32::UI::Shell::ShellExecuteW;
use windows::Win32::UI::WindowsAndMessaging::SW_SHOWNORMAL;
use windows::core::{Error, HSTRING, PCWSTR, Result, w};

/// The largest result of `ShellExecuteW` that is an error.
const LAST_ERROR: usize = 32;

/// Opens `page`, then passes the result to `done`.
///
/// # Errors
/// When no thread can be started.
pub(super) fn open_page(
    page: String,
    done: impl FnOnce(Result<()>) + Send + 'static,
) -> std::io::Result<()> {
    let open = move || done(open(&page));
    thread::Builder::new().name("page".into()).spawn(open)?;
    Ok(())
}

/// Initializes COM first, which extensions of the shell may need
/// (learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-shellexecutew).
#[allow(unsafe_code)]
fn open(page: &str) -> Result<()> {
    let page = HSTRING::from(page);
    let nothing = PCWSTR::null();
    // SAFETY: takes numbers.
    let com = unsafe { CoInitializeEx(None, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE) };
    // SAFETY: the strings end with zero and live until the call returns.
    let result = unsafe { ShellExecuteW(None, w!("open"), &page, nothing, nothing, SW_SHOWNORMAL) };
    let error = Error::from_thread();
    if com.is_ok() {
        // SAFETY: COM was initialized above, in this thread.
        unsafe { CoUninitialize() };
    }
    if result.0 as usize > LAST_ERROR {
        Ok(())
    } else {
        Err(error)
    }
}
