//! What goes wrong with WASAPI, in plain words and with Windows' own code.

use std::time::Duration;

use ::wasapi::WasapiError;
use windows::Win32::Foundation::{
    E_ACCESSDENIED, E_NOTIMPL, ERROR_FILE_NOT_FOUND, ERROR_NO_SUCH_DEVICE, ERROR_NOT_FOUND,
    REGDB_E_CLASSNOTREG, RPC_E_DISCONNECTED, WIN32_ERROR,
};
use windows::Win32::Media::Audio::{
    AUDCLNT_E_DEVICE_IN_USE, AUDCLNT_E_DEVICE_INVALIDATED, AUDCLNT_E_ENDPOINT_CREATE_FAILED,
    AUDCLNT_E_RESOURCES_INVALIDATED, AUDCLNT_E_SERVICE_NOT_RUNNING, AUDCLNT_E_UNSUPPORTED_FORMAT,
    AUDCLNT_E_WRONG_ENDPOINT_TYPE,
};
use windows::core::{Error, HRESULT};

use super::super::mono::ConversionError;
use super::super::watchdog::Fault;

/// Of winerror.h, which `windows` keeps with remote procedure calls.
const RPC_S_SERVER_UNAVAILABLE: WIN32_ERROR = WIN32_ERROR(1722);

/// Why something cannot be captured, or not any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("{}", in_words(.0))]
    Windows(#[from] WasapiError),
    #[error(transparent)]
    Conversion(#[from] ConversionError),
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("Windows did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("this computer has no device {0} (0x80070057)")]
    UnknownDevice(String),
    #[error("its format is unknown: {0}")]
    Format(String),
    #[error("it says that {0} frames are waiting")]
    Packet(u32),
    #[error("no thread can be made: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Windows(error.into())
    }
}

fn in_words(error: &WasapiError) -> String {
    let WasapiError::Windows(error) = error else {
        return error.to_string();
    };
    let code = error.code();
    let code_text = format!("0x{:08X}", code.0 as u32);
    match words(code) {
        Some(words) => format!("{words} ({code_text})"),
        // Windows' own words, in Windows' own language.
        None => match error.message().trim() {
            "" => code_text,
            message => format!("{message} ({code_text})"),
        },
    }
}

/// For what happens to people
/// (learn.microsoft.com/windows/win32/api/audioclient/nf-audioclient-iaudioclient-initialize).
fn words(code: HRESULT) -> Option<&'static str> {
    let words = match code {
        AUDCLNT_E_DEVICE_INVALIDATED => "the device was removed, disabled or set up anew",
        AUDCLNT_E_RESOURCES_INVALIDATED => "the device's resources were taken away",
        AUDCLNT_E_DEVICE_IN_USE => "another program uses the device exclusively",
        AUDCLNT_E_SERVICE_NOT_RUNNING => "the service Windows Audio is not running",
        AUDCLNT_E_ENDPOINT_CREATE_FAILED => "the device cannot be opened; it may be unplugged",
        AUDCLNT_E_WRONG_ENDPOINT_TYPE => "the device cannot be captured this way",
        AUDCLNT_E_UNSUPPORTED_FORMAT => "the device refuses its own format",
        E_ACCESSDENIED => "Windows denies it; see its privacy settings for the microphone",
        E_NOTIMPL | REGDB_E_CLASSNOTREG => "this Windows does not have it",
        RPC_E_DISCONNECTED => "the service Windows Audio has ended",
        _ => return win32_words(code),
    };
    Some(words)
}

fn win32_words(code: HRESULT) -> Option<&'static str> {
    let words = match WIN32_ERROR::from_error(&code.into())? {
        ERROR_NOT_FOUND | ERROR_NO_SUCH_DEVICE => "there is no such sound device",
        ERROR_FILE_NOT_FOUND => "this Windows does not know it",
        RPC_S_SERVER_UNAVAILABLE => "the service Windows Audio cannot be reached",
        _ => return None,
    };
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_in_words_and_as_they_are() {
        let check = |code: u32, expected: &str| {
            let trouble = Trouble::from(Error::from_hresult(HRESULT(code as i32)));
            assert_eq!(trouble.to_string(), expected);
        };
        check(
            0x8889_0004,
            "the device was removed, disabled or set up anew (0x88890004)",
        );
        check(
            0x8889_000A,
            "another program uses the device exclusively (0x8889000A)",
        );
        check(0x8007_0490, "there is no such sound device (0x80070490)");
        check(0x8007_0002, "this Windows does not know it (0x80070002)");
        check(
            0x8007_06BA,
            "the service Windows Audio cannot be reached (0x800706BA)",
        );
        // Nobody's code.
        check(0x8666_1234, "0x86661234");
    }

    #[test]
    fn other_troubles_are_sentences_too() {
        let check = |trouble: Trouble, expected: &str| assert_eq!(trouble.to_string(), expected);
        check(
            Trouble::NoAnswer(Duration::from_secs(3)),
            "Windows did not answer within 3 s",
        );
        check(
            Trouble::Fault(Fault::Deaf),
            "it delivers silence while the device plays",
        );
        check(
            Trouble::Conversion(ConversionError::Channels(0)),
            "0 channels; at least 1 is needed",
        );
    }
}
