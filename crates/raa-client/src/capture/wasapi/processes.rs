//! The processes that run now.

use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

use super::super::programs::Process;

/// Returns them; none if Windows does not list them.
#[allow(unsafe_code)]
pub(super) fn processes() -> Vec<Process> {
    // SAFETY: takes numbers.
    let Ok(snapshot) = (unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) }) else {
        return Vec::new();
    };
    // SAFETY: the handle is open and belongs to nobody else.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot.0) };
    let handle = HANDLE(snapshot.as_raw_handle());
    let mut entry = PROCESSENTRY32W {
        dwSize: size_of::<PROCESSENTRY32W>() as u32,
        ..PROCESSENTRY32W::default()
    };
    let mut processes = Vec::new();
    // SAFETY: the handle is open, and the entry contains its size and outlives the call.
    let mut next = unsafe { Process32FirstW(handle, &raw mut entry) };
    while next.is_ok() {
        processes.push(process(&entry));
        // SAFETY: as above.
        next = unsafe { Process32NextW(handle, &raw mut entry) };
    }
    processes
}

fn process(entry: &PROCESSENTRY32W) -> Process {
    let name = entry.szExeFile.split(|unit| *unit == 0).next();
    Process {
        id: entry.th32ProcessID,
        parent: entry.th32ParentProcessID,
        name: String::from_utf16_lossy(name.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_name_and_a_parent() {
        let processes = processes();
        let own = processes
            .iter()
            .find(|process| process.id == std::process::id());
        let own = own.expect("this process runs");
        assert!(own.name.starts_with("raa_client-"), "{own:?}");
        assert!(own.name.ends_with(".exe"), "{own:?}");
        assert!(own.parent != own.id, "{own:?}");
    }
}
