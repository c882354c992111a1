//! What is shown of a client, state by state.

use raa_core::level::Level;

use super::*;
use crate::status::{CaptureMethod, Trouble, any_stats};
use crate::ui::texts::TOOLTIP_UNITS;

fn status(change: impl FnOnce(&mut Status)) -> Status {
    let mut status = Status::default();
    status.link.server = Some("raa.example:4010".into());
    change(&mut status);
    status
}

fn stats(sending: bool, rms_dbfs: f32) -> Option<PacketizerStats> {
    Some(PacketizerStats {
        level: Level {
            rms_dbfs,
            peak_dbfs: rms_dbfs,
        },
        ..any_stats(sending)
    })
}

#[track_caller]
fn check(status: &Status, icon: Icon, english: &str, japanese: &str) {
    for (language, said) in [(Language::English, english), (Language::Japanese, japanese)] {
        let face = face(status, language);
        assert_eq!((face.icon, face.tooltip.as_str()), (icon, said));
    }
}

#[test]
fn the_icon_says_what_the_client_does() {
    check(
        &status(|s| s.stats = stats(true, -20.0)),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010",
        "RAA クライアント: raa.example:4010 へ音を送信中",
    );
    check(
        &status(|_| ()),
        Icon::Silent,
        "RAA client: no sound at the moment, server raa.example:4010",
        "RAA クライアント: 今は無音です (サーバー: raa.example:4010)",
    );
    check(
        &status(|s| (s.muted, s.stats) = (true, stats(true, -20.0))),
        Icon::Muted,
        "RAA client: muted",
        "RAA クライアント: ミュート中",
    );
    check(
        &status(|s| (s.muted, s.link.server) = (true, None)),
        Icon::Error,
        "RAA client: no server is set",
        "RAA クライアント: サーバーが設定されていません",
    );
    check(
        &status(|s| {
            s.link.trouble = Some(Trouble::Resolve {
                server: "nowhere".into(),
                reason: "no such host".into(),
            });
        }),
        Icon::Error,
        "RAA client: cannot resolve nowhere: no such host",
        "RAA クライアント: nowhere の名前を解決できません: no such host",
    );
}

#[test]
fn the_tooltip_says_how_the_server_hears_it() {
    let heard = |sending, hearing| {
        status(|s| {
            s.stats = Some(PacketizerStats {
                reception: hearing,
                ..any_stats(sending)
            });
        })
    };
    check(
        &heard(true, Reception::Good),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010, reception good",
        "RAA クライアント: raa.example:4010 へ音を送信中、受信状態は良好です",
    );
    check(
        &heard(true, Reception::Losing { percent: 5 }),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010, reception: losing 5 %",
        "RAA クライアント: raa.example:4010 へ音を送信中、受信側で 5 % 欠落しています",
    );
    let not_heard = heard(false, Reception::NoReports);
    check(
        &not_heard,
        Icon::Silent,
        "RAA client: no sound at the moment, server raa.example:4010, \
         not heard: the server has not answered",
        "RAA クライアント: 今は無音です (サーバー: raa.example:4010)、\
         サーバーから応答がありません (未達)",
    );
    let muted = Status {
        muted: true,
        ..not_heard
    };
    check(
        &muted,
        Icon::Muted,
        "RAA client: muted",
        "RAA クライアント: ミュート中",
    );
}

#[test]
fn a_long_reason_is_cut() {
    let status = status(|s| s.capture.trouble = Some(Trouble::NotStarted("監".repeat(200))));
    let tooltip = face(&status, Language::English).tooltip;
    assert_eq!(tooltip.encode_utf16().count(), TOOLTIP_UNITS);
    assert!(tooltip.starts_with("RAA client: cannot start: 監") && tooltip.ends_with("監…"));
}

#[test]
fn the_menu_shows_the_state_and_has_every_command_once() {
    let state = MenuState {
        muted: true,
        starts_with_windows: false,
        has_page: false,
    };
    let items: Vec<Item> = menu(state, Language::English)
        .into_iter()
        .filter_map(|line| match line {
            Line::Item(item) => Some(item),
            Line::Separator => None,
        })
        .collect();
    let item = |command| {
        let found: Vec<_> = items
            .iter()
            .filter(|item| item.command == command)
            .collect();
        assert_eq!(found.len(), 1, "{command:?}");
        *found[0]
    };
    for command in Command::ALL {
        let item = item(command);
        assert_eq!(item.checked, command == Command::Mute, "{command:?}");
        assert_eq!(item.enabled, command != Command::OpenPage, "{command:?}");
    }
    assert_eq!(items[0].command, Command::Settings);
    let menu = menu(
        MenuState {
            muted: false,
            starts_with_windows: true,
            has_page: true,
        },
        Language::Japanese,
    );
    assert!(menu.iter().all(|line| match line {
        Line::Item(item) =>
            item.enabled && item.checked == (item.command == Command::StartWithWindows),
        Line::Separator => true,
    }));
}

#[test]
fn the_meter_goes_from_60_db_below_full_scale_to_full_scale() {
    for (dbfs, meter, level) in [
        (-120.0, 0, "silent"),
        (-60.0, 0, "silent"),
        (-59.5, 1, "\u{2212}60 dB"),
        (-30.0, 60, "\u{2212}30 dB"),
        (-0.2, METER_STEPS, "0 dB"),
        (6.0, METER_STEPS, "6 dB"),
    ] {
        let view = sound(&status(|s| s.stats = stats(true, dbfs)), Language::English);
        assert_eq!((view.meter, view.level.as_str()), (meter, level), "{dbfs}");
    }
    let view = sound(&status(|_| ()), Language::Japanese);
    assert_eq!((view.meter, view.level.as_str()), (0, "無音"));
    let muted = status(|s| (s.muted, s.stats) = (true, stats(true, -20.0)));
    let view = sound(&muted, Language::English);
    assert_eq!((view.meter, view.level.as_str()), (0, "muted"));
}

#[test]
fn the_dialog_says_what_is_captured_or_why_nothing_is() {
    let note = |change: fn(&mut Status)| sound(&status(change), Language::English).note;
    assert_eq!(note(|_| ()), "Starting to capture…");
    let open = |s: &mut Status| {
        s.capture.method = Some(CaptureMethod::EndpointLoopback);
        s.capture.device = "Speakers".into();
    };
    assert_eq!(note(open), "Speakers (endpoint loopback)");
    assert_eq!(
        note(|s| s.capture.method = Some(CaptureMethod::ProcessLoopback)),
        "Process loopback"
    );
    assert_eq!(
        note(|s| s.capture.trouble = Some(Trouble::NotStarted("no device".into()))),
        "Cannot start: no device"
    );
}

#[test]
fn the_dialog_says_where_the_sound_goes_or_why_it_goes_nowhere() {
    let link = |change: fn(&mut Status)| sound(&status(change), Language::English).link;
    let to = |s: &mut Status| s.link.to = Some("192.0.2.7:4010".parse().unwrap());
    assert_eq!(link(|_| ()), "");
    assert_eq!(link(to), "Sending to 192.0.2.7:4010.");
    assert_eq!(
        link(|s| {
            s.link.trouble = Some(Trouble::NoRoute {
                to: "192.0.2.7:4010".parse().unwrap(),
                reason: "network down".into(),
            });
        }),
        "No route to 192.0.2.7:4010: network down"
    );
}
