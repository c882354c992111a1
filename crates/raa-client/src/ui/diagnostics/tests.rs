//! The text of clients of which all and of which little is known.

use raa_core::level::Level;
use raa_core::packetizer::PacketizerStats;
use raa_core::settings::Name;

use super::*;
use crate::settings::Ssrc;
use crate::status::{
    CaptureMethod, CaptureNote, CaptureStatus, CaptureTrouble, LinkStatus, Trouble, any_stats,
};
use crate::ui::server_test::NoServer;

fn stored() -> Stored {
    Stored {
        server: "raa.example".parse().ok(),
        name: Name::new("Ward 3").ok(),
        ssrc: Some(Ssrc(0x5f0a_11c2)),
        ..Stored::default()
    }
}

fn text(stored: &Stored, status: Option<&Status>, found: Option<&Found>) -> String {
    let diagnostics = Diagnostics {
        system: "Windows build 22631",
        stored,
        ini: Path::new("raa-client.ini"),
        log: Path::new("raa-client.log"),
        status,
        found,
    };
    diagnostics.text()
}

fn busy() -> Status {
    Status {
        capture: CaptureStatus {
            method: Some(CaptureMethod::EndpointLoopback),
            device: "Speakers".into(),
            format: "48000 Hz, 2 channels, f32".into(),
            trouble: None,
            notes: vec![
                CaptureNote::Method {
                    method: CaptureMethod::ProcessLoopback,
                    reason: CaptureTrouble::NoAnswer(Duration::from_secs(3)),
                },
                CaptureNote::Priority(CaptureTrouble::Thread("two\r\nlines".into())),
            ],
        },
        link: LinkStatus {
            server: Some("raa.example:4010".into()),
            to: Some(([192, 0, 2, 7], 4010).into()),
            trouble: Some(Trouble::Send {
                to: ([192, 0, 2, 7], 4010).into(),
                reason: "refused".into(),
            }),
        },
        muted: true,
        stats: Some(PacketizerStats {
            packets: 1,
            octets: 2,
            talkspurts: 3,
            capture_gaps: 4,
            dropped_samples: 5,
            sending: true,
            redundancy: 2,
            reception: Reception::Losing { percent: 5 },
            round_trip: Some(Duration::from_micros(12_800)),
            level: Level {
                rms_dbfs: -23.04,
                peak_dbfs: -12.0,
            },
        }),
    }
}

fn answering() -> Found {
    Found {
        addresses: Ok(vec![
            ([192, 0, 2, 7], 4010).into(),
            ([192, 0, 2, 8], 4010).into(),
        ]),
        server: Ok(Server {
            version: "0.1.0".into(),
            hears: Hears::Sound,
        }),
    }
}

#[test]
fn everything_that_is_known_is_told() {
    let expected = format!(
        "\
version         {}
system          Windows build 22631
name            Ward 3
ssrc            5f0a11c2
server          raa.example:4010
page            http://raa.example:4011/
log level       info
addresses       192.0.2.7:4010
                192.0.2.8:4010
server test     RAA server 0.1.0
heard           yes, and it sounds
capture         endpoint loopback
why not better  process loopback: Windows did not answer within 3 s
                thread priority: cannot start a thread: two  lines
device          Speakers
format          48000 Hz, 2 channels, f32
capture error   -
sending to      192.0.2.7:4010
link error      cannot send to 192.0.2.7:4010: refused
muted           yes
packets         1
octets          2
talkspurts      3
capture gaps    4
dropped         5 samples
redundancy      2 earlier frames
hearing         losing 5 %
round trip      12 ms
sounding        yes
level           -23.0 dBFS RMS, -12.0 dBFS peak
settings        raa-client.ini
log             raa-client.log
",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text(&stored(), Some(&busy()), Some(&answering())), expected);
}

#[test]
fn what_is_not_known_is_told_too() {
    let text = text(&Stored::default(), Some(&Status::default()), None);
    for line in [
        "ssrc            -",
        "server          -",
        "server test     not done",
        "capture         -",
        "why not better  -",
        "device          -",
        "sending to      -",
        "packets         no sound was captured yet",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn how_the_server_hears_it_is_told() {
    for (hearing, said) in [
        (Reception::Unknown, "not known yet"),
        (Reception::Good, "good"),
        (
            Reception::NoReports,
            "not heard: the server has not answered",
        ),
    ] {
        let status = Status {
            stats: Some(PacketizerStats {
                reception: hearing,
                ..any_stats(true)
            }),
            ..busy()
        };
        let text = text(&stored(), Some(&status), None);
        assert!(
            text.contains(&format!("\nhearing         {said}\n")),
            "{text}"
        );
        assert!(text.contains("\nround trip      -\n"), "{text}");
    }
}

#[test]
fn why_a_server_is_none_is_told() {
    let found = Found {
        addresses: Ok(vec![]),
        server: Err(NoServer::Status(404)),
    };
    let text = text(&stored(), None, Some(&found));
    assert!(
        text.contains("failed: it answers with HTTP status 404\n"),
        "{text}"
    );
    assert!(text.contains("capture         no client runs\n"), "{text}");
}
