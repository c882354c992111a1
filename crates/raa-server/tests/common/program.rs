//! The server as a program, the way operators run it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::PATIENCE;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_raa-server");

/// Settings that give tests room, because a test is quicker than a person.
const ROOM: &str = "changes_per_second = 1000\nchanges_burst = 10000\n";

/// Writes the settings that give tests room into this folder, and returns the file.
pub fn roomy_config(dir: &Path) -> PathBuf {
    let file = dir.join("raa-server.toml");
    super::write(&file, ROOM);
    file
}

/// A running program. It is killed when dropped.
pub struct Program {
    pub http: SocketAddr,
    pub udp: SocketAddr,
    child: Child,
    _config: tempfile::TempDir,
    log: Lines<BufReader<ChildStdout>>,
    /// All log lines read so far.
    pub lines: Vec<Value>,
}

impl Program {
    /// Starts it on free ports, with its state and the home folder in `dir` and without test music.
    /// A configuration in that home replaces the one of the tests.
    pub async fn start(dir: &Path) -> Self {
        Self::start_limited(dir, "").await
    }

    /// Starts it like [`Program::start`], after a shell has set `limits`.
    pub async fn start_limited(dir: &Path, limits: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{limits}\nexec \"$0\" \"$@\""), PROGRAM]);
        command.args(["--udp-port", "0", "--http-port", "0", "--no-test-music"]);
        command.arg("--state-dir").arg(dir);
        // Not in `dir`, which may be read-only or no folder.
        let config = tempfile::tempdir().unwrap();
        if !dir.join(".config").exists() {
            command.arg("--config").arg(roomy_config(config.path()));
        }
        command.env("HOME", dir).env_remove("XDG_CONFIG_HOME");
        let mut child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap()).lines();
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut program = Self {
            http: nowhere,
            udp: nowhere,
            child,
            _config: config,
            log,
            lines: Vec::new(),
        };
        let line = program.line("listening").await;
        program.http.set_port(port(&line["http"]));
        program.udp.set_port(port(&line["udp"]));
        program
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap())
    }

    /// Reads the log until a line with this text, and returns the line.
    pub async fn line(&mut self, text: &str) -> Value {
        loop {
            let line = timeout(PATIENCE, self.log.next_line())
                .await
                .expect("a line in time");
            let line = line
                .unwrap()
                .unwrap_or_else(|| panic!("no {text:?} in {:?}", self.lines));
            let line: Value = serde_json::from_str(&line).expect("every line is JSON");
            self.lines.push(line.clone());
            if line["msg"] == text {
                return line;
            }
        }
    }

    /// Sends a signal and waits for the program to end.
    pub async fn end(&mut self, signal: Signal) -> ExitStatus {
        kill(self.pid(), signal).unwrap();
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("an end in time")
            .unwrap()
    }
}

fn port(address: &Value) -> u16 {
    address
        .as_str()
        .unwrap()
        .parse::<SocketAddr>()
        .unwrap()
        .port()
}

/// Runs the program until it ends.
pub async fn output(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .args(args)
        .env_clear()
        .envs(variables.iter().copied())
        .kill_on_drop(true);
    timeout(PATIENCE, command.output())
        .await
        .expect("an end in time")
        .unwrap()
}
