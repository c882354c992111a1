//! The sound devices of this computer.

use ::wasapi::{AudioMeterInformation, DeviceEnumerator, Direction, WasapiError};
use windows::Win32::Foundation::E_INVALIDARG;
use windows::Win32::Media::Audio::Endpoints::IAudioEndpointVolume;
use windows::Win32::System::Com::CLSCTX_ALL;

use super::super::Device;
use super::super::audibility::DeviceVolume;
use super::super::programs::SoundSession;
use super::thread::Com;
use crate::status::CaptureTrouble;

/// Returns the active capture devices; none if Windows does not list them.
pub(crate) fn devices() -> Vec<Device> {
    // In a thread of its own: the caller's may have joined another kind of apartment.
    let list = || list().unwrap_or_default();
    std::thread::spawn(list).join().unwrap_or_default()
}

fn list() -> Result<Vec<Device>, CaptureTrouble> {
    let _com = Com::begin()?;
    let devices = DeviceEnumerator::new()?.get_device_collection(&Direction::Capture)?;
    let describe = |index| {
        let device = devices.get_device_at_index(index).ok()?;
        Some(Device {
            id: device.get_id().ok()?,
            name: device.get_friendlyname().ok()?,
        })
    };
    Ok((0..devices.get_nbr_devices()?)
        .filter_map(describe)
        .collect())
}

/// Windows' list of devices, for a thread with [`Com`].
pub(super) struct Devices(DeviceEnumerator);

impl Devices {
    pub(super) fn new() -> Result<Self, CaptureTrouble> {
        Ok(Self(DeviceEnumerator::new()?))
    }

    pub(super) fn by_id(&self, id: &str) -> Result<::wasapi::Device, CaptureTrouble> {
        self.0.get_device(id).map_err(|error| match error {
            WasapiError::Windows(error) if error.code() == E_INVALIDARG => {
                CaptureTrouble::UnknownDevice(id.into())
            }
            error => error.into(),
        })
    }

    /// Returns the device of programs that have not chosen one themselves. Programs for calls may have
    /// another one, that of the role for communications
    /// (learn.microsoft.com/windows/win32/coreaudio/device-roles).
    pub(super) fn default_playback(&self) -> Result<::wasapi::Device, CaptureTrouble> {
        Ok(self.0.get_default_device(&Direction::Render)?)
    }

    /// Returns the setting of a device's volume control.
    #[allow(unsafe_code)]
    pub(super) fn volume(&self, id: &str) -> Result<DeviceVolume, CaptureTrouble> {
        let device = self.by_id(id)?;
        let device = device.as_immdevice();
        // SAFETY: the device belongs to this thread's apartment, and the interface never leaves this
        // function.
        let control: IAudioEndpointVolume = unsafe { device.Activate(CLSCTX_ALL, None) }?;
        // SAFETY: the interface belongs to this thread's apartment.
        let muted = unsafe { control.GetMute() }?;
        // SAFETY: as above.
        let scalar = unsafe { control.GetMasterVolumeLevelScalar() }?;
        // SAFETY: as above.
        let db = unsafe { control.GetMasterVolumeLevel() }?;
        Ok(DeviceVolume {
            muted: muted.as_bool(),
            db: if scalar > 0.0 { db } else { f32::NEG_INFINITY },
        })
    }

    /// Returns the linear peak on the meter of a playback device, the default one without an `id`.
    /// The meter is before the device's volume and mute
    /// (learn.microsoft.com/windows/win32/api/endpointvolume/nn-endpointvolume-iaudiometerinformation).
    pub(super) fn peak(&self, id: Option<&str>) -> Result<f32, CaptureTrouble> {
        let device = match id {
            Some(id) => self.by_id(id)?,
            None => self.default_playback()?,
        };
        Ok(device.get_audiometerinformation()?.get_peak_value()?)
    }

    /// Returns the meters of all playback devices; `None` if there is none, or one has no meter.
    pub(super) fn meters(&self) -> Option<Meters> {
        let devices = self.0.get_device_collection(&Direction::Render).ok()?;
        let meter = |index| {
            let device = devices.get_device_at_index(index).ok()?;
            device.get_audiometerinformation().ok()
        };
        let meters: Option<Vec<_>> = (0..devices.get_nbr_devices().ok()?).map(meter).collect();
        meters.filter(|meters| !meters.is_empty()).map(Meters)
    }

    /// Returns the sessions of the default playback device that play now. That a session has a meter is
    /// not documented, but Windows' own volume mixer shows it.
    pub(super) fn sounding_sessions(&self) -> Result<Vec<SoundSession>, CaptureTrouble> {
        let manager = self.default_playback()?.get_iaudiosessionmanager()?;
        let sessions = manager.get_audiosessionenumerator()?;
        let session = |index| {
            let session = sessions.get_session(index).ok()?;
            let peak = session.get_audiometerinformation().ok()?;
            Some(SoundSession {
                // The sounds of Windows itself have none.
                process: session.get_process_id().unwrap_or(0),
                peak: peak.get_peak_value().ok()?,
            })
        };
        let sessions = (0..sessions.get_count()?).filter_map(session);
        Ok(sessions.filter(|session| session.peak > 0.0).collect())
    }
}

/// The meters of all playback devices.
pub(super) struct Meters(Vec<AudioMeterInformation>);

impl Meters {
    /// Returns the highest linear peak since the last call; `None` if one cannot be read.
    pub(super) fn peak(&self) -> Option<f32> {
        let mut loudest = 0.0f32;
        for meter in &self.0 {
            loudest = loudest.max(meter.get_peak_value().ok()?);
        }
        Some(loudest)
    }
}
