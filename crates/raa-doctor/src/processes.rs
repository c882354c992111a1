//! The processes of this computer, as `/proc` shows them to this user.

use std::fs;
use std::path::PathBuf;

/// A process that `/proc` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The name of its program, 15 bytes at most.
    pub name: String,
}

impl Process {
    /// Returns the process with this number.
    pub fn of(pid: u32) -> Option<Self> {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        let name = name.trim_end().to_owned();
        Some(Self { pid, name })
    }

    /// Returns a file of its folder, such as `status`.
    pub fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path(file)).ok()
    }

    /// Returns the number in a line of `status`, such as `Uid:`, in this base.
    pub fn status_number(&self, line: &str, base: u32) -> Option<u64> {
        let text = self.text("status")?;
        let value = text.lines().find_map(|found| found.strip_prefix(line))?;
        u64::from_str_radix(value.split_whitespace().next()?, base).ok()
    }

    /// Returns its limit of open files: `None` if it can't be read, `u64::MAX` if there is none.
    pub fn max_open_files(&self) -> Option<u64> {
        let text = self.text("limits")?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Max open files"))?;
        match line.split_whitespace().nth(1)? {
            "unlimited" => Some(u64::MAX),
            hard => hard.parse().ok(),
        }
    }

    /// Returns the scheduling policy of its thread with this name (sched(7)): 1 and 2 are real-time.
    pub fn policy_of_thread(&self, name: &str) -> Option<u32> {
        let threads = fs::read_dir(self.path("task")).ok()?;
        let is_named = |path: &PathBuf| {
            let comm = fs::read_to_string(path.join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        };
        let mut found = threads.flatten().map(|entry| entry.path()).filter(is_named);
        let stat = fs::read_to_string(found.next()?.join("stat")).ok()?;
        // The name, in parentheses, may hold anything. The policy is field 41; the state is field 3.
        let (_, behind_name) = stat.rsplit_once(") ")?;
        behind_name.split_whitespace().nth(41 - 3)?.parse().ok()
    }

    fn path(&self, file: &str) -> PathBuf {
        format!("/proc/{}/{file}", self.pid).into()
    }
}

/// Returns all processes that this user sees.
pub fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Process::of(entry.file_name().to_str()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let own = all().find(|process| process.pid == std::process::id());
        let own = own.unwrap();
        assert!(!own.name.is_empty());
        assert!(own.max_open_files().is_some_and(|limit| limit > 10));
        assert_eq!(own.status_number("Pid:", 10), Some(own.pid.into()));
        assert!(own.status_number("CapEff:", 16).is_some());
    }

    #[test]
    fn ordinary_threads_have_no_real_time_policy() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("doctor) 1 (x".into());
        let work = move || {
            begun.send(()).unwrap();
            wait.recv()
        };
        let thread = thread.spawn(work).unwrap();
        has_begun.recv().unwrap();
        let own = Process::of(std::process::id()).unwrap();
        let policy = own.policy_of_thread("doctor) 1 (x");
        assert_eq!(policy, Some(0));
        assert_eq!(own.policy_of_thread("nobody"), None);
        drop(stop);
        let _ = thread.join();
    }
}
