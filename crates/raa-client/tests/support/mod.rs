//! Support for tests of the real program: a receiver in place of a server, and the program itself as a
//! child process.
//!
//! Always: loopback and free ports only; every wait has a limit; every child ends with its test.

// Each test program uses a part of this; all of it is test code, although not in #[test] functions.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod pulse_server;
mod receiver;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use self::receiver::{Received, Receiver};

/// The limit for everything that must happen.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A running raa-client.
pub struct Client {
    child: Child,
}

impl Client {
    /// Starts the client with the configuration file in `folder`, which it creates if necessary.
    pub fn start(folder: &Path, server: &str, options: &[&str]) -> Self {
        Self::start_logging(folder, server, options).0
    }

    /// Like [`Client::start`], with the client's log.
    pub fn start_logging(folder: &Path, server: &str, options: &[&str]) -> (Self, Log) {
        let mut command = command(folder);
        command.args(["--server", server]).args(options);
        let log = Log::of(&mut command, folder);
        (Self::spawn(command), log)
    }

    pub fn spawn(mut command: Command) -> Self {
        Self {
            child: command.spawn().expect("raa-client starts"),
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "raa-client does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The log of a client.
pub struct Log(PathBuf);

impl Log {
    /// Directs the log of `command` into a file in `folder`.
    pub fn of(command: &mut Command, folder: &Path) -> Self {
        let path = folder.join("log");
        command.stderr(File::create(&path).expect("there is room for a log"));
        Self(path)
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }

    /// Waits until the log contains `words` this many times.
    #[track_caller]
    pub fn wait_for(&self, words: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.text().matches(words).count() < times {
            let text = self.text();
            assert!(Instant::now() < deadline, "{words:?} is missing in: {text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns a command for the program with the configuration file in `folder` and no other setting of
/// this computer.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raa-client"));
    command.arg("--config").arg(folder.join("raa-client.toml"));
    command
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH")
        .env_remove("PULSE_COOKIE");
    command.env("HOME", folder).env("XDG_RUNTIME_DIR", folder);
    command
}

/// Runs a command to its end; returns its exit status and its errors.
pub fn output(command: &mut Command) -> (ExitStatus, String) {
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("raa-client starts");
    let mut client_errors = String::new();
    let mut stderr = child.stderr.take().unwrap();
    let mut client = Client { child };
    let status = client.wait();
    stderr.read_to_string(&mut client_errors).unwrap();
    (status, client_errors)
}
