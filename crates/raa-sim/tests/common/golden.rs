//! Tables under version control, which are computed again and compared.
//!
//! `UPDATE_GOLDEN=1 cargo test -p raa-sim` rewrites them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Asserts that a table is the same as the one in `tests/golden`; `head` explains its columns.
#[track_caller]
pub(crate) fn assert_golden(name: &str, head: &str, new: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = path.join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, new).unwrap();
    }
    let old = fs::read_to_string(&path).unwrap_or_default();
    let difference = difference(&old, new);
    assert!(
        difference.is_empty(),
        "the results differ from {}; if that is intended, UPDATE_GOLDEN=1 rewrites it:\n{head}{difference}",
        path.display()
    );
}

/// Measures every cell on all cores and returns the results in the order of the cells.
pub(crate) fn measure_all<C: Sync, R: Send>(
    cells: &[C],
    measure: impl Fn(&C) -> R + Sync,
) -> Vec<R> {
    let results = Mutex::new(Vec::with_capacity(cells.len()));
    let next = AtomicUsize::new(0);
    let work = || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(cell) = cells.get(at)
        {
            let result = measure(cell);
            results.lock().unwrap().push((at, result));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Returns the lines that differ, the old ones marked with - and the new ones with +.
fn difference(old: &str, new: &str) -> String {
    let (mut old, mut new) = (old.lines(), new.lines());
    let mut text = String::new();
    loop {
        match (old.next(), new.next()) {
            (None, None) => return text,
            (was, is) if was == is => {}
            (was, is) => {
                let _ = writeln!(text, "- {}\n+ {}", was.unwrap_or(""), is.unwrap_or(""));
            }
        }
    }
}
