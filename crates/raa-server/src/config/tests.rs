//! Precedence of the sources, refused values, and the shipped file, which shows the defaults.

use super::*;
use clap::Parser as _;
use tracing::Level;

/// The shipped file. It has every key, commented out, with its default.
const SHIPPED: &str = include_str!("../../raa-server.toml");

struct Case<'a> {
    variables: &'a [(&'a str, &'a str)],
    file: &'a str,
    flags: &'a [&'a str],
}

const NOTHING: Case<'_> = Case {
    variables: &[],
    file: "",
    flags: &[],
};

impl Case<'_> {
    fn load(&self) -> Result<Loaded, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raa-server.toml");
        fs::write(&path, self.file).unwrap();
        let flags = [
            "raa-server",
            "--state-dir",
            "/s",
            "--config",
            path.to_str().unwrap(),
        ];
        let args = Args::try_parse_from(flags.iter().chain(self.flags)).unwrap();
        load_from(&args, &Environment::of_test(self.variables, &[]))
    }
}

fn check(case: &Case<'_>, change: impl FnOnce(&mut Config)) {
    let mut expected = Config::default();
    change(&mut expected);
    assert_eq!(case.load().unwrap().config, expected);
}

fn check_refused(case: &Case<'_>, words: &[&str]) {
    let text = case.load().expect_err("must be refused").to_string();
    for word in words {
        assert!(text.contains(word), "{word} is missing in: {text}");
    }
}

#[test]
fn later_sources_take_precedence() {
    let variables = &[("UDP_PORT", "1"), ("HTTP_PORT", "2"), ("LOG_LEVEL", "warn")];
    check(&NOTHING, |_| {});
    check(
        &Case {
            variables,
            ..NOTHING
        },
        |config| {
            (config.udp_port, config.http_port, config.log_level) = (1, 2, Level::WARN);
        },
    );
    check(
        &Case {
            variables,
            file: "http_port = 3\nlog_level = \"error\"",
            ..NOTHING
        },
        |config| {
            (config.udp_port, config.http_port, config.log_level) = (1, 3, Level::ERROR);
        },
    );
    let flags = &[
        "--log-level",
        "trace",
        "--udp-port",
        "0",
        "--no-test-music",
        "--http-port=9",
    ];
    check(
        &Case {
            variables,
            file: "http_port = 3",
            flags,
        },
        |config| {
            (config.udp_port, config.http_port, config.log_level) = (0, 9, Level::TRACE);
            config.test_music = false;
        },
    );
    check(
        &Case {
            variables: &[("UDP_PORT", "")],
            ..NOTHING
        },
        |_| {},
    );
}

#[test]
fn every_value_has_its_bounds() {
    let file = |file| Case { file, ..NOTHING };
    check(&file("payload_types = [0, 96, 127]"), |config| {
        config.payload_types = vec![0, 96, 127]
    });
    check(&file("listen_address = \"127.0.0.1\""), |config| {
        config.listen_address = [127, 0, 0, 1].into();
    });
    check(
        &file("max_playout_delay_ms = 400\ncomplexity = 0\nbitrate = 510_000"),
        |config| {
            (
                config.max_playout_delay_ms,
                config.complexity,
                config.bitrate,
            ) = (400, 0, 510_000);
        },
    );
    for (text, key, value) in [
        ("udp_port = 65536", "udp_port", "65536"),
        ("udp_port = \"4010\"", "udp_port", "\"4010\""),
        ("http_port = -1", "http_port", "-1"),
        (
            "listen_address = \"localhost\"",
            "listen_address",
            "\"localhost\"",
        ),
        ("payload_types = []", "payload_types", "[]"),
        ("payload_types = [128]", "payload_types", "[128]"),
        ("max_playout_delay_ms = 19", "max_playout_delay_ms", "19"),
        (
            "max_playout_delay_ms = 40.0",
            "max_playout_delay_ms",
            "40.0",
        ),
        ("offline_after_s = 0", "offline_after_s", "0"),
        (
            "max_unconfigured_clients = 10001",
            "max_unconfigured_clients",
            "10001",
        ),
        ("test_music = 1", "test_music", "1"),
        ("bitrate = 5999", "bitrate", "5999"),
        ("complexity = 11", "complexity", "11"),
        ("log_level = \"Info\"", "log_level", "\"Info\""),
        ("[udp_port]\na = 1", "udp_port", "{ a = 1 }"),
    ] {
        let is = format!("{key} is {value}");
        check_refused(&file(text), &[&is, "raa-server.toml", "; it must be "]);
    }
}

#[test]
fn the_base_path_is_a_plain_path() {
    for path in ["", "/raa", "/a/b.c_d~e-1"] {
        let file = format!("base_path = \"{path}\"");
        let case = Case {
            file: &file,
            ..NOTHING
        };
        check(&case, |config| config.base_path = path.to_owned());
    }
    let long = format!("/{}", "a".repeat(200));
    for path in [
        "/", "raa", "/raa/", "//", "/a//b", "/..", "/a/.", "/{x}", "/a*", "/a b", "/a?b", "/ä",
        &long,
    ] {
        let file = format!("base_path = \"{path}\"");
        let case = Case {
            file: &file,
            ..NOTHING
        };
        check_refused(&case, &["base_path is", "; it must be "]);
    }
}

#[test]
fn limits_of_hosts_have_bounds() {
    let file = |file| Case { file, ..NOTHING };
    check(
        &file(
            "allowed_hosts = [\"RAA.example.\", \"192.0.2.7\"]\nallowed_origins = [\"https://a.example:443\"]",
        ),
        |config| {
            config.allowed_hosts = ["raa.example", "192.0.2.7"]
                .map(|host| host.parse().unwrap())
                .into();
            config.allowed_origins = vec!["https://a.example".parse().unwrap()];
        },
    );
    check(
        &file("trusted_proxies = [\"::1\", \"10.0.0.0/8\"]"),
        |config| {
            config.trusted_proxies = ["::1", "10.0.0.0/8"]
                .map(|proxy| proxy.parse().unwrap())
                .into();
        },
    );
    for (text, key, value) in [
        ("allowed_hosts = [\"a:80\"]", "allowed_hosts", "[\"a:80\"]"),
        ("allowed_hosts = \"a\"", "allowed_hosts", "\"a\""),
        ("allowed_origins = [\"*\"]", "allowed_origins", "[\"*\"]"),
        (
            "allowed_origins = [\"null\"]",
            "allowed_origins",
            "[\"null\"]",
        ),
        (
            "trusted_proxies = [\"10.0.0.1/8\"]",
            "trusted_proxies",
            "[\"10.0.0.1/8\"]",
        ),
        (
            "max_connections_per_address = 0",
            "max_connections_per_address",
            "0",
        ),
        (
            "max_listeners_per_address = 8193",
            "max_listeners_per_address",
            "8193",
        ),
        ("changes_per_second = 0", "changes_per_second", "0"),
        ("changes_burst = 0", "changes_burst", "0"),
        ("max_configured_clients = 0", "max_configured_clients", "0"),
    ] {
        let is = format!("{key} is {value}");
        check_refused(&file(text), &[&is, "raa-server.toml", "; it must be "]);
    }
}

#[test]
fn refusals_name_the_place() {
    let variables = &[("UDP_PORT", "x")];
    check_refused(
        &Case {
            variables,
            ..NOTHING
        },
        &["udp_port is \"x\"", "variable UDP_PORT"],
    );
    let flags = &["--log-level", "loud"];
    check_refused(
        &Case { flags, ..NOTHING },
        &["log_level is \"loud\" in --log-level", "\"debug\""],
    );
    let file = "udp_prot = 1";
    check_refused(
        &Case { file, ..NOTHING },
        &["unknown key \"udp_prot\"", "udp_port, http_port"],
    );
    check_refused(
        &Case {
            file: "udp_port =",
            ..NOTHING
        },
        &["not valid TOML", "line 1"],
    );
    check_refused(
        &Case {
            file: "udp_port = 1\nudp_port = 2",
            ..NOTHING
        },
        &["not valid TOML"],
    );
    let flags = &["--config", "/nowhere/x.toml"];
    let args = Args::try_parse_from(["raa-server"].iter().chain(flags)).unwrap();
    let text = load_from(&args, &Environment::of_test(&[], &[]))
        .unwrap_err()
        .to_string();
    assert!(text.contains("/nowhere/x.toml can't be read"), "{text}");
}

const FORMER: &str = "max_unnamed_clients = 7";
const PRESENT: &str = "max_unconfigured_clients = 7";

#[test]
fn a_former_key_works_with_a_warning() {
    let file = FORMER;
    let loaded = Case { file, ..NOTHING }.load().unwrap();
    assert_eq!(loaded.config.max_unconfigured_clients, 7);
    let [warning] = &loaded.warnings[..] else {
        panic!("{:?}", loaded.warnings);
    };
    for word in [
        "raa-server.toml",
        "max_unnamed_clients",
        "rename it to max_unconfigured_clients",
    ] {
        assert!(warning.contains(word), "{word} is missing in: {warning}");
    }
    let text = loaded.to_string();
    assert!(text.contains(&format!("# warning: {warning}\n")), "{text}");
    assert!(text.contains(PRESENT), "{text}");
    let file = PRESENT;
    let loaded = Case { file, ..NOTHING }.load().unwrap();
    assert_eq!(loaded.config.max_unconfigured_clients, 7);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_former_key_is_checked_under_its_own_name() {
    let file = "max_unnamed_clients = 0";
    check_refused(
        &Case { file, ..NOTHING },
        &[
            "max_unnamed_clients is 0 in ",
            "; it must be a whole number",
        ],
    );
}

#[test]
fn a_key_under_both_names_is_refused() {
    for file in [[FORMER, PRESENT].join("\n"), [PRESENT, FORMER].join("\n")] {
        let words = [
            "sets both max_unconfigured_clients",
            "its former name max_unnamed_clients",
        ];
        check_refused(
            &Case {
                file: &file,
                ..NOTHING
            },
            &words,
        );
    }
}

#[test]
fn all_names_of_keys_differ() {
    let names = KEYS.iter().flat_map(|key| [Some(key.name), key.formerly]);
    let mut names: Vec<_> = names.flatten().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    check(
        &Case {
            file: SHIPPED,
            ..NOTHING
        },
        |_| {},
    );
    let settings: Vec<_> = SHIPPED
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| !line.is_empty() && !line.starts_with(' '))
        .collect();
    let keys = settings
        .iter()
        .filter_map(|line| Some(line.split_once(" = ")?.0));
    assert!(keys.eq(KEYS.iter().map(|key| key.name)), "{settings:?}");
    let loaded = Case {
        file: &settings.join("\n"),
        ..NOTHING
    }
    .load()
    .unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(
        loaded
            .origins
            .iter()
            .all(|origin| matches!(origin, Origin::File(_)))
    );
}

#[test]
fn the_printed_configuration_can_be_read_back() {
    let flags = &["--udp-port", "7", "--no-test-music"];
    let loaded = Case {
        flags,
        file: "bitrate = 96000",
        ..NOTHING
    }
    .load()
    .unwrap();
    let text = loaded.to_string();
    assert!(text.contains("udp_port = 7  # from --udp-port\n"), "{text}");
    assert!(
        text.contains("http_port = 4011  # from the defaults\n"),
        "{text}"
    );
    assert!(
        text.contains("raa-server.toml\n") && text.contains("# state: /s\n"),
        "{text}"
    );
    let again = Case {
        file: &text,
        ..NOTHING
    }
    .load()
    .unwrap();
    assert_eq!(again.config, loaded.config);
}

#[test]
fn control_characters_of_a_folder_stay_in_its_comment() {
    let flags = [
        "raa-server",
        "--config",
        "/dev/null",
        "--state-dir",
        "/s\nudp_port = 1\u{1}",
    ];
    let args = Args::try_parse_from(flags).unwrap();
    let shown = load_from(&args, &Environment::of_test(&[], &[])).unwrap();
    let shown = shown.to_string();
    assert!(
        shown.contains("# state: /s\\nudp_port = 1\\u{1}\n"),
        "{shown}"
    );
    assert!(toml::from_str::<toml::Table>(&shown).is_ok(), "{shown}");
}
