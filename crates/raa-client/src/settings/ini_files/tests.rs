//! Settings from real files.

use raa_core::packetizer::Redundancy;
use raa_core::settings::Name;
use tempfile::TempDir;

use super::*;
use crate::logging::LogLevel;
use crate::settings::values::host_name;
use crate::settings::{Source, default_page};

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

    /// Returns the names of the user's files.
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

#[test]
fn a_save_writes_only_the_keys_it_names() {
    let before =
        "; mine\n[raa-client]\nserver = a:1 \nfuture = 1\nname = n\nssrc = 5f0a11c2\n[x]\n";
    let case = Case::user(before);
    assert_eq!(case.files.save(&Stored::default()).unwrap(), None);
    assert_eq!(case.text(), before);
    let new = Stored {
        server: "b:2".parse().ok(),
        name: Name::new("n").ok(),
        muted: Some(true),
        redundancy: Redundancy::new(0).ok(),
        ..Stored::default()
    };
    assert_eq!(case.files.save(&new).unwrap(), None);
    let after = before.replace("a:1 ", "b:2");
    assert_eq!(
        case.text(),
        after.replace("[x]", "muted = yes\nredundancy = 0\n[x]")
    );
    assert_eq!(case.names(), [INI_NAME], "no other file is left");
}

#[test]
fn a_save_keeps_the_changes_of_others() {
    let case = Case::user("[raa-client]\nserver = a\nssrc = 5f0a11c2\n");
    case.load();
    fs::write(
        &case.files.user,
        "[raa-client]\nserver = b\nssrc = 5f0a11c2\n",
    )
    .unwrap();
    case.files.save(&muted()).unwrap();
    assert_eq!(
        case.text(),
        "[raa-client]\nserver = b\nssrc = 5f0a11c2\nmuted = yes\n"
    );
}

#[cfg(windows)]
#[test]
fn saves_at_the_same_moment_all_count() {
    let case = Case::user(ALL);
    let save = |round: u32| {
        let name = Stored {
            name: Name::new(&format!("Ward {round}")).ok(),
            ..Stored::default()
        };
        let ssrc = Stored {
            ssrc: Some(Ssrc(round)),
            ..Stored::default()
        };
        let muted = round.is_multiple_of(2);
        let saves = [name, ssrc, muted_is(muted)];
        std::thread::scope(|scope| {
            for new in saves {
                let files = &case.files;
                scope.spawn(move || files.save(&new).unwrap());
            }
        });
        let stored = case.load().stored;
        assert_eq!(stored.name.unwrap().as_str(), format!("Ward {round}"));
        assert_eq!(stored.ssrc, Some(Ssrc(round)));
        assert_eq!(stored.muted, Some(muted));
    };
    (1..=20).for_each(save);
    assert_eq!(case.names(), [INI_NAME]);
}

#[cfg(windows)]
fn muted_is(muted: bool) -> Stored {
    Stored {
        muted: Some(muted),
        ..Stored::default()
    }
}

#[test]
fn a_save_copies_no_machine_wide_value() {
    let case = Case::new(Some("[raa-client]\nserver = a\n"), None);
    case.load();
    let machine = case.files.machine.as_ref().unwrap();
    fs::write(machine, "[raa-client]\nserver = b\n").unwrap();
    case.files.save(&muted()).unwrap();
    assert!(!case.text().contains("\nserver"), "{}", case.text());
    assert_eq!(case.load().stored.server.unwrap().host, "b");
}

#[test]
fn another_server_removes_the_page_of_the_old_one() {
    let before = "[raa-client]\nserver = a\npage = http://a/\nssrc = 5f0a11c2\n";
    for (server, page, expected) in [
        ("a:5000", None, "server = a:5000\npage = http://a/\n"),
        ("b", None, "server = b:4010\n"),
        (
            "b",
            Some("http://c/"),
            "server = b:4010\npage = http://c/\n",
        ),
    ] {
        let case = Case::user(before);
        let new = Stored {
            server: server.parse().ok(),
            page: page.map(ToOwned::to_owned),
            ..Stored::default()
        };
        case.files.save(&new).unwrap();
        let text = format!("[raa-client]\n{expected}ssrc = 5f0a11c2\n");
        assert_eq!(case.text(), text);
    }
}

fn muted() -> Stored {
    Stored {
        muted: Some(true),
        ..Stored::default()
    }
}

#[test]
fn an_empty_text_removes_its_key() {
    let case = Case::user("[raa-client]\ndevice = {a}\ndevice_name = Mic\n");
    let nameless = Stored {
        device: Some("{b}".into()),
        device_name: Some(String::new()),
        ..Stored::default()
    };
    case.files.save(&nameless).unwrap();
    assert_eq!(case.text(), "[raa-client]\ndevice = {b}\n");
}

#[test]
fn a_deleted_file_is_created_again() {
    let case = Case::user(ALL);
    case.load();
    fs::remove_file(&case.files.user).unwrap();
    case.files.save(&muted()).unwrap();
    assert!(case.text().contains("; raa-client.ini: "));
    let again = case.load().stored;
    assert_eq!((again.muted, again.server), (Some(true), None));
}

#[test]
fn a_fault_is_named_and_the_rest_is_used() {
    for (line, expected) in [
        ("server = a:99999", &["server is \"a:99999\"", "1 to 65535"]),
        (
            "source = alsa",
            &["source is \"alsa\"", "automatic or device"],
        ),
        (
            "source = device",
            &["device is \"\"", "if source is device"],
        ),
        ("redundancy = 4", &["redundancy is \"4\"", "0 to 3"]),
        ("redundancy = one", &["redundancy is \"one\"", "0 to 3"]),
        ("muted = 1", &["muted is \"1\"", "yes or no"]),
        (
            "page = raa.example",
            &["page is \"raa.example\"", "http://"],
        ),
        ("page = http://", &["page is \"http://\"", "https://"]),
        ("log_level = loud", &["log_level is \"loud\"", "debug"]),
        ("ssrc = 12", &["ssrc is \"12\"", "8 hexadecimal digits"]),
        ("servr = a", &["no key servr", "server, source"]),
        ("name = b", &["name is set twice", "first"]),
    ] {
        let case = Case::user(&format!("[raa-client]\nname = a\n{line}\n"));
        let Loaded { stored, faults } = case.load();
        let [fault] = &faults[..] else {
            panic!("{line}: {faults:?}");
        };
        let text = fault.to_string();
        assert!(text.contains(INI_NAME), "{text}");
        assert!(expected.iter().all(|words| text.contains(words)), "{text}");
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
fn the_reason_for_no_server_is_named() {
    for (text, expected, is_set) in [
        ("", "no server is set: add --server", false),
        ("name = n", "no server is set: add --server", false),
        (
            "server = a ; main",
            "server is \"a ; main\"; it must be HOST or",
            true,
        ),
        ("server = a\t# main", "a comment needs its own line", true),
        ("server = a:0", "it must be HOST or", true),
        ("servr = a", "there is no key servr; the keys are", false),
        ("server a", "line 2 is not empty", false),
        ("[x]\nserver = a\n[y]\nname = 1", "no server is set", false),
    ] {
        let case = Case::user(&format!("[raa-client]\n{text}\n"));
        let loaded = case.load();
        let reason = Fault::no_server(&case.files.user, &loaded.faults);
        assert!(reason.contains(expected), "{text}: {reason}");
        assert_eq!(!reason.contains("no server is set"), is_set, "{reason}");
        assert!(reason.contains(INI_NAME), "{reason}");
    }
    let elsewhere = Case::user("server = a\n");
    let reason = Fault::no_server(&elsewhere.files.user, &elsewhere.load().faults);
    assert!(reason.contains("has no [raa-client] section"), "{reason}");
    let with_port_0 = Case::user("[raa-client]\nserver = a:0\n").load().faults;
    assert!(!with_port_0[0].to_string().contains("comment"));
}

#[test]
fn an_invalid_value_is_copied_before_it_is_replaced() {
    let before = "[raa-client]\nserver = a:0\nssrc = 5f0a11c2\n";
    let case = Case::user(before);
    assert_eq!(case.files.save(&muted()).unwrap(), None);
    assert!(case.text().contains("server = a:0"), "it is still there");
    let replacing = Stored {
        server: "a:1".parse().ok(),
        ..Stored::default()
    };
    let kept = case.files.save(&replacing).unwrap();
    assert_eq!(kept, Some(case.aside("invalid")));
    let kept = fs::read_to_string(kept.unwrap()).unwrap();
    assert!(kept.contains("server = a:0"), "{kept}");
    assert_eq!(case.load().stored.server, replacing.server);
}

#[test]
fn an_invalid_ssrc_is_copied_and_replaced() {
    let case = Case::user("[raa-client]\nssrc = zz\n");
    let ssrc = case.load().stored.ssrc.unwrap();
    assert_eq!(case.text(), format!("[raa-client]\nssrc = {ssrc}\n"));
    assert_eq!(case.names(), [INI_NAME, "raa-client.ini.invalid"]);
}

#[test]
fn a_damaged_file_is_copied_and_repaired() {
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
        let text = faults[0].to_string();
        let names_copy = text.contains(&copy.display().to_string());
        assert!(names_copy && text.contains("line 4"), "{text}");
    }
    assert_eq!(case.load().faults, []);
}

#[test]
fn a_worthless_file_is_replaced() {
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
        assert!(
            case.text().contains("; raa-client.ini: "),
            "it is explained"
        );
    }
}

#[test]
fn a_damaged_machine_wide_file_stays() {
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
fn an_ssrc_that_cannot_be_saved_is_a_fault() {
    // Not even root can create a file there.
    let files = IniFiles {
        user: "/proc/raa/raa-client.ini".into(),
        machine: None,
    };
    let error = files.load_on(None).unwrap_err().to_string();
    assert!(
        error.contains("/proc/raa") && error.contains("ssrc = "),
        "{error}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_computer_without_a_writable_folder_has_a_number() {
    let files = IniFiles {
        user: "/proc/raa/raa-client.ini".into(),
        machine: None,
    };
    let here = Computer::new("id", "kiosk", "anna");
    let Loaded { stored, faults } = files.load_on(Some(&here)).unwrap();
    assert_eq!(stored.ssrc, Some(here.ssrc), "the same at every start");
    let [fault @ Fault::NotSaved { .. }] = &faults[..] else {
        panic!("{faults:?}");
    };
    let text = fault.to_string();
    assert!(text.contains("cannot save settings in /proc/raa"), "{text}");
}

#[test]
fn a_folder_in_place_of_the_file_is_a_fault() {
    let case = Case::new(None, None);
    fs::create_dir_all(&case.files.user).unwrap();
    let error = case.files.load().unwrap_err().to_string();
    assert!(error.starts_with("cannot read"), "{error}");
}

#[test]
fn another_ssrc_replaces_the_stored_one_alone() {
    let machine = "[raa-client]\nserver = raa.example\n";
    let user = "; by hand\n[raa-client]\nname = Ward 3\nssrc = 5f0a11c2\nvolume = 3\n";
    let case = Case::new(Some(machine), Some(user));
    case.files.keep_ssrc(Ssrc(0xabcd)).unwrap();
    assert_eq!(case.text(), user.replace("5f0a11c2", "0000abcd"));
}

#[test]
fn each_computer_has_an_ssrc_of_its_own() {
    let here = Computer::new("id 1", "ward3", "anna");
    let there = Computer::new("id 2", "ward4", "anna");
    let case = Case::new(None, None);
    let ssrc_on = |computer: &Computer| {
        let stored = case.files.load_on(Some(computer)).unwrap().stored;
        assert_eq!(stored.computer, Some(computer.mark));
        stored.ssrc.unwrap()
    };
    let first = ssrc_on(&here);
    assert_eq!(ssrc_on(&here), first, "it stays");
    // The profile roams to another computer and comes back.
    let second = ssrc_on(&there);
    assert_ne!(second, first);
    assert_eq!((ssrc_on(&here), ssrc_on(&there)), (first, second));
    // One that was drawn because of a collision stays on its computer.
    case.files.keep_ssrc_on(Some(&there), Ssrc(7)).unwrap();
    assert_eq!(ssrc_on(&there), Ssrc(7));
    assert_eq!(ssrc_on(&here), first);
}

#[test]
fn an_ssrc_of_an_earlier_version_stays() {
    let here = Computer::new("id 1", "ward3", "anna");
    let there = Computer::new("id 2", "ward4", "anna");
    let case = Case::user("[raa-client]\nssrc = 5f0a11c2\n");
    let ssrc_on = |computer| case.files.load_on(Some(computer)).unwrap().stored.ssrc;
    assert_eq!(ssrc_on(&here), Some(Ssrc(0x5f0a_11c2)));
    assert!(case.text().contains(&format!("computer = {}", here.mark)));
    assert_ne!(
        ssrc_on(&there),
        Some(Ssrc(0x5f0a_11c2)),
        "it is the first one's"
    );
}
