//! What a thread that captures needs from Windows: COM, and not to be kept waiting.

use std::marker::PhantomData;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::Threading::{
    AvRevertMmThreadCharacteristics, AvSetMmThreadCharacteristicsW,
};
use windows::core::w;

use super::trouble::Trouble;

/// COM's multi-threaded apartment, for this thread and until it is dropped.
pub(super) struct Com(PhantomData<*const ()>);

impl Com {
    pub(super) fn begin() -> Result<Self, Trouble> {
        ::wasapi::initialize_mta().ok()?;
        Ok(Self(PhantomData))
    }
}

impl Drop for Com {
    fn drop(&mut self) {
        ::wasapi::deinitialize();
    }
}

/// This thread as one of the multimedia class scheduler's task "Pro Audio", until it is dropped
/// (learn.microsoft.com/windows/win32/procthread/multimedia-class-scheduler-service).
pub(super) struct ProAudio(HANDLE);

impl ProAudio {
    #[allow(unsafe_code)]
    pub(super) fn begin() -> Result<Self, Trouble> {
        let mut task = 0;
        // SAFETY: the name is a static string that ends in zero, and `task` outlives the call.
        let handle = unsafe { AvSetMmThreadCharacteristicsW(w!("Pro Audio"), &raw mut task) }?;
        Ok(Self(handle))
    }
}

impl Drop for ProAudio {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the handle is this thread's, for it cannot be sent, and is not used again.
        // A priority that cannot be given back ends with the thread.
        let _ = unsafe { AvRevertMmThreadCharacteristics(self.0) };
    }
}
