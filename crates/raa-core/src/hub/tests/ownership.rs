//! Which address a stream belongs to, and when another one takes it over.

use super::*;
use crate::rtcp;

const HOME: [u8; 4] = [192, 0, 2, 7];
const STRANGER: [u8; 4] = [198, 51, 100, 66];

/// A stream's next packet.
#[derive(Clone, Copy)]
struct Stream {
    from: ([u8; 4], u16),
    sequence_number: u16,
    timestamp: u32,
}

impl Stream {
    fn at(from: ([u8; 4], u16), sequence_number: u16, timestamp: u32) -> Self {
        Self {
            from,
            sequence_number,
            timestamp,
        }
    }

    /// The same numbers from another address.
    fn moved(self, from: ([u8; 4], u16)) -> Self {
        Self { from, ..self }
    }
}

impl Bench {
    /// Sends a packet of each stream in each slot.
    fn run_streams(&mut self, slots: usize, streams: &mut [&mut Stream]) {
        for _ in 0..slots {
            for stream in &mut *streams {
                // Many of them are refused, which the tests count.
                let _ = self.send_of(stream);
            }
            self.play();
        }
    }

    fn send_of(&mut self, stream: &mut Stream) -> Result<Accepted, Refused> {
        let mut datagram = Vec::new();
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: stream.sequence_number,
            timestamp: stream.timestamp,
            ssrc: SSRC,
            payload: &[0xf8, 1, 2, 3],
        };
        packet.write(&mut datagram);
        stream.sequence_number = stream.sequence_number.wrapping_add(1);
        stream.timestamp = stream.timestamp.wrapping_add(960);
        let from = Origin::from(SocketAddr::from(stream.from));
        self.hub.handle_packet(self.now, from, &datagram)
    }

    #[track_caller]
    fn check_owner(&self, stream: &Stream) {
        let owner = self.view(SSRC).address;
        assert_eq!(owner, Some(SocketAddr::from(stream.from)));
    }

    fn refused_for(&self, reason: Refused) -> u64 {
        let mut counts = self.hub.stats().refused.iter();
        counts.find(|(each, _)| *each == reason).unwrap().1
    }
}

fn home() -> Stream {
    Stream::at((HOME, 5000), 10, 480_000)
}

fn stranger() -> Stream {
    Stream::at((STRANGER, 4000), 30_000, 9_000_000)
}

#[test]
fn packets_of_others_change_no_counter() {
    let mut bench = Bench::new();
    let (mut own, mut copies) = (home(), home().moved((STRANGER, 4000)));
    let (mut second, mut neighbour) = (stranger(), stranger().moved((HOME, 4000)));
    bench.run_streams(2, &mut [&mut own]);
    copies = copies.moved((STRANGER, 4001));
    copies.sequence_number += 2;
    copies.timestamp += 2 * 960;
    bench.run_streams(
        100,
        &mut [&mut copies, &mut own, &mut second, &mut neighbour],
    );
    let stats = bench.view(SSRC).stats;
    let counted = (stats.received, stats.duplicate, stats.lost, stats.repaired);
    assert_eq!(counted, (102, 0, 0, 0), "{stats:?}");
    assert_eq!(stats.jitter_ms, 0.0);
    bench.check_owner(&own);
    assert_eq!(bench.refused_for(Refused::NotOwner), 300);
    assert_eq!(bench.refused_for(Refused::Stray), 0);
}

#[test]
fn refused_packets_of_others_take_no_numbers() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(60, &mut [&mut own]);
    for _ in 0..100 {
        // Comfort noise with the next number, and a packet whose framing is not Opus.
        for (payload_type, payload) in [(13, &[1][..]), (111, &[0xff, 63])] {
            let packet = Packet {
                marker: false,
                payload_type,
                sequence_number: own.sequence_number,
                timestamp: own.timestamp,
                ssrc: SSRC,
                payload,
            };
            let mut datagram = Vec::new();
            packet.write(&mut datagram);
            for from in [(STRANGER, 4000), (HOME, 5001)] {
                let from = Origin::from(SocketAddr::from(from));
                assert!(bench.hub.handle_packet(bench.now, from, &datagram).is_err());
            }
        }
        bench.run_streams(1, &mut [&mut own]);
    }
    let view = bench.view(SSRC);
    let stats = view.stats;
    assert_eq!((stats.lost, stats.duplicate, stats.reordered), (0, 0, 0));
    assert_eq!((view.withheld, stats.received), (None, 160));
}

#[test]
fn silent_owner_is_followed_to_another_network() {
    for to in [(HOME, 5002), ([203, 0, 113, 9], 41_000)] {
        let mut bench = Bench::new();
        let mut own = home();
        bench.run_streams(50, &mut [&mut own]);
        let before = own;
        own = own.moved(to);
        // Three packets within the 80 ms; the fourth takes over.
        bench.run_streams(3, &mut [&mut own]);
        bench.check_owner(&before);
        bench.run_streams(1, &mut [&mut own]);
        bench.check_owner(&own);
        bench.run_streams(50, &mut [&mut own]);
        bench.check_owner(&own);
        let stats = bench.view(SSRC).stats;
        assert_eq!(
            (stats.received, stats.lost, stats.concealed),
            (104, 0, 0),
            "{stats:?}"
        );
        assert_eq!(bench.refused_for(Refused::NotOwner), 3);
    }
}

#[test]
fn only_the_owners_host_begins_with_other_numbers() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(50, &mut [&mut own]);
    // Nothing is heard for 4 s, in which a stranger sends without end.
    let mut other = stranger();
    bench.run_streams(200, &mut [&mut other]);
    bench.check_owner(&own);
    let mut restarted = Stream::at((HOME, 5006), 7, 7);
    bench.run_streams(2, &mut [&mut other, &mut restarted]);
    bench.check_owner(&restarted);
}

#[test]
fn strangers_follow_no_numbers_that_they_must_guess() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(50, &mut [&mut own]);
    (0..20).for_each(|_| bench.play());
    let ahead = |bench: &Bench, skew: i32| {
        let mut stream = own.moved((STRANGER, 4000));
        let slots_missed = bench.slot - 50;
        stream.timestamp = (own.timestamp + slots_missed * 960).wrapping_add_signed(skew);
        stream
    };
    // 210 ms before and after the place that it should have, and 190 ms.
    for (skew, fits) in [(-10_080, false), (10_080, false), (9120, true)] {
        let mut near = ahead(&bench, skew);
        bench.run_streams(2, &mut [&mut near]);
        bench.check_owner(if fits { &near } else { &own });
    }
}

#[test]
fn former_owner_takes_its_stream_back() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(50, &mut [&mut own]);
    // In its silence another program of its host takes over.
    let mut other = Stream::at((HOME, 4000), 7, 7);
    bench.run_streams(20, &mut [&mut other]);
    bench.check_owner(&other);
    own.timestamp += 20 * 960;
    bench.run_streams(2, &mut [&mut other, &mut own]);
    bench.check_owner(&own);
    // Neither goes before the other for ever.
    bench.run_streams(100, &mut [&mut other, &mut own]);
    bench.check_owner(&own);
}

#[test]
fn any_address_begins_while_offline_and_known_hosts_go_first() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(50, &mut [&mut own]);
    (0..260).for_each(|_| bench.play());
    assert_eq!(bench.view(SSRC).status, Status::Offline);
    let mut lease = Stream::at(([203, 0, 113, 9], 5000), 500, 500);
    bench.run_streams(100, &mut [&mut lease]);
    bench.check_owner(&lease);
    // The first computer is started again, and has another port.
    let mut back = Stream::at((HOME, 6000), 9, 9);
    bench.run_streams(2, &mut [&mut lease, &mut back]);
    bench.check_owner(&back);
    bench.run_streams(100, &mut [&mut lease, &mut back]);
    bench.check_owner(&back);
}

#[test]
fn floods_of_neighbours_push_out_no_better_claim() {
    let mut bench = Bench::new();
    let mut own = home();
    bench.run_streams(50, &mut [&mut own]);
    let mut roaming = own.moved(([203, 0, 113, 9], 5000));
    for slot in 0..6 {
        for n in 0..200 {
            let mut stray = Stream::at((HOME, 1000 + slot * 200 + n), n * 77, u32::from(n) << 20);
            let _ = bench.send_of(&mut stray);
        }
        bench.run_streams(1, &mut [&mut roaming]);
    }
    bench.check_owner(&roaming);
    assert_eq!(bench.view(SSRC).stats.lost, 0);
}

#[test]
fn clients_inside_the_server_are_never_taken_over() {
    let mut bench = Bench::new();
    let mut datagram = Vec::new();
    let packet = Packet {
        marker: false,
        payload_type: 111,
        sequence_number: 9,
        timestamp: 480_000 - 960,
        ssrc: SSRC,
        payload: &[0xf8, 1, 2, 3],
    };
    packet.write(&mut datagram);
    let taken = bench
        .hub
        .handle_packet(bench.now, Origin::Internal, &datagram);
    taken.unwrap();
    bench.run_streams(200, &mut [&mut home()]);
    assert_eq!(bench.view(SSRC).address, None);
    assert_eq!(bench.refused_for(Refused::NotOwner), 200);
}

/// A sender's report with its name.
fn report_with_clock() -> Vec<u8> {
    let report = rtcp::SenderReport {
        ssrc: SSRC,
        ntp: 7 << 32,
        rtp_timestamp: 0,
        packets: 1,
        octets: 1,
    };
    let description = rtcp::Description {
        ssrc: SSRC,
        cname: "a@b",
        name: "Ward 3",
        tool: "t",
    };
    let mut datagram = Vec::new();
    rtcp::write_report(&report, &description, None, &mut datagram);
    datagram
}

impl Bench {
    fn report_from(&mut self, from: ([u8; 4], u16), datagram: &[u8]) -> Result<Accepted, Refused> {
        let from = Origin::from(SocketAddr::from(from));
        self.hub.handle_packet(self.now, from, datagram)
    }

    /// Returns whether a report was sent to this address.
    fn has_answered(&self, to: ([u8; 4], u16)) -> bool {
        let is_answer = |output: &Output| match output {
            Output::Send { to: address, .. } => *address == SocketAddr::from(to),
            _ => false,
        };
        self.outputs.iter().any(is_answer)
    }
}

#[test]
fn the_report_of_a_restarted_sender_is_answered_at_once() {
    for report_port in [6000, 6001] {
        let mut bench = Bench::new();
        let (mut own, mut again) = (home(), Stream::at((HOME, 6000), 400, 7_000_000));
        bench.run_streams(50, &mut [&mut own]);
        bench.report_from(own.from, &report_with_clock()).unwrap();
        bench.run_streams(2, &mut [&mut own]);
        assert!(bench.has_answered(own.from));
        (0..5).for_each(|_| bench.play());
        bench.run_streams(1, &mut [&mut again]);
        let taken = bench.report_from((HOME, report_port), &report_with_clock());
        assert_eq!(taken, Err(Refused::NotOwner));
        assert_eq!(bench.view(SSRC).address, Some(own.from.into()));
        bench.run_streams(2, &mut [&mut again]);
        bench.check_owner(&again);
        assert_eq!(bench.view(SSRC).name(), "Ward 3");
        assert_eq!(bench.has_answered(again.from), report_port == 6000);
    }
}

#[test]
fn reports_of_claimants_without_the_stream_change_nothing() {
    let mut bench = Bench::new();
    let (mut own, mut other) = (home(), Stream::at((HOME, 6000), 400, 7_000_000));
    for slot in 0..100 {
        bench.run_streams(1, &mut [&mut own, &mut other]);
        if slot > 1 {
            let taken = bench.report_from(other.from, &report_with_clock());
            assert_eq!(taken, Err(Refused::NotOwner));
        }
    }
    bench.check_owner(&own);
    assert_eq!(bench.view(SSRC).name(), "");
    assert!(!bench.has_answered(other.from));
}

#[test]
fn long_reports_of_claimants_are_not_held() {
    for (copies, name) in [(1, "Ward 3"), (40, "")] {
        let mut bench = Bench::new();
        let (mut own, mut again) = (home(), Stream::at((HOME, 6000), 400, 7_000_000));
        bench.run_streams(50, &mut [&mut own]);
        (0..5).for_each(|_| bench.play());
        bench.run_streams(1, &mut [&mut again]);
        let report = report_with_clock().repeat(copies);
        bench.report_from(again.from, &report).unwrap_err();
        bench.run_streams(2, &mut [&mut again]);
        bench.check_owner(&again);
        assert_eq!(bench.view(SSRC).name(), name);
    }
}
