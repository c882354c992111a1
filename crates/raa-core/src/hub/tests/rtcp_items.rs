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
        self.hub.handle_packet(self.now, from, &report).unwrap();
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
    bench.run_tones(&[SSRC], 1);
    let mut datagram = report("Ward 3");
    rtcp::write_goodbye(SSRC, &mut datagram);
    let stranger = Origin::from(SocketAddr::from(([192, 0, 2, 8], 5000)));
    bench
        .hub
        .handle_packet(bench.now, stranger, &datagram)
        .unwrap();
    assert_eq!(bench.view(SSRC).name(), "");
    assert_eq!(bench.view(SSRC).status, Status::Connected);
    bench.hub.handle_packet(bench.now, FROM, &datagram).unwrap();
    assert_eq!(bench.view(SSRC).name(), "Ward 3");
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
