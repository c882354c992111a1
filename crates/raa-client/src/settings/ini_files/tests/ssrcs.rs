//! Each computer has one SSRC and keeps it, even where nothing can be saved.

use super::*;

#[test]
fn an_invalid_ssrc_is_copied_and_replaced() {
    let case = Case::user("[raa-client]\nssrc = zz\n");
    let ssrc = case.load().stored.ssrc.unwrap();
    assert_eq!(case.text(), format!("[raa-client]\nssrc = {ssrc}\n"));
    assert_eq!(case.names(), [INI_NAME, "raa-client.ini.invalid"]);
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
