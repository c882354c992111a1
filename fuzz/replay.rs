//! Replays the corpora of a crate's fuzz targets in its ordinary tests.
//!
//! Always: a target without a corpus fails; so a run that replays nothing can't pass. A panic names its file.

use std::path::{Path, PathBuf};

/// Runs each target on all files of its corpus.
#[allow(
    clippy::disallowed_methods,
    reason = "raa-core reads no files; its tests may"
)]
pub(super) fn replay(targets: &[super::Target]) {
    for (name, target) in targets {
        let files = corpus(name);
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        for file in files {
            let input = std::fs::read(&file).expect("a corpus file can be read");
            let naming = Naming(&file);
            target(&input);
            drop(naming);
        }
    }
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    files.sort();
    files
}

/// Prints the file during whose replay the test panics.
struct Naming<'a>(&'a Path);

impl Drop for Naming<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replaying {}", self.0.display());
        }
    }
}
