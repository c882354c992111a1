//! Settings from real files and real options.

use std::fs;
use std::path::PathBuf;

use raa_core::packetizer::Redundancy;
use tempfile::TempDir;

use super::*;
use crate::logging::LogLevel;
use crate::settings::ServerAddress;

/// Loads with a file of this content (or none) and these options.
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

    fn load(&self, options: Options) -> Result<Settings, ConfigError> {
        Settings::load(Options {
            config: Some(self.path()),
            ..options
        })
    }
}

fn server(text: &str) -> Options {
    Options {
        server: Some(text.parse().unwrap()),
        ..Options::default()
    }
}

#[track_caller]
fn refused(file: Option<&str>, options: Options) -> String {
    let case = Case::new(file);
    let error = case.load(options).unwrap_err().to_string();
    let unchanged = fs::read_to_string(case.path()).ok();
    assert_eq!(
        unchanged.as_deref(),
        file,
        "nothing is written when something is wrong"
    );
    error
}

#[test]
fn without_a_file_the_defaults_hold() {
    let settings = Case::new(None).load(server("raa.example")).unwrap();
    assert_eq!(
        settings.server,
        Some(ServerAddress {
            host: "raa.example".into(),
            port: 4010
        })
    );
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
    let settings = Case::new(Some(file)).load(Options::default()).unwrap();
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
    let options = Options {
        source: Some(vec!["file".into(), "b.wav".into()]),
        name: Some("b".into()),
        redundancy: Redundancy::new(0).ok(),
        log_level: Some(LogLevel::Warn),
        ..server("b")
    };
    let settings = Case::new(Some(file)).load(options).unwrap();
    assert_eq!(settings.server.as_ref().unwrap().host, "b");
    assert_eq!(settings.source, Source::File("b.wav".into()));
    assert_eq!(settings.name.as_str(), "b");
    assert_eq!(settings.redundancy.frames(), 0);
    assert_eq!(settings.log_level, LogLevel::Warn);
}

#[test]
fn the_ssrc_is_made_once() {
    let case = Case::new(None);
    let first = case.load(server("a")).unwrap().ssrc;
    assert_eq!(case.load(server("a")).unwrap().ssrc, first);
    assert_ne!(Case::new(None).load(server("a")).unwrap().ssrc, first);
}

#[test]
fn the_file_of_a_first_start_explains_every_key() {
    let case = Case::new(None);
    case.load(server("a")).unwrap();
    // What is commented out there is valid, and is the default where there is one.
    let all = case
        .text()
        .replace("\n#s", "\ns")
        .replace("\n#n", "\nn")
        .replace("\n#r", "\nr")
        .replace("\n#l", "\nl");
    fs::write(case.path(), &all).unwrap();
    let settings = case.load(Options::default()).unwrap();
    assert_eq!(
        settings.server.as_ref().unwrap().to_string(),
        "raa.example:4010"
    );
    assert_eq!(
        (settings.source, settings.log_level),
        (Source::default(), LogLevel::default())
    );
    assert!(all.contains("\nredundancy = "));
    assert_eq!(settings.redundancy, Redundancy::default());
    assert_eq!(settings.name.as_str(), "Ward 3");
    assert_eq!(case.text(), all);
}

#[test]
fn what_a_person_wrote_stays_as_it_is() {
    let file = "# my file\nserver = 'a' # the one upstairs\n\n[source]\nfile = \"x.wav\"\n# end\n";
    let case = Case::new(Some(file));
    let ssrc = case.load(Options::default()).unwrap().ssrc;
    let text = case.text();
    for line in file.lines() {
        assert!(text.contains(line), "{line:?} is gone from {text:?}");
    }
    assert!(text.contains(&format!("ssrc = \"{ssrc}\"")));
    let settings = case.load(Options::default()).unwrap();
    assert_eq!(
        (settings.ssrc, settings.source),
        (ssrc, Source::File("x.wav".into()))
    );
    assert_eq!(
        fs::read_dir(case.folder.path()).unwrap().count(),
        1,
        "no other file is left"
    );
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    for (file, said) in [
        ("servr = \"a\"", &["servr", "server", "line 1"] as &[_]),
        ("server = \"a:99999\"", &["\"99999\"", "1 to 65535"]),
        ("server = 7", &["server", "line 1"]),
        ("source = \"alsa\"", &["alsa", "pulse", "file", "tone"]),
        ("name = \"\"", &["name", "1 to 64"]),
        ("redundancy = 4", &["redundancy is 4", "0 to 3"]),
        ("redundancy = \"1\"", &["redundancy", "line 1"]),
        ("log_level = \"loud\"", &["loud", "debug"]),
        ("ssrc = \"12\"", &["ssrc", "\"12\"", "8 hexadecimal digits"]),
        ("server =", &["line 1"]),
    ] {
        let error = refused(Some(file), server("a"));
        for words in said {
            assert!(
                error.contains(words),
                "{file}: {words:?} is missing in: {error}"
            );
        }
        assert!(error.contains("raa-client.toml"), "{error}");
    }
}

#[test]
fn wrong_options_are_named() {
    let error = refused(None, Options::default());
    assert!(
        error.contains("--server") && error.contains("raa-client.toml"),
        "{error}"
    );
    for words in [&["file"] as &[&str], &["pulse", "x"], &["alsa"]] {
        let source = Some(words.iter().map(ToString::to_string).collect());
        let error = refused(
            None,
            Options {
                source,
                ..server("a")
            },
        );
        let given = format!("{:?}", words.join(" "));
        assert!(
            error.contains(&given) && error.contains("file PATH"),
            "{error}"
        );
    }
    let error = refused(
        None,
        Options {
            name: Some("x".repeat(65)),
            ..server("a")
        },
    );
    assert!(
        error.contains("--name") && error.contains("1 to 64"),
        "{error}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_ssrc_that_cannot_be_kept_is_an_error() {
    // Not even root can make a file there.
    let options = Options {
        config: Some("/proc/raa/raa-client.toml".into()),
        ..server("a")
    };
    let error = Settings::load(options).unwrap_err().to_string();
    assert!(
        error.contains("/proc/raa") && error.contains("--config"),
        "{error}"
    );
}
