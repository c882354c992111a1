//! The real program as an administrator's script sees it: options, exit codes, registry, files.
//!
//! Runs on Windows and under Wine. It removes the value "raa-client" of the user's `Run` key and
//! ends the client that is running in this session.
//! Always: settings and log are in a temporary folder; only loopback addresses are used.

#![cfg(windows)]
// A failed unwrap is a failed test.
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
/// Serializes the tests, because a session has one client.
static SESSION: Mutex<()> = Mutex::new(());

/// A temporary folder for the settings, and exclusive use of the session.
struct Case {
    folder: TempDir,
    _session: MutexGuard<'static, ()>,
}

impl Case {
    fn new() -> Self {
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

    fn with_ini(text: &str) -> Self {
        let case = Self::new();
        fs::create_dir_all(case.settings_dir()).unwrap();
        fs::write(case.ini(), text).unwrap();
        case
    }

    /// Returns a path with a space, as in many user names.
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

    fn run(&self, options: &[&str]) -> Run {
        let output = self.command_of(Path::new(EXE), options).output();
        Run::of(&output.unwrap())
    }

    /// Starts a client that keeps running, and waits until it does.
    fn start(&self, options: &[&str]) -> Child {
        let mut command = self.command_of(Path::new(EXE), options);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        self.wait_for_log("is named");
        child
    }

    /// Starts a client, and waits until that is the start with this number.
    fn start_again(&self, number: usize) -> Child {
        let client = self.start(&["--silent"]);
        wait_until(|| starts(self) == number, || self.log_text());
        client
    }

    fn wait_for_log(&self, words: &str) {
        wait_until(|| self.log_text().contains(words), || self.log_text());
    }

    fn uninstall(&self) -> Run {
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
fn open_desktop() {
    use windows::Win32::UI::WindowsAndMessaging::GetDesktopWindow;

    #[expect(unsafe_code, reason = "no library asks for the desktop")]
    // SAFETY: takes nothing.
    let _ = unsafe { GetDesktopWindow() };
}

/// The exit code and the output of a run.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    error: String,
}

impl Run {
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
fn wait_until(done: impl Fn() -> bool, state: impl Fn() -> String) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", state());
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn exit_code(mut child: Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if start.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it is still running");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Returns the registry value that starts the client with Windows.
fn autostart() -> Option<String> {
    reg(&["query", RUN_KEY, "/v", "raa-client"])
}

/// Returns the output of `reg`; `None` if it fails, as for a value that does not exist.
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
fn a_refusal_names_what_is_allowed() {
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
        let run = case.run(options);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.error.starts_with("raa-client: "), "{run:?}");
        assert!(run.error.contains(expected), "{run:?}");
    }
    assert!(!case.ini_text().contains("\nserver ="), "nothing is saved");
}

#[test]
fn silent_without_a_server_ends_with_a_reason() {
    let case = Case::new();
    let run = case.run(&["--silent", "--install-autostart"]);
    assert_eq!(run.code, 2, "{run:?}");
    for text in [run.error, case.log_text()] {
        assert!(
            text.contains("no server is set") && text.contains("raa-client.ini"),
            "{text}"
        );
    }
    assert_eq!(autostart(), None, "nothing is set up");
}

#[test]
fn an_invalid_server_is_the_reason() {
    let case = Case::with_ini("[raa-client]\nserver = raa.example ; main\n");
    for options in [&["--silent"] as &[_], &["--diagnose"]] {
        let run = case.run(options);
        let text = run.error + &run.out;
        let expected = "server is \"raa.example ; main\"; it must be HOST";
        assert!(run.code > 0 && text.contains(expected), "{text}");
        assert!(!text.contains("no server is set"), "{text}");
    }
}

#[test]
fn a_rollout_can_be_changed_and_removed() {
    let case = Case::new();
    let options = [
        "--server",
        "127.0.0.1:9",
        "--name",
        "Ward 3",
        "--silent",
        "--install-autostart",
    ];
    let first = case.run(&options);
    assert_eq!((first.code, first.error.as_str()), (0, ""), "{first:?}");
    case.wait_for_log("is named");
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
    assert!(uninstalled.out.contains("has ended"), "{uninstalled:?}");
    assert_eq!(autostart(), None);
    assert!(
        uninstalled.out.contains("raa-client.ini"),
        "{uninstalled:?}"
    );
    assert!(case.ini().exists(), "the settings are kept");
}

#[test]
fn a_kiosk_sends_without_a_settings_file() {
    let case = Case::new();
    let file = case.folder.path().join("no folder");
    fs::write(&file, "").unwrap();
    let command = |options: &[&str]| {
        let mut command = Command::new(EXE);
        command
            .args(options)
            .arg("--settings-dir")
            .arg(file.join("settings"));
        command.stdin(Stdio::null());
        command
    };
    let mut client = command(&["--server", "127.0.0.1:9", "--silent"]);
    let client = client
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let asked = || Run::of(&command(&["--diagnose"]).output().unwrap()).out;
    wait_until(|| asked().contains("sending to      127.0.0.1:9"), asked);
    let ssrc = |text: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix("ssrc").map(str::to_owned))
    };
    let first = ssrc(&asked());
    assert!(
        first.as_ref().is_some_and(|ssrc| ssrc.trim().len() == 8),
        "{first:?}"
    );
    // What cannot reach the running client is not swallowed.
    let refused = Run::of(
        &command(&["--server", "127.0.0.1:10", "--silent"])
            .output()
            .unwrap(),
    );
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.error.contains("cannot save the settings"),
        "{refused:?}"
    );
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(client), 0);
    let alone = asked();
    assert_eq!(ssrc(&alone), first, "it is the same at every start");
    assert!(alone.contains("cannot save settings in"), "{alone}");
}

#[test]
fn a_path_too_long_for_autostart_changes_nothing() {
    let case = Case::new();
    let folder = case
        .settings_dir()
        .join("x".repeat(100))
        .join("y".repeat(100));
    let mut command = Command::new(EXE);
    command.args(["--server", "127.0.0.1:9", "--silent", "--install-autostart"]);
    command
        .arg("--settings-dir")
        .arg(&folder)
        .stdin(Stdio::null());
    let refused = Run::of(&command.output().unwrap());
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.error.contains("260 at most"), "{refused:?}");
    let ini = fs::read_to_string(folder.join("raa-client.ini")).unwrap_or_default();
    assert!(!ini.contains("\nserver ="), "nothing is stored: {ini}");
    assert_eq!(autostart(), None);
}

#[test]
fn uninstall_names_every_file_that_it_keeps() {
    let case = Case::with_ini("[raa-client]\n");
    let names = [
        "raa-client.ini",
        "raa-client.ini.damaged",
        "raa-client.ini.invalid-2",
        "raa-client.log",
        "raa-client.old.log",
    ];
    for name in names.iter().chain(&["notes.txt", "raa-client.exe"]) {
        fs::write(case.settings_dir().join(name), "").unwrap();
    }
    let run = case.uninstall();
    assert_eq!(run.code, 0, "{run:?}");
    for name in names {
        let path = case.settings_dir().join(name);
        let line = format!("needed: {}", path.display());
        assert!(
            run.out.lines().any(|found| found.ends_with(&line)),
            "{name}: {run:?}"
        );
    }
    assert!(
        !run.out.contains("notes.txt") && !run.out.contains("raa-client.exe"),
        "{run:?}"
    );
}

#[test]
fn a_second_start_ends_at_once() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let first = case.start(&["--silent"]);
    // Without options it opens the settings of the first.
    for options in [&["--silent"] as &[_], &[]] {
        let second = case.run(options);
        assert_eq!((second.code, second.out.as_str()), (0, ""), "{second:?}");
    }
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(first), 0);
}

/// Makes the computer's code page another one until it is dropped.
struct CodePage(String);

impl CodePage {
    const KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Nls\CodePage";

    fn set(number: &str) -> Self {
        let found = reg(&["query", Self::KEY, "/v", "ACP"]).unwrap();
        let before = found.split_whitespace().last().unwrap().to_owned();
        Self::write(number);
        Self(before)
    }

    fn write(number: &str) {
        let set = reg(&["add", Self::KEY, "/v", "ACP", "/d", number, "/f"]);
        set.expect("on a real Windows this needs an administrator");
    }
}

impl Drop for CodePage {
    fn drop(&mut self) {
        Self::write(&self.0);
    }
}

#[test]
fn a_line_in_the_code_page_keeps_its_letters() {
    let case = Case::with_ini("");
    let _japanese = CodePage::set("932");
    let ward = "\u{7b2c}3\u{75c5}\u{68df}";
    let bytes = b"[raa-client]\r\nserver=127.0.0.1:9\r\nname=\x91\xe63\x95a\x93\x8f\r\n";
    fs::write(case.ini(), bytes).unwrap();
    let first = case.start(&["--silent"]);
    case.wait_for_log(&format!("is named \"{ward}\""));
    assert!(case.ini_text().contains(&format!("name={ward}\r\n")));
    assert!(!case.log_text().contains("damaged"), "{}", case.log_text());
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(first), 0);
}

#[test]
fn a_running_client_follows_an_edited_file() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let first = case.start(&["--silent"]);
    let edit = |from: &str, to: &str| {
        let text = case.ini_text();
        assert!(text.contains(from), "{text}");
        fs::write(case.ini(), text.replace(from, to)).unwrap();
    };
    edit("127.0.0.1:9", "127.0.0.1:10");
    case.wait_for_log("127.0.0.1:10");
    // A start without settings makes it look at once.
    edit("127.0.0.1:10", "127.0.0.1:11");
    assert_eq!(case.run(&["--silent"]).code, 0);
    case.wait_for_log("127.0.0.1:11");
    // A value that cannot be read is reported, and the rest is used.
    edit("127.0.0.1:11", "127.0.0.1:11\r\nname = Ward 3\r\nmuted = 7");
    assert_eq!(case.run(&["--silent"]).code, 0);
    case.wait_for_log("is named \"Ward 3\"");
    case.wait_for_log("muted is \"7\"; it must be yes or no");
    let text = case.ini_text();
    assert!(text.contains("127.0.0.1:11\r\nname"), "{text}");
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(first), 0);
}

#[test]
fn options_for_another_folder_are_refused() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let first = case.start(&["--silent"]);
    let other = case.folder.path().join("other");
    let run = |options: &[&str]| {
        let mut command = Command::new(EXE);
        command.args(options).arg("--settings-dir").arg(&other);
        Run::of(&command.stdin(Stdio::null()).output().unwrap())
    };
    let running = format!("with the settings in {}", case.settings_dir().display());
    for options in [
        &[
            "--silent",
            "--server",
            "127.0.0.1:10",
            "--install-autostart",
        ] as &[_],
        &["--silent"],
    ] {
        let refused = run(options);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.error.contains(&running), "{refused:?}");
    }
    assert!(!other.join("raa-client.ini").exists(), "nothing is stored");
    let log = fs::read_to_string(other.join("raa-client.log")).unwrap();
    assert!(log.contains(&running), "{log}");
    assert_eq!(autostart(), None, "nothing is set up");
    // The same folder by another path.
    let detour = case.settings_dir().join("..").join("my settings");
    let mut command = Command::new(EXE);
    command.args(["--silent", "--server", "127.0.0.1:10", "--settings-dir"]);
    let same = command.arg(detour).stdin(Stdio::null()).output().unwrap();
    assert_eq!(Run::of(&same).code, 0);
    case.wait_for_log("127.0.0.1:10");
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(first), 0);
}

#[test]
fn uninstalling_nothing_succeeds() {
    let run = Case::new().uninstall();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("no client was running"), "{run:?}");
}

#[test]
fn diagnose_names_every_problem() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\nname = Ward 3\nmuted = 7\n");
    let run = case.run(&["--diagnose"]);
    assert_eq!(run.code, 1, "{run:?}");
    let expected = [
        "name            Ward 3",
        "server          127.0.0.1:9",
        "addresses       127.0.0.1:9",
        "server test     failed: ",
        "muted is \"7\"; it must be yes or no",
        "autostart       no",
        "set by user     server, name, ",
        "set by machine  -",
        "local address   127.0.0.1 to 127.0.0.1:9",
        "playback        ",
        "recording       ",
        "architecture    AMD64",
        "Does not work: the server's page: ",
    ];
    for words in expected {
        assert!(run.out.contains(words), "{words}: {}", run.out);
    }
}

#[test]
fn diagnose_asks_the_running_client() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\nname = Ward 3\nmuted = yes\n");
    let first = case.start(&["--silent"]);
    let other = case.folder.path().join("other");
    let mut elsewhere = Command::new(EXE);
    elsewhere.args(["--diagnose", "--settings-dir"]).arg(&other);
    for output in [
        case.command_of(Path::new(EXE), &["--diagnose"]).output(),
        elsewhere.stdin(Stdio::null()).output(),
    ] {
        let run = Run::of(&output.unwrap());
        assert_eq!(run.code, 1, "{run:?}");
        let settings = case.settings_dir().join("raa-client.ini");
        for words in [
            &format!(
                "with the settings in {}, reports:",
                case.settings_dir().display()
            ) as &str,
            "name            Ward 3",
            "sending to      127.0.0.1:9",
            "muted           yes",
            "addresses       127.0.0.1:9",
            &format!("settings        {}", settings.display()),
            "Does not work: the server's page: ",
        ] {
            assert!(run.out.contains(words), "{words}: {}", run.out);
        }
    }
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(exit_code(first), 0);
}

#[test]
fn defaults_next_to_the_program_apply_to_every_user() {
    let case = Case::new();
    let exe = case.folder.path().join("raa-client.exe");
    fs::copy(EXE, &exe).unwrap();
    let machine = "[raa-client]\nserver = 127.0.0.1:9\nssrc = 00000001\n";
    fs::write(exe.with_extension("ini"), machine).unwrap();
    let output = case.command_of(&exe, &["--diagnose"]).output().unwrap();
    let run = Run::of(&output);
    assert!(run.out.contains("server          127.0.0.1:9"), "{run:?}");
    assert!(!run.out.contains("00000001"), "{run:?}");
    assert!(run.out.contains("ssrc is ignored"), "{run:?}");
    assert!(!case.ini_text().contains("\nserver ="), "it is not copied");
}

#[test]
fn a_damaged_file_is_kept() {
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
    assert_eq!(exit_code(client), 0);
}

#[test]
fn a_file_of_another_computer_gives_no_number() {
    let other = "computer = 0123456789abcdef\nssrc = 5f0a11c2\n";
    let case = Case::with_ini(&format!("[raa-client]\nserver = 127.0.0.1:9\n{other}"));
    let ssrc = || {
        let run = case.run(&["--diagnose"]);
        let line = run.out.lines().find(|line| line.starts_with("ssrc"));
        line.unwrap_or_else(|| panic!("{run:?}")).to_owned()
    };
    let own = ssrc();
    assert!(!own.contains("5f0a11c2"), "{own}");
    assert_eq!(ssrc(), own, "it stays");
    assert!(
        !case.ini_text().contains("0123456789abcdef"),
        "{}",
        case.ini_text()
    );
}

const APPROVED_KEY: &str =
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";
const RUN_KEY_OF_ALL: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Run";

/// Returns how often a client has started, by its log.
fn starts(case: &Case) -> usize {
    case.log_text().matches("is named").count()
}

#[test]
fn a_batch_file_goes_on_behind_the_roll_out() {
    let case = Case::new();
    let folder = case.folder.path();
    let (batch, marker) = (folder.join("rollout.bat"), folder.join("done.txt"));
    let options = "--server 127.0.0.1:9 --silent --install-autostart";
    let settings = case.settings_dir();
    let text = format!(
        "@echo off\r\n\"{EXE}\" {options} --settings-dir \"{}\"\r\necho %ERRORLEVEL%>\"{}\"\r\n",
        settings.display(),
        marker.display()
    );
    fs::write(&batch, text).unwrap();
    // It reads the output to its end, which a client with the script's handles would keep open.
    let mut command = Command::new("cmd");
    command.arg("/c").arg(&batch).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_to_string(&marker).unwrap().trim(), "0");
    case.wait_for_log("is named");
    let quit = case.run(&["--quit"]);
    assert!(quit.out.contains("has ended"), "{quit:?}");
}

#[test]
fn quitting_leaves_the_start_with_windows() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let client = case.start(&["--silent"]);
    // The one in the foreground is the client itself.
    assert_eq!(case.run(&["--quit"]).code, 0);
    assert_eq!(exit_code(client), 0);
    let client = case.start(&["--silent", "--install-autostart", "--foreground"]);
    wait_until(|| starts(&case) == 2, || case.log_text());
    assert_eq!(case.run(&["--quit"]).code, 0);
    assert_eq!(exit_code(client), 0);
    assert!(autostart().is_some(), "--quit leaves it");
    let nobody = case.run(&["--quit"]);
    assert!(
        nobody.code == 0 && nobody.out.contains("No client was running"),
        "{nobody:?}"
    );
}

#[test]
fn a_start_that_windows_does_not_heed_is_mended() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    // A program that is gone, and switched off in the Task Manager.
    let gone = r"C:\gone\raa-client.exe --silent";
    reg(&["add", RUN_KEY, "/v", "raa-client", "/d", gone, "/f"]).unwrap();
    let off = "0300000011223344AABBCC00";
    let add_off = [
        "add",
        APPROVED_KEY,
        "/v",
        "raa-client",
        "/t",
        "REG_BINARY",
        "/d",
        off,
        "/f",
    ];
    reg(&add_off).unwrap();
    let run = case.run(&["--silent", "--install-autostart"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(!autostart().unwrap().contains("gone"));
    let approved = || reg(&["query", APPROVED_KEY, "/v", "raa-client"]);
    assert_eq!(approved(), None);
    // The start and the client that it started share a log.
    case.wait_for_log("was switched off in Windows");
    reg(&add_off).unwrap();
    assert_eq!(case.uninstall().code, 0);
    assert_eq!((autostart(), approved()), (None, None));
}

#[test]
fn a_start_for_all_users_is_the_computers() {
    let case = Case::new();
    let exe = case.folder.path().join("raa-client.exe");
    fs::copy(EXE, &exe).unwrap();
    let options = [
        "--server",
        "127.0.0.1:9",
        "--silent",
        "--install-autostart",
        "--all-users",
    ];
    let run = Run::of(&case.command_of(&exe, &options).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let set = || reg(&["query", RUN_KEY_OF_ALL, "/v", "raa-client"]);
    let command = set().expect("it starts for everybody");
    assert!(command.contains("raa-client.exe\" --silent"), "{command}");
    assert!(
        !command.contains("--settings-dir"),
        "each user has a folder: {command}"
    );
    let machine = fs::read_to_string(exe.with_extension("ini")).unwrap();
    assert!(machine.contains("server = 127.0.0.1:9\r\n"), "{machine}");
    assert!(!machine.contains("\nssrc ="), "{machine}");
    assert!(
        !case.ini_text().contains("\nserver ="),
        "{}",
        case.ini_text()
    );
    case.wait_for_log("127.0.0.1:9");
    assert_eq!(case.uninstall().code, 0);
    assert_eq!(set(), None);
}

#[test]
fn a_crashed_client_starts_again() {
    use std::os::windows::io::AsRawHandle;
    use windows::Win32::Foundation::HANDLE;
    use windows::Win32::System::Threading::TerminateProcess;

    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let mut client = case.start(&["--silent"]);
    let handle = HANDLE(client.as_raw_handle());
    // What a panic's abort leaves behind.
    #[expect(unsafe_code, reason = "no library ends a process with a code")]
    // SAFETY: the handle is open for as long as `client` lives.
    unsafe { TerminateProcess(handle, 0xC000_0409) }.unwrap();
    client.wait().unwrap();
    wait_until(|| starts(&case) == 2, || case.log_text());
    assert!(
        case.log_text()
            .contains("the client has crashed (0xC0000409)")
    );
    // Somebody who ends it by force wants it to end.
    let quit = case.run(&["--quit"]);
    assert!(quit.code == 0 && quit.out.contains("has ended"), "{quit:?}");
    let mut client = case.start_again(3);
    client.kill().unwrap();
    client.wait().unwrap();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(starts(&case), 3, "{}", case.log_text());
}

#[test]
fn another_version_takes_over() {
    let case = Case::with_ini("[raa-client]\nserver = 127.0.0.1:9\n");
    let old = case.folder.path().join("old-client.exe");
    // Its window has no version that this one knows.
    let wide = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let (name, other) = (wide("raa-client.version"), wide("raa-client.versiom"));
    let mut bytes = fs::read(EXE).unwrap();
    let at = bytes
        .windows(name.len())
        .position(|part| part == name)
        .unwrap();
    bytes[at..at + name.len()].copy_from_slice(&other);
    fs::write(&old, bytes).unwrap();
    let former = case.command_of(&old, &["--silent"]).spawn().unwrap();
    case.wait_for_log("is named");
    let new = case.run(&["--silent", "--install-autostart"]);
    assert_eq!(new.code, 0, "{new:?}");
    assert_eq!(exit_code(former), 0, "it was asked to end");
    wait_until(|| starts(&case) == 2, || case.log_text());
    // The program's file is free as soon as the client has ended.
    fs::remove_file(&old).unwrap();
    // The same version leaves the running one alone.
    assert_eq!(case.run(&["--silent", "--install-autostart"]).code, 0);
    assert_eq!(starts(&case), 2);
}
