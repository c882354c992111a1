//! Opens the server's page in the default browser, which Explorer starts.
//!
//! A browser that this program started itself would be its child, and process loopback leaves out
//! "audio from the target process and its child processes" (learn.microsoft.com/windows/win32/api/
//! audioclientactivationparams/ns-audioclientactivationparams-audioclient_process_loopback_params):
//! whatever is played in that browser would not be sent until it or the client ends, as OBS has seen
//! with other programs (obsproject/obs-studio issue 9669). So the desktop's own view is asked to open
//! the page; the parent is Explorer then, which also runs as the user if this program runs as
//! administrator (blogs.msdn.microsoft.com/oldnewthing/20131118-00/?p=2643). Without an Explorer, as in
//! a kiosk, this program starts the browser and says so in the log.
//!
//! Always: in a thread of its own, because starting a browser may take seconds.

use std::thread;

use windows::Win32::System::Com::{
    CLSCTX_LOCAL_SERVER, COINIT_APARTMENTTHREADED, COINIT_DISABLE_OLE1DDE, CoCreateInstance,
    CoInitializeEx, CoUninitialize, IDispatch, IServiceProvider,
};
use windows::Win32::System::Variant::VARIANT;
use windows::Win32::UI::Shell::{
    IShellBrowser, IShellDispatch2, IShellFolderViewDual, IShellView, IShellWindows,
    SID_STopLevelBrowser, SVGIO_BACKGROUND, SWC_DESKTOP, SWFO_NEEDDISPATCH, ShellExecuteW,
    ShellWindows,
};
use windows::Win32::UI::WindowsAndMessaging::{ASFW_ANY, AllowSetForegroundWindow, SW_SHOWNORMAL};
use windows::core::{BSTR, Error, HSTRING, Interface as _, PCWSTR, Result, w};

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

/// Initializes COM first, which Explorer is asked by, and which extensions of the shell may need
/// (learn.microsoft.com/windows/win32/api/shellapi/nf-shellapi-shellexecutew).
#[allow(unsafe_code)]
fn open(page: &str) -> Result<()> {
    // SAFETY: takes numbers.
    let com = unsafe { CoInitializeEx(None, COINIT_APARTMENTTHREADED | COINIT_DISABLE_OLE1DDE) };
    let opened = open_by_explorer(page).map_or_else(
        |error| {
            tracing::warn!(
                "Explorer cannot open the page ({error}); a browser that did not run before is not \
                 heard until it or this program is started again"
            );
            open_by_this_program(page)
        },
        |()| {
            tracing::info!("Explorer has opened the page");
            Ok(())
        },
    );
    if com.is_ok() {
        // SAFETY: COM was initialized above, in this thread; all its objects are released.
        unsafe { CoUninitialize() };
    }
    opened
}

fn open_by_explorer(page: &str) -> Result<()> {
    let explorer = explorer()?;
    let (page, nothing) = (BSTR::from(page), VARIANT::default());
    let show = VARIANT::from(SW_SHOWNORMAL.0);
    allow_foreground();
    execute(&explorer, &page, &nothing, &show)
}

/// Returns what runs commands in Explorer: the application behind the desktop's view.
#[allow(unsafe_code)]
fn explorer() -> Result<IShellDispatch2> {
    let nothing = VARIANT::default();
    let mut window = 0;
    // SAFETY: the class is a constant that implements the interface.
    let windows: IShellWindows =
        unsafe { CoCreateInstance(&ShellWindows, None, CLSCTX_LOCAL_SERVER) }?;
    // SAFETY: the pointers are to variables that outlive the call.
    let desktop: IDispatch = unsafe {
        windows.FindWindowSW(
            &raw const nothing,
            &raw const nothing,
            SWC_DESKTOP,
            &raw mut window,
            SWFO_NEEDDISPATCH,
        )
    }?;
    let desktop: IServiceProvider = desktop.cast()?;
    // SAFETY: the service is a constant that implements the interface.
    let browser: IShellBrowser = unsafe { desktop.QueryService(&SID_STopLevelBrowser) }?;
    // SAFETY: the object belongs to this thread.
    let view: IShellView = unsafe { browser.QueryActiveShellView() }?;
    // SAFETY: as above; the background of a view implements the interface.
    let folder: IDispatch = unsafe { view.GetItemObject(SVGIO_BACKGROUND) }?;
    let folder: IShellFolderViewDual = folder.cast()?;
    // SAFETY: as above.
    let application: IDispatch = unsafe { folder.Application() }?;
    application.cast()
}

#[allow(unsafe_code)]
fn execute(
    explorer: &IShellDispatch2,
    page: &BSTR,
    nothing: &VARIANT,
    show: &VARIANT,
) -> Result<()> {
    // SAFETY: the object belongs to this thread, and the values outlive the call.
    unsafe { explorer.ShellExecute(page, nothing, nothing, nothing, show) }
}

/// Lets Explorer's browser come to the front, which only the program that the user clicked may allow.
#[allow(unsafe_code)]
fn allow_foreground() {
    // SAFETY: takes a number. Without the permission, the browser only blinks in the taskbar.
    let _ = unsafe { AllowSetForegroundWindow(ASFW_ANY) };
}

#[allow(unsafe_code)]
fn open_by_this_program(page: &str) -> Result<()> {
    let page = HSTRING::from(page);
    let nothing = PCWSTR::null();
    // SAFETY: the strings end with zero and live until the call returns.
    let result = unsafe { ShellExecuteW(None, w!("open"), &page, nothing, nothing, SW_SHOWNORMAL) };
    if result.0 as usize > LAST_ERROR {
        Ok(())
    } else {
        Err(Error::from_thread())
    }
}
