//! Earlier frames: which packets carry which, and their number while packets are lost.

use super::*;

fn world(redundancy: i64) -> World {
    World::with(START, Redundancy::new(redundancy).unwrap())
}

/// Returns the distances of a packet's earlier frames, in frames.
fn carried(sent: &Sent) -> Vec<u16> {
    sent.earlier
        .iter()
        .map(|(offset, _)| offset / 960)
        .collect()
}

/// Asserts that every earlier frame was sent with the timestamp that its offset gives.
#[track_caller]
fn assert_earlier_frames_are_true(world: &World) {
    for sent in &world.rtp {
        for (offset, payload) in &sent.earlier {
            let timestamp = sent.timestamp.wrapping_sub((*offset).into());
            let mut frames = world.rtp.iter();
            let frame = frames.find(|frame| frame.timestamp == timestamp).unwrap();
            assert_eq!(&frame.payload, payload);
            assert!(!frame.is_silence());
        }
    }
}

#[test]
fn earliest_frame_comes_first() {
    for (redundancy, back) in [(0, &[] as &[u16]), (1, &[2]), (2, &[2, 1]), (3, &[3, 2, 1])] {
        let mut world = world(redundancy);
        world.capture_tone(200 * MS);
        assert_eq!(i64::from(world.packetizer.stats().redundancy), redundancy);
        for (n, sent) in (0..).zip(&world.rtp) {
            let there: Vec<u16> = back.iter().copied().filter(|back| *back <= n).collect();
            assert_eq!(carried(sent), there, "packet {n}");
        }
        assert_earlier_frames_are_true(&world);
        world.assert_sequence_is_contiguous();
        world.assert_timestamps_are_contiguous();
    }
}

#[test]
fn losing_two_packets_loses_no_frame() {
    for redundancy in 1..=3 {
        let mut world = world(redundancy);
        world.capture_tone(300 * MS);
        world.capture_silence(500 * MS);
        let silence = world.rtp.iter().position(Sent::is_silence).unwrap();
        for lost in 0..silence - 1 {
            let arrived = world.rtp[..lost].iter().chain(&world.rtp[lost + 2..]);
            let repaired = |lost: &Sent| {
                let back = |sent: &Sent| sent.timestamp.wrapping_sub(lost.timestamp);
                arrived.clone().any(|sent| {
                    let mut earlier = sent.earlier.iter();
                    earlier.any(|frame| *frame == (back(sent) as u16, lost.payload.clone()))
                })
            };
            let both = &world.rtp[lost..lost + 2];
            assert!(both.iter().all(repaired), "{lost} of {silence}");
        }
    }
}

#[test]
fn first_silence_carries_the_end_of_sound() {
    for (redundancy, back) in [
        (0, &[] as &[u16]),
        (1, &[2, 1]),
        (2, &[2, 1]),
        (3, &[3, 2, 1]),
    ] {
        let mut world = world(redundancy);
        world.capture_tone(300 * MS);
        world.capture_silence(2000 * MS);
        let silence: Vec<_> = world.rtp.iter().filter(|sent| sent.is_silence()).collect();
        assert_eq!(carried(silence[0]), back);
        assert!(silence.len() > 3 && silence[1..].iter().all(|sent| sent.earlier.is_empty()));
        assert_earlier_frames_are_true(&world);
    }
}

#[test]
fn declared_silence_carries_the_end_of_sound() {
    let mut world = world(1);
    world.capture_tone(300 * MS);
    world.pass(1000 * MS);
    let silence = world.rtp.iter().find(|sent| sent.is_silence()).unwrap();
    let back = carried(silence);
    assert!(
        back.len() == 2 && back[0] == back[1] + 1 && back[1] > 1,
        "{back:?}"
    );
    assert_earlier_frames_are_true(&world);
}

#[test]
fn talkspurts_carry_only_their_own_frames() {
    for pause in [
        (|world: &mut World| world.capture_silence(40 * MS)) as fn(&mut World),
        |world| world.capture_silence(420 * MS),
        |world| world.capture_for(380 * MS, || 0.0),
        |world| world.pass(130 * MS),
        |world| world.pass(1007 * MS),
        // A backlog that leaves 35 ms of a pause unfilled, so that no silence is sent.
        |world| {
            world.now += 105 * MS;
            world.packetizer.push_pcm(world.now, &[TONE; 3360]);
            world.poll();
        },
    ] {
        let mut world = world(3);
        for _ in 0..3 {
            world.capture_tone(210 * MS);
            pause(&mut world);
        }
        let mut since_onset = 0;
        for sent in &world.rtp {
            since_onset = if sent.marker { 0 } else { since_onset + 1 };
            assert!(sent.earlier.len() <= since_onset, "{:?}", carried(sent));
        }
        assert_earlier_frames_are_true(&world);
    }
}

#[test]
fn octets_include_redundancy() {
    let mut world = world(2);
    world.capture_tone(500 * MS);
    let octets: usize = world.rtp.iter().map(|sent| sent.octets).sum();
    assert_eq!(world.packetizer.stats().octets, octets as u64);
    let own: usize = world.rtp.iter().map(|sent| sent.payload.len()).sum();
    assert!(
        octets > 2 * own,
        "{octets} octets, {own} of them without redundancy"
    );
}

#[test]
fn frames_beyond_the_limits_are_left_out() {
    let mut history = History::new();
    history.push(0, &[1; red::MAX_BLOCK_LEN]);
    history.push(960, &[2; red::MAX_BLOCK_LEN + 1]);
    history.push(1920, &[3]);
    let carried = |at: i64, carried: Carried| -> Vec<u16> {
        let earlier = history.earlier(at, carried);
        earlier.map(|frame| frame.offset).collect()
    };
    assert_eq!(carried(2880, Carried::with_sound(3)), [2880, 960]);
    assert_eq!(carried(2880, Carried::Last(3)), [2880, 960]);
    assert_eq!(carried(2880, Carried::Last(1)), [960]);
    let furthest = i64::from(red::MAX_OFFSET);
    assert_eq!(
        carried(furthest, Carried::Last(3)),
        [red::MAX_OFFSET, red::MAX_OFFSET - 1920]
    );
    assert_eq!(
        carried(furthest + 1, Carried::Last(3)),
        [red::MAX_OFFSET - 1919]
    );
    assert_eq!(carried(furthest + 1921, Carried::Last(3)), [0; 0]);
}

#[test]
fn buffers_are_reused() {
    let mut world = world(3);
    let buffers = |world: &World| {
        let packetizer = &world.packetizer;
        let buffers = [&packetizer.datagram, &packetizer.redundant];
        buffers.map(|buffer| (buffer.as_ptr(), buffer.capacity()))
    };
    let before = buffers(&world);
    for _ in 0..5 {
        world.capture_tone(1000 * MS);
        world.capture_silence(500 * MS);
    }
    assert_eq!(buffers(&world), before);
}

#[test]
fn loss_raises_redundancy_at_once() {
    // In 256ths: 0.8, 1.2, 3.9, 4.3, 11.7, 12.1 and 99.6 %.
    for (fraction_lost, redundancy) in [
        (0, 0),
        (2, 0),
        (3, 1),
        (10, 1),
        (11, 2),
        (30, 2),
        (31, 3),
        (255, 3),
    ] {
        let mut world = world(0);
        world.capture_tone(100 * MS);
        world.report_loss(fraction_lost);
        assert_eq!(
            world.packetizer.stats().redundancy,
            redundancy,
            "{fraction_lost}"
        );
        world.capture_tone(20 * MS);
        let sent = world.rtp.last().unwrap();
        assert_eq!(sent.earlier.len(), redundancy.into(), "{fraction_lost}");
    }
}

/// Reports this loss every five seconds and returns the redundancy after each report.
fn reports(world: &mut World, count: u32, fraction_lost: u8) -> Vec<u8> {
    (0..count)
        .map(|_| {
            world.pass(5000 * MS);
            world.report_loss(fraction_lost);
            world.packetizer.stats().redundancy
        })
        .collect()
}

#[test]
fn redundancy_falls_by_one_per_calm_period() {
    let mut world = world(1);
    assert_eq!(reports(&mut world, 2, 100), [3, 3]);
    assert_eq!(reports(&mut world, 7, 0), [3, 3, 3, 3, 3, 2, 2]);
    assert_eq!(
        reports(&mut world, 1, 11),
        [2],
        "the calm period begins again"
    );
    assert_eq!(reports(&mut world, 7, 3), [2, 2, 2, 2, 2, 1, 1]);
    assert_eq!(reports(&mut world, 20, 0), [1; 20]);
}

#[test]
fn burst_of_reports_does_not_lower_redundancy() {
    let mut world = world(0);
    world.report_loss(255);
    (0..100).for_each(|_| world.report_loss(0));
    assert_eq!(world.packetizer.stats().redundancy, 3);
    world.pass(60_000 * MS);
    assert_eq!(
        world.packetizer.stats().redundancy,
        3,
        "it stays without reports"
    );
    world.report_loss(0);
    assert_eq!(world.packetizer.stats().redundancy, 2);
}

#[test]
fn single_late_report_does_not_lower_redundancy() {
    let mut world = world(0);
    world.report_loss(255);
    world.pass(600_000 * MS);
    for (report, redundancy) in (1..).zip([3, 3, 3, 3, 3, 2]) {
        world.report_loss(0);
        let current = world.packetizer.stats().redundancy;
        assert_eq!(current, redundancy, "report {report}");
    }
}

#[test]
fn invalid_redundancy_is_named() {
    assert_eq!(Redundancy::default().frames(), 1);
    for frames in 0..=3 {
        assert_eq!(i64::from(Redundancy::new(frames).unwrap().frames()), frames);
    }
    for frames in [-1, 4, 256] {
        let error = Redundancy::new(frames).unwrap_err().to_string();
        let expected = format!("redundancy is {frames}; it must be a whole number from 0 to 3");
        assert_eq!(error, expected);
    }
}
