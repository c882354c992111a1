//! The settings files as people, scripts and other computers leave them.

use std::fs;
use std::process::{Command, Stdio};

use crate::case::{Case, EXE, Run, exit_code, reg, wait_until};

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
    // Options that cannot reach the running client are refused, not ignored.
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
