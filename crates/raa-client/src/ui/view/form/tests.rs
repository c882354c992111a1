//! What a person types and chooses, and what comes of it.

use super::*;

fn opening() -> Opening {
    Opening {
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
        opening(),
        devices(&["Microphone", "Line"]),
        Language::English,
    )
}

#[test]
fn what_was_set_is_wanted_again() {
    let wanted = form().wanted().unwrap();
    assert_eq!(wanted.server.to_string(), "raa.example:4010");
    assert_eq!(wanted.name.as_str(), "Ward 3");
    assert_eq!(wanted.source, Source::Automatic);
    assert!(!wanted.starts_with_windows);
}

#[test]
fn every_wrong_server_has_its_sentence_and_cannot_be_accepted() {
    for (text, sentence) in [
        ("", Text::ServerHint),
        ("  ", Text::ServerHint),
        ("two words", Text::ServerHost),
        (":4010", Text::ServerHost),
        ("a:0", Text::ServerPort),
        ("a:port", Text::ServerPort),
        ("::1", Text::ServerBrackets),
        ("http://raa.example:4011/", Text::ServerUrl),
        ("raa.example/", Text::ServerUrl),
    ] {
        let mut form = form();
        form.type_server(text.into());
        let view = form.view();
        assert_eq!(
            view.server_note,
            Language::English.text(sentence),
            "{text:?}"
        );
        assert!(!view.can_accept && !view.can_test, "{text:?}");
        assert_eq!(form.wanted(), None, "{text:?}");
        assert_eq!(form.begin_test(), None, "{text:?}");
    }
    let mut form = form();
    form.type_server(" [::1]:5000\t".into());
    assert!(
        form.view().can_accept,
        "what is around a pasted text does no harm"
    );
    assert_eq!(form.wanted().unwrap().server.host, "::1");
}

#[test]
fn a_wrong_name_has_its_sentence() {
    let mut form = form();
    for (text, sentence) in [
        ("", "A name has 1 to 64 characters; this one has 0."),
        (
            &"監".repeat(65),
            "A name has 1 to 64 characters; this one has 65.",
        ),
        ("a\tb", "A name has printable characters only."),
    ] {
        form.type_name(text.into());
        let view = form.view();
        assert_eq!(view.name_note, sentence);
        assert!(!view.can_accept);
        assert!(view.can_test, "the name is no matter of the test");
    }
    form.type_name("監".repeat(64));
    assert!(form.view().can_accept);
}

#[test]
fn a_test_runs_once_and_its_answer_is_for_what_was_typed() {
    let mut form = form();
    let (server, first) = form.begin_test().unwrap();
    assert_eq!(server.host, "raa.example");
    assert_eq!(form.view().server_note, "Looking for the server…");
    assert!(!form.view().can_test && form.view().can_accept);
    assert_eq!(form.begin_test(), None, "one at a time");

    form.type_server("other".into());
    assert!(form.view().can_test, "another server can be tested at once");
    assert!(!form.end_test(first, "old".into()), "nobody waits for it");
    let (_, second) = form.begin_test().unwrap();
    assert!(!form.end_test(first, "old".into()));
    assert!(form.end_test(second, "found".into()));
    assert_eq!(form.view().server_note, "found");

    form.type_server("other".into());
    assert_eq!(form.view().server_note, "found", "nothing has changed");
    form.type_server("another".into());
    assert_ne!(form.view().server_note, "found");
}

#[test]
fn a_device_that_is_gone_stays_chosen() {
    let opening = Opening {
        source: Source::Device("id of Headset".into()),
        device_name: "Headset".into(),
        ..opening()
    };
    let mut form = Form::new(opening, devices(&["Line"]), Language::English);
    let lines = [
        "Automatic: what this computer plays",
        "Line",
        "Headset (not connected)",
    ];
    assert_eq!(form.choices(), lines);
    assert_eq!(form.chosen(), 2);

    form.set_devices(devices(&["Headset", "Line"]));
    assert_eq!(
        form.choices(),
        ["Automatic: what this computer plays", "Headset", "Line"]
    );
    assert_eq!(form.chosen(), 1);
    assert_eq!(form.wanted().unwrap().device_name, "Headset");

    form.set_devices(Vec::new());
    assert_eq!(form.choices()[form.chosen()], "Headset (not connected)");
    assert!(form.choose(0));
    form.set_devices(Vec::new());
    assert_eq!(form.choices(), ["Automatic: what this computer plays"]);
}

#[test]
fn choosing_says_whether_it_changed() {
    let mut form = form();
    assert!(!form.choose(0), "it is chosen");
    assert!(form.choose(2));
    assert_eq!(form.source(), &Source::Device("id of Line".into()));
    assert!(!form.choose(3), "there is no such line");
    let wanted = form.wanted().unwrap();
    assert_eq!(wanted.source, Source::Device("id of Line".into()));
    assert_eq!(wanted.device_name, "Line");
}

#[test]
fn the_way_to_the_server_in_use_is_told() {
    let mut form = form();
    let hint = Language::English.text(Text::ServerHint);
    assert_eq!(form.view().server_note, hint);
    assert!(form.set_link_note("Cannot send".into()));
    assert!(!form.set_link_note("Cannot send".into()), "no news");
    assert_eq!(form.view().server_note, "Cannot send");
    form.type_server("raa.exampl".into());
    assert_eq!(
        form.view().server_note,
        hint,
        "nothing is known of that one"
    );
    form.type_server("raa.example".into());
    assert_eq!(form.view().server_note, "Cannot send");
    form.begin_test().unwrap();
    assert_eq!(form.view().server_note, "Looking for the server…");
}
