//! A save changes the keys that it names and keeps all else.

use super::*;

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
    case.files.save(&muted(true)).unwrap();
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
        let saves = [name, ssrc, self::muted(muted)];
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

#[test]
fn a_save_copies_no_machine_wide_value() {
    let case = Case::new(Some("[raa-client]\nserver = a\n"), None);
    case.load();
    let machine = case.files.machine.as_ref().unwrap();
    fs::write(machine, "[raa-client]\nserver = b\n").unwrap();
    case.files.save(&muted(true)).unwrap();
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
    case.files.save(&muted(true)).unwrap();
    assert!(case.text().contains("; raa-client.ini: "));
    let again = case.load().stored;
    assert_eq!((again.muted, again.server), (Some(true), None));
}
