//! What a user types and selects, and the resulting view and settings.

use super::*;

fn values() -> FormValues {
    FormValues {
        server: "raa.example".into(),
        name: "Ward 3".into(),
        source: Source::Automatic,
        device_name: String::new(),
        starts_with_windows: false,
    }
}

fn devices(names: &[&str]) -> Vec<Device> {
    names
        .iter()
        .map(|name| Device {
            id: format!("id of {name}"),
            name: (*name).into(),
        })
        .collect()
}

fn form() -> Form {
    Form::new(
        values(),
        devices(&["Microphone", "Line"]),
        Language::English,
    )
}

#[test]
fn an_untouched_form_changes_nothing() {
    let nothing = NewSettings {
        server: None,
        name: None,
        source: None,
        starts_with_windows: None,
    };
    let mut form = form();
    assert_eq!(form.new_settings(), Some(nothing.clone()));
    form.set_server("other".into());
    form.set_server(" raa.example ".into());
    form.set_start_with_windows(true);
    form.set_start_with_windows(false);
    assert_eq!(form.new_settings(), Some(nothing));
}

#[test]
fn only_touched_fields_are_changed() {
    let mut form = form();
    form.set_name("Ward 4".into());
    let settings = form.new_settings().unwrap();
    assert_eq!(settings.name.unwrap().as_str(), "Ward 4");
    assert_eq!((settings.server, settings.source), (None, None));
    form.set_start_with_windows(true);
    assert_eq!(form.new_settings().unwrap().starts_with_windows, Some(true));
    form.changed_start_with_windows(true);
    assert_eq!(form.new_settings().unwrap().starts_with_windows, None);
}

#[test]
fn changes_from_elsewhere_reach_untouched_fields() {
    let mut form = form();
    form.set_name("mine".into());
    form.set_current(FormValues {
        server: "elsewhere".into(),
        name: "theirs".into(),
        source: Source::Device("id of Headset".into()),
        device_name: "Headset".into(),
        starts_with_windows: true,
    });
    assert_eq!((form.server(), form.name()), ("elsewhere", "mine"));
    assert_eq!(form.sources()[form.selected()], "Headset (not connected)");
    assert!(form.starts_with_windows());
    let settings = form.new_settings().unwrap();
    assert_eq!(settings.name.unwrap().as_str(), "mine");
    assert_eq!((settings.server, settings.source), (None, None));
    assert_eq!(settings.starts_with_windows, None);

    assert!(form.select(1));
    form.set_current(values());
    assert_eq!(form.source(), &Source::Device("id of Microphone".into()));
    assert!(form.new_settings().unwrap().source.is_some());
}

#[test]
fn an_invalid_server_cannot_be_accepted() {
    for (text, note) in [
        ("", Text::ServerHint),
        ("  ", Text::ServerHint),
        ("two words", Text::ServerHost),
        (":4010", Text::ServerHost),
        ("a:0", Text::ServerPort),
        ("a:port", Text::ServerPort),
        ("::1:4010", Text::ServerBrackets),
        ("ftp://raa.example/", Text::ServerScheme),
    ] {
        let mut form = form();
        form.set_server(text.into());
        let view = form.view();
        assert_eq!(view.server_note, Language::English.text(note), "{text:?}");
        assert!(!view.can_accept && !view.can_test, "{text:?}");
        assert_eq!(form.new_settings(), None, "{text:?}");
        assert_eq!(form.begin_test(), None, "{text:?}");
    }
    let mut form = form();
    form.set_server(" [::1]:5000\t".into());
    assert!(
        form.view().can_accept,
        "white space around pasted text is ignored"
    );
    assert_eq!(form.new_settings().unwrap().server.unwrap().host, "::1");
    form.set_server(" HTTP://raa.test:4011/ ".into());
    assert!(form.view().can_accept, "a pasted page means its host");
    let server = form.new_settings().unwrap().server.unwrap();
    assert_eq!(server.to_string(), "raa.test:4010");
}

#[test]
fn an_invalid_name_cannot_be_accepted() {
    let mut form = form();
    for (text, note) in [
        ("", "The name must have 1 to 64 characters; it has 0."),
        (
            &"監".repeat(65),
            "The name must have 1 to 64 characters; it has 65.",
        ),
        ("a\tb", "The name must not contain control characters."),
        (
            "\u{200b}",
            "The name must have at least one visible character.",
        ),
    ] {
        form.set_name(text.into());
        let view = form.view();
        assert_eq!(view.name_note, note);
        assert!(!view.can_accept);
        assert!(view.can_test, "the test does not need the name");
    }
    form.set_name("監".repeat(64));
    assert!(form.view().can_accept);
}

#[test]
fn a_test_result_belongs_to_the_typed_server() {
    let mut form = form();
    let (server, first) = form.begin_test().unwrap();
    assert_eq!(server.host, "raa.example");
    assert_eq!(form.view().server_note, "Testing the server…");
    assert!(!form.view().can_test && form.view().can_accept);
    assert_eq!(form.begin_test(), None, "one at a time");

    form.set_server("other".into());
    assert!(form.view().can_test, "another server can be tested at once");
    assert!(!form.end_test(first, "old".into()), "it is outdated");
    let (_, second) = form.begin_test().unwrap();
    assert!(!form.end_test(first, "old".into()));
    assert!(form.end_test(second, "found".into()));
    assert_eq!(form.view().server_note, "found");

    form.set_server("other".into());
    assert_eq!(form.view().server_note, "found", "nothing has changed");
    form.set_server("another".into());
    assert_ne!(form.view().server_note, "found");
}

#[test]
fn a_missing_device_stays_selected() {
    let values = FormValues {
        source: Source::Device("id of Headset".into()),
        device_name: "Headset".into(),
        ..values()
    };
    let mut form = Form::new(values, devices(&["Line"]), Language::English);
    let lines = [
        "Automatic: everything this computer plays",
        "Line",
        "Headset (not connected)",
    ];
    assert_eq!(form.sources(), lines);
    assert_eq!(form.selected(), 2);

    form.set_devices(devices(&["Headset", "Line"]));
    assert_eq!(
        form.sources(),
        [
            "Automatic: everything this computer plays",
            "Headset",
            "Line"
        ]
    );
    assert_eq!(form.selected(), 1);
    assert_eq!(form.new_settings().unwrap().source, None);

    form.set_devices(Vec::new());
    assert_eq!(form.sources()[form.selected()], "Headset (not connected)");
    assert!(form.select(0));
    form.set_devices(Vec::new());
    assert_eq!(
        form.sources(),
        ["Automatic: everything this computer plays"]
    );
}

#[test]
fn selecting_reports_a_change() {
    let mut form = form();
    assert!(!form.select(0), "it is selected already");
    assert!(form.select(2));
    assert_eq!(form.source(), &Source::Device("id of Line".into()));
    assert!(!form.select(3), "there is no such line");
    let expected = NewSource {
        source: Source::Device("id of Line".into()),
        device_name: "Line".into(),
    };
    assert_eq!(form.new_settings().unwrap().source, Some(expected));
}

#[test]
fn the_link_note_belongs_to_the_current_server() {
    let mut form = form();
    let hint = Language::English.text(Text::ServerHint);
    assert_eq!(form.view().server_note, hint);
    assert!(form.set_link_note("Cannot send".into()));
    assert!(!form.set_link_note("Cannot send".into()), "no change");
    assert_eq!(form.view().server_note, "Cannot send");
    form.set_server("raa.exampl".into());
    assert_eq!(
        form.view().server_note,
        hint,
        "it is not the current server"
    );
    form.set_server("raa.example".into());
    assert_eq!(form.view().server_note, "Cannot send");
    form.begin_test().unwrap();
    assert_eq!(form.view().server_note, "Testing the server…");
}
