//! What the receiver tells, and what is told it in turn.

use super::*;
use crate::rtcp::ntp;

fn reception(world: &World) -> Reception {
    world.packetizer.stats().reception
}

/// A report about the stream, with its reference to a sender report.
fn referring(last_sender_report: u32, delay: Duration) -> Vec<u8> {
    receiver_report(&[rtcp::ReceptionReport {
        last_sender_report,
        delay_since_last_sender_report: ntp::short(delay),
        ..HEARD
    }])
}

/// The middle of the timestamp in the last report that was sent.
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
fn the_receiver_says_how_it_hears() {
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
        world.tell_loss(fraction_lost);
        assert_eq!(reception(&world), expected, "{fraction_lost}");
    }
}

#[test]
fn three_reports_and_15_s_without_an_answer_are_not_being_heard() {
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
        "it goes on"
    );
    assert_eq!(world.packetizer.stats().redundancy, 1);
    world.tell_loss(0);
    assert_eq!(reception(&world), Reception::Good);
}

#[test]
fn who_answers_no_longer_does_not_hear() {
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
fn a_computer_that_has_slept_has_not_waited_for_an_answer() {
    let mut world = World::new();
    world.tell_loss(0);
    world.capture_tone(20 * MS);
    assert_eq!(world.rtcp.len(), 1);
    world.now += 3_600_000 * MS;
    world.packetizer.handle_timeout(world.now);
    assert_eq!(reception(&world), Reception::Good);
}

#[test]
fn another_receiver_has_said_nothing_yet() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    world.packetizer.handle_rtcp(
        world.now,
        Duration::ZERO,
        &referring(last_reference(&world), Duration::ZERO),
    );
    world.tell_loss(255);
    world.packetizer.introduce_again();
    let stats = world.packetizer.stats();
    assert_eq!(
        (stats.reception, stats.round_trip),
        (Reception::Unknown, None)
    );
    assert_eq!(stats.redundancy, 3, "the way may be the same");
    world.capture_tone(20 * MS);
    assert_eq!(echoes(&world.rtcp.last().unwrap().1), []);
}

#[test]
fn nothing_but_a_whole_report_about_the_stream_changes_anything() {
    let losing = rtcp::ReceptionReport {
        fraction_lost: 255,
        ..HEARD
    };
    let other = rtcp::ReceptionReport { ssrc: 1, ..losing };
    let whole = receiver_report(&[losing]);
    // Two whole packets of it are a datagram as well, but without a report of their own.
    let report_alone = 32;
    let truncated = (0..whole.len())
        .filter(|len| *len < report_alone)
        .map(|len| &whole[..len]);
    let lying = [&whole[..], &[0x80, 207, 0, 9]].concat();
    let others = receiver_report(&[other]);
    let rtp = [&[0x80, 111][..], &whole[2..]].concat();
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let before = world.packetizer.stats();
    for datagram in truncated.chain([&lying[..], &others, &rtp, b"", b"garbage"]) {
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
fn the_round_trip_is_the_way_there_and_back_and_nothing_else() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let reference = last_reference(&world);
    world.pass(1080 * MS);
    world
        .packetizer
        .handle_rtcp(world.now, Duration::ZERO, &referring(reference, 1000 * MS));
    let measured = world.packetizer.stats().round_trip.unwrap();
    assert!((79 * MS..=81 * MS).contains(&measured), "{measured:?}");
    // No report had arrived; the receiver kept it longer than it is old; nobody's reference.
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
fn a_report_that_waited_to_be_read_tells_of_loss_and_of_no_time() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let late = |reference| {
        receiver_report(&[rtcp::ReceptionReport {
            fraction_lost: 13,
            last_sender_report: reference,
            ..HEARD
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
        "its clock came at an unknown time"
    );
    let report = late(last_reference(&world));
    world.packetizer.handle_rtcp(world.now, 20 * MS, &report);
    assert!(world.packetizer.stats().round_trip.is_some());
}

#[test]
fn the_receivers_clock_is_echoed_once_in_the_next_report() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    assert_eq!(echoes(&world.rtcp[0].1), []);
    world
        .packetizer
        .handle_rtcp(world.now, Duration::ZERO, &receiver_report(&[]));
    let came_at = world.now;
    world.pass(16_000 * MS);
    let (at, datagram) = &world.rtcp[1];
    let echo = rtcp::TimeEcho {
        ssrc: RECEIVER,
        last: ntp::middle(REFERENCE),
        delay: ntp::short(*at - came_at),
    };
    assert_eq!(echoes(datagram), [echo]);
    assert_eq!(echoes(&world.rtcp[2].1), []);
}
