//! Both files are read and put together; the first start creates the user's.

use super::*;

#[test]
fn every_key_is_read() {
    let Loaded { stored, faults } = Case::user(ALL).load();
    assert_eq!(faults, []);
    assert_eq!(stored.device_name.as_deref(), Some("Mic"));
    assert_eq!(stored.page().as_deref(), Some("https://raa.example/raa/"));
    assert_eq!(stored.muted, Some(true));
    let settings = stored.settings();
    assert_eq!(settings.server.unwrap().to_string(), "[::1]:5000");
    assert_eq!(settings.source, Source::Device("{0.0.1}.{a;b}".into()));
    assert_eq!(settings.name.as_str(), "Ward 3");
    assert_eq!(settings.redundancy.frames(), 2);
    assert_eq!(settings.log_level, LogLevel::Debug);
    assert_eq!(settings.ssrc, Ssrc(0x5f0a_11c2));
}

#[test]
fn the_first_start_creates_a_documented_file() {
    let case = Case::new(None, None);
    let Loaded { stored, faults } = case.load();
    assert_eq!(faults, []);
    let settings = stored.settings();
    assert_eq!((settings.server, stored.page()), (None, None));
    assert_eq!(settings.source, Source::default());
    assert_eq!(settings.name, host_name());
    let ssrc = stored.ssrc.unwrap();
    assert!(case.text().starts_with('\u{feff}'));
    assert!(case.text().ends_with(&format!("ssrc = {ssrc}\r\n")));
    assert_eq!(case.load().stored.ssrc, Some(ssrc), "it is created once");
    assert_eq!(case.names(), [INI_NAME]);
    assert_ne!(Case::new(None, None).load().stored.ssrc, Some(ssrc));
}

#[test]
fn the_documented_file_is_valid_without_its_comment_signs() {
    let is_key = |line: &str| {
        Platform::Windows
            .keys()
            .any(|key| line.starts_with(key.name))
    };
    let uncomment = |line: &str| match line.strip_prefix(';') {
        Some(shown) if is_key(shown) => format!("{shown}\n"),
        _ => format!("{line}\n"),
    };
    let all: String = TEMPLATE.lines().map(uncomment).collect();
    let case = Case::user(&all);
    let Loaded { stored, faults } = case.load();
    assert_eq!(faults, []);
    assert_eq!(stored.name.as_ref().unwrap().as_str(), "Ward 3");
    assert_eq!(stored.page, stored.server.as_ref().map(default_page));
    assert_eq!(case.text(), all, "the SSRC is there already");
}

#[test]
fn words_are_read_without_regard_to_case() {
    let text = "[raa-client]\nSource = Automatic\nmuted = YES\nlog_level = Debug\n";
    let Loaded { stored, faults } = Case::user(text).load();
    assert_eq!(faults, []);
    assert_eq!(stored.source, Some(SourceKind::Automatic));
    assert_eq!(
        (stored.muted, stored.log_level),
        (Some(true), Some(LogLevel::Debug))
    );
}

#[test]
fn the_users_file_wins_over_the_machine_wide_one() {
    let machine = "[raa-client]\nserver = a\nname = m\nssrc = 00000001\n";
    let case = Case::new(Some(machine), Some("[raa-client]\nname = u\n"));
    let Loaded { stored, faults } = case.load();
    assert_eq!(stored.server.as_ref().unwrap().host, "a");
    assert_eq!(stored.name.as_ref().unwrap().as_str(), "u");
    assert_ne!(stored.ssrc, Some(Ssrc(1)));
    assert!(
        matches!(&faults[..], [Fault::SharedSsrc { .. }]),
        "{faults:?}"
    );
    let text = faults[0].to_string();
    assert!(
        text.contains("machine") && text.contains("remove it"),
        "{text}"
    );
    // The machine-wide value is not copied, so that later changes of that file take effect.
    assert!(!case.text().contains("server"), "{}", case.text());
}

#[test]
fn the_file_of_each_setting_is_known() {
    let machine = "[raa-client]\nserver = a\nname = m\nredundancy = 9\n";
    let case = Case::new(Some(machine), Some("[raa-client]\nname = u\nmuted = no\n"));
    let Origins { user, machine } = case.files.origins();
    assert_eq!((user, machine), (vec!["name", "muted"], vec!["server"]));
}

#[test]
fn an_empty_value_is_no_value() {
    let case = Case::new(
        Some("[raa-client]\nserver = a\n"),
        Some("[raa-client]\nserver =\nname = \"\"\n"),
    );
    let Loaded { stored, faults } = case.load();
    assert_eq!((stored.name, faults), (None, vec![]));
    assert_eq!(stored.server.unwrap().host, "a");
}
