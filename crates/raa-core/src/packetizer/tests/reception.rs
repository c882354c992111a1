//! The receiver's reports, and the echoes of its clock.

use super::*;
use crate::rtcp::ntp;

fn reception(world: &World) -> Reception {
    world.packetizer.stats().reception
}

/// Returns a report about the stream that refers to a sender report.
fn referring(last_sender_report: u32, delay: Duration) -> Vec<u8> {
    receiver_report(&[rtcp::ReceptionReport {
        last_sender_report,
        delay_since_last_sender_report: ntp::short(delay),
        ..RECEIVED
    }])
}

/// Returns the middle 32 bits of the NTP timestamp in the last report sent.
fn last_reference(world: &World) -> u32 {
    let mut reference = None;
    let read = |item: rtcp::Item<'_>| {
        if let rtcp::Item::SenderReport(report) = item {
            reference = Some(ntp::middle(report.ntp));
        }
    };
    rtcp::parse(&world.rtcp.last().unwrap().1, read).unwrap();
    reference.unwrap()
}

fn echoes(datagram: &[u8]) -> Vec<rtcp::TimeEcho> {
    let mut echoes = Vec::new();
    let read = |item: rtcp::Item<'_>| {
        if let rtcp::Item::ReferenceTimeEcho {
            from,
            ssrc,
            last,
            delay,
        } = item
        {
            assert_eq!(from, START.ssrc);
            echoes.push(rtcp::TimeEcho { ssrc, last, delay });
        }
    };
    rtcp::parse(datagram, read).unwrap();
    echoes
}

#[test]
fn loss_reports_set_the_reception() {
    let mut world = World::new();
    world.capture_tone(100 * MS);
    assert_eq!(reception(&world), Reception::Unknown);
    for (fraction_lost, expected) in [
        (0, Reception::Good),
        (2, Reception::Good),
        (3, Reception::Losing { percent: 1 }),
        (13, Reception::Losing { percent: 5 }),
        (255, Reception::Losing { percent: 100 }),
        (0, Reception::Good),
    ] {
        world.report_loss(fraction_lost);
        assert_eq!(reception(&world), expected, "{fraction_lost}");
    }
}

#[test]
fn three_unanswered_reports_mean_no_reception() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let first = world.rtcp[0].0;
    world.pass_to(first + 14_999 * MS);
    assert_eq!(reception(&world), Reception::Unknown);
    world.pass_to(first + 23_000 * MS);
    assert!(world.rtcp.len() >= 3);
    assert_eq!(reception(&world), Reception::NoReports);
    assert!(
        world.rtp.last().unwrap().at > first + 22_000 * MS,
        "it continues to report"
    );
    assert_eq!(world.packetizer.stats().redundancy, 1);
    world.report_loss(0);
    assert_eq!(reception(&world), Reception::Good);
}

#[test]
fn reception_ends_with_the_answers() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    for _ in 0..10 {
        world.pass(5000 * MS);
        world.packetizer.handle_rtcp(
            world.now,
            Duration::ZERO,
            &referring(last_reference(&world), Duration::ZERO),
        );
        assert_eq!(reception(&world), Reception::Good);
    }
    assert!(world.packetizer.stats().round_trip.is_some());
    world.pass(30_000 * MS);
    assert_eq!(reception(&world), Reception::NoReports);
    assert_eq!(world.packetizer.stats().round_trip, None);
}

#[test]
fn sleep_does_not_count_as_waiting() {
    let mut world = World::new();
    world.report_loss(0);
    world.capture_tone(20 * MS);
    assert_eq!(world.rtcp.len(), 1);
    world.now += 3_600_000 * MS;
    world.packetizer.handle_timeout(world.now);
    assert_eq!(reception(&world), Reception::Good);
}

#[test]
fn new_receiver_has_unknown_reception() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    world.packetizer.handle_rtcp(
        world.now,
        Duration::ZERO,
        &referring(last_reference(&world), Duration::ZERO),
    );
    world.report_loss(255);
    world.packetizer.introduce_again();
    let stats = world.packetizer.stats();
    assert_eq!(
        (stats.reception, stats.round_trip),
        (Reception::Unknown, None)
    );
    assert_eq!(stats.redundancy, 3, "the network path may be the same");
    world.capture_tone(20 * MS);
    assert_eq!(echoes(&world.rtcp.last().unwrap().1), []);
}

#[test]
fn only_valid_reports_about_the_stream_count() {
    let losing = rtcp::ReceptionReport {
        fraction_lost: 255,
        ..RECEIVED
    };
    let other = rtcp::ReceptionReport { ssrc: 1, ..losing };
    let whole = receiver_report(&[losing]);
    // The report alone is a valid datagram, and so it is with the second packet.
    let report_alone = 32;
    let truncated = (0..whole.len())
        .filter(|len| *len < report_alone)
        .map(|len| &whole[..len]);
    let wrong_length = [&whole[..], &[0x80, 207, 0, 9]].concat();
    let others = receiver_report(&[other]);
    let rtp = [&[0x80, 111][..], &whole[2..]].concat();
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let before = world.packetizer.stats();
    for datagram in truncated.chain([&wrong_length[..], &others, &rtp, b"", b"garbage"]) {
        world
            .packetizer
            .handle_rtcp(world.now, Duration::ZERO, datagram);
        assert_eq!(world.packetizer.stats(), before, "{datagram:?}");
    }
    world.packetizer.handle_rtcp(
        world.now,
        Duration::ZERO,
        &receiver_report(&[other, losing]),
    );
    let stats = world.packetizer.stats();
    assert_eq!(
        (stats.reception, stats.redundancy),
        (Reception::Losing { percent: 100 }, 3)
    );
}

#[test]
fn round_trip_excludes_the_receivers_delay() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let reference = last_reference(&world);
    world.pass(1080 * MS);
    world
        .packetizer
        .handle_rtcp(world.now, Duration::ZERO, &referring(reference, 1000 * MS));
    let measured = world.packetizer.stats().round_trip.unwrap();
    assert!((79 * MS..=81 * MS).contains(&measured), "{measured:?}");
    // No sender report had arrived; a delay longer than the report's age; an unknown reference.
    for (reference, delay) in [
        (0, Duration::ZERO),
        (reference, 2000 * MS),
        (reference ^ 0x0800_0000, Duration::ZERO),
    ] {
        world
            .packetizer
            .handle_rtcp(world.now, Duration::ZERO, &referring(reference, delay));
        assert_eq!(world.packetizer.stats().round_trip, Some(measured));
    }
}

#[test]
fn delayed_report_updates_loss_but_no_times() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let late = |reference| {
        receiver_report(&[rtcp::ReceptionReport {
            fraction_lost: 13,
            last_sender_report: reference,
            ..RECEIVED
        }])
    };
    let report = late(last_reference(&world));
    world.pass(400 * MS);
    world.packetizer.handle_rtcp(world.now, 400 * MS, &report);
    assert_eq!(reception(&world), Reception::Losing { percent: 5 });
    assert_eq!(world.packetizer.stats().round_trip, None);
    world.pass(16_000 * MS);
    assert_eq!(
        echoes(&world.rtcp[1].1),
        [],
        "a clock of unknown arrival is not echoed"
    );
    let report = late(last_reference(&world));
    world.packetizer.handle_rtcp(world.now, 20 * MS, &report);
    assert!(world.packetizer.stats().round_trip.is_some());
}

#[test]
fn receivers_clock_is_echoed_once() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    assert_eq!(echoes(&world.rtcp[0].1), []);
    world
        .packetizer
        .handle_rtcp(world.now, Duration::ZERO, &receiver_report(&[]));
    let arrival = world.now;
    world.pass(16_000 * MS);
    let (at, datagram) = &world.rtcp[1];
    let echo = rtcp::TimeEcho {
        ssrc: RECEIVER,
        last: ntp::middle(REFERENCE),
        delay: ntp::short(*at - arrival),
    };
    assert_eq!(echoes(datagram), [echo]);
    assert_eq!(echoes(&world.rtcp[2].1), []);
}

impl World {
    /// Passes the news on that another sender has the SSRC of this packet.
    fn take_news(&mut self, ssrc: u32, sequence_number: u16, timestamp: u32) {
        let taken = rtcp::SsrcTaken {
            ssrc,
            sequence_number,
            timestamp,
        };
        let mut datagram = Vec::new();
        rtcp::write_ssrc_taken(RECEIVER, "server", taken, &mut datagram);
        self.packetizer
            .handle_rtcp(self.now, Duration::ZERO, &datagram);
    }

    /// Passes the news on about its newest packet.
    fn take_true_news(&mut self) {
        let newest = self.rtp.last().unwrap();
        self.take_news(START.ssrc, newest.sequence_number, newest.timestamp);
    }
}

#[test]
fn a_taken_ssrc_is_believed_after_three_seconds() {
    let mut world = World::new();
    for _ in 0..3 {
        world.capture_tone(1000 * MS);
        world.take_true_news();
        assert_eq!(reception(&world), Reception::SsrcTaken);
        assert!(!world.packetizer.is_ssrc_taken());
    }
    world.capture_tone(1000 * MS);
    world.take_true_news();
    assert!(world.packetizer.is_ssrc_taken());
    let stream = StreamStart {
        ssrc: 0xface_d00d,
        sequence_number: 9,
        timestamp: 7,
    };
    world.ssrc = stream.ssrc;
    world
        .packetizer
        .change_stream(stream, "raa-facedood@ward3".into());
    assert!(!world.packetizer.is_ssrc_taken());
    let before = world.rtcp.len();
    world.capture_tone(40 * MS);
    assert_eq!(world.rtp.last().unwrap().sequence_number, 10);
    let introduced = &world.rtcp[before].1;
    let names_it = |item: rtcp::Item<'_>| {
        if let rtcp::Item::SenderReport(report) = item {
            assert_eq!(report.ssrc, stream.ssrc);
        }
    };
    rtcp::parse(introduced, names_it).unwrap();
}

#[test]
fn a_report_ends_the_news_of_a_taken_ssrc() {
    let mut world = World::new();
    for _ in 0..10 {
        world.capture_tone(1000 * MS);
        world.take_true_news();
        world
            .packetizer
            .handle_rtcp(world.now, Duration::ZERO, &receiver_report(&[RECEIVED]));
        assert_eq!(reception(&world), Reception::Good);
        world.take_true_news();
    }
    assert!(!world.packetizer.is_ssrc_taken());
    // So does another way to the receiver.
    world.packetizer.introduce_again();
    assert_eq!(reception(&world), Reception::Unknown);
}

#[test]
fn forged_news_of_a_taken_ssrc_changes_nothing() {
    let mut world = World::new();
    world.capture_tone(1000 * MS);
    for _ in 0..10 {
        world.capture_tone(1000 * MS);
        let newest = world.rtp.last().unwrap().clone();
        let (number, timestamp) = (newest.sequence_number, newest.timestamp);
        world.take_news(START.ssrc + 1, number, timestamp);
        world.take_news(START.ssrc, number.wrapping_add(1), timestamp);
        world.take_news(START.ssrc, number, timestamp.wrapping_add(1));
        // A packet that was sent so long ago that everybody may have seen it.
        let old = world.rtp[0].clone();
        world.take_news(START.ssrc, old.sequence_number, old.timestamp);
        assert_ne!(reception(&world), Reception::SsrcTaken);
    }
    assert!(!world.packetizer.is_ssrc_taken());
}

#[test]
fn an_ssrc_is_changed_once_in_ten_minutes() {
    let mut world = World::new();
    let mut changes = Vec::new();
    world.capture_tone(20 * MS);
    for second in 0..1300 {
        world.pass(1000 * MS);
        let newest = world.rtp.last().unwrap().clone();
        world.take_news(world.ssrc, newest.sequence_number, newest.timestamp);
        if world.packetizer.is_ssrc_taken() {
            changes.push(second);
            world.ssrc += 1;
            let ssrc = world.ssrc;
            let stream = StreamStart { ssrc, ..START };
            world.packetizer.change_stream(stream, String::new());
        }
    }
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert!(changes[1] - changes[0] >= 600 && changes[2] - changes[1] >= 600);
}
