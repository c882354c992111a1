//! The jitter buffer, slot by slot, with many kinds of senders and networks.

use super::*;
use crate::SLOT;

const FRAME: i64 = SLOT_SAMPLES as i64;
const MS: Duration = Duration::from_millis(1);

/// A buffer, its slots, and a sender whose packet n is due at `start + n * 20 ms`.
struct Bench {
    buffer: JitterBuffer,
    start: Instant,
    due: Instant,
    in_flight: Vec<(Instant, i64, i64)>,
    /// Samples decoded and not yet played.
    decoded: f64,
    /// Consecutive bridged slots.
    bridged: u32,
    error: f64,
}

impl Bench {
    fn new() -> Self {
        let start = crate::any_instant();
        Self {
            buffer: JitterBuffer::new(400 * MS),
            start,
            due: start,
            in_flight: Vec::new(),
            decoded: 0.0,
            bridged: 9,
            error: 0.0,
        }
    }

    fn send(&mut self, n: i64, late_ms: u32) {
        let arrival = self.start + SLOT * n as u32 + MS * late_ms;
        self.send_at(arrival, n, n);
    }

    fn send_at(&mut self, arrival: Instant, sequence: i64, n: i64) {
        self.in_flight.push((arrival, sequence, n));
    }

    fn deliver(&mut self) {
        let due = self.due;
        for (arrival, sequence, n) in self.in_flight.extract_if(.., |(at, ..)| *at <= due) {
            let payload = (n as u32).to_be_bytes();
            self.buffer
                .insert(arrival, place(sequence, n), SLOT_SAMPLES, 0, &payload);
        }
    }

    /// Plays a slot and returns it as text: the numbers of the decoded packets, `~` for bridged
    /// samples and `-` for silence. Unlike a source, it corrects the delay to the sample as soon as
    /// something is decoded.
    fn slot(&mut self) -> String {
        self.deliver();
        let is_silent = self.bridged > 4;
        let steering = self.buffer.begin_slot(self.due, is_silent);
        self.due += SLOT;
        if is_silent {
            self.decoded = 0.0;
        }
        self.error = steering.map_or(0.0, |steering| steering.error);
        let correction = if is_silent { 0.0 } else { self.error };
        let taken = (FRAME as f64 + correction).max(0.0);
        let mut played = String::new();
        while self.decoded < taken {
            match self.buffer.next((taken - self.decoded).ceil() as usize) {
                Next::Packet { payload, skip } => {
                    played += &format!(" {}", u32::from_be_bytes(payload.try_into().unwrap()));
                    self.decoded += (SLOT_SAMPLES - skip) as f64;
                    self.bridged = 0;
                }
                Next::Gap { samples, .. } => {
                    played += if is_silent { " -" } else { " ~" };
                    self.decoded += samples as f64;
                    self.bridged += 1;
                }
            }
        }
        self.decoded -= taken;
        self.buffer.end_slot(self.decoded);
        played
    }

    fn slots(&mut self, count: usize) -> String {
        let played: String = (0..count).map(|_| self.slot()).collect();
        // A gap that is bridged in two parts counts as one.
        played.replace("~ ~", "~").trim_start().into()
    }

    /// Runs a calm sender until the delay has come down, and returns its next packet's number.
    fn calm_down(&mut self) -> i64 {
        (0..900).for_each(|n| self.send(n, 0));
        self.slots(900);
        900
    }

    fn stats(&self) -> JitterStats {
        self.buffer.stats()
    }

    fn concealed_slots(&self) -> u64 {
        self.stats().concealed_samples / SLOT_SAMPLES as u64
    }

    fn target_ms(&self) -> f64 {
        self.stats().target / 48.0
    }
}

fn place(sequence: i64, n: i64) -> Place {
    Place {
        sequence,
        timestamp: n * FRAME,
    }
}

#[test]
fn first_packet_waits_and_order_is_restored() {
    let mut bench = Bench::new();
    for (n, late_ms) in [(0, 0), (1, 15), (2, 0), (3, 0)] {
        bench.send(n, late_ms);
    }
    // The delay starts at 39 ms, so the first packet is decoded for the third slot.
    assert_eq!(bench.slots(6), "- - 0 1 2 3 ~");
}

#[test]
fn calm_network_needs_little_more_than_a_slot() {
    let mut bench = Bench::new();
    bench.calm_down();
    assert!(
        (20.0..25.0).contains(&bench.target_ms()),
        "{}",
        bench.target_ms()
    );
    let wait_ms = bench.stats().mean_wait / 48.0;
    assert!((20.0..25.0).contains(&wait_ms), "{wait_ms}");
    assert_eq!((bench.stats().late, bench.concealed_slots()), (0, 0));
}

#[test]
fn lost_packet_counts_once_the_next_one_plays() {
    let mut bench = Bench::new();
    (0..20).filter(|n| *n != 10).for_each(|n| bench.send(n, 0));
    let played = bench.slots(20);
    assert!(played.contains("8 9 ~ 11 12"), "{played}");
    assert_eq!(bench.concealed_slots(), 1);
}

#[test]
fn silence_is_not_counted_as_concealment() {
    let mut bench = Bench::new();
    bench.send(0, 0);
    bench.slots(50);
    // The sequence number continues; the timestamp shows the pause.
    bench.send_at(bench.start + SLOT * 50, 1, 50);
    let played = bench.slots(4);
    assert!(played.contains("50"), "{played}");
    assert_eq!(bench.concealed_slots(), 0);
}

#[test]
fn late_packet_is_dropped_and_its_slot_concealed() {
    let mut bench = Bench::new();
    let n = bench.calm_down();
    for (n, late_ms) in [(n, 0), (n + 1, 60), (n + 2, 0), (n + 3, 0), (n + 4, 0)] {
        bench.send(n, late_ms);
    }
    let played = bench.slots(5);
    assert!(played.contains("900 ~ 902"), "{played}");
    assert_eq!((bench.stats().late, bench.concealed_slots()), (1, 1));
}

#[test]
fn lost_packet_in_a_pause_counts_as_one() {
    let mut bench = Bench::new();
    bench.send(0, 0);
    bench.slots(60);
    bench.send_at(bench.start + SLOT * 60, 2, 60);
    bench.slots(4);
    assert_eq!(bench.concealed_slots(), 1);
}

#[test]
fn talkspurt_with_late_first_packet_plays_from_its_start() {
    let mut bench = Bench::new();
    let n = bench.calm_down();
    bench.slots(50);
    // 60 ms later than the 23 ms after which it is due.
    bench.send_at(bench.start + SLOT * (n as u32 + 50) + 60 * MS, n, n + 50);
    let played = bench.slots(6);
    assert!(played.contains("950"), "{played}");
    assert_eq!((bench.stats().late, bench.concealed_slots()), (0, 0));
}

#[test]
fn only_the_live_part_of_an_initial_burst_plays() {
    let mut bench = Bench::new();
    let burst_at = bench.start + SLOT;
    (0..100).for_each(|n| bench.send_at(burst_at, n, n));
    (100..110).for_each(|n| bench.send_at(burst_at + SLOT * (n - 99) as u32, n, n));
    let played = bench.slots(8);
    assert!(played.contains("98 99 100 101"), "{played}");
    assert!(!played.contains("95"), "{played}");
}

#[test]
fn permanent_transit_change_is_followed_within_200_ms() {
    let mut bench = Bench::new();
    let n = bench.calm_down();
    let mut played = Vec::new();
    for n in n..n + 20 {
        // From now on everything comes 500 ms later, just before its slot.
        bench.send_at(bench.due, n, n - 25);
        played.push(bench.slot());
    }
    let last_gap = played
        .iter()
        .rposition(|slot| slot.contains(['~', '-']))
        .unwrap();
    assert!(last_gap <= 12, "{played:?}");
    assert!(
        bench.target_ms() < 30.0,
        "a step is not jitter: {}",
        bench.target_ms()
    );
}

#[test]
fn delay_grows_at_once_in_a_storm_and_shrinks_after() {
    let mut bench = Bench::new();
    let n = bench.calm_down();
    (n..n + 250).for_each(|n| bench.send(n, (n * 7 % 12) as u32 * 10));
    bench.slots(50);
    assert!(
        (110.0..140.0).contains(&bench.target_ms()),
        "{}",
        bench.target_ms()
    );
    bench.slots(200);
    let late = bench.stats().late;
    (n + 250..n + 1250).for_each(|n| bench.send(n, 0));
    bench.slots(750);
    assert!(
        bench.target_ms() < 25.0,
        "after 15 s: {}",
        bench.target_ms()
    );
    assert_eq!(bench.stats().late, late);
}

#[test]
fn only_repeated_stalls_lengthen_the_delay() {
    let mut bench = Bench::new();
    let mut n = bench.calm_down();
    let mut stall = |bench: &mut Bench, seconds: i64| {
        // Nothing comes for 150 ms, then everything at once.
        (n..n + 50 * seconds).for_each(|m| bench.send(m, ((7 - (m - n)).max(0) * 20) as u32));
        n += 50 * seconds;
        bench.slots(50 * seconds as usize);
    };
    stall(&mut bench, 20);
    assert!(bench.target_ms() < 25.0, "{}", bench.target_ms());
    (0..10).for_each(|_| stall(&mut bench, 2));
    assert!(bench.target_ms() > 150.0, "{}", bench.target_ms());
}

#[test]
fn clock_drift_is_measured_and_reported() {
    for ppm in [1000.0, -1000.0, 20.0] {
        let mut bench = Bench::new();
        for n in 0..2000i64 {
            let at = Duration::from_secs_f64(n as f64 * 0.02 / (1.0 + ppm / 1e6));
            bench.send_at(bench.start + at, n, n);
        }
        bench.slots(1500);
        let measured = bench.stats().drift * 1e6;
        assert!((measured - ppm).abs() < 5.0, "{ppm}: {measured}");
        // Every slot corrects the error, so one slot's drift is all that remains.
        assert!(
            (bench.error - 960.0 * ppm / 1e6).abs() < 1.5,
            "{ppm}: {}",
            bench.error
        );
        assert_eq!((bench.stats().late, bench.concealed_slots()), (0, 0));
    }
}

/// Sends packets of which every tenth is lost; the second one after it carries it again.
fn send_with_redundancy(bench: &mut Bench, from: i64, to: i64) {
    for n in from..to {
        let arrival = bench.start + SLOT * n as u32;
        let copy = n - 2;
        bench.due = arrival;
        if n % 10 != 0 {
            let (lost, payload) = (i64::from(n % 10 == 1), (n as u32).to_be_bytes());
            let own = place(n, n);
            bench
                .buffer
                .insert(arrival, own, SLOT_SAMPLES, lost, &payload);
            let payload = (copy as u32).to_be_bytes();
            let earlier = place(copy, copy);
            bench
                .buffer
                .insert_repair(arrival, earlier, SLOT_SAMPLES, &payload);
        }
        bench.slot();
    }
}

#[test]
fn losses_make_the_delay_cover_redundancy() {
    let mut bench = Bench::new();
    send_with_redundancy(&mut bench, 0, 1000);
    assert!(
        (60.0..66.0).contains(&bench.target_ms()),
        "{}",
        bench.target_ms()
    );
    let before = bench.concealed_slots();
    send_with_redundancy(&mut bench, 1000, 2000);
    assert_eq!(bench.concealed_slots(), before);
    let repaired = bench.stats().repaired_samples / SLOT_SAMPLES as u64;
    assert!((190..=200).contains(&repaired), "{repaired} of 200");
}

#[test]
fn single_losses_lengthen_the_delay_at_any_phase() {
    for phase_ms in [0, 4, 8, 12, 16, 19] {
        let mut bench = Bench::new();
        bench.due += MS * phase_ms;
        bench.calm_down();
        for n in 900..1900i64 {
            let arrival = bench.start + SLOT * n as u32;
            if n % 40 != 0 {
                let lost = i64::from(n % 40 == 1);
                let payload = (n as u32).to_be_bytes();
                bench
                    .buffer
                    .insert(arrival, place(n, n), SLOT_SAMPLES, lost, &payload);
                let copy = place(n - 2, n - 2);
                bench
                    .buffer
                    .insert_repair(arrival, copy, SLOT_SAMPLES, &payload);
            }
            bench.slot();
        }
        let repaired = bench.stats().repaired_samples / SLOT_SAMPLES as u64;
        assert!(
            repaired >= 20,
            "{phase_ms} ms: {repaired} of 25, {}",
            bench.target_ms()
        );
    }
}

#[test]
fn redundant_copies_are_not_played_twice() {
    let mut bench = Bench::new();
    bench.send(0, 0);
    bench.slot();
    for n in 1..50 {
        bench.send(n, 0);
        bench.deliver();
        let earlier = place(n - 1, n - 1);
        let copy = ((n - 1) as u32).to_be_bytes();
        bench
            .buffer
            .insert_repair(bench.due, earlier, SLOT_SAMPLES, &copy);
        bench.slot();
    }
    let stats = bench.stats();
    assert_eq!((stats.repaired_samples, stats.concealed_samples), (0, 0));
}

#[test]
fn skipped_slots_do_not_change_the_delay() {
    let mut bench = Bench::new();
    bench.calm_down();
    (900..940).for_each(|n| bench.send(n, 0));
    bench.slots(10);
    let before = bench.error;
    bench.buffer.skip_samples(15 * FRAME);
    bench.decoded = 0.0;
    bench.due += SLOT * 15;
    bench.slots(3);
    assert!(
        (bench.error - before).abs() < 1.0,
        "{before} {}",
        bench.error
    );
    assert_eq!(bench.concealed_slots(), 0);
}

#[test]
fn queue_memory_is_bounded() {
    let mut bench = Bench::new();
    (0..10_000).for_each(|n| bench.send_at(bench.start, n, n));
    bench.deliver();
    assert_eq!(bench.buffer.queue.len(), queue::CAPACITY);
}
