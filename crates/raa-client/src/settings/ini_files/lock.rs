//! Lets one process at a time change a settings file.
//!
//! A save reads the file, changes some keys and replaces it. If two saves overlapped, one
//! would undo the other: for example, the running client stores a new SSRC while a script sets the server.
//!
//! Always: gives up soon, because a save without the lock is better than none; leaves no file behind, not
//! even after a crash.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use windows::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, WIN32_ERROR};
use windows::Win32::Storage::FileSystem::FILE_FLAG_DELETE_ON_CLOSE;

/// The longest wait for another process, which needs a few milliseconds.
const LIMIT: Duration = Duration::from_secs(2);
/// The longest wait while access is denied, as it is for a moment while the file of another process goes
/// away, and always in a folder that cannot be written to.
const DENIED_LIMIT: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(5);

/// Held while a file is changed.
pub(super) struct Lock {
    _file: Option<File>,
}

impl Lock {
    /// Waits until no other process changes this file.
    pub(super) fn of(file: &Path) -> Self {
        let start = Instant::now();
        let path = file.with_extension("ini.lock");
        loop {
            match open(&path) {
                Ok(file) => return Self { _file: Some(file) },
                Err(error) if start.elapsed() < limit(&error) => thread::sleep(PAUSE),
                Err(error) => {
                    // The first start has no folder yet.
                    tracing::debug!("{} is not locked: {error}", file.display());
                    return Self { _file: None };
                }
            }
        }
    }
}

/// Opens a file that nobody else may open, and that goes away when it is closed
/// (learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew).
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .share_mode(0)
        .custom_flags(FILE_FLAG_DELETE_ON_CLOSE.0)
        .open(path)
}

fn limit(error: &io::Error) -> Duration {
    let code = error
        .raw_os_error()
        .and_then(|code| u32::try_from(code).ok());
    match code.map(WIN32_ERROR) {
        Some(ERROR_SHARING_VIOLATION) => LIMIT,
        Some(ERROR_ACCESS_DENIED) => DENIED_LIMIT,
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("raa-client.ini");
        let first = Lock::of(&file);
        assert!(first._file.is_some());
        let waiter = thread::spawn({
            let file = file.clone();
            move || (Lock::of(&file)._file.is_some(), Instant::now())
        });
        thread::sleep(Duration::from_millis(200));
        let released = Instant::now();
        drop(first);
        let (locked, at) = waiter.join().unwrap();
        assert!(locked && at >= released, "it waited for the first one");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_lock_that_stays_is_given_up() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("raa-client.ini");
        let _held = Lock::of(&file);
        assert!(Lock::of(&file)._file.is_none());
        let nowhere = folder.path().join("no folder").join("raa-client.ini");
        assert!(Lock::of(&nowhere)._file.is_none());
    }
}
