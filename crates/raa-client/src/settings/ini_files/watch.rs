//! Notices that another program or a person has changed a settings file.
//!
//! Compares time and size of the files instead of their content, so a look costs next to nothing even
//! where the folder is on a network.
//! Always: a change is reported once, and only after it has settled: an editor may empty a file before
//! it writes the new content.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::IniFiles;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(10);
/// How long the files must stay as they are before a change is reported.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// Time of the last change and size of both files; `None` for a file that cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    user: Option<(SystemTime, u64)>,
    machine: Option<(SystemTime, u64)>,
}

/// Tells a settled change from none.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The files as they were last reported, or read at the start.
    known: Stamp,
    /// The files at the last look.
    seen: Stamp,
}

impl IniFiles {
    /// Looks at the files.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            user: stamp(&self.user),
            machine: self.machine.as_deref().and_then(stamp),
        }
    }
}

impl Watch {
    /// Watches for changes since this look, which must be earlier than the files were read.
    pub(crate) fn since(known: Stamp) -> Self {
        Self { known, seen: known }
    }

    /// Returns whether the files have changed since the last report and are as they were at the last
    /// look.
    pub(crate) fn has_changed(&mut self, now: Stamp) -> bool {
        let has_settled = now == self.seen;
        self.seen = now;
        let has_changed = has_settled && now != self.known;
        if has_changed {
            self.known = now;
        }
        has_changed
    }

    /// Returns the time until the next look.
    pub(crate) fn pause(&self) -> Duration {
        if self.seen == self.known {
            EVERY
        } else {
            SETTLES_WITHIN
        }
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size: u64) -> Stamp {
        Stamp {
            user: Some((SystemTime::UNIX_EPOCH, size)),
            machine: None,
        }
    }

    #[test]
    fn a_settled_change_is_reported_once() {
        let mut watch = Watch::since(stamp(7));
        for (size, expected) in [
            (7, false),
            (0, false), // emptied by an editor
            (9, false),
            (9, true),
            (9, false),
            (7, false),
            (7, true),
        ] {
            assert_eq!(watch.has_changed(stamp(size)), expected, "{size}");
        }
    }

    #[test]
    fn looks_are_frequent_until_the_change_has_settled() {
        let mut watch = Watch::since(stamp(7));
        assert!(
            watch.pause() >= Duration::from_secs(5) && watch.pause() <= Duration::from_secs(60)
        );
        assert!(!watch.has_changed(stamp(9)));
        assert_eq!(watch.pause(), SETTLES_WITHIN);
        assert!(watch.has_changed(stamp(9)));
        assert_eq!(watch.pause(), EVERY);
    }

    #[test]
    fn both_files_are_looked_at() {
        let folder = tempfile::TempDir::new().unwrap();
        let [user, machine] = ["user", "machine"].map(|name| folder.path().join(name));
        let files = IniFiles {
            user: user.clone(),
            machine: Some(machine.clone()),
        };
        let mut before = files.stamp();
        for (file, text) in [(&user, "a"), (&machine, "a"), (&user, "ab"), (&machine, "")] {
            fs::write(file, text).unwrap();
            let after = files.stamp();
            assert_ne!(after, before);
            assert_eq!(files.stamp(), after);
            before = after;
        }
        fs::remove_file(&user).unwrap();
        assert_ne!(files.stamp(), before);
    }
}
