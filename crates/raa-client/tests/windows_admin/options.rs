//! Options, reasons and the diagnostics.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::case::{Case, EXE, Run, autostart, exit_code};

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
