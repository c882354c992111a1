//! The diagnostics of clients with much and with little information.

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

fn text(stored: &Stored, status: Option<&Status>, tested: Option<&TestResult>) -> String {
    let diagnostics = Diagnostics {
        system: "Windows build 22631",
        stored,
        ini: Path::new("raa-client.ini"),
        log: Path::new("raa-client.log"),
        status,
        tested,
        facts: &[
            ("user", "WARD3\\anna".into()),
            ("playback", "Speakers\r".into()),
        ],
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

fn good_test() -> TestResult {
    TestResult {
        addresses: Ok(vec![
            ([192, 0, 2, 7], 4010).into(),
            ([192, 0, 2, 8], 4010).into(),
        ]),
        page_host: None,
        server: Ok(RaaServer {
            version: "0.1.0".into(),
            address: [192, 0, 2, 8].into(),
            client: ClientState::Sounding,
        }),
    }
}

#[test]
fn all_known_values_are_shown() {
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
server test     RAA server 0.1.0 at 192.0.2.8
seen by server  with sound
capture         endpoint loopback
notes           process loopback: Windows did not answer within 3 s
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
reception       losing 5 %
round trip      12 ms
sending sound   yes
level           -23.0 dBFS RMS, -12.0 dBFS peak
settings        raa-client.ini
log             raa-client.log
user            WARD3\\anna
playback        Speakers
",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(text(&stored(), Some(&busy()), Some(&good_test())), expected);
}

#[test]
fn unknown_values_are_shown_too() {
    let text = text(&Stored::default(), Some(&Status::default()), None);
    for line in [
        "ssrc            -",
        "server          -",
        "server test     not run",
        "capture         -",
        "notes           -",
        "device          -",
        "sending to      -",
        "packets         no sound captured yet",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
    }
}

#[test]
fn the_reception_is_shown() {
    for (reception, words) in [
        (Reception::Unknown, "not known yet"),
        (Reception::Good, "good"),
        (Reception::NoReports, "no reports from the server"),
    ] {
        let status = Status {
            stats: Some(PacketizerStats {
                reception,
                ..any_stats(true)
            }),
            ..busy()
        };
        let text = text(&stored(), Some(&status), None);
        assert!(
            text.contains(&format!("\nreception       {words}\n")),
            "{text}"
        );
        assert!(text.contains("\nround trip      -\n"), "{text}");
    }
}

#[test]
fn a_failed_server_test_is_shown() {
    let tested = TestResult {
        addresses: Ok(vec![]),
        page_host: None,
        server: Err(NoServer::Status(404)),
    };
    let text = text(&stored(), None, Some(&tested));
    assert!(
        text.contains("failed: it responds with HTTP status 404\n"),
        "{text}"
    );
    assert!(
        text.contains("capture         no client is running\n"),
        "{text}"
    );
}
