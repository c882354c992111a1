//! Faulty settings files: the client names each fault, keeps a copy of the file, and starts anyway.

use super::*;

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
    assert_eq!(case.files.save(&muted(true)).unwrap(), None);
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
fn a_folder_in_place_of_the_file_is_a_fault() {
    let case = Case::new(None, None);
    fs::create_dir_all(&case.files.user).unwrap();
    let error = case.files.load().unwrap_err().to_string();
    assert!(error.starts_with("cannot read"), "{error}");
}
