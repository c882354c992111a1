//! What changes make of settings, and what is said about them.

use super::*;
use crate::test_client::client;

fn old() -> ClientView {
    ClientView {
        settings: ClientSettings {
            name: Name::new("Ward 3").ok(),
            volume: Volume::new(50).unwrap(),
            muted: true,
            sounding_from: SoundingFrom::new(-40.0).ok(),
            placed: true,
        },
        sender_name: Name::new("own").ok(),
        ..client(7)
    }
}

fn by() -> By {
    By::host([192, 0, 2, 7].into(), Some("Night shift"))
}

fn planned(client: &ClientView, marks: &Marks, change: &Change) -> Plan {
    plan(client, marks, change, &by(), 5000)
}

#[test]
fn a_change_keeps_the_other_fields() {
    let old = old().settings;
    assert_eq!(Change::default().applied_to(&old), old);
    let change = Change {
        volume: Volume::new(0).ok(),
        ..Change::default()
    };
    let expected = ClientSettings {
        volume: Volume::new(0).unwrap(),
        ..old.clone()
    };
    assert_eq!(change.applied_to(&old), expected);
    let change = Change {
        name: Some(None),
        muted: Some(false),
        sounding_from: Some(None),
        ..Change::default()
    };
    let expected = ClientSettings {
        name: None,
        muted: false,
        sounding_from: None,
        ..old.clone()
    };
    assert_eq!(change.applied_to(&old), expected);
}

#[test]
fn a_change_that_changes_nothing_has_no_facts() {
    let same = Change {
        muted: Some(true),
        volume: Volume::new(50).ok(),
        ..Change::default()
    };
    assert_eq!(planned(&old(), &Marks::default(), &same).facts, []);
}

#[test]
fn every_fact_has_both_values() {
    let change = Change {
        name: Some(None),
        volume: Volume::new(80).ok(),
        muted: Some(true),
        mute_end: MuteEnd::After(900),
        sounding_from: Some(None),
    };
    let plan = planned(&old(), &Marks::default(), &change);
    let facts: Vec<_> = plan
        .facts
        .iter()
        .map(|fact| (fact.kind, json!(fact.change)))
        .collect();
    let [endless, timed] =
        [Value::Null, 905_000.into()].map(|until_ms| json!({"muted": true, "until_ms": until_ms}));
    assert_eq!(
        facts,
        [
            (Kind::Muted, json!([endless, timed])),
            (Kind::Volume, json!([50, 80])),
            (Kind::Name, json!(["Ward 3", "own"])),
            (Kind::SoundingFrom, json!([-40.0, null])),
        ]
    );
    assert_eq!(plan.marks.muted_until_ms, Some(905_000));
}

/// Makes a change, undoes each of its entries, and returns the settings and the end of the mute.
fn undone(client: &ClientView, marks: &Marks, change: &Change) -> (ClientSettings, Option<i64>) {
    let plan = planned(client, marks, change);
    assert!(!plan.facts.is_empty());
    let mut client = ClientView {
        settings: plan.settings,
        ..client.clone()
    };
    let mut marks = plan.marks;
    for fact in plan.facts {
        let [from, to] = fact.change;
        let entry = Entry {
            from,
            to,
            ..Entry::new(1, 0, fact.kind)
        };
        let back = undoing(&entry, &client, &marks, 6000).unwrap();
        let plan = planned(&client, &marks, &back);
        (client.settings, marks) = (plan.settings, plan.marks);
    }
    (client.settings, marks.muted_until_ms)
}

#[test]
fn undo_gives_back_the_exact_former_values() {
    let marks = Marks {
        muted_since_ms: Some(1000),
        muted_until_ms: Some(9000),
        ..Marks::default()
    };
    let all = Change {
        name: Some(Name::new("Ward 4").ok()),
        volume: Volume::new(0).ok(),
        muted: Some(false),
        mute_end: MuteEnd::Never,
        sounding_from: Some(None),
    };
    assert_eq!(undone(&old(), &marks, &all), (old().settings, Some(9000)));
    let longer = Change {
        muted: Some(true),
        ..Change::default()
    };
    assert_eq!(
        undone(&old(), &marks, &longer),
        (old().settings, Some(9000))
    );
    // Its former end is over by now.
    let over = Marks {
        muted_until_ms: Some(5500),
        ..marks
    };
    let (settings, until) = undone(&old(), &over, &longer);
    assert_eq!((settings.muted, until), (false, None));
    let unnamed = client(7);
    let all = Change {
        muted: Some(true),
        ..all
    };
    assert_eq!(
        undone(&unnamed, &Marks::default(), &all),
        (unnamed.settings, None)
    );
}

#[test]
fn a_value_that_has_changed_since_is_not_undone() {
    let entry = Entry {
        from: 100.into(),
        to: 40.into(),
        ..Entry::new(1, 0, Kind::Volume)
    };
    let refused = undoing(&entry, &old(), &Marks::default(), 0);
    assert_eq!(refused, Err(NotUndoable::ChangedSince));
    let entry = Entry::new(1, 0, Kind::Sound);
    let refused = undoing(&entry, &old(), &Marks::default(), 0);
    assert_eq!(refused, Err(NotUndoable::Kind));
}
