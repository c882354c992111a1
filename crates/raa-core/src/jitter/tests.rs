//! The jitter buffer slot by slot, against senders and networks of all kinds.

use super::*;

const TARGET: Duration = Duration::from_millis(40);

/// A buffer, its slots, and a sender whose packet n is due at `start + n * 20 ms`.
struct Bench {
    buffer: JitterBuffer,
    start: Instant,
    due: Instant,
    on_the_way: Vec<(Instant, i64, i64)>,
}

impl Bench {
    fn new() -> Self {
        let start = crate::any_instant();
        Self {
            buffer: JitterBuffer::new(TARGET),
            start,
            due: start,
            on_the_way: Vec::new(),
        }
    }

    fn send(&mut self, n: i64, late_ms: u64) {
        let arrival = self.start + SLOT * n as u32 + Duration::from_millis(late_ms);
        self.send_at(arrival, n, n);
    }

    fn send_at(&mut self, arrival: Instant, sequence: i64, n: i64) {
        self.on_the_way.push((arrival, sequence, n));
    }

    fn deliver(&mut self) {
        let due = self.due;
        for (arrival, sequence, n) in self.on_the_way.extract_if(.., |(at, ..)| *at <= due) {
            let place = Place {
                sequence,
                timestamp: n * SLOT_SAMPLES as i64,
            };
            let payload = (n as u32).to_be_bytes();
            self.buffer.insert(arrival, place, SLOT_SAMPLES, &payload);
        }
    }

    /// Plays a slot and tells it as text: a packet's number, `~` bridged, `>` cut, `-` idle.
    fn slot(&mut self) -> String {
        self.deliver();
        self.buffer.begin_slot(self.due);
        self.due += SLOT;
        let (mut told, mut filled) = (String::new(), 0);
        while filled < SLOT_SAMPLES {
            match self.buffer.next(SLOT_SAMPLES - filled) {
                Next::Packet { payload, skip } => {
                    told += &u32::from_be_bytes(payload.try_into().unwrap()).to_string();
                    filled += SLOT_SAMPLES - skip;
                }
                Next::Gap(samples) => {
                    told += "~";
                    filled += samples;
                }
                Next::Jump => told += ">",
                Next::Idle => {
                    told += "-";
                    filled = SLOT_SAMPLES;
                }
            }
        }
        self.buffer.end_slot(filled - SLOT_SAMPLES);
        told
    }

    fn slots(&mut self, count: usize) -> String {
        (0..count)
            .map(|_| self.slot())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn concealed_slots(&self) -> u64 {
        self.buffer.concealed_samples() / SLOT_SAMPLES as u64
    }
}

#[test]
fn a_packet_waits_its_target_and_packets_come_in_order() {
    let mut bench = Bench::new();
    for (n, late_ms) in [(0, 0), (1, 30), (2, 0), (3, 0)] {
        bench.send(n, late_ms);
    }
    assert_eq!(bench.slots(6), "- - 0 1 2 3");
}

#[test]
fn a_lost_packet_is_one_bridged_slot_and_counted_when_the_next_one_plays() {
    let mut bench = Bench::new();
    for n in [0, 2] {
        bench.send(n, 0);
    }
    assert_eq!(bench.slots(5), "- - 0 ~ 2");
    assert_eq!(bench.concealed_slots(), 1);
}

#[test]
fn silence_of_the_sender_is_not_concealment() {
    let mut bench = Bench::new();
    bench.send(0, 0);
    assert_eq!(bench.slots(50).matches('~').count(), 47);
    // Its sequence number follows on, its timestamp tells of the pause.
    bench.send_at(bench.start + SLOT * 50, 1, 50);
    assert_eq!(bench.slots(3), "~ ~ 50");
    assert_eq!(bench.concealed_slots(), 0);
}

#[test]
fn a_late_packet_is_dropped_and_what_it_should_have_filled_was_concealed() {
    let mut bench = Bench::new();
    for (n, late_ms) in [(0, 0), (1, 45), (2, 30)] {
        bench.send(n, late_ms);
    }
    assert_eq!(bench.slots(5), "- - 0 ~ 2");
    assert_eq!((bench.buffer.late(), bench.concealed_slots()), (1, 1));
}

#[test]
fn a_lost_packet_in_a_pause_counts_as_one_and_not_as_the_pause() {
    let mut bench = Bench::new();
    bench.send(0, 0);
    bench.slots(60);
    bench.send_at(bench.start + SLOT * 60, 2, 60);
    bench.slots(3);
    assert_eq!(bench.concealed_slots(), 1);
}

#[test]
fn after_a_burst_the_newest_packets_are_played_and_not_the_oldest() {
    let mut bench = Bench::new();
    let burst_at = bench.start + SLOT;
    for n in 0..100 {
        bench.send_at(burst_at, n, n);
    }
    for n in 100..110 {
        bench.send_at(burst_at + SLOT * (n - 99) as u32, n, n);
    }
    assert_eq!(bench.slots(6), "- 97 98 99 100 101");
}

#[test]
fn a_permanent_change_of_the_way_is_followed_within_200_ms_of_late_packets() {
    let mut bench = Bench::new();
    (0..20).for_each(|n| bench.send(n, 0));
    bench.slots(22);
    let mut told = Vec::new();
    for n in 20..40 {
        // Everything is 300 ms later from now on, in the buffer just before its slot.
        bench.send_at(bench.due, n, n);
        told.push(bench.slot());
    }
    let heard_again = told
        .iter()
        .position(|slot| !slot.contains(['~', '-']))
        .unwrap();
    assert!(heard_again <= 12, "{told:?}");
}

#[test]
fn too_long_a_delay_is_cut() {
    let mut bench = Bench::new();
    for n in 0..400 {
        bench.send(n, if n < 100 { 200 } else { 0 });
    }
    let told = bench.slots(350);
    assert_eq!(told.matches('>').count(), 1, "{told}");
    assert!(told.ends_with("345 346 347"), "{told}");
    assert_eq!(bench.buffer.mean_wait(), TARGET);
    assert_eq!(bench.concealed_slots(), 0);
}

#[test]
fn the_few_packets_of_a_pause_are_enough_to_judge_the_wait() {
    let mut bench = Bench::new();
    // A sender that says every 400 ms that it is silent, and whose clock is 5 % fast.
    for n in 0..50 {
        bench.send_at(bench.start + SLOT * 20 * n, n.into(), (21 * n).into());
    }
    let cuts = bench.slots(1000).matches('>').count();
    assert!((3..=6).contains(&cuts), "{cuts} cuts of 1 s in all");
    assert!(
        bench.buffer.queue.is_empty(),
        "the last packet, 380 ms old, has been played"
    );
}

#[test]
fn too_short_a_delay_is_stretched() {
    let mut bench = Bench::new();
    for n in 0..300 {
        bench.send(n, if n == 0 { 0 } else { 35 });
    }
    let told = bench.slots(250);
    assert_eq!(told.matches('~').count(), 2, "{told}");
    assert!(told.ends_with("243 244 245"), "{told}");
}

#[test]
fn short_packets_wait_for_the_slot_that_decodes_them() {
    let mut buffer = JitterBuffer::new(TARGET);
    let start = crate::any_instant();
    let packet = SLOT / 8;
    let lateness = |n: u32| Duration::from_millis(u64::from(n * 7919 % 31));
    let mut arrivals: Vec<_> = (0..4000)
        .map(|n| (start + packet * n + lateness(n), n))
        .collect();
    arrivals.sort_unstable();
    let mut late_at_5_s = None;
    let mut arrivals = arrivals.into_iter().peekable();
    for slot in 0..500 {
        let due = start + SLOT * slot;
        while let Some((arrival, n)) = arrivals.next_if(|(at, _)| *at <= due) {
            let place = Place {
                sequence: n.into(),
                timestamp: i64::from(n) * 120,
            };
            buffer.insert(arrival, place, 120, &[0]);
        }
        buffer.begin_slot(due);
        let mut filled = 0;
        while filled < SLOT_SAMPLES {
            filled += match buffer.next(SLOT_SAMPLES - filled) {
                Next::Packet { skip, .. } => 120 - skip,
                Next::Gap(samples) => samples,
                Next::Jump => 0,
                Next::Idle => SLOT_SAMPLES,
            };
        }
        buffer.end_slot(filled.saturating_sub(SLOT_SAMPLES));
        if slot == 250 {
            late_at_5_s = Some(buffer.late());
        }
    }
    assert_eq!(
        Some(buffer.late()),
        late_at_5_s,
        "none is late once the wait is right"
    );
}

#[test]
fn skipped_slots_leave_the_delay_as_it_was() {
    let mut bench = Bench::new();
    (0..40).for_each(|n| bench.send(n, 0));
    assert_eq!(bench.slots(10), "- - 0 1 2 3 4 5 6 7");
    bench.buffer.skip_samples(15 * SLOT_SAMPLES as i64);
    bench.due += SLOT * 15;
    assert_eq!(bench.slots(3), "23 24 25");
    assert_eq!(bench.concealed_slots(), 0);
}

#[test]
fn memory_is_bounded() {
    let mut bench = Bench::new();
    (0..10_000).for_each(|n| bench.send_at(bench.start, n, n));
    bench.deliver();
    assert_eq!(bench.buffer.queue.len(), queue::CAPACITY);
}
