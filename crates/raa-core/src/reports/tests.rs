//! Reports to senders, through the hub's public interface.

use super::*;
use crate::hub::{Hub, HubConfig, Origin, Output};
use crate::refused::Refused;
use crate::rtcp::{Description, Item, TimeEcho};
use crate::rtp::{Packet, StreamStart};
use crate::{SLOT, SLOT_SAMPLES};

mod both_sides;
mod forged;

const SSRC: u32 = 0x5f0a_11c2;
const MIX_SSRC: u32 = 0x1234_5678;
/// An Opus frame as long as one of speech.
const PAYLOAD: [u8; 80] = [0xf8; 80];
/// One second in units of the middle 32 bits of an NTP timestamp.
const SECOND: u32 = 1 << 16;

fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

fn home() -> SocketAddr {
    address(7, 5000)
}

/// The contents of one report.
#[derive(Debug, Clone)]
struct Received {
    after: Duration,
    to: SocketAddr,
    bytes: usize,
    report: ReceptionReport,
    reference_time: u64,
}

/// A hub, its clock, and a sender of one packet per slot.
struct Bench {
    hub: Hub,
    start: Instant,
    now: Instant,
    sequence_number: u16,
    timestamp: u32,
    received: Vec<Received>,
}

impl Bench {
    fn new() -> Self {
        let start = crate::any_instant();
        let mix_stream = StreamStart {
            ssrc: MIX_SSRC,
            sequence_number: 0,
            timestamp: 0,
        };
        let wall_clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let config = HubConfig {
            offline_after: Duration::from_secs(60),
            ..HubConfig::new(mix_stream, wall_clock)
        };
        Self {
            hub: Hub::new(config, start).unwrap(),
            start,
            now: start,
            sequence_number: 0,
            timestamp: 0,
            received: Vec::new(),
        }
    }

    /// Returns a world whose sender has sent two packets and a report.
    fn greeted() -> Self {
        let mut bench = Self::new();
        bench.sound(home());
        bench.sound(home());
        bench.report(home(), SECOND);
        bench
    }

    fn sound(&mut self, from: SocketAddr) {
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: SSRC,
            payload: &PAYLOAD,
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        self.take(from, &datagram);
        self.lose(1);
    }

    /// Loses packets.
    fn lose(&mut self, packets: u16) {
        self.sequence_number = self.sequence_number.wrapping_add(packets);
        self.timestamp = self
            .timestamp
            .wrapping_add(u32::from(packets) * SLOT_SAMPLES as u32);
    }

    /// Sends a report whose NTP timestamp has these middle 32 bits.
    fn report(&mut self, from: SocketAddr, middle: u32) {
        self.take(from, &sender_report(SSRC, middle, None));
    }

    fn take(&mut self, from: SocketAddr, datagram: &[u8]) {
        let taken = self.hub.handle_packet(self.now, from.into(), datagram);
        assert!(matches!(taken, Ok(_) | Err(Refused::NotOwner)), "{taken:?}");
    }

    /// Plays one slot.
    fn play(&mut self) {
        self.now += SLOT;
        self.hub.handle_timeout(self.now);
        while let Some(output) = self.hub.poll_output() {
            let Output::Send { to, datagram, .. } = output else {
                continue;
            };
            self.received
                .push(read(self.now - self.start, to, &datagram));
        }
    }

    /// Plays slots with audio, and sends a report every second.
    fn talk(&mut self, slots: u32) {
        for slot in 0..slots {
            self.sound(home());
            if slot % 50 == 0 {
                self.report(home(), SECOND);
            }
            self.play();
        }
    }

    /// Sends audio until the next report.
    fn talk_to_report(&mut self) -> Received {
        let known = self.received.len();
        for _ in 0..500 {
            self.talk(1);
            if self.received.len() > known {
                return self.received[known].clone();
            }
        }
        panic!("no report in 10 s");
    }

    fn round_trip(&self) -> Option<Duration> {
        self.hub.client(SSRC, self.now).unwrap().round_trip
    }
}

fn sender_report(ssrc: u32, middle: u32, echo: Option<TimeEcho>) -> Vec<u8> {
    let report = SenderReport {
        ssrc,
        ntp: u64::from(middle) << 16,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = Description {
        ssrc,
        cname: "a@b",
        name: "Ward 3",
        tool: "t",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, echo, &mut datagram);
    datagram
}

fn read(after: Duration, to: SocketAddr, datagram: &[u8]) -> Received {
    let (mut block, mut reference_time, mut cname) = (None, 0, Vec::new());
    rtcp::parse(datagram, |item| match item {
        Item::ReceptionReport { from, report } => {
            assert_eq!((from, block.replace(report)), (MIX_SSRC, None));
        }
        Item::ReferenceTime { ssrc, ntp } => {
            (_, reference_time) = (assert_eq!(ssrc, MIX_SSRC), ntp)
        }
        Item::Name { text, .. } => cname = text.to_vec(),
        other => panic!("{other:?}"),
    })
    .unwrap();
    assert_eq!(cname, b"raa-12345678");
    Received {
        after,
        to,
        bytes: datagram.len(),
        report: block.unwrap(),
        reference_time,
    }
}

#[test]
fn first_report_is_immediate_later_ones_random() {
    let mut bench = Bench::greeted();
    bench.play();
    assert_eq!(bench.received.len(), 1);
    bench.talk(50 * 600);
    let gaps: Vec<_> = bench
        .received
        .windows(2)
        .map(|pair| (pair[1].after - pair[0].after).as_secs_f64())
        .collect();
    assert!(gaps.iter().all(|gap| (2.5..7.53).contains(gap)), "{gaps:?}");
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((4.5..5.5).contains(&mean), "{mean}");
    assert!(bench.received.iter().all(|report| report.to == home()));
}

#[test]
fn loss_is_reported_since_last_report_and_start() {
    let mut bench = Bench::greeted();
    bench.talk_to_report();
    bench.lose(10);
    bench.talk(30);
    let lossy = bench.talk_to_report();
    // All but ten packets have arrived since the first report.
    let slots = (lossy.after - bench.received[0].after).as_millis() as i64 / 20;
    let expected = 10 * 256 / (slots + 10);
    assert_eq!(
        (
            i64::from(lossy.report.fraction_lost),
            lossy.report.cumulative_lost
        ),
        (expected, 10)
    );
    let clean = bench.talk_to_report();
    assert_eq!(
        (clean.report.fraction_lost, clean.report.cumulative_lost),
        (0, 10)
    );
}

#[test]
fn duplicates_count_as_arrived() {
    let mut bench = Bench::greeted();
    bench.talk_to_report();
    for _ in 0..20 {
        bench.sound(home());
        // The same packet again.
        bench.lose(u16::MAX);
        bench.timestamp = bench.timestamp.wrapping_sub(65_536 * SLOT_SAMPLES as u32);
        bench.sound(home());
        bench.play();
    }
    bench.lose(5);
    let report = bench.talk_to_report();
    assert_eq!(
        (report.report.fraction_lost, report.report.cumulative_lost),
        (0, -15)
    );
}

#[test]
fn highest_sequence_number_counts_wraps() {
    let mut bench = Bench::new();
    bench.sequence_number = u16::MAX - 2;
    bench.sound(home());
    bench.sound(home());
    bench.report(home(), SECOND);
    bench.play();
    assert_eq!(bench.received[0].report.highest_sequence, 0xfffe);
    bench.talk(2);
    let highest = bench.talk_to_report().report.highest_sequence;
    let newest = bench.sequence_number.wrapping_sub(1);
    assert_eq!(highest, 0x1_0000 | u32::from(newest));
}

#[test]
fn jitter_has_timestamp_units() {
    let mut bench = Bench::greeted();
    for n in 0..500 {
        // Every other packet is 10 ms (480 samples) later.
        let taken = SLOT / 2 * (n % 2);
        bench.now += taken;
        bench.sound(home());
        bench.now -= taken;
        bench.play();
    }
    let jitter = bench.received.last().unwrap().report.jitter;
    assert!((470..=480).contains(&jitter), "{jitter}");
}

#[test]
fn senders_clock_returns_with_its_delay() {
    let mut bench = Bench::greeted();
    bench.play();
    let report = bench.received[0].report;
    assert_eq!(report.ssrc, SSRC);
    assert_eq!(report.last_sender_report, SECOND);
    assert_eq!(report.delay_since_last_sender_report, SECOND / 50);
    // 1000 s after the Unix epoch, plus a slot.
    let clock = bench.received[0].reference_time;
    assert_eq!(clock >> 32, 2_208_988_800 + 1000);
    assert_eq!(clock & 0xffff_ffff, (1 << 32) / 50);

    // A report shortly before the server's own, whose timestamp wraps.
    let due = bench.talk_to_report().after;
    let mut twin = Bench::greeted();
    twin.play();
    while twin.now + SLOT - twin.start < due {
        twin.sound(home());
        twin.play();
    }
    twin.sound(home());
    twin.report(home(), u32::MAX);
    twin.play();
    let report = twin.received[1].report;
    assert_eq!(report.last_sender_report, u32::MAX);
    assert_eq!(report.delay_since_last_sender_report, SECOND / 50);
}

#[test]
fn sender_without_clock_gets_zero() {
    let mut bench = Bench::new();
    bench.sound(home());
    bench.sound(home());
    bench.report(home(), 0);
    bench.play();
    let report = bench.received[0].report;
    assert_eq!(
        (
            report.last_sender_report,
            report.delay_since_last_sender_report
        ),
        (0, 0)
    );
}

#[test]
fn reports_stop_with_audio_or_sender_reports() {
    let mut bench = Bench::greeted();
    bench.talk_to_report();
    for slot in 0..1000 {
        if slot % 50 == 0 {
            bench.report(home(), SECOND);
        }
        bench.play();
    }
    assert_eq!(bench.received.len(), 1, "no sound came");
    bench.talk_to_report();
    for _ in 0..50 * 60 {
        bench.sound(home());
        bench.play();
    }
    let last = bench.received.last().unwrap().after;
    let silent = bench.now - bench.start - last;
    assert!(silent > Duration::from_secs(30), "{silent:?}");
    bench.talk_to_report();
}

#[test]
fn echo_of_the_servers_clock_gives_round_trip() {
    let mut bench = Bench::greeted();
    bench.play();
    let last_report = bench.received[0].clone();
    assert_eq!(bench.round_trip(), None);
    // 60 ms to the client, held there for 1.25 s, 90 ms back.
    bench.now += Duration::from_millis(60 + 1250 + 90);
    let echo = TimeEcho {
        ssrc: MIX_SSRC,
        last: ntp::middle(last_report.reference_time),
        delay: ntp::short(Duration::from_millis(1250)),
    };
    let wrong = [
        (home(), TimeEcho { ssrc: 9, ..echo }),
        (home(), TimeEcho { last: 0, ..echo }),
        // A delay longer than the time elapsed, and a very short one of an old clock.
        (
            home(),
            TimeEcho {
                delay: 2 * SECOND,
                ..echo
            },
        ),
        (
            home(),
            TimeEcho {
                last: echo.last.wrapping_sub(11 * SECOND),
                ..echo
            },
        ),
        (address(8, 5000), echo),
        (address(7, 5001), echo),
    ];
    for (from, echo) in wrong {
        bench.take(from, &sender_report(SSRC, SECOND, Some(echo)));
        assert_eq!(bench.round_trip(), None, "{echo:?}");
    }
    bench.take(home(), &sender_report(SSRC, SECOND, Some(echo)));
    let trip = bench.round_trip().unwrap().as_secs_f64();
    assert!((trip - 0.150).abs() < 0.0001, "{trip} s");
    let mut goodbye = sender_report(SSRC, SECOND, None);
    rtcp::write_goodbye(SSRC, &mut goodbye);
    bench.take(home(), &goodbye);
    (0..5).for_each(|_| bench.play());
    assert_eq!(bench.round_trip(), None);
}
