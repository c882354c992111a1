//! The real program as an administrator's script sees it: options, exit codes, registry, files.
//!
//! Runs on Windows and under Wine. The value "raa-client" of the user's `Run` key, and a client
//! that runs in this session, are gone afterwards.
//! Always: a folder of its own for settings and log; loopback only.

#![cfg(windows)]
// What cannot be unwrapped here fails the test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const EXE: &str = env!("CARGO_BIN_EXE_raa-client");
const RUN_KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
/// A session has one client, so these tests run one after the other.
static SESSION: Mutex<()> = Mutex::new(());

/// A folder for settings, and the session for itself.
struct Case {
    folder: TempDir,
    _session: MutexGuard<'static, ()>,
}

impl Case {
    fn new() -> Self {
        let session = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::new().unwrap();
        let case = Self {
            folder,
            _session: session,
        };
        case.uninstall();
        case
    }

    fn with_ini(text: &str) -> Self {
        let case = Self::new();
        fs::create_dir_all(case.settings_dir()).unwrap();
        fs::write(case.ini(), text).unwrap();
        case
    }

    /// With a blank, as user names have them.
    fn settings_dir(&self) -> PathBuf {
        self.folder.path().join("my settings")
    }

    fn ini(&self) -> PathBuf {
        self.settings_dir().join("raa-client.ini")
    }

    fn ini_text(&self) -> String {
        fs::read_to_string(self.ini()).unwrap_or_default()
    }

    fn log_text(&self) -> String {
        fs::read_to_string(self.settings_dir().join("raa-client.log")).unwrap_or_default()
    }

    fn command_of(&self, exe: &Path, options: &[&str]) -> Command {
        let mut command = Command::new(exe);
        command.args(options);
        command.arg("--settings-dir").arg(self.settings_dir());
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, options: &[&str]) -> Answer {
        let output = self.command_of(Path::new(EXE), options).output();
        Answer::of(&output.unwrap())
    }

    /// Starts a client that goes on, and waits until it does.
    fn start(&self, options: &[&str]) -> Child {
        let mut command = self.command_of(Path::new(EXE), options);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        self.wait_for_log("is named");
        child
    }

    fn wait_for_log(&self, words: &str) {
        until(|| self.log_text().contains(words), || self.log_text());
    }

    fn uninstall(&self) -> Answer {
        self.run(&["--uninstall", "--silent"])
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.uninstall();
    }
}

/// What a run has answered.
#[derive(Debug)]
struct Answer {
    code: i32,
    out: String,
    error: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            error: text(&output.stderr),
        }
    }
}

#[track_caller]
fn until(done: impl Fn() -> bool, told: impl Fn() -> String) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", told());
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn ended(mut child: Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it goes on");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// What starts with Windows.
fn autostart() -> Option<String> {
    reg(&["query", RUN_KEY, "/v", "raa-client"])
}

/// What the program `reg` prints; `None` when it fails, as for a value that is not there.
fn reg(words: &[&str]) -> Option<String> {
    let output = Command::new("reg").args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

#[test]
fn version_and_help_are_printed() {
    let case = Case::new();
    let version = case.run(&["--version"]);
    let expected = concat!("raa-client ", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.out.trim()), (0, expected));
    let help = case.run(&["--help"]);
    assert!(
        help.code == 0 && help.out.contains("--install-autostart"),
        "{help:?}"
    );
    assert!(!case.settings_dir().exists(), "nothing is written");
}

#[test]
fn a_wrong_option_is_named_with_what_is_allowed() {
    let case = Case::new();
    for (options, expected) in [
        (
            &["--servr", "a"] as &[_],
            "there is no option --servr; the options are --server",
        ),
        (&["--server", "a:0"], "with a port from 1 to 65535"),
        (
            &["--source", "tone"],
            "it must be automatic or device:NAME-OR-ID",
        ),
        (
            &["--source", "device:Nobody has it", "--server", "a"],
            "no capture device",
        ),
    ] {
        let answer = case.run(options);
        assert_eq!(answer.code, 2, "{answer:?}");
        assert!(answer.error.starts_with("raa-client: "), "{answer:?}");
        assert!(answer.error.contains(expected), "{answer:?}");
    }
    assert!(!case.ini_text().contains("\nserver ="), "nothing is stored");
}

#[test]
fn silent_without_a_server_says_why_on_the_console_and_in_the_log() {
    let case = Case::new();
    let answer = case.run(&["--silent", "--install-autostart"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    for text in [answer.error, case.log_text()] {
        assert!(
            text.contains("no server is set") && text.contains("raa-client.ini"),
            "{text}"
        );
    }
    assert_eq!(autostart(), None, "nothing is set up");
}

#[test]
fn a_roll_out_stores_starts_changes_and_takes_back() {
    let case = Case::new();
    let options = [
        "--server",
        "127.0.0.1:9",
        "--name",
        "Ward 3",
        "--silent",
        "--install-autostart",
    ];
    let first = case.start(&options);
    assert!(
        case.ini_text().contains("server = 127.0.0.1:9\r\n"),
        "{}",
        case.ini_text()
    );
    let command = autostart().expect("it starts with Windows");
    let folder = case.settings_dir();
    let ending = format!(
        "raa-client.exe\" --silent --settings-dir \"{}\"",
        folder.display()
    );
    assert!(command.contains(&ending), "{command}");

    let again = case.run(&[
        "--server",
        "127.0.0.1:10",
        "--silent",
        "--install-autostart",
    ]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(case.ini_text().contains("server = 127.0.0.1:10\r\n"));
    assert!(case.ini_text().contains("name = Ward 3\r\n"));
    case.wait_for_log("127.0.0.1:10");

    let uninstalled = case.uninstall();
    assert_eq!(uninstalled.code, 0, "{uninstalled:?}");
    assert_eq!(ended(first), 0, "it was asked to end, not forced");
    assert_eq!(autostart(), None);
    assert!(
        uninstalled.out.contains("raa-client.ini"),
        "{uninstalled:?}"
    );
    assert!(case.ini().exists(), "the settings are kept");
}

#[test]
fn a_second_start_ends_at_once() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let first = case.start(&["--silent"]);
    // The plain one brings up the settings of the first.
    for options in [&["--silent"] as &[_], &[]] {
        let second = case.run(options);
        assert_eq!((second.code, second.out.as_str()), (0, ""), "{second:?}");
    }
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(ended(first), 0);
}

#[test]
fn uninstall_of_nothing_is_well() {
    let answer = Case::new().uninstall();
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("no client was running"), "{answer:?}");
}

#[test]
fn diagnose_names_what_does_not_work() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\nname = Ward 3\nmuted = 7\n");
    let answer = case.run(&["--diagnose"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    let said = [
        "name            Ward 3",
        "server          127.0.0.1:9",
        "addresses       127.0.0.1:9",
        "server test     failed: ",
        "muted is \"7\"; it must be yes or no",
        "Does not work: the server's page: ",
    ];
    for words in said {
        assert!(answer.out.contains(words), "{words}: {}", answer.out);
    }
}

#[test]
fn defaults_beside_the_program_are_for_everybody() {
    let case = Case::new();
    let exe = case.folder.path().join("raa-client.exe");
    fs::copy(EXE, &exe).unwrap();
    let machine = "[raa-client]\nserver = 127.0.0.1:9\nssrc = 00000001\n";
    fs::write(exe.with_extension("ini"), machine).unwrap();
    let output = case.command_of(&exe, &["--diagnose"]).output().unwrap();
    let answer = Answer::of(&output);
    assert!(
        answer.out.contains("server          127.0.0.1:9"),
        "{answer:?}"
    );
    assert!(!answer.out.contains("00000001"), "{answer:?}");
    assert!(answer.out.contains("ssrc is ignored"), "{answer:?}");
    assert!(
        !case.ini_text().contains("\nserver ="),
        "it stays beside the program"
    );
}

#[test]
fn a_damaged_file_is_kept_aside() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\nno sense\n");
    let client = case.start(&["--silent"]);
    assert!(
        case.log_text().contains("raa-client.ini.damaged"),
        "{}",
        case.log_text()
    );
    let copy = case.settings_dir().join("raa-client.ini.damaged");
    assert!(fs::read_to_string(copy).unwrap().contains("no sense"));
    case.uninstall();
    assert_eq!(ended(client), 0);
}
