//! The timing and contents of the packetizer's RTCP.

use super::*;

/// Returns the sender report and the name of a compound packet, and whether it ends with a BYE.
fn read_report(datagram: &[u8]) -> (rtcp::SenderReport, String, bool) {
    let (mut report, mut name, mut goodbye) = (None, String::new(), false);
    let read = |item: rtcp::Item<'_>| match item {
        rtcp::Item::SenderReport(read) => report = Some(read),
        rtcp::Item::Name { text, .. } => name = String::from_utf8(text.to_vec()).unwrap(),
        rtcp::Item::Goodbye { ssrc } => goodbye = ssrc == START.ssrc,
        _ => {}
    };
    rtcp::parse(datagram, read).unwrap();
    (report.unwrap(), name, goodbye)
}

#[test]
fn first_report_follows_the_first_packet() {
    let mut world = World::new();
    world.capture_tone(20 * MS);
    let (at, datagram) = world.rtcp[0].clone();
    assert_eq!((at, world.rtcp.len()), (world.rtp[0].at, 1));
    let (report, name, goodbye) = read_report(&datagram);
    assert_eq!((name.as_str(), goodbye), ("Ward 3", false));
    // 20 ms after 1,700,000,000.5 s of Unix time.
    let ntp_seconds = 1_700_000_000 + 2_208_988_800_u64;
    assert_eq!(report.ntp >> 32, ntp_seconds);
    let fraction = (report.ntp & 0xffff_ffff) as f64 / 2f64.powi(32);
    assert!((fraction - 0.52).abs() < 1e-6, "{fraction}");
    assert_eq!(report.rtp_timestamp, START.timestamp + 960);
    assert_eq!(report.packets, 1);
    assert_eq!(report.octets as usize, world.rtp[0].payload.len());
}

#[test]
fn reports_are_spread_around_five_seconds() {
    let mut world = World::new();
    world.pass(3_600_000 * MS);
    let apart: Vec<f64> = world
        .rtcp
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0).as_secs_f64())
        .collect();
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    assert!((4.8..5.2).contains(&mean), "{mean}");
    assert!(apart.iter().all(|s| (2.5..=7.5).contains(s)));
    assert!(apart.iter().any(|&s| s < 3.5) && apart.iter().any(|&s| s > 6.5));
    let (report, ..) = read_report(&world.rtcp.last().unwrap().1);
    let rtp_before = world
        .rtp
        .iter()
        .filter(|sent| sent.at <= world.rtcp.last().unwrap().0);
    assert_eq!(report.packets as usize, rtp_before.count());
}

#[test]
fn reintroduction_reports_after_the_next_packet() {
    let mut world = World::new();
    world.packetizer.introduce_again();
    assert!(
        world.packetizer.poll_transmit().is_none(),
        "no report precedes the first packet"
    );
    world.capture_tone(1000 * MS);
    assert_eq!(world.rtcp.len(), 1);
    world.packetizer.introduce_again();
    world.poll();
    assert_eq!(
        world.rtcp.len(),
        1,
        "a receiver would not accept it before a packet"
    );
    world.capture_tone(20 * MS);
    let last = world.rtp.last().unwrap().at;
    assert_eq!((world.rtcp.len(), world.rtcp[1].0), (2, last));
}

#[test]
fn goodbye_follows_only_a_started_stream() {
    let world = World::new();
    assert_eq!(world.packetizer.goodbye(world.now), None);
    let mut world = World::new();
    world.capture_tone(500 * MS);
    let datagram = world.packetizer.goodbye(world.now).unwrap();
    let (report, name, goodbye) = read_report(&datagram);
    assert_eq!(
        (report.packets, name.as_str(), goodbye),
        (25, "Ward 3", true)
    );
}

/// Returns the capture troubles in all reports so far, and when they were sent.
fn capture_troubles(world: &World) -> Vec<(Instant, Option<rtcp::CaptureTrouble>)> {
    let mut troubles = Vec::new();
    for (at, datagram) in &world.rtcp {
        rtcp::parse(datagram, |item| {
            if let rtcp::Item::Capture { ssrc, trouble } = item {
                assert_eq!(ssrc, START.ssrc);
                troubles.push((*at, trouble));
            }
        })
        .unwrap();
    }
    troubles
}

#[test]
fn every_report_states_the_capture_trouble() {
    let muted = Some(rtcp::CaptureTrouble::Muted);
    let mut world = World::new();
    world.packetizer.set_capture_trouble(world.now, muted);
    world.poll();
    assert!(world.rtcp.is_empty(), "no report precedes the first packet");
    world.pass(60_000 * MS);
    let troubles = capture_troubles(&world);
    assert!(troubles.len() >= 8, "{}", troubles.len());
    assert_eq!(troubles.len(), world.rtcp.len());
    assert!(troubles.iter().all(|(_, trouble)| *trouble == muted));
    let last = world.packetizer.goodbye(world.now).unwrap();
    let mut items = 0;
    let is_muted = |item: &rtcp::Item<'_>| matches!(item, rtcp::Item::Capture { trouble, .. } if *trouble == muted);
    rtcp::parse(&last, |item| items += u32::from(is_muted(&item))).unwrap();
    assert_eq!(items, 1);
}

#[test]
fn changed_capture_trouble_is_reported_at_once() {
    let muted = Some(rtcp::CaptureTrouble::Muted);
    let mut world = World::new();
    world.capture_tone(1000 * MS);
    for trouble in [muted, None] {
        let before = world.rtcp.len();
        world.packetizer.set_capture_trouble(world.now, trouble);
        world.packetizer.set_capture_trouble(world.now, trouble);
        world.poll();
        let troubles = capture_troubles(&world);
        assert_eq!(troubles[before..], [(world.now, trouble)]);
        world.pass(300 * MS);
    }
}

#[test]
fn flapping_capture_trouble_costs_few_reports() {
    let muted = Some(rtcp::CaptureTrouble::Muted);
    let mut world = World::new();
    world.capture_tone(1000 * MS);
    let before = world.rtcp.len();
    for flap in 0..500 {
        let trouble = if flap % 2 == 0 { None } else { muted };
        world.packetizer.set_capture_trouble(world.now, trouble);
        world.poll();
        world.pass(2 * MS);
    }
    world.pass(300 * MS);
    let sent = world.rtcp.len() - before;
    assert!((5..=8).contains(&sent), "{sent} reports in 1.3 s");
    assert_eq!(capture_troubles(&world).last().unwrap().1, muted);
}
