//! The table's limits and who gives way.

use super::*;

struct Bench {
    firsts: Firsts,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            firsts: Firsts::default(),
            now: crate::any_instant(),
        }
    }

    fn take(&mut self, host: u32, ssrc: u32, number: u16, len: usize) -> Taken {
        let address = SocketAddr::from((host.to_be_bytes(), 5000));
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number: number,
            timestamp: u32::from(number) * 960,
            ssrc,
            payload: &[0xf8],
        };
        let datagram = vec![0; len];
        self.firsts
            .take(self.now, address.into(), address, &packet, &datagram)
    }

    /// Sends one packet each of this many streams, and returns how many were kept.
    fn flood(&mut self, streams: u32, host: impl Fn(u32) -> u32) -> usize {
        let kept = |taken: &Taken| matches!(taken, Taken::Kept(_));
        (0..streams)
            .filter(|&ssrc| kept(&self.take(host(ssrc), ssrc, 7, 100)))
            .count()
    }
}

#[test]
fn one_host_has_a_share_of_the_table() {
    let mut bench = Bench::new();
    assert_eq!(bench.flood(5000, |_| 1), MAX_PER_HOST);
    assert!(matches!(bench.take(2, 1, 7, 100), Taken::Kept(None)));
    assert!(matches!(bench.take(2, 1, 8, 100), Taken::Follows(_)));
    // Its own streams are still confirmed, and make room.
    assert!(matches!(bench.take(1, 5, 8, 100), Taken::Follows(_)));
    assert!(matches!(bench.take(1, 9999, 7, 100), Taken::Kept(None)));
    assert!(matches!(bench.take(1, 9998, 7, 100), Taken::NoPlace));
}

#[test]
fn largest_host_gives_way_oldest_first() {
    let mut bench = Bench::new();
    let flooded = bench.flood(5000, |ssrc| ssrc % 4);
    assert_eq!(flooded, MAX);
    let Taken::Kept(Some(gone)) = bench.take(9, 1, 7, 100) else {
        panic!("a host with fewer packets is kept out");
    };
    // The largest host by its address, and its oldest packet.
    assert_eq!(gone.from.address().unwrap().ip().to_string(), "0.0.0.3");
    assert!(matches!(bench.take(3, 3, 8, 100), Taken::NoPlace));
    assert!(matches!(bench.take(9, 1, 8, 100), Taken::Follows(_)));
}

#[test]
fn forged_hosts_get_no_more_places_than_there_are() {
    let mut bench = Bench::new();
    assert_eq!(bench.flood(50_000, |ssrc| ssrc), MAX);
    assert!(matches!(bench.take(99_999, 1, 7, 100), Taken::NoPlace));
    bench.now += MAX_AGE;
    let now = bench.now;
    assert_eq!(bench.firsts.take_old(now).len(), MAX);
    assert!(matches!(bench.take(99_999, 1, 7, 100), Taken::Kept(None)));
    let Firsts {
        streams,
        hosts,
        crowded,
        bytes,
    } = &bench.firsts;
    let sizes = (streams.len(), hosts.len(), crowded.len(), *bytes);
    assert_eq!(sizes, (1, 1, 1, 100));
}

#[test]
fn bytes_of_the_table_are_limited() {
    let mut bench = Bench::new();
    for host in 0..4096 {
        bench.take(host, host, 7, 8000);
    }
    assert!(bench.firsts.bytes <= MAX_BYTES);
    let kept = bench.firsts.streams.values().map(First::bytes).sum();
    assert_eq!(bench.firsts.bytes, kept);
    // It is confirmed although its first packet is not there.
    let Taken::Follows(first) = bench.take(4095, 4095, 8, 8000) else {
        panic!("not confirmed");
    };
    assert_eq!(first.datagram, None);
}

#[test]
fn a_stream_that_jumps_keeps_one_place() {
    let mut bench = Bench::new();
    for n in 0..100 {
        bench.take(1, 1, n * 100, 100);
    }
    assert_eq!((bench.firsts.streams.len(), bench.firsts.bytes), (1, 100));
}
