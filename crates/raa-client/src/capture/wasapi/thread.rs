//! COM and a real-time priority for the capturing thread.

use std::marker::PhantomData;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::Threading::{
    AvRevertMmThreadCharacteristics, AvSetMmThreadCharacteristicsW,
};
use windows::core::w;

use crate::status::CaptureTrouble;

/// This thread's membership in COM's multi-threaded apartment, until it is dropped.
pub(super) struct Com(PhantomData<*const ()>);

impl Com {
    pub(super) fn begin() -> Result<Self, CaptureTrouble> {
        ::wasapi::initialize_mta().ok()?;
        Ok(Self(PhantomData))
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        ::wasapi::deinitialize();
    }
}

/// This thread's membership in the multimedia class scheduler's task "Pro Audio", until it is dropped
/// (learn.microsoft.com/windows/win32/procthread/multimedia-class-scheduler-service).
pub(super) struct ProAudio(HANDLE);

impl ProAudio {
    #[allow(unsafe_code)]
    pub(super) fn begin() -> Result<Self, CaptureTrouble> {
        let mut task = 0;
        // SAFETY: the name is a static string that ends with zero, and `task` outlives the call.
        let handle = unsafe { AvSetMmThreadCharacteristicsW(w!("Pro Audio"), &raw mut task) }?;
        Ok(Self(handle))
    }
}

impl Drop for ProAudio {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the handle is this thread's, because it cannot be sent, and is not used again.
        // If this fails, the priority ends with the thread.
        let _ = unsafe { AvRevertMmThreadCharacteristics(self.0) };
    }
}
