//! This session among the sessions of the PC: whether it is in front, and what other clients show.
//!
//! The marks are named objects that all sessions see. Their names begin with `Global\`, which for
//! mutexes needs no privilege (learn.microsoft.com/windows/win32/termserv/kernel-object-namespaces).
//! Nobody waits for them: their existence is the message, so they vanish with their process.
//! Everybody may see them, because the sessions belong to different users.
//!
//! Always: whatever cannot be found out means that this client captures, because a doubled sound is
//! better than a missing one.

use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, GetLastError, HLOCAL, LocalFree,
};
use windows::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows::Win32::Security::{PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES};
use windows::Win32::System::RemoteDesktop::{
    NOTIFY_FOR_THIS_SESSION, WTS_CONNECTSTATE_CLASS, WTS_CURRENT_SESSION, WTSConnectState,
    WTSDisconnected, WTSFreeMemory, WTSQuerySessionInformationW, WTSRegisterSessionNotification,
};
use windows::Win32::System::Threading::{CreateMutexExW, OpenMutexW, SYNCHRONIZATION_SYNCHRONIZE};
use windows::core::{PCWSTR, PWSTR, Result, w};

use super::handle::Window;
use crate::ui::turn::{Marks, Place};

/// Every client that is in front holds it.
const FRONT: PCWSTR = w!("Global\\raa-client-front");
/// The one client that captures behind holds it.
const BACK: PCWSTR = w!("Global\\raa-client-back");
/// Everyone may see that the object exists (SYNCHRONIZE), and nothing else.
const ACCESS: PCWSTR = w!("D:(A;;0x00100000;;;WD)");

/// The marks of this PC.
#[derive(Debug)]
pub(super) struct GlobalMarks {
    names: [PCWSTR; 2],
    front: Option<OwnedHandle>,
    back: Option<OwnedHandle>,
}

impl GlobalMarks {
    pub(super) fn new() -> Self {
        Self::named([FRONT, BACK])
    }

    fn named(names: [PCWSTR; 2]) -> Self {
        Self {
            names,
            front: None,
            back: None,
        }
    }
}

impl Marks for GlobalMarks {
    fn set_front(&mut self, is_shown: bool) {
        if !is_shown {
            self.front = None;
        } else if self.front.is_none() {
            // One that cannot be shown only costs the others' silence.
            self.front = create(self.names[0]).ok().map(|(mark, _)| mark);
        }
    }

    fn is_front_shown(&self) -> bool {
        exists(self.names[0])
    }

    fn set_back(&mut self, is_claimed: bool) -> bool {
        if !is_claimed {
            self.back = None;
            return false;
        }
        if self.back.is_some() {
            return true;
        }
        match create(self.names[1]) {
            Ok((_, true)) => false,
            Ok((mark, false)) => {
                self.back = Some(mark);
                true
            }
            Err(error) => error.code() != ERROR_ACCESS_DENIED.to_hresult(),
        }
    }
}

/// Asks Windows to tell `window` when this session is connected or disconnected. Without that, the
/// client captures as if nobody else could sign in.
#[allow(unsafe_code)]
pub(super) fn announce_changes(window: Window) {
    // SAFETY: takes a window and a number.
    let result =
        unsafe { WTSRegisterSessionNotification(window.handle(), NOTIFY_FOR_THIS_SESSION) };
    if let Err(error) = result {
        tracing::warn!("Windows does not announce when another user signs in: {error}");
    }
}

/// Returns where this session is now; in front if Windows does not say.
#[allow(unsafe_code)]
pub(super) fn place() -> Place {
    let (mut buffer, mut bytes) = (PWSTR::null(), 0);
    // SAFETY: both pointers are to variables that outlive the call; without a server handle, it is
    // about this computer.
    let asked = unsafe {
        WTSQuerySessionInformationW(
            None,
            WTS_CURRENT_SESSION,
            WTSConnectState,
            &raw mut buffer,
            &raw mut bytes,
        )
    };
    if asked.is_err() || buffer.is_null() {
        return Place::Front;
    }
    let state = buffer.as_ptr().cast::<WTS_CONNECTSTATE_CLASS>();
    let is_whole = bytes as usize >= size_of::<WTS_CONNECTSTATE_CLASS>();
    // SAFETY: the buffer holds a number of this type, as its length has shown.
    let state = is_whole.then(|| unsafe { state.read_unaligned() });
    // SAFETY: Windows allocated the buffer for this call; it is not used again.
    unsafe { WTSFreeMemory(buffer.as_ptr().cast()) };
    if state == Some(WTSDisconnected) {
        Place::Back
    } else {
        Place::Front
    }
}

/// Creates a mark, or opens the one that exists already; returns whether it did.
#[allow(unsafe_code)]
fn create(name: PCWSTR) -> Result<(OwnedHandle, bool)> {
    let descriptor = Descriptor::new()?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0.0,
        bInheritHandle: false.into(),
    };
    let rights = SYNCHRONIZATION_SYNCHRONIZE.0;
    // SAFETY: the name is a constant that ends with zero; the attributes and their descriptor outlive
    // the call.
    let mark = unsafe { CreateMutexExW(Some(&raw const attributes), name, 0, rights) }?;
    // SAFETY: the last error is this thread's own, and every successful call sets it.
    let was_there = unsafe { GetLastError() } == ERROR_ALREADY_EXISTS;
    // SAFETY: the handle is open and belongs to nobody else.
    Ok((unsafe { OwnedHandle::from_raw_handle(mark.0) }, was_there))
}

/// Returns whether a mark exists, even one that this user may not open.
#[allow(unsafe_code)]
fn exists(name: PCWSTR) -> bool {
    // SAFETY: the name is a constant that ends with zero.
    match unsafe { OpenMutexW(SYNCHRONIZATION_SYNCHRONIZE, false, name) } {
        Ok(mark) => {
            // SAFETY: the handle is open and belongs to nobody else.
            drop(unsafe { OwnedHandle::from_raw_handle(mark.0) });
            true
        }
        Err(error) => error.code() == ERROR_ACCESS_DENIED.to_hresult(),
    }
}

/// A security descriptor in memory that Windows allocated.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    #[allow(unsafe_code)]
    fn new() -> Result<Self> {
        let mut descriptor = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the text is a constant that ends with zero; the result is a local variable.
        unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                ACCESS,
                SDDL_REVISION_1,
                &raw mut descriptor,
                None,
            )
        }?;
        Ok(Self(descriptor))
    }
}

impl Drop for Descriptor {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: it was allocated for this value, and is not used again
        // (learn.microsoft.com/windows/win32/api/sddl/).
        unsafe { LocalFree(Some(HLOCAL(self.0.0))) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [PCWSTR; 2] = [
        w!("Global\\raa-client-test-front"),
        w!("Global\\raa-client-test-back"),
    ];

    #[test]
    fn clients_see_each_others_marks() {
        let [mut one, mut other] = [NAMES, NAMES].map(GlobalMarks::named);
        assert!(!one.is_front_shown());
        one.set_front(true);
        other.set_front(true);
        one.set_front(false);
        assert!(one.is_front_shown(), "the other one is still in front");
        other.set_front(false);
        assert!(!one.is_front_shown());
        assert!(one.set_back(true) && one.set_back(true));
        assert!(!other.set_back(true));
        assert!(!one.set_back(false));
        assert!(other.set_back(true));
    }

    #[test]
    fn the_session_of_a_test_is_in_front() {
        assert_eq!(place(), Place::Front);
    }
}
