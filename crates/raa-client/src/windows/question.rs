//! A question to the running client: its diagnostics, for `--diagnose` of another process.
//!
//! The process that asks has a window of its own, whose handle goes with the question
//! ([`instance::DIAGNOSE`]). The client sends its answer there as `WM_COPYDATA`.
//! Always: every wait has a limit; the answer is at most [`MAX_BYTES`] long, and one of another kind is
//! ignored.

use std::cell::RefCell;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windows::Win32::Foundation::{HWND, LPARAM, LRESULT, WPARAM};
use windows::Win32::System::DataExchange::COPYDATASTRUCT;
use windows::Win32::UI::WindowsAndMessaging::{
    ChangeWindowMessageFilterEx, CreateWindowExW, DefWindowProcW, HWND_MESSAGE, MSG, MSGFLT_ALLOW,
    PM_REMOVE, PeekMessageW, RegisterClassW, SMTO_ABORTIFHUNG, SendMessageTimeoutW,
    WINDOW_EX_STYLE, WINDOW_STYLE, WM_COPYDATA, WNDCLASSW,
};
use windows::core::{PCWSTR, Result, w};

use super::handle::{Window, program};
use super::instance;

/// The class of the window that waits for an answer.
const CLASS: PCWSTR = w!("raa-client.question");
/// Tells an answer from data that other programs send: "RAA" and a version.
const KIND: usize = 0x5241_4101;
/// Maximum length of an answer.
const MAX_BYTES: usize = 256 * 1024;
/// Time limit for an answer: the client tests the server, in three steps of 1 s.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// Time limit for taking the answer.
const TAKE_LIMIT: Duration = Duration::from_secs(2);
const CHECK_EVERY: Duration = Duration::from_millis(20);

/// The diagnostics of the running client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The text for people.
    pub(super) page: String,
    /// Everything that does not work.
    pub(super) troubles: Vec<String>,
}

thread_local! {
    /// The answer to this thread's question.
    static ANSWER: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Asks the running client for its diagnostics.
///
/// # Errors
/// When it accepts no question from this process, or does not answer in time.
pub(super) fn ask() -> io::Result<Answer> {
    ANSWER.take();
    let window = create()?;
    let asked = instance::ask_running(window).and_then(|()| wait());
    Window::of(window).destroy();
    asked
}

/// Sends an answer to the window that has asked. Takes up to 2 s, if its process does not respond.
pub(super) fn answer(to: Window, answer: &Answer) {
    let Answer { page, troubles } = answer;
    let bytes = json!({"page": page, "troubles": troubles}).to_string();
    // A process that has ended needs no answer.
    send(to.handle(), bytes.as_bytes());
}

fn wait() -> io::Result<Answer> {
    let start = Instant::now();
    while start.elapsed() < ANSWER_LIMIT {
        receive();
        if let Some(bytes) = ANSWER.take() {
            let answer = Answer::of(&bytes);
            return answer.ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
        thread::sleep(CHECK_EVERY);
    }
    Err(io::ErrorKind::TimedOut.into())
}

impl Answer {
    fn of(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let troubles = value["troubles"].as_array()?.iter();
        Some(Self {
            page: text(&value["page"])?,
            troubles: troubles.map(text).collect::<Option<_>>()?,
        })
    }
}

#[allow(unsafe_code)]
fn create() -> Result<HWND> {
    let class = WNDCLASSW {
        lpfnWndProc: Some(procedure),
        hInstance: program(),
        lpszClassName: CLASS,
        ..WNDCLASSW::default()
    };
    // SAFETY: the class's name is a constant, and the procedure lives as long as the program.
    unsafe { RegisterClassW(&raw const class) };
    // SAFETY: the class's name is a constant that ends with zero.
    let window = unsafe {
        CreateWindowExW(
            WINDOW_EX_STYLE::default(),
            CLASS,
            PCWSTR::null(),
            WINDOW_STYLE::default(),
            0,
            0,
            0,
            0,
            Some(HWND_MESSAGE),
            None,
            Some(program()),
            None,
        )
    }?;
    // The client may have fewer rights than this process, whose window then refuses its messages.
    // SAFETY: takes a window and numbers.
    let _ = unsafe { ChangeWindowMessageFilterEx(window, WM_COPYDATA, MSGFLT_ALLOW, None) };
    Ok(window)
}

#[allow(unsafe_code)]
extern "system" fn procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
) -> LRESULT {
    if message == WM_COPYDATA {
        ANSWER.set(received(lparam));
        return LRESULT(1);
    }
    // SAFETY: the parameters are passed on unchanged.
    unsafe { DefWindowProcW(window, message, wparam, lparam) }
}

/// Returns the data of a `WM_COPYDATA`, if it is an answer.
#[allow(unsafe_code)]
fn received(lparam: LPARAM) -> Option<Vec<u8>> {
    let data = lparam.0 as *const COPYDATASTRUCT;
    // SAFETY: Windows copies the structure and its data into this process, and both live until the
    // message has been handled.
    let data = unsafe { data.as_ref() }?;
    let bytes = usize::try_from(data.cbData).ok()?;
    if data.dwData != KIND || bytes > MAX_BYTES || data.lpData.is_null() {
        return None;
    }
    // SAFETY: as above; the length is that of the data.
    let data = unsafe { std::slice::from_raw_parts(data.lpData.cast::<u8>(), bytes) };
    Some(data.to_owned())
}

#[allow(unsafe_code)]
fn send(to: HWND, bytes: &[u8]) {
    let data = COPYDATASTRUCT {
        dwData: KIND,
        cbData: u32::try_from(bytes.len()).unwrap_or(0),
        lpData: bytes.as_ptr().cast_mut().cast(),
    };
    let lparam = LPARAM(&raw const data as isize);
    let limit_ms = TAKE_LIMIT.as_millis() as u32;
    // SAFETY: the structure and its data live until the call returns, and the receiver only reads them.
    unsafe {
        SendMessageTimeoutW(
            to,
            WM_COPYDATA,
            WPARAM(0),
            lparam,
            SMTO_ABORTIFHUNG,
            limit_ms,
            None,
        )
    };
}

/// Lets the window receive what has been sent to it.
#[allow(unsafe_code)]
fn receive() {
    let mut message = MSG::default();
    // SAFETY: the message is a local variable. Sent messages are handled inside the call.
    let _ = unsafe { PeekMessageW(&raw mut message, None, 0, 0, PM_REMOVE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_arrives_at_the_window_that_asks() {
        let answer_of = Answer {
            page: "name  第3病棟\n".into(),
            troubles: vec!["no device".into()],
        };
        let window = create().unwrap();
        let to = Window::of(window);
        let expected = answer_of.clone();
        let client = thread::spawn(move || {
            send(to.handle(), &vec![b'x'; MAX_BYTES + 1]);
            answer(to, &answer_of);
        });
        assert_eq!(wait().unwrap(), expected);
        client.join().unwrap();
        Window::of(window).destroy();
    }

    #[test]
    fn other_data_is_no_answer() {
        for text in ["", "{}", r#"{"page":"a"}"#, r#"{"page":1,"troubles":[]}"#] {
            assert_eq!(Answer::of(text.as_bytes()), None, "{text}");
        }
    }
}
