//! The database's place on the disk: its folder, its lock, and what lies there before SQLite opens it.
//!
//! Always: nothing is deleted or written over; what is of no use is renamed, with everything that
//! belongs to it, to a name that is not taken yet.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::{error, warn};

use super::error::StoreError;
use super::look::{Found, look};
use super::with_suffix;

/// What SQLite keeps next to a database.
const COMPANIONS: [&str; 3] = ["-journal", "-wal", "-shm"];

/// The lock that keeps other servers out.
#[derive(Debug)]
pub(super) enum Lock {
    /// It is held until the file is dropped or the process ends, however it ends.
    Held(#[expect(dead_code, reason = "it is kept, not read")] File),
    /// Another server holds it.
    Taken,
    /// The folder can't be written to, so the server writes nothing either.
    None,
}

/// Creates the folder for this user alone, because others need not know names of rooms.
pub(super) fn create_folder(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let created = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|error| {
        StoreError::Unusable(format!(
            "the folder {} can't be created: {error}",
            dir.display()
        ))
    })
}

/// Opens a file for writing, and creates it for this user alone if there is none.
fn create(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Takes the lock.
pub(super) fn lock(path: &Path) -> Lock {
    let name = with_suffix(path, ".lock");
    let opened = create(&name).or_else(|_| File::open(&name));
    let locked = opened.map(|file| (file.try_lock(), file));
    let error = match locked {
        Ok((Ok(()), file)) => return Lock::Held(file),
        Ok((Err(TryLockError::WouldBlock), _)) => return Lock::Taken,
        Ok((Err(TryLockError::Error(error)), _)) | Err(error) => error,
    };
    warn!(
        file = %name.display(), %error,
        "the state can't be locked; make sure that no other raa-server uses this folder"
    );
    Lock::None
}

/// Returns whether a server has used this place before: the file of its lock stays.
pub(super) fn was_used(path: &Path) -> bool {
    is_present(&with_suffix(path, ".lock"))
}

/// Makes room for a new database where there is none. Returns whether there is one.
///
/// # Errors
/// When what is there can't be read or put aside.
pub(super) fn prepare(path: &Path, was_used: bool) -> Result<bool, StoreError> {
    let file = path.display();
    let found = look(path)
        .map_err(|error| StoreError::Unusable(format!("{file} can't be read: {error}")))?;
    match found {
        Found::Database(_) => return Ok(true),
        Found::DeadLink(target) => {
            return Err(StoreError::Unusable(format!(
                "{file} is a link to {}, which does not exist",
                target.display()
            )));
        }
        Found::NoDatabase => put_aside(path, "it is no SQLite database")?,
        Found::NoFile(kind) => put_aside(path, &format!("it is {kind}"))?,
        Found::Empty => warn!(%file, "the state file is empty; starting without settings"),
        Found::Nothing if was_used => {
            warn!(%file, "the state file is missing; starting without settings");
        }
        Found::Nothing => {}
    }
    put_companions_aside(path)?;
    // If it can't be created, SQLite says why.
    let _ = create(path);
    Ok(false)
}

/// Renames what lies at the path, with everything that belongs to it, and logs the new name.
///
/// # Errors
/// When it can't be renamed.
pub(super) fn put_aside(path: &Path, reason: &str) -> Result<(), StoreError> {
    let aside = free_name(path);
    rename(path, &aside)?;
    error!(
        file = %path.display(), kept_as = %aside.display(), reason,
        "the state file can't be used and was put aside; names, volumes and mutes are lost, starting \
         without settings"
    );
    rename_companions(path, &aside)
}

/// Renames what a database that is gone has left: SQLite would delete it.
fn put_companions_aside(path: &Path) -> Result<(), StoreError> {
    let has_content =
        |suffix| fs::metadata(with_suffix(path, suffix)).is_ok_and(|metadata| metadata.len() > 0);
    if !COMPANIONS.into_iter().any(has_content) {
        return Ok(());
    }
    let aside = free_name(path);
    warn!(
        file = %path.display(), kept_as = %aside.display(),
        "what is left of an earlier state was put aside"
    );
    rename_companions(path, &aside)
}

fn rename_companions(path: &Path, aside: &Path) -> Result<(), StoreError> {
    for suffix in COMPANIONS {
        let companion = with_suffix(path, suffix);
        if is_present(&companion) {
            rename(&companion, &with_suffix(aside, suffix))?;
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| {
        StoreError::Unusable(format!(
            "{} can't be used and can't be renamed: {error}",
            from.display()
        ))
    })
}

/// Returns a name next to the path that nothing has: renaming would replace a file that has it.
fn free_name(path: &Path) -> PathBuf {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let name = with_suffix(path, format!(".aside-{}", now.replace([':', '-'], "")));
    let numbered = (2..).map(|number| with_suffix(&name, format!("-{number}")));
    let is_free = |name: &PathBuf| {
        !is_present(name)
            && !COMPANIONS
                .iter()
                .any(|suffix| is_present(&with_suffix(name, suffix)))
    };
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(is_free).unwrap_or(name)
}

/// Returns whether anything has this name, a dead link included.
fn is_present(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn files_put_aside_keep_different_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for content in ["1", "2", "3"] {
            fs::write(&path, content).unwrap();
            fs::write(with_suffix(&path, "-wal"), content).unwrap();
            put_aside(&path, "a test").unwrap();
        }
        let entries = fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let mut kept: Vec<_> = entries
            .map(|entry| fs::read_to_string(entry.path()).unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept, ["1", "1", "2", "2", "3", "3"]);
    }

    #[test]
    fn logs_of_a_missing_database_are_put_aside() {
        for is_empty in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            fs::write(with_suffix(&path, "-journal"), "kept").unwrap();
            if is_empty {
                fs::write(&path, "").unwrap();
            }
            assert_eq!(prepare(&path, true), Ok(false));
            let entries = fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
            let kept = entries.filter(|entry| fs::read(entry.path()).unwrap() == b"kept");
            let names: Vec<_> = kept.map(|entry| entry.file_name()).collect();
            assert_eq!(names.len(), 1);
            assert!(names[0].to_str().unwrap().contains(".aside-"), "{names:?}");
        }
    }

    #[test]
    fn new_state_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/state/a");
        create_folder(&path).unwrap();
        assert!(!was_used(&path));
        let _lock = lock(&path);
        assert!(was_used(&path));
        assert_eq!(prepare(&path, false), Ok(false));
        for (path, expected) in [
            (path.parent().unwrap().to_owned(), 0o700),
            (path.clone(), 0o600),
            (with_suffix(&path, ".lock"), 0o600),
        ] {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, expected & 0o077, "{}", path.display());
        }
    }
}
