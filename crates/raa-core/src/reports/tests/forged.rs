//! Forged packets cannot make the server send reports to a victim.

use super::*;

/// Returns the first two packets of a stream, as short as they can be.
fn tiny_packets(ssrc: u32) -> [Vec<u8>; 2] {
    [0_u8, 1].map(|n| {
        let mut tiny = vec![0x80, 111, 0, n, 0, 0, 4 * n, 0];
        tiny.extend(ssrc.to_be_bytes());
        tiny.push(0xf8);
        tiny
    })
}

#[test]
fn sender_reports_without_audio_get_no_answer() {
    let mut bench = Bench::new();
    for _ in 0..1000 {
        bench.report(home(), SECOND);
        bench.play();
    }
    assert_eq!(bench.received.len(), 0);
}

#[test]
fn other_addresses_get_no_reports() {
    for elsewhere in [address(7, 5001), address(8, 5000)] {
        let mut bench = Bench::new();
        for _ in 0..1000 {
            bench.sound(home());
            bench.report(elsewhere, SECOND);
            bench.play();
        }
        assert_eq!(bench.received.len(), 0, "{elsewhere}");
    }
}

#[test]
fn internal_sources_get_no_reports() {
    let mut bench = Bench::new();
    for n in 0..1000_u16 {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: n,
            timestamp: u32::from(n) * 960,
            ssrc: SSRC,
            payload: &PAYLOAD,
        };
        let mut sound = Vec::new();
        packet.write(&mut sound);
        for datagram in [sound, sender_report(SSRC, SECOND, None)] {
            let taken = bench
                .hub
                .handle_packet(bench.now, Origin::Internal, &datagram);
            taken.unwrap();
        }
        bench.play();
    }
    assert_eq!(bench.received.len(), 0);
}

#[test]
fn forged_flood_is_never_amplified() {
    // Two tiny packets with a victim's address, then the smallest possible reports.
    let mut bench = Bench::new();
    let mut sent = 0;
    for tiny in tiny_packets(SSRC) {
        bench.take(home(), &tiny);
        sent += tiny.len();
    }
    let report = &sender_report(SSRC, SECOND, None)[..28];
    for _ in 0..50 * 60 {
        for _ in 0..10 {
            bench.take(home(), report);
            sent += report.len();
        }
        bench.play();
        let answered: usize = bench.received.iter().map(|report| report.bytes).sum();
        assert!(answered <= sent, "{answered} bytes for {sent}");
    }
    assert_eq!(bench.received.len(), 1, "reports alone keep nothing going");
}

#[test]
fn report_waits_for_enough_received_bytes() {
    let mut bench = Bench::new();
    let mut number = 0;
    let tiny = |bench: &mut Bench, number: &mut u16| {
        let mut datagram = vec![0x80, 111];
        datagram.extend(number.to_be_bytes());
        datagram.extend((u32::from(*number) * 960).to_be_bytes());
        datagram.extend(SSRC.to_be_bytes());
        datagram.push(0xf8);
        *number += 1;
        bench.take(home(), &datagram);
        datagram.len()
    };
    let mut sent = tiny(&mut bench, &mut number) + 28;
    bench.take(home(), &sender_report(SSRC, SECOND, None)[..28]);
    bench.play();
    while bench.received.is_empty() {
        assert!(sent < 200, "no report for {sent} bytes");
        sent += tiny(&mut bench, &mut number);
        bench.play();
    }
    let len = bench.received[0].bytes;
    assert!((len..len + 13).contains(&sent), "{len} bytes for {sent}");
}

#[test]
fn datagram_about_many_clients_counts_once() {
    let mut bench = Bench::new();
    let ssrcs: Vec<u32> = (1..=8).collect();
    let mut reports = Vec::new();
    for &ssrc in &ssrcs {
        for tiny in tiny_packets(ssrc) {
            bench.take(home(), &tiny);
        }
        reports.extend_from_slice(&sender_report(ssrc, SECOND, None)[..28]);
    }
    bench.take(home(), &reports);
    bench.hub.handle_timeout(bench.now + SLOT);
    let sent = 2 * 13 * ssrcs.len() + reports.len();
    let mut answered = 0;
    while let Some(output) = bench.hub.poll_output() {
        if let Output::Send { datagram, .. } = output {
            answered += datagram.len();
        }
    }
    assert!(answered > 0 && answered <= sent, "{answered} for {sent}");
}

#[test]
fn no_report_follows_a_goodbye() {
    let mut bench = Bench::new();
    bench.sound(home());
    let mut datagram = sender_report(SSRC, SECOND, None);
    rtcp::write_goodbye(SSRC, &mut datagram);
    bench.take(home(), &datagram);
    // A packet that the goodbye has overtaken.
    bench.sound(home());
    (0..1000).for_each(|_| bench.play());
    assert_eq!(bench.received.len(), 0);
    bench.talk_to_report();
}

#[test]
fn moved_sender_must_report_again() {
    let mut bench = Bench::greeted();
    bench.talk_to_report();
    let moved = address(9, 6000);
    for _ in 0..1000 {
        bench.sound(moved);
        bench.play();
    }
    assert_eq!(bench.received.len(), 1);
    bench.report(moved, SECOND);
    bench.play();
    assert_eq!((bench.received.len(), bench.received[1].to), (2, moved));
}
