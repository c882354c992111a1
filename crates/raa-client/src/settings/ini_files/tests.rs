//! Settings in real files.

use tempfile::TempDir;

use super::*;

/// A user's folder and a machine-wide one.
struct Case {
    folder: TempDir,
    files: IniFiles,
}

impl Case {
    fn new(machine: Option<&str>, user: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).join(INI_NAME);
        let files = IniFiles {
            user: path("user"),
            machine: Some(path("machine")),
        };
        for (file, text) in [
            (files.machine.as_ref().unwrap(), machine),
            (&files.user, user),
        ] {
            if let Some(text) = text {
                fs::create_dir(file.parent().unwrap()).unwrap();
                fs::write(file, text).unwrap();
            }
        }
        Self { folder, files }
    }

    fn user(text: &str) -> Self {
        Self::new(None, Some(text))
    }

    fn load(&self) -> Loaded {
        self.files.load().unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.files.user).unwrap()
    }

    /// The names of the user's files.
    fn names(&self) -> Vec<String> {
        let folder = fs::read_dir(self.folder.path().join("user")).unwrap();
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn aside(&self, suffix: &str) -> PathBuf {
        let name = format!("{INI_NAME}.{suffix}");
        self.files.user.with_file_name(name)
    }
}

const ALL: &str = "[raa-client]\nserver = [::1]:5000\nsource = device\ndevice = {0.0.1}.{a;b}\n\
    device_name = Mic\nname = Ward 3\npage = https://raa.example/raa\nmuted = yes\n\
    redundancy = 2\nlog_level = debug\nssrc = 5f0a11c2\n";

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
fn without_a_file_the_defaults_hold_and_a_documented_file_is_made() {
    let case = Case::new(None, None);
    let Loaded { stored, faults } = case.load();
    assert_eq!(faults, []);
    let settings = stored.settings();
    assert_eq!((settings.server, stored.page()), (None, None));
    assert_eq!(settings.source, Source::Automatic);
    assert_eq!(settings.name, host_name());
    let ssrc = stored.ssrc.unwrap();
    assert!(case.text().starts_with('\u{feff}'));
    assert!(case.text().ends_with(&format!("ssrc = {ssrc}\r\n")));
    assert_eq!(case.load().stored.ssrc, Some(ssrc), "it is made once");
    assert_eq!(case.names(), [INI_NAME]);
    assert_ne!(Case::new(None, None).load().stored.ssrc, Some(ssrc));
}

#[test]
fn what_the_documented_file_shows_is_valid() {
    let case = Case::user(&TEMPLATE.replace("\n;s", "\ns").replace("\n;n", "\nn"));
    let shown = case.text().replace("\n;p", "\np").replace("\n;m", "\nm");
    let shown = shown.replace("\n;l", "\nl").replace("\n;d", "\nd");
    let shown = shown.replace("\n;r", "\nr");
    fs::write(&case.files.user, &shown).unwrap();
    let Loaded { stored, faults } = case.load();
    assert_eq!(faults, []);
    let lines = shown.lines().filter(|line| line.contains(" =")).count();
    assert_eq!(lines, 10, "every key is shown");
    let settings = stored.settings();
    assert_eq!(settings.source, Source::default_here());
    assert_eq!(settings.log_level, LogLevel::default());
    assert_eq!(stored.redundancy, Some(Redundancy::default()));
    assert_eq!(stored.page(), settings.server.as_ref().map(page_of));
}

impl Source {
    fn default_here() -> Self {
        Stored::default().settings().source
    }
}

#[test]
fn the_users_file_wins_over_the_machines() {
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
    let said = faults[0].to_string();
    assert!(
        said.contains("machine") && said.contains("remove it"),
        "{said}"
    );
    // What the machine's file says is not copied, so that it goes on following that file.
    assert!(!case.text().contains("server"), "{}", case.text());
}

#[test]
fn an_empty_value_is_none() {
    let case = Case::new(
        Some("[raa-client]\nserver = a\n"),
        Some("[raa-client]\nserver =\nname = \"\"\n"),
    );
    let Loaded { stored, faults } = case.load();
    assert_eq!((stored.name, faults), (None, vec![]));
    assert_eq!(stored.server.unwrap().host, "a");
}

#[test]
fn saving_changes_what_has_changed() {
    let before =
        "; mine\n[raa-client]\nserver = a:1 \nfuture = 1\nname = n\nssrc = 5f0a11c2\n[x]\n";
    let case = Case::user(before);
    let stored = case.load().stored;
    assert_eq!(case.files.save(&stored).unwrap(), None);
    assert_eq!(case.text(), before);
    let changed = Stored {
        server: "b:2".parse().ok(),
        name: None,
        muted: Some(true),
        redundancy: Redundancy::new(0).ok(),
        ..stored
    };
    assert_eq!(case.files.save(&changed).unwrap(), None);
    let after = before.replace("a:1 ", "b:2").replace("name = n\n", "");
    assert_eq!(
        case.text(),
        after.replace("[x]", "muted = yes\nredundancy = 0\n[x]")
    );
    assert_eq!(case.load().stored, changed);
    assert_eq!(case.names(), [INI_NAME], "no other file is left");
}

#[test]
fn a_file_deleted_meanwhile_is_made_again() {
    let case = Case::user(ALL);
    let stored = case.load().stored;
    fs::remove_file(&case.files.user).unwrap();
    case.files.save(&stored).unwrap();
    assert_eq!(case.load().stored, stored);
    assert!(case.text().contains("; raa-client.ini: what"));
}

#[test]
fn what_is_wrong_is_named_and_the_rest_is_used() {
    for (line, said) in [
        ("server = a:99999", &["server is \"a:99999\"", "1 to 65535"]),
        (
            "source = alsa",
            &["source is \"alsa\"", "automatic and device"],
        ),
        (
            "source = device",
            &["device is \"\"", "if source is device"],
        ),
        ("redundancy = 4", &["redundancy is \"4\"", "0 to 3"]),
        ("redundancy = one", &["redundancy is \"one\"", "0 to 3"]),
        ("muted = 1", &["muted is \"1\"", "yes and no"]),
        (
            "page = raa.example",
            &["page is \"raa.example\"", "http://"],
        ),
        ("page = http://", &["page is \"http://\"", "https://"]),
        ("log_level = loud", &["log_level is \"loud\"", "debug"]),
        ("ssrc = 12", &["ssrc is \"12\"", "8 hexadecimal digits"]),
        ("servr = a", &["key servr is unknown", "server, source"]),
        ("name = b", &["name stands there twice", "first"]),
    ] {
        let case = Case::user(&format!("[raa-client]\nname = a\n{line}\n"));
        let Loaded { stored, faults } = case.load();
        let [fault] = &faults[..] else {
            panic!("{line}: {faults:?}");
        };
        let text = fault.to_string();
        assert!(text.contains(INI_NAME), "{text}");
        assert!(said.iter().all(|words| text.contains(words)), "{text}");
        assert_eq!(stored.name.unwrap().as_str(), "a", "{line}");
    }
    let faults = Case::user("name = a\n").load().faults;
    assert!(faults[0].to_string().contains("[raa-client]"), "{faults:?}");
    let long = "x".repeat(65);
    let faults = Case::user(&format!("[raa-client]\nname = {long}\n"))
        .load()
        .faults;
    assert!(faults[0].to_string().contains("1 to 64"), "{faults:?}");
}

#[test]
fn an_invalid_value_is_kept_aside_before_it_is_replaced() {
    let before = "[raa-client]\nserver = a:0\nssrc = 5f0a11c2\n";
    let case = Case::user(before);
    let stored = case.load().stored;
    let unrelated = Stored {
        muted: Some(true),
        ..stored.clone()
    };
    assert_eq!(case.files.save(&unrelated).unwrap(), None);
    assert!(case.text().contains("server = a:0"), "it is still there");
    let replacing = Stored {
        server: "a:1".parse().ok(),
        ..unrelated
    };
    let kept = case.files.save(&replacing).unwrap();
    assert_eq!(kept, Some(case.aside("invalid")));
    let kept = fs::read_to_string(kept.unwrap()).unwrap();
    assert!(kept.contains("server = a:0"), "{kept}");
    assert_eq!(case.load().stored, replacing);
}

#[test]
fn an_invalid_ssrc_is_replaced_and_kept_aside() {
    let case = Case::user("[raa-client]\nssrc = zz\n");
    let ssrc = case.load().stored.ssrc.unwrap();
    assert_eq!(case.text(), format!("[raa-client]\nssrc = {ssrc}\n"));
    assert_eq!(case.names(), [INI_NAME, "raa-client.ini.invalid"]);
}

#[test]
fn a_damaged_file_is_kept_aside_and_mended() {
    let good = "[raa-client]\nname = a\nssrc = 5f0a11c2\n";
    let damaged = format!("{good}no sense\n");
    let case = Case::user(&damaged);
    for suffix in ["damaged", "damaged-2"] {
        fs::write(&case.files.user, &damaged).unwrap();
        let Loaded { stored, faults } = case.load();
        assert_eq!(stored.name.unwrap().as_str(), "a");
        let copy = case.aside(suffix);
        assert_eq!(fs::read_to_string(&copy).unwrap(), damaged);
        assert_eq!(case.text(), good);
        let said = faults[0].to_string();
        let names_copy = said.contains(&copy.display().to_string());
        assert!(names_copy && said.contains("line 4"), "{said}");
    }
    assert_eq!(case.load().faults, []);
}

#[test]
fn a_file_of_zeroes_costs_no_more_than_what_was_in_it() {
    let case = Case::new(None, None);
    for content in [vec![0; 700], vec![b'x'; (1 << 20) + 1]] {
        fs::create_dir_all(case.files.user.parent().unwrap()).unwrap();
        fs::write(&case.files.user, &content).unwrap();
        let loaded = case.load();
        assert!(matches!(
            &loaded.faults[..],
            [Fault::Damaged {
                kept: Some(Ok(_)),
                ..
            }]
        ));
        assert_eq!(case.load().stored, loaded.stored);
    }
}

#[test]
fn a_damaged_machine_wide_file_is_left_as_it_is() {
    let machine = "[raa-client]\nname = m\nno sense\n";
    let case = Case::new(Some(machine), None);
    let Loaded { stored, faults } = case.load();
    assert_eq!(stored.name.unwrap().as_str(), "m");
    assert!(
        matches!(&faults[..], [Fault::Damaged { kept: None, .. }]),
        "{faults:?}"
    );
    let file = case.files.machine.as_ref().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), machine);
}

#[test]
#[cfg(target_os = "linux")]
fn an_ssrc_that_cannot_be_kept_is_an_error() {
    // Not even root can make a file there.
    let files = IniFiles {
        user: "/proc/raa/raa-client.ini".into(),
        machine: None,
    };
    let error = files.load().unwrap_err().to_string();
    assert!(
        error.contains("/proc/raa") && error.contains("ssrc = "),
        "{error}"
    );
}

#[test]
fn a_file_that_is_a_folder_is_an_error() {
    let case = Case::new(None, None);
    fs::create_dir_all(&case.files.user).unwrap();
    let error = case.files.load().unwrap_err().to_string();
    assert!(error.starts_with("cannot read"), "{error}");
}

#[test]
fn the_page_is_where_the_server_is() {
    let page = |server: &str| page_of(&server.parse().unwrap());
    assert_eq!(page("raa.example:5000"), "http://raa.example:4011/");
    assert_eq!(page("[::1]"), "http://[::1]:4011/");
}
