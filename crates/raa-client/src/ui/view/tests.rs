//! The views of clients in different states.

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
    for (language, text) in [(Language::English, english), (Language::Japanese, japanese)] {
        let tray = tray(status, language);
        assert_eq!((tray.icon, tray.tooltip.as_str()), (icon, text));
    }
}

#[test]
fn icon_and_tooltip_show_the_state() {
    check(
        &status(|s| s.stats = stats(true, -20.0)),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010",
        "RAA クライアント: raa.example:4010 へ音声を送信中",
    );
    check(
        &status(|_| ()),
        Icon::Silent,
        "RAA client: silent, server raa.example:4010",
        "RAA クライアント: 無音 (サーバー: raa.example:4010)",
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
fn the_tooltip_shows_the_reception() {
    let received = |sending, reception| {
        status(|s| {
            s.stats = Some(PacketizerStats {
                reception,
                ..any_stats(sending)
            });
        })
    };
    check(
        &received(true, Reception::Good),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010, reception good",
        "RAA クライアント: raa.example:4010 へ音声を送信中、受信状態は良好",
    );
    check(
        &received(true, Reception::Losing { percent: 5 }),
        Icon::Active,
        "RAA client: sending sound to raa.example:4010, the server loses 5 % of the packets",
        "RAA クライアント: raa.example:4010 へ音声を送信中、サーバーでのパケット損失 5 %",
    );
    let no_reports = received(false, Reception::NoReports);
    check(
        &no_reports,
        Icon::Silent,
        "RAA client: silent, server raa.example:4010, no reports from the server",
        "RAA クライアント: 無音 (サーバー: raa.example:4010)、サーバーから応答なし",
    );
    let muted = Status {
        muted: true,
        ..no_reports
    };
    check(
        &muted,
        Icon::Muted,
        "RAA client: muted",
        "RAA クライアント: ミュート中",
    );
}

#[test]
fn a_long_tooltip_is_cut() {
    let status = status(|s| s.capture.trouble = Some(Trouble::NotStarted("監".repeat(200))));
    let tooltip = tray(&status, Language::English).tooltip;
    assert_eq!(tooltip.encode_utf16().count(), TOOLTIP_UNITS);
    assert!(tooltip.starts_with("RAA client: cannot start: 監") && tooltip.ends_with("監…"));
}

#[test]
fn the_menu_has_every_command_once() {
    let state = MenuState {
        muted: true,
        starts_with_windows: false,
        has_page: false,
    };
    let items: Vec<MenuItem> = menu(state, Language::English)
        .into_iter()
        .filter_map(|line| match line {
            MenuLine::Item(item) => Some(item),
            MenuLine::Separator => None,
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
    for command in MenuCommand::ALL {
        let item = item(command);
        assert_eq!(item.checked, command == MenuCommand::Mute, "{command:?}");
        assert_eq!(
            item.enabled,
            command != MenuCommand::OpenPage,
            "{command:?}"
        );
    }
    assert_eq!(items[0].command, MenuCommand::Settings);
    let menu = menu(
        MenuState {
            muted: false,
            starts_with_windows: true,
            has_page: true,
        },
        Language::Japanese,
    );
    assert!(menu.iter().all(|line| match line {
        MenuLine::Item(item) =>
            item.enabled && item.checked == (item.command == MenuCommand::StartWithWindows),
        MenuLine::Separator => true,
    }));
}

#[test]
fn the_meter_covers_60_db() {
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
fn the_dialog_shows_what_is_captured() {
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
fn the_dialog_shows_the_destination() {
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
