//! Stops one thread of a running program, which no signal can do.
//!
//! Always: the thread goes on when this is dropped, by the thread of the test that stopped it.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "several tests share it"
)]

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::unistd::Pid;

/// A thread that a tracer has stopped. The others of its process run.
pub struct StoppedThread(Pid);

impl StoppedThread {
    /// Stops the thread of this name.
    pub fn stop(process: Pid, name: &str) -> Self {
        let thread = thread_named(process, name);
        ptrace::seize(thread, ptrace::Options::empty()).expect("the right to trace a child");
        ptrace::interrupt(thread).unwrap();
        let started = Instant::now();
        while state(process, thread) != 't' {
            assert!(started.elapsed() < super::PATIENCE, "{name} does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(thread)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        // Only a thread that its tracer knows to be stopped can be let go.
        let _ = nix::sys::wait::waitpid(self.0, Some(nix::sys::wait::WaitPidFlag::__WALL));
        let _ = ptrace::detach(self.0, None);
    }
}

/// Waits for the thread of this name, which gives itself that name shortly after it has begun.
fn thread_named(process: Pid, name: &str) -> Pid {
    let started = Instant::now();
    loop {
        let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let mut found = threads.filter_map(|entry| {
            let path = entry.unwrap().path();
            let comm = fs::read_to_string(path.join("comm")).unwrap_or_default();
            let id = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            (comm.trim() == name).then_some(Pid::from_raw(id))
        });
        if let Some(thread) = found.next() {
            return thread;
        }
        assert!(
            started.elapsed() < super::PATIENCE,
            "no thread is called {name}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the letter of `/proc/PID/task/TID/stat`: `t` is a thread that a tracer has stopped.
fn state(process: Pid, thread: Pid) -> char {
    let stat = fs::read_to_string(format!("/proc/{process}/task/{thread}/stat")).unwrap();
    let (_, behind_name) = stat.rsplit_once(") ").unwrap();
    behind_name.chars().next().unwrap()
}
