//! The table agrees with itself and with the documented files.

use super::*;

fn read(key: &Key, text: &str) -> Option<Stored> {
    let mut stored = Stored::default();
    (key.read)(&mut stored, text).map(|()| stored)
}

fn key(platform: Platform, name: &str) -> &'static Key {
    platform.keys().find(|key| key.name == name).unwrap()
}

#[test]
fn values_are_shown_as_they_are_read() {
    let samples = [
        ("server", "raa.example:4010"),
        ("server", "[::1]:5000"),
        ("source", "pulse"),
        ("source", "tone"),
        ("source", "automatic"),
        ("source", "device"),
        ("device", "{0.0.1.00000000}.{a}"),
        ("device_name", "Mic"),
        ("programs", "all"),
        ("programs", "all but chrome.exe"),
        ("programs", "only Alarm 2.EXE"),
        ("buffer_ms", "0"),
        ("sleep_after_s", "600"),
        ("name", "Ward 3"),
        ("page", "https://raa.example/raa/"),
        ("muted", "yes"),
        ("muted", "no"),
        ("redundancy", "0"),
        ("log_level", "trace"),
        ("computer", "0123456789abcdef"),
        ("ssrc", "5f0a11c2"),
    ];
    for key in KEYS {
        let texts = samples.iter().filter(|(name, _)| *name == key.name);
        let shown: Vec<_> = texts
            .filter_map(|(_, text)| Some((text, read(key, text)?)))
            .collect();
        assert!(!shown.is_empty(), "{} has no sample", key.name);
        for (text, stored) in shown {
            assert_eq!((key.show)(&stored).as_deref(), Some(*text), "{}", key.name);
        }
    }
}

#[test]
fn words_are_all_words() {
    for key in KEYS {
        if let Allowed::Words(words) = key.allowed {
            assert!(
                words.iter().all(|word| read(key, word).is_some()),
                "{}",
                key.name
            );
            assert_eq!(read(key, "other"), None, "{}", key.name);
        }
    }
}

#[test]
fn a_refused_value_changes_nothing() {
    for (platform, name, text) in [
        (Platform::Linux, "server", "a:0"),
        (Platform::Linux, "source", "alsa"),
        (Platform::Linux, "source", "automatic"),
        (Platform::Windows, "source", "pulse"),
        (Platform::Windows, "programs", "chrome.exe"),
        (Platform::Windows, "programs", "only "),
        (Platform::Windows, "programs", "only .exe"),
        (Platform::Windows, "programs", "only C:\\alarm.exe"),
        (Platform::Windows, "programs", "all but alarm"),
        (Platform::Windows, "buffer_ms", "256"),
        (Platform::Windows, "sleep_after_s", "65536"),
        (Platform::Windows, "muted", "1"),
        (Platform::Windows, "page", "raa.example"),
        (Platform::Windows, "page", "http://"),
        (Platform::Windows, "page", "http:///x"),
        (Platform::Windows, "page", "http://a b"),
        (Platform::Linux, "name", " "),
        (Platform::Linux, "redundancy", "4"),
        (Platform::Linux, "redundancy", "-1"),
        (Platform::Linux, "log_level", "Info"),
        (Platform::Linux, "ssrc", "5f0a11c"),
        (Platform::Linux, "ssrc", "+f0a11c2"),
    ] {
        let mut stored = Stored::default();
        assert_eq!(
            (key(platform, name).read)(&mut stored, text),
            None,
            "{name} = {text}"
        );
        assert_eq!(stored, Stored::default(), "{name} = {text}");
    }
}

#[test]
fn defaults_are_what_is_used_without_a_value() {
    let host = Stored::default().settings();
    for key in KEYS {
        let Some(default) = key.default else { continue };
        let stored = read(key, default).unwrap();
        if key.name == "muted" {
            assert_eq!(stored.muted, Some(false));
        } else if key.name == "source" {
            let here = if cfg!(windows) { WINDOWS } else { LINUX };
            assert_eq!(stored.settings().source == host.source, key.on == here);
        } else {
            let settings = stored.settings();
            assert_eq!(settings.redundancy, host.redundancy);
            assert_eq!(settings.log_level, host.log_level);
        }
    }
}

#[test]
fn the_page_ends_with_one_slash() {
    let page = |text| read(key(Platform::Windows, "page"), text).unwrap().page;
    assert_eq!(page("http://a"), page("http://a//"));
    assert_eq!(page("http://a").as_deref(), Some("http://a/"));
}

#[test]
fn what_is_allowed_completes_a_sentence() {
    let allowed = |name| key(Platform::Windows, name).allowed.to_string();
    assert_eq!(allowed("muted"), "yes or no");
    assert_eq!(allowed("log_level"), "error, warn, info, debug or trace");
    assert_eq!(allowed("redundancy"), "a whole number from 0 to 3");
}

/// Checks that a documented file explains every key, in the table's order, with its default.
fn check_template(
    template: &str,
    platform: Platform,
    comment: &str,
    quoted: impl Fn(&Key) -> bool,
) {
    let shown: Vec<_> = template
        .lines()
        .filter_map(|line| line.strip_prefix(comment)?.split_once(" ="))
        .filter(|(key, _)| !key.contains(' '))
        .collect();
    let names = shown.iter().map(|(name, _)| *name);
    let expected: Vec<_> = platform.keys().map(|key| key.name).collect();
    // The TOML file ends with the explanation of `ssrc`, which the client appends.
    let expected = expected
        .iter()
        .copied()
        .filter(|name| platform == Platform::Windows || *name != "ssrc");
    assert!(names.eq(expected), "{shown:?}");
    for (key, (_, value)) in platform.keys().zip(&shown) {
        let Some(default) = key.default else { continue };
        let default = if quoted(key) {
            format!("\"{default}\"")
        } else {
            default.to_owned()
        };
        assert_eq!(value.trim(), default, "{}", key.name);
    }
}

#[test]
fn the_documented_files_explain_every_key() {
    let toml = include_str!("../../../raa-client.toml");
    let is_text = |key: &Key| !matches!(key.allowed, Allowed::Number(_));
    check_template(toml, Platform::Linux, "#", is_text);
    let ini = include_str!("../../../raa-client.ini");
    check_template(ini, Platform::Windows, ";", |_| false);
}
