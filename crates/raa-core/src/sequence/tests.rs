//! Places of packets in their stream: wraps, restarts, duplicates, strays and numbers that refused packets occupy.
//!
//! Always: the sender and the clock are simulated, so a test says exactly which packet arrives when.

use std::time::Duration;

use super::*;
use Verdict::{Continues, Duplicate, Restarts, Stray};

struct Sender {
    sequence: Sequence,
    now: Instant,
}

impl Sender {
    fn new() -> Self {
        Self {
            sequence: Sequence::default(),
            now: crate::any_instant(),
        }
    }

    fn send_after(&mut self, ms: u64, sequence_number: u16, timestamp: u32) -> Verdict {
        self.now += Duration::from_millis(ms);
        let packet = Packet {
            marker: false,
            payload_type: 111,
            sequence_number,
            timestamp,
            ssrc: 1,
            payload: &[0],
        };
        self.sequence.receive(self.now, &packet)
    }

    fn send(&mut self, sequence_number: u16, timestamp: u32) -> Verdict {
        self.send_after(20, sequence_number, timestamp)
    }
}

fn place(sequence: i64, timestamp: i64) -> Place {
    Place {
        sequence,
        timestamp,
    }
}

#[test]
fn counters_wrap_without_effect() {
    let mut sender = Sender::new();
    let (sequence_number, timestamp) = (u16::MAX, u32::MAX - 400);
    assert!(matches!(
        sender.send(sequence_number, timestamp),
        Restarts(_)
    ));
    let next = sender.send(0, timestamp.wrapping_add(960));
    assert_eq!(next, Continues(place(65_536, i64::from(timestamp) + 960)));
    assert_eq!(sender.sequence.stats().lost, 0);
}

#[test]
fn loss_reordering_and_duplicates_are_counted() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    assert_eq!(sender.send(13, 2880), Continues(place(13, 2880)));
    assert_eq!(sender.sequence.stats().lost, 2);
    assert_eq!(sender.send(11, 960), Continues(place(11, 960)));
    assert_eq!(sender.send(11, 960), Duplicate);
    assert_eq!(sender.send(13, 2880), Duplicate);
    let stats = sender.sequence.stats();
    assert_eq!((stats.lost, stats.reordered, stats.duplicate), (1, 1, 2));
    assert_eq!(stats.received, 5);
}

#[test]
fn restarted_sender_is_accepted_at_its_second_packet() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    assert_eq!(sender.send_after(80, 40_000, 7_000_000), Stray);
    assert_eq!(
        sender.send(40_001, 7_000_960),
        Verdict::Confirms {
            first: place(40_000, 7_000_000),
            place: place(40_001, 7_000_960),
        }
    );
    assert_eq!(
        sender.send(40_002, 7_001_920),
        Continues(place(40_002, 7_001_920))
    );
}

#[test]
fn old_strays_are_no_part_of_a_restart() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    assert_eq!(sender.send_after(80, 40_000, 7_000_000), Stray);
    assert_eq!(
        sender.send_after(1001, 40_001, 7_000_960),
        Restarts(place(40_001, 7_000_960))
    );
}

#[test]
fn second_sender_cannot_replace_an_established_one() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    for n in 1..100 {
        assert_eq!(
            sender.send(30_000 + n, 9_000_000 + u32::from(n) * 960),
            Stray
        );
        assert!(matches!(
            sender.send_after(0, 10 + n, u32::from(n) * 960),
            Continues(_)
        ));
    }
}

#[test]
fn losses_do_not_let_a_second_sender_in() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    for n in 1..4 {
        let verdict = sender.send(30_000 + n, 9_000_000 + u32::from(n) * 960);
        assert_eq!(verdict, Stray);
    }
    assert!(matches!(sender.send_after(0, 13, 2880), Continues(_)));
}

#[test]
fn stream_continues_after_an_hours_pause() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    let hour = 3600 * SAMPLE_RATE;
    assert_eq!(
        sender.send_after(3_600_000, 11, hour),
        Continues(place(11, i64::from(hour)))
    );
    assert_eq!(sender.sequence.stats().lost, 0);
}

#[test]
fn timestamps_from_the_future_are_stray() {
    let mut sender = Sender::new();
    sender.send(10, 0);
    assert_eq!(sender.send(11, 10 * SAMPLE_RATE), Stray);
    assert_eq!(sender.send(11, 960), Continues(place(11, 960)));
}

#[test]
fn jitter_follows_rfc_3550() {
    let mut sender = Sender::new();
    for n in 0..1000 {
        sender.send_after(if n % 2 == 0 { 10 } else { 30 }, n, u32::from(n) * 960);
    }
    let jitter_ms = sender.sequence.stats().jitter / 48.0;
    assert!((9.9..10.1).contains(&jitter_ms), "{jitter_ms}");
}
