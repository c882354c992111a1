//! What a sender says about itself by RTCP: its name, the trouble of its capture, and its goodbye.

use super::*;
use crate::rtcp;

/// Returns a sender's report with its name.
fn report(name: &str) -> Vec<u8> {
    let report = rtcp::SenderReport {
        ssrc: SSRC,
        ntp: 0,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = rtcp::Description {
        ssrc: SSRC,
        cname: "a@b",
        name,
        tool: "t",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, None, &mut datagram);
    datagram
}

/// Returns a sender's report with what it says about its capture.
fn capture_report(trouble: Option<rtcp::CaptureTrouble>) -> Vec<u8> {
    let mut datagram = report("");
    rtcp::write_capture_trouble(SSRC, trouble, &mut datagram);
    datagram
}

impl Bench {
    fn report_capture(&mut self, from: Origin, trouble: Option<rtcp::CaptureTrouble>) {
        let report = capture_report(trouble);
        let taken = self.hub.handle_packet(self.now, from, &report);
        let is_owner = from == FROM;
        assert_eq!(taken.err(), (!is_owner).then_some(Refused::NotOwner));
        self.play();
    }

    /// Returns the capture troubles in all events so far.
    fn capture_events(&self) -> Vec<Option<rtcp::CaptureTrouble>> {
        let trouble = |output: &Output| match output {
            Output::Event(ClientEvent::CaptureTrouble { ssrc, trouble }) => {
                assert_eq!(*ssrc, SSRC);
                Some(*trouble)
            }
            _ => None,
        };
        self.outputs.iter().filter_map(trouble).collect()
    }
}

#[test]
fn rtcp_from_another_host_is_ignored() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 2);
    let mut datagram = report("Ward 3");
    rtcp::write_goodbye(SSRC, &mut datagram);
    let stranger = Origin::from(SocketAddr::from(([192, 0, 2, 8], 5000)));
    let taken = bench.hub.handle_packet(bench.now, stranger, &datagram);
    assert_eq!(taken, Err(Refused::NotOwner));
    (0..6).for_each(|_| bench.play());
    assert_eq!(bench.view(SSRC).name(), "");
    assert_ne!(bench.view(SSRC).status, Status::Offline);
    bench.hub.handle_packet(bench.now, FROM, &datagram).unwrap();
    assert_eq!(bench.view(SSRC).name(), "Ward 3");
    (0..5).for_each(|_| bench.play());
    assert_eq!(bench.view(SSRC).status, Status::Offline);
    let name = Name::new("Boiler house").ok();
    bench.configure(
        SSRC,
        ClientSettings {
            name,
            ..Default::default()
        },
    );
    assert_eq!(bench.view(SSRC).name(), "Boiler house");
}

/// Checks whether a name and a goodbye of this address are taken as the client's.
#[track_caller]
fn check_reporter(ip: [u8; 4], port: u16, is_client: bool) {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 5);
    let mut datagram = report("Ward 3");
    rtcp::write_goodbye(SSRC, &mut datagram);
    let from = Origin::from(SocketAddr::from((ip, port)));
    let taken = bench.hub.handle_packet(bench.now, from, &datagram);
    assert_eq!(taken.is_ok(), is_client, "{from:?}");
    (0..6).for_each(|_| bench.play());
    let expected = if is_client {
        ("Ward 3", Status::Offline)
    } else {
        ("", Status::Sounding)
    };
    let view = bench.view(SSRC);
    assert_eq!((view.name(), view.status), expected, "{from:?}");
}

#[test]
fn rtcp_comes_from_the_senders_port_or_the_next() {
    let (home, elsewhere) = ([192, 0, 2, 7], [192, 0, 2, 8]);
    check_reporter(home, 5000, true);
    check_reporter(home, 5001, true);
    for port in [4999, 5002, 0, u16::MAX] {
        check_reporter(home, port, false);
    }
    for port in [5000, 5001] {
        check_reporter(elsewhere, port, false);
    }
}

#[test]
fn goodbye_ends_nothing_while_the_stream_goes_on() {
    let mut goodbye = report("");
    rtcp::write_goodbye(SSRC, &mut goodbye);
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 5);
    for _ in 0..20 {
        bench.hub.handle_packet(bench.now, FROM, &goodbye).unwrap();
        // The next packet comes 80 ms after the goodbye.
        (0..4).for_each(|_| bench.play());
        bench.run_tones(&[SSRC], 1);
        assert_ne!(bench.view(SSRC).status, Status::Offline);
    }
    bench.hub.handle_packet(bench.now, FROM, &goodbye).unwrap();
    (0..4).for_each(|_| bench.play());
    assert_ne!(bench.view(SSRC).status, Status::Offline, "80 ms");
    bench.play();
    assert_eq!(bench.view(SSRC).status, Status::Offline, "100 ms");
}

#[test]
fn capture_trouble_is_shown_until_it_ends() {
    let (muted, gone) = (
        Some(rtcp::CaptureTrouble::Muted),
        Some(rtcp::CaptureTrouble::NoDevice),
    );
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 2);
    assert_eq!(bench.view(SSRC).capture_trouble, None);
    for trouble in [None, muted, muted, gone, None, None] {
        bench.report_capture(FROM, trouble);
        assert_eq!(bench.view(SSRC).capture_trouble, trouble);
    }
    assert_eq!(bench.capture_events(), [muted, gone, None]);
}

#[test]
fn capture_trouble_from_another_host_is_ignored() {
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 2);
    let stranger = Origin::from(SocketAddr::from(([192, 0, 2, 8], 5000)));
    bench.report_capture(stranger, Some(rtcp::CaptureTrouble::Muted));
    assert_eq!(bench.view(SSRC).capture_trouble, None);
    assert_eq!(bench.capture_events(), []);
}

#[test]
fn capture_trouble_ends_when_the_client_goes_offline() {
    let muted = Some(rtcp::CaptureTrouble::Muted);
    for says_goodbye in [true, false] {
        let mut bench = Bench::new();
        bench.run_tones(&[SSRC], 2);
        bench.report_capture(FROM, muted);
        assert_eq!(bench.view(SSRC).capture_trouble, muted);
        if says_goodbye {
            let mut datagram = capture_report(muted);
            rtcp::write_goodbye(SSRC, &mut datagram);
            bench.hub.handle_packet(bench.now, FROM, &datagram).unwrap();
            (0..5).for_each(|_| bench.play());
        } else {
            (0..251).for_each(|_| bench.play());
        }
        let view = bench.view(SSRC);
        assert_eq!((view.status, view.capture_trouble), (Status::Offline, None));
        bench.run_tones(&[SSRC], 4);
        let view = bench.view(SSRC);
        assert_eq!(
            (view.status, view.capture_trouble),
            (Status::Sounding, None)
        );
    }
}

#[test]
fn capture_trouble_that_is_not_repeated_ends() {
    let muted = Some(rtcp::CaptureTrouble::Muted);
    let mut bench = Bench::new();
    bench.run_tones(&[SSRC], 2);
    bench.report_capture(FROM, muted);
    // Another program takes over the stream and sends no such reports.
    bench.run_tones(&[SSRC], 24 * 50);
    assert_eq!(bench.view(SSRC).capture_trouble, muted);
    bench.run_tones(&[SSRC], 3 * 50);
    assert_eq!(bench.view(SSRC).capture_trouble, None);
    assert_eq!(bench.capture_events(), [muted, None]);
}
