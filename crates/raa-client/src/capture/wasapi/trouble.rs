//! Turns errors of WASAPI and Windows into troubles.

use std::io;

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

use crate::status::{CaptureTrouble, WindowsError};

/// From winerror.h; the `windows` crate has it only in its module for remote procedure calls.
const RPC_S_SERVER_UNAVAILABLE: WIN32_ERROR = WIN32_ERROR(1722);

impl From<WasapiError> for CaptureTrouble {
    fn from(error: WasapiError) -> Self {
        match error {
            WasapiError::Windows(error) => error.into(),
            error => Self::Wasapi(error.to_string()),
        }
    }
}

impl From<Error> for CaptureTrouble {
    fn from(error: Error) -> Self {
        let code = error.code();
        // Windows explains the code in its own language.
        let other = || WindowsError::Other(error.message().trim().to_owned());
        Self::Windows {
            error: meaning(code).unwrap_or_else(other),
            code: code.0 as u32,
        }
    }
}

impl From<io::Error> for CaptureTrouble {
    fn from(error: io::Error) -> Self {
        Self::Thread(error.to_string())
    }
}

/// Returns the meaning of codes that users meet
/// (learn.microsoft.com/windows/win32/api/audioclient/nf-audioclient-iaudioclient-initialize).
fn meaning(code: HRESULT) -> Option<WindowsError> {
    let error = match code {
        AUDCLNT_E_DEVICE_INVALIDATED => WindowsError::DeviceInvalidated,
        AUDCLNT_E_RESOURCES_INVALIDATED => WindowsError::ResourcesInvalidated,
        AUDCLNT_E_DEVICE_IN_USE => WindowsError::DeviceInUse,
        AUDCLNT_E_SERVICE_NOT_RUNNING => WindowsError::ServiceNotRunning,
        AUDCLNT_E_ENDPOINT_CREATE_FAILED => WindowsError::EndpointCreateFailed,
        AUDCLNT_E_WRONG_ENDPOINT_TYPE => WindowsError::WrongEndpointType,
        AUDCLNT_E_UNSUPPORTED_FORMAT => WindowsError::UnsupportedFormat,
        E_ACCESSDENIED => WindowsError::AccessDenied,
        E_NOTIMPL | REGDB_E_CLASSNOTREG => WindowsError::NotSupported,
        RPC_E_DISCONNECTED => WindowsError::ServiceStopped,
        _ => return win32_meaning(code),
    };
    Some(error)
}

fn win32_meaning(code: HRESULT) -> Option<WindowsError> {
    match WIN32_ERROR::from_error(&code.into())? {
        ERROR_NOT_FOUND | ERROR_NO_SUCH_DEVICE => Some(WindowsError::NoDevice),
        ERROR_FILE_NOT_FOUND => Some(WindowsError::NotSupported),
        RPC_S_SERVER_UNAVAILABLE => Some(WindowsError::ServiceUnreachable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_words_and_numbers() {
        let check = |code: u32, expected: &str| {
            let trouble = CaptureTrouble::from(Error::from_hresult(HRESULT(code as i32)));
            assert_eq!(trouble.to_string(), expected);
        };
        check(
            0x8889_0004,
            "the device was removed, disabled or reconfigured (0x88890004)",
        );
        check(
            0x8889_000A,
            "another program is using the device exclusively (0x8889000A)",
        );
        check(0x8007_0490, "there is no such sound device (0x80070490)");
        check(
            0x8007_0002,
            "this version of Windows does not support it (0x80070002)",
        );
        check(
            0x8007_06BA,
            "the Windows Audio service cannot be reached (0x800706BA)",
        );
        // A code that Windows has no words for.
        check(0x8666_1234, "0x86661234");
    }
}
