//! Roll-out, start with Windows, update, crash and removal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::case::{Case, EXE, RUN_KEY, Run, autostart, exit_code, reg, starts, wait_until};

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
fn uninstalling_nothing_succeeds() {
    let run = Case::new().uninstall();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("no client was running"), "{run:?}");
}

const APPROVED_KEY: &str =
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run";
const RUN_KEY_OF_ALL: &str = r"HKLM\Software\Microsoft\Windows\CurrentVersion\Run";

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
    // The exit code of a program that aborts after a panic.
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
fn the_manuals_scheduled_task_is_accepted() {
    let manual = include_str!("../../../../docs/windows-client.md");
    let (_, after) = manual.split_once("```xml\n").unwrap();
    let (xml, _) = after.split_once("```").unwrap();
    assert!(xml.contains("<Arguments>--silent</Arguments>"), "{xml}");
    let case = Case::new();
    let file = case.folder.path().join("raa-client-task.xml");
    fs::write(&file, xml).unwrap();
    // On a real Windows this needs an administrator.
    let schtasks = |words: &[&str]| {
        let mut command = Command::new("schtasks");
        command.args(words).args(["/f", "/tn", "RAA client test"]);
        command
    };
    let mut create = schtasks(&["/create"]);
    let created = create.arg("/xml").arg(&file).output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let deleted = schtasks(&["/delete"]).output().unwrap();
    assert!(deleted.status.success(), "{deleted:?}");
    let again = schtasks(&["/delete"]).output().unwrap();
    assert!(
        !again.status.success(),
        "it was there, and is gone: {again:?}"
    );
}

/// Returns the UNC path of this folder: in a share made for Wine, or in the administrators' share.
fn share_of(folder: &Path) -> PathBuf {
    if let Ok(prefix) = std::env::var("WINEPREFIX") {
        let shares = format!("Z:{prefix}/dosdevices/unc/RAA-TEST/share");
        let shared = PathBuf::from(shares);
        fs::create_dir_all(&shared).unwrap();
        fs::copy(folder.join("raa-client.exe"), shared.join("raa-client.exe")).unwrap();
        return PathBuf::from(r"\\RAA-TEST\share");
    }
    let path = folder.display().to_string().replace(':', "$");
    PathBuf::from(format!(r"\\localhost\{path}"))
}

#[test]
fn a_client_on_a_share_is_installed_and_updated() {
    let case = Case::new();
    fs::copy(EXE, case.folder.path().join("raa-client.exe")).unwrap();
    let share = share_of(case.folder.path());
    let exe = share.join("raa-client.exe");
    let options = ["--server", "127.0.0.1:9", "--silent", "--install-autostart"];
    let run = Run::of(&case.command_of(&exe, &options).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    let command = autostart().expect("it starts with Windows");
    let expected = format!("\"{}\" --silent", exe.display());
    assert!(command.contains(&expected), "{command}");
    case.wait_for_log("is named");

    // The lines of an update while it runs, in a batch file as an administrator has it.
    let folder = case.folder.path().display();
    let marker = case.folder.path().join("updated");
    let lines = format!(
        "ren \"{folder}\\raa-client.exe\" raa-client-%RANDOM%.exe\r\n\
         copy /y \"{}\" \"{folder}\\raa-client.exe\"\r\n\
         echo %errorlevel% >\"{}\"\r\n",
        EXE,
        marker.display()
    );
    let batch = case.folder.path().join("update.bat");
    fs::write(&batch, lines).unwrap();
    let local = case.folder.path().join("raa-client.exe");
    assert_eq!(case.run(&["--quit"]).code, 0);
    let running = case.command_of(&local, &["--silent"]).spawn().unwrap();
    wait_until(|| starts(&case) == 2, || case.log_text());
    let mut update = Command::new("cmd");
    update.arg("/c").arg(&batch).stdin(Stdio::null());
    let output = update.output().unwrap();
    assert_eq!(
        fs::read_to_string(&marker).unwrap().trim(),
        "0",
        "{output:?}"
    );
    let names = fs::read_dir(case.folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let exes: Vec<_> = names.filter(|name| name.ends_with(".exe")).collect();
    assert_eq!(exes.len(), 2, "the running one has another name: {exes:?}");
    // The new one, of the same version, leaves the running one alone.
    let again = case.command_of(&local, &["--silent"]).output().unwrap();
    assert_eq!(Run::of(&again).code, 0);
    assert_eq!(case.run(&["--quit"]).code, 0);
    assert_eq!(exit_code(running), 0);
    fs::remove_file(&exe).unwrap();
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
