//! Windows' announcements that a device has come, gone or become the default one.
//!
//! A PC without a device waits for them instead of enumerating devices twice a second. What may be
//! done in a callback: "The client should not wait on synchronization objects"
//! (learn.microsoft.com/windows/win32/api/mmdeviceapi/nn-mmdeviceapi-immnotificationclient).
//!
//! Always: a callback never waits; any number of announcements between two waits count as one.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use ::wasapi::{DeviceEnumerator, DeviceEventCallbacks, DeviceEventRegistration};

use crate::status::CaptureTrouble;

/// Windows announces changes as long as this lives.
pub(super) struct DeviceChanges {
    changes: Receiver<()>,
    _registration: DeviceEventRegistration,
}

impl DeviceChanges {
    /// Asks Windows for announcements from now on; for a thread with [`Com`](super::thread::Com).
    pub(super) fn announced() -> Result<Self, CaptureTrouble> {
        let (sender, changes) = sync_channel(1);
        let announce = move || {
            // An announcement that has not been taken yet says the same.
            let _ = sender.try_send(());
        };
        let mut callbacks = DeviceEventCallbacks::new();
        callbacks.set_device_state_callback({
            let announce = announce.clone();
            move |_, _| announce()
        });
        callbacks.set_device_added_callback({
            let announce = announce.clone();
            move |_| announce()
        });
        callbacks.set_default_device_callback(move |_, _, _| announce());
        let registration = DeviceEnumerator::new()?.register_notification_callback(callbacks)?;
        Ok(Self {
            changes,
            _registration: registration,
        })
    }

    /// Waits for an announcement for up to `limit`; returns whether there was one.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        self.changes.recv_timeout(limit).is_ok()
    }
}
