//! Settings from real files and real command lines.

use std::ffi::OsString;

use raa_core::packetizer::Redundancy;
use tempfile::TempDir;

use super::*;
use crate::logging::LogLevel;
use crate::settings::{ServerAddress, Source};

/// A folder with a configuration file, or without one.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(file: Option<&str>) -> Self {
        let case = Self {
            folder: TempDir::new().unwrap(),
        };
        if let Some(text) = file {
            fs::write(case.path(), text).unwrap();
        }
        case
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("raa-client.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    /// Loads the settings with these words on the command line.
    fn load(&self, words: &[&str]) -> Result<Settings, String> {
        let path = self.path();
        let program = ["raa-client", "--config", path.to_str().unwrap()];
        let words = program.iter().chain(words).map(OsString::from);
        let options = LinuxOptions::read(words).map_err(|error| error.to_string())?;
        let loaded = load(options).map_err(|fault| fault.to_string());
        loaded.map(|(settings, _)| settings)
    }
}

/// Returns why this file or command line is refused, and checks that nothing is written.
#[track_caller]
fn refused(file: Option<&str>, words: &[&str]) -> String {
    let case = Case::new(file);
    let error = case.load(words).unwrap_err();
    let unchanged = fs::read_to_string(case.path()).ok();
    assert_eq!(unchanged.as_deref(), file, "nothing is written");
    error
}

const SERVER: &[&str] = &["--server", "a"];

#[test]
fn defaults_hold_without_a_file() {
    let settings = Case::new(None).load(&["--server", "raa.example"]).unwrap();
    let server = ServerAddress {
        host: "raa.example".into(),
        port: 4010,
    };
    assert_eq!(settings.server, Some(server));
    assert_eq!(settings.source, Source::Pulse);
    assert_eq!(settings.log_level, LogLevel::Info);
    assert_eq!(settings.redundancy, Redundancy::default());
    let host = gethostname::gethostname();
    assert_eq!(settings.name.as_str(), host.to_str().unwrap());
}

#[test]
fn every_key_of_the_file_is_read() {
    let file = r#"
        server = "[::1]:5000"
        source = { file = "/music.wav" }
        name = "Ward 3"
        redundancy = 3
        log_level = "debug"
        ssrc = "5f0a11c2"
    "#;
    let settings = Case::new(Some(file)).load(&[]).unwrap();
    assert_eq!(settings.server.as_ref().unwrap().to_string(), "[::1]:5000");
    assert_eq!(settings.source, Source::File("/music.wav".into()));
    assert_eq!(settings.name.as_str(), "Ward 3");
    assert_eq!(settings.redundancy.frames(), 3);
    assert_eq!(settings.log_level, LogLevel::Debug);
    assert_eq!(settings.ssrc, Ssrc(0x5f0a_11c2));
}

#[test]
fn options_win_over_the_file() {
    let file = "server = \"a\"\nsource = \"pulse\"\nname = \"a\"\nlog_level = \"error\"\n\
        redundancy = 3\n";
    let source = ["--source", "file", "b.wav"];
    let rest = [
        "--name",
        "b",
        "--redundancy",
        "0",
        "--log-level",
        "warn",
        "--server",
        "b",
    ];
    let settings = Case::new(Some(file))
        .load(&[&source[..], &rest].concat())
        .unwrap();
    assert_eq!(settings.server.as_ref().unwrap().host, "b");
    assert_eq!(settings.source, Source::File("b.wav".into()));
    assert_eq!(settings.name.as_str(), "b");
    assert_eq!(settings.redundancy.frames(), 0);
    assert_eq!(settings.log_level, LogLevel::Warn);
}

#[test]
fn the_ssrc_is_created_once() {
    let case = Case::new(None);
    let first = case.load(SERVER).unwrap().ssrc;
    assert_eq!(case.load(SERVER).unwrap().ssrc, first);
    assert_ne!(Case::new(None).load(SERVER).unwrap().ssrc, first);
}

#[test]
fn the_documented_file_is_valid_without_its_comment_signs() {
    let case = Case::new(None);
    case.load(SERVER).unwrap();
    let is_key = |line: &str| Platform::Linux.keys().any(|key| line.starts_with(key.name));
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(shown) if is_key(shown) => format!("{shown}\n"),
        _ => format!("{line}\n"),
    };
    let all: String = case.text().lines().map(uncomment).collect();
    fs::write(case.path(), &all).unwrap();
    let settings = case.load(&[]).unwrap();
    let server = settings.server.unwrap().to_string();
    assert_eq!(server, "raa.example:4010");
    assert_eq!(settings.name.as_str(), "Ward 3");
    assert_eq!(case.text(), all, "the SSRC is there already");
}

#[test]
fn saving_the_ssrc_keeps_everything_else() {
    let file = "# my file\nserver = 'a' # the one upstairs\n\n[source]\nfile = \"x.wav\"\n# end\n";
    let case = Case::new(Some(file));
    let ssrc = case.load(&[]).unwrap().ssrc;
    let text = case.text();
    for line in file.lines() {
        assert!(text.contains(line), "{line:?} is missing in {text:?}");
    }
    assert!(text.contains(&format!("ssrc = \"{ssrc}\"")));
    let settings = case.load(&[]).unwrap();
    assert_eq!(settings.ssrc, ssrc);
    assert_eq!(settings.source, Source::File("x.wav".into()));
    let files = fs::read_dir(case.folder.path()).unwrap();
    assert_eq!(files.count(), 1, "no other file is left");
}

#[test]
fn a_refusal_names_the_line_and_what_is_allowed() {
    for (file, expected) in [
        (
            "\nservr = \"a\"",
            &["line 2", "no key servr", "server, source"] as &[_],
        ),
        (
            "server = \"a:99999\"",
            &["server is \"a:99999\"", "1 to 65535"],
        ),
        ("server = 7", &["line 1", "server is 7", "HOST"]),
        ("source = \"alsa\"", &["\"alsa\"", "pulse", "file", "tone"]),
        (
            "source = \"file x\"",
            &["\"file x\"", "{ file = \"PATH\" }"],
        ),
        ("source = { file = 1 }", &["source is { file = 1 }"]),
        ("source = { file = \"x\", y = 1 }", &["source is { file"]),
        ("source.tone = 1", &["source is"]),
        ("name = \"\"", &["name is \"\"", "1 to 64"]),
        ("name = \"a\\nb\"", &["name is \"a\\nb\"", "printable"]),
        ("redundancy = 4", &["redundancy is 4; it must be", "0 to 3"]),
        ("redundancy = \"1\"", &["line 1", "redundancy is \"1\""]),
        ("redundancy = 1.0", &["redundancy is 1.0"]),
        ("log_level = \"loud\"", &["loud", "debug or trace"]),
        ("ssrc = \"12\"", &["ssrc is \"12\"", "8 hexadecimal digits"]),
        ("muted = \"yes\"", &["no key muted"]),
        ("server =", &["line 1"]),
    ] {
        let error = refused(Some(file), SERVER);
        for words in expected {
            assert!(
                error.contains(words),
                "{file}: {words:?} is missing in: {error}"
            );
        }
        assert!(error.contains("raa-client.toml"), "{error}");
    }
}

#[test]
fn a_refused_option_is_named() {
    let long = "x".repeat(65);
    for (words, expected) in [
        (
            &["--source", "file"] as &[_],
            "--source is \"file\"; it must be pulse, file PATH or tone",
        ),
        (&["--source", "pulse", "x"], "--source is \"pulse x\""),
        (&["--source", "file x"], "--source is \"file x\""),
        (
            &["--server", "a:0"],
            "--server is \"a:0\"; it must be HOST or HOST:PORT",
        ),
        (&["--name", &long], "it must be a text of 1 to 64"),
        (
            &["--redundancy", "4"],
            "--redundancy is \"4\"; it must be a whole number from 0 to 3",
        ),
        (
            &["--log-level", "loud"],
            "--log-level is \"loud\"; it must be error, warn",
        ),
    ] {
        let error = refused(None, words);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_server_is_needed() {
    let error = refused(None, &[]);
    let entry = "server = \"HOST:PORT\" to ";
    assert!(
        error.contains("--server") && error.contains(entry),
        "{error}"
    );
    assert!(error.ends_with("raa-client.toml"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn an_ssrc_that_cannot_be_saved_is_a_fault() {
    // Not even root can create a file there.
    let path = "/proc/raa/raa-client.toml";
    let words = ["raa-client", "--server", "a", "--config", path];
    let options = LinuxOptions::read(words.map(OsString::from)).unwrap();
    let error = load(options).unwrap_err().to_string();
    assert!(
        error.contains(path) && error.contains("--config"),
        "{error}"
    );
}

#[test]
fn the_help_explains_every_option() {
    let help = LinuxOptions::read(["raa-client", "--help"].map(OsString::from)).unwrap_err();
    assert!(!help.use_stderr());
    let help = help.to_string();
    for words in [
        "--server <HOST[:PORT]>",
        "--redundancy <N>",
        "[default: info]",
        "--source",
        "--config",
        "Exit codes",
    ] {
        assert!(help.contains(words), "{words} is missing in: {help}");
    }
}
