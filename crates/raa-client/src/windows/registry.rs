//! Single values of the registry.
//!
//! `RegGetValueW` and similar functions open and close the key themselves, so no handle has to be
//! closed and no crate for the registry is needed.
//! Always: a value that is missing is `None`, not an error.

use std::ffi::c_void;

use windows::Win32::Foundation::ERROR_FILE_NOT_FOUND;
use windows::Win32::System::Registry::{
    HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, REG_ROUTINE_FLAGS, REG_SZ, RRF_RT_DWORD,
    RRF_RT_REG_BINARY, RRF_RT_REG_SZ, RegDeleteKeyValueW, RegGetValueW, RegSetKeyValueW,
};
use windows::core::{HSTRING, Result};

/// Maximum length of a text in UTF-16 units; no text that this client reads is longer.
const MAX_UNITS: usize = 1024;

/// Maximum length of bytes; those that this client reads are 12.
const MAX_BYTES: usize = 64;

/// A key, which need not exist.
pub(super) struct Key {
    root: HKEY,
    path: HSTRING,
}

impl Key {
    /// A key below `HKEY_CURRENT_USER`.
    pub(super) fn of_user(path: &str) -> Self {
        Self {
            root: HKEY_CURRENT_USER,
            path: path.into(),
        }
    }

    /// A key below `HKEY_LOCAL_MACHINE`.
    pub(super) fn of_machine(path: &str) -> Self {
        Self {
            root: HKEY_LOCAL_MACHINE,
            path: path.into(),
        }
    }

    /// Returns the text of a value.
    pub(super) fn text(&self, value: &str) -> Result<Option<String>> {
        let mut units = [0; MAX_UNITS];
        let Some(bytes) = optional(self.read_text(value, &mut units))? else {
            return Ok(None);
        };
        let text = &units[..bytes / size_of::<u16>()];
        let text = text.strip_suffix(&[0]).unwrap_or(text);
        Ok(Some(String::from_utf16_lossy(text)))
    }

    /// Returns the number of a value.
    pub(super) fn number(&self, value: &str) -> Result<Option<u32>> {
        optional(self.read_number(value))
    }

    /// Returns the bytes of a value; one that is longer than any that Windows writes is an error.
    pub(super) fn binary(&self, value: &str) -> Result<Option<Vec<u8>>> {
        let mut bytes = [0; MAX_BYTES];
        let read = optional(self.read_binary(value, &mut bytes))?;
        Ok(read.map(|len| bytes[..len.min(MAX_BYTES)].to_vec()))
    }

    /// Sets a text, and creates the key if needed.
    pub(super) fn set_text(&self, value: &str, text: &str) -> Result<()> {
        let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
        self.write_text(value, &units)
    }

    /// Removes a value, which need not exist.
    pub(super) fn remove(&self, value: &str) -> Result<()> {
        optional(self.delete(value)).map(drop)
    }

    /// Reads a text into `units` and returns its length in bytes.
    #[allow(unsafe_code)]
    fn read_text(&self, value: &str, units: &mut [u16; MAX_UNITS]) -> Result<usize> {
        let room = size_of_val(units);
        // SAFETY: `units` has room for `room` bytes.
        unsafe { self.read(value, RRF_RT_REG_SZ, units.as_mut_ptr().cast(), room) }
    }

    #[allow(unsafe_code)]
    fn read_binary(&self, value: &str, bytes: &mut [u8; MAX_BYTES]) -> Result<usize> {
        // SAFETY: `bytes` has room for its length.
        unsafe {
            self.read(
                value,
                RRF_RT_REG_BINARY,
                bytes.as_mut_ptr().cast(),
                MAX_BYTES,
            )
        }
    }

    #[allow(unsafe_code)]
    fn read_number(&self, value: &str) -> Result<u32> {
        let mut number = 0_u32;
        let into = (&raw mut number).cast();
        // SAFETY: `number` has room for 4 bytes.
        unsafe { self.read(value, RRF_RT_DWORD, into, size_of::<u32>()) }?;
        Ok(number)
    }

    /// Reads a value of this type into memory, and returns its length in bytes.
    ///
    /// # Safety
    /// `into` has room for `room` bytes.
    #[allow(unsafe_code)]
    unsafe fn read(
        &self,
        value: &str,
        of_type: REG_ROUTINE_FLAGS,
        into: *mut c_void,
        room: usize,
    ) -> Result<usize> {
        let mut bytes = room as u32;
        let value = HSTRING::from(value);
        // SAFETY: `into` has room for `bytes` according to the caller, and the strings end with zero.
        let done = unsafe {
            let bytes = Some(&raw mut bytes);
            RegGetValueW(
                self.root,
                &self.path,
                &value,
                of_type,
                None,
                Some(into),
                bytes,
            )
        };
        done.ok().map(|()| bytes as usize)
    }

    /// Sets a text; `units` ends with zero.
    #[allow(unsafe_code)]
    fn write_text(&self, value: &str, units: &[u16]) -> Result<()> {
        let bytes = size_of_val(units) as u32;
        let from = units.as_ptr().cast();
        // SAFETY: `from` has `bytes`, and the strings end with zero.
        let done = unsafe {
            let value = HSTRING::from(value);
            RegSetKeyValueW(self.root, &self.path, &value, REG_SZ.0, Some(from), bytes)
        };
        done.ok()
    }

    #[allow(unsafe_code)]
    fn delete(&self, value: &str) -> Result<()> {
        // SAFETY: the strings end with zero.
        let done = unsafe { RegDeleteKeyValueW(self.root, &self.path, &HSTRING::from(value)) };
        done.ok()
    }
}

/// Returns `None` for a value that does not exist.
fn optional<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.code() == ERROR_FILE_NOT_FOUND.to_hresult() => Ok(None),
        Err(error) => Err(error),
    }
}
