//! A settings folder of its own and the session to itself, and what a run leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub(crate) const EXE: &str = env!("CARGO_BIN_EXE_raa-client");
pub(crate) const RUN_KEY: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";
/// How long a test waits for what should happen. It is no claim about the client: a busy machine takes long to
/// start a process under Wine.
const PATIENCE: Duration = Duration::from_secs(180);
/// Serializes the tests, because a session has one client.
static SESSION: Mutex<()> = Mutex::new(());

/// A temporary folder for the settings, and exclusive use of the session.
pub(crate) struct Case {
    pub(crate) folder: TempDir,
    pub(crate) _session: MutexGuard<'static, ()>,
}

impl Case {
    pub(crate) fn new() -> Self {
        let session = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
        open_desktop();
        let folder = TempDir::new().unwrap();
        let case = Self {
            folder,
            _session: session,
        };
        case.uninstall();
        case
    }

    pub(crate) fn with_ini(text: &str) -> Self {
        let case = Self::new();
        fs::create_dir_all(case.settings_dir()).unwrap();
        fs::write(case.ini(), text).unwrap();
        case
    }

    /// Returns a path with a space, as in many user names.
    pub(crate) fn settings_dir(&self) -> PathBuf {
        self.folder.path().join("my settings")
    }

    pub(crate) fn ini(&self) -> PathBuf {
        self.settings_dir().join("raa-client.ini")
    }

    pub(crate) fn ini_text(&self) -> String {
        fs::read_to_string(self.ini()).unwrap_or_default()
    }

    pub(crate) fn log_text(&self) -> String {
        fs::read_to_string(self.settings_dir().join("raa-client.log")).unwrap_or_default()
    }

    pub(crate) fn command_of(&self, exe: &Path, options: &[&str]) -> Command {
        let mut command = Command::new(exe);
        command.args(options);
        command.arg("--settings-dir").arg(self.settings_dir());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, options: &[&str]) -> Run {
        let output = self.command_of(Path::new(EXE), options).output();
        Run::of(&output.unwrap())
    }

    /// Starts a client that keeps running, and waits until it does.
    pub(crate) fn start(&self, options: &[&str]) -> Child {
        let mut command = self.command_of(Path::new(EXE), options);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        self.wait_for_log("is named");
        child
    }

    /// Starts a client, and waits until that is the start with this number.
    pub(crate) fn start_again(&self, number: usize) -> Child {
        let client = self.start(&["--silent"]);
        wait_until(|| starts(self) == number, || self.log_text());
        client
    }

    pub(crate) fn wait_for_log(&self, words: &str) {
        wait_until(|| self.log_text().contains(words), || self.log_text());
    }

    pub(crate) fn uninstall(&self) -> Run {
        self.run(&["--uninstall", "--silent"])
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        self.uninstall();
    }
}

/// Makes Wine start its desktop. The first process with a window does that, and the desktop would inherit
/// the pipe from which a test reads its output to the end.
pub(crate) fn open_desktop() {
    use windows::Win32::UI::WindowsAndMessaging::GetDesktopWindow;

    #[expect(unsafe_code, reason = "no library asks for the desktop")]
    // SAFETY: takes nothing.
    let _ = unsafe { GetDesktopWindow() };
}

/// The exit code and the output of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            error: text(&output.stderr),
        }
    }
}

#[track_caller]
pub(crate) fn wait_until(done: impl Fn() -> bool, state: impl Fn() -> String) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{}", state());
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
pub(crate) fn exit_code(mut child: Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it is still running");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the registry value that starts the client with Windows.
pub(crate) fn autostart() -> Option<String> {
    reg(&["query", RUN_KEY, "/v", "raa-client"])
}

/// Returns the output of `reg`; `None` if it fails, as for a value that does not exist.
pub(crate) fn reg(words: &[&str]) -> Option<String> {
    let output = Command::new("reg").args(words).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// Returns how often a client has started, by its log.
pub(crate) fn starts(case: &Case) -> usize {
    case.log_text().matches("is named").count()
}
