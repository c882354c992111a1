//! A listener on connections that take as many bytes as a test allows.

use bytes::Bytes;
use proptest::prelude::*;
use tungstenite::Message;

use super::super::frames::FRAMES;
use super::super::test_transport::{TestTransport, framed};
use super::*;

const SLOT: Duration = Duration::from_millis(20);

/// One listener with its connection, the frames, and the time.
struct Case {
    transport: TestTransport,
    listener: Listener<TestTransport>,
    frames: Frames,
    now: Instant,
}

impl Case {
    fn new() -> Self {
        let transport = TestTransport::default();
        Self {
            listener: Listener::new(transport.clone(), &[], &[], 0),
            transport,
            frames: Frames::default(),
            now: Instant::now(),
        }
    }

    /// Appends a frame that contains its position.
    fn push(&mut self) {
        let frame = frame(self.frames.end());
        self.frames.push(&frame);
        self.now += SLOT;
    }

    fn send(&mut self) -> u64 {
        self.listener.send(&self.frames, self.now).skipped
    }

    /// Lets slots pass, each with one frame and one pass; returns the number of skipped frames.
    fn slots(&mut self, count: usize) -> u64 {
        (0..count)
            .map(|_| {
                self.push();
                self.send()
            })
            .sum()
    }

    /// Lets `count` slots pass in which nothing is taken.
    fn fall_behind(&mut self, count: usize) {
        self.transport.set_stuck(true);
        assert_eq!(
            self.slots(count),
            0,
            "skips are counted once it reads again"
        );
        self.transport.set_stuck(false);
    }

    fn close_frame(&self) -> (u16, String) {
        match self.transport.messages().pop() {
            Some(Message::Close(Some(frame))) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("no close frame: {other:?}"),
        }
    }
}

fn frame(position: u64) -> Vec<u8> {
    let mut bytes = position.to_be_bytes().to_vec();
    bytes.resize(8 + (position * 37 % 300) as usize, position as u8);
    bytes
}

fn position(message: &Message) -> Option<u64> {
    let Message::Binary(bytes) = message else {
        return None;
    };
    let position = u64::from_be_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes[..], frame(position));
    Some(position)
}

#[test]
fn each_frame_is_one_write() {
    let mut case = Case::new();
    assert_eq!(case.slots(1000), 0);
    let frames: Vec<_> = (0..1000).map(|n| framed(&frame(n))).collect();
    assert_eq!(case.transport.writes(), frames);
    assert_eq!(case.send(), 0);
    assert_eq!(case.transport.tries(), 1000, "no write without frames");
}

#[test]
fn late_pass_sends_all_frames_in_one_write() {
    let mut case = Case::new();
    for late in [2, 3, FRAMES] {
        (0..late).for_each(|_| case.push());
        assert_eq!(case.send(), 0);
        let from = case.frames.end() - late as u64;
        let both: Vec<_> = (from..case.frames.end())
            .map(|n| framed(&frame(n)))
            .collect();
        assert_eq!(case.transport.writes(), [both.concat()]);
    }
}

#[test]
fn greeting_precedes_the_first_frame() {
    let mut case = Case::new();
    let hello = framed(b"hello");
    case.listener = Listener::new(case.transport.clone(), &hello, &[], 0);
    case.slots(2);
    let expected = [hello, framed(&frame(0)), framed(&frame(1))];
    assert_eq!(case.transport.writes(), expected);
}

#[test]
fn begun_frame_is_finished_first() {
    let mut case = Case::new();
    case.transport.take([5, 0, 1]);
    case.slots(2);
    case.transport.receive(0x89, b"ping");
    case.listener.read(case.now);
    case.slots(2);
    let messages = case.transport.messages();
    assert_eq!(position(&messages[0]), Some(0));
    assert_eq!(messages[1], Message::Pong(Bytes::from_static(b"ping")));
    let later: Vec<_> = messages[2..].iter().map(position).collect();
    assert_eq!(later, [Some(1), Some(2), Some(3)]);
}

#[test]
fn late_listener_continues_live_and_counts_once() {
    let mut case = Case::new();
    case.slots(10);
    case.transport.messages();
    case.fall_behind(FRAMES);
    assert_eq!(
        case.slots(1),
        1 + FRAMES as u64 - 1,
        "one more would be too old"
    );
    let messages = case.transport.messages();
    let positions: Vec<_> = messages.iter().map(position).collect();
    assert_eq!(positions, [Some(10 + FRAMES as u64)], "the newest frame");
    assert_eq!(case.slots(5), 0);
    assert_eq!(case.transport.messages().len(), 5);
}

#[test]
fn late_listener_within_the_limit_gets_everything() {
    let mut case = Case::new();
    case.fall_behind(FRAMES - 1);
    assert_eq!(case.slots(1), 0);
    assert_eq!(case.transport.messages().len(), FRAMES);
}

#[test]
fn frequently_skipped_listener_is_closed_with_a_reason() {
    let mut case = Case::new();
    for _ in 0..MAX_SKIPS {
        assert_eq!(case.listener.end(), None);
        case.fall_behind(40);
        assert_eq!(case.slots(1), 40);
    }
    let reason = "skipped to live 10 times within 30 s";
    assert_eq!(case.listener.end(), Some(End::Slow(reason)));
    case.slots(3);
    assert_eq!(case.close_frame(), (1013, reason.into()));
}

#[test]
fn stuck_listener_is_closed_with_a_reason() {
    let mut case = Case::new();
    case.transport.take([7]);
    case.slots(1);
    case.transport.set_stuck(true);
    case.slots(500);
    assert_eq!(
        case.listener.end(),
        None,
        "10 s after the first failed write"
    );
    case.slots(1);
    let reason = "nothing was read for 10 s";
    assert_eq!(case.listener.end(), Some(End::Slow(reason)));
    assert!(!case.listener.is_done(case.now + CLOSE_LIMIT - SLOT));
    assert!(
        case.listener.is_done(case.now + CLOSE_LIMIT),
        "even if it is stuck"
    );
    case.transport.set_stuck(false);
    case.send();
    assert_eq!(case.close_frame(), (1013, reason.into()));
    assert!(case.listener.pending.capacity() < 1024);
}

#[test]
fn slow_reader_is_not_stuck() {
    let mut case = Case::new();
    for _ in 0..100 {
        case.transport.take([1]);
        case.slots(1);
        case.fall_behind(400);
    }
    assert_eq!(case.listener.end(), None);
}

#[test]
fn ping_is_answered_before_the_next_frame() {
    let mut case = Case::new();
    case.transport.receive(0x89, b"there?");
    case.listener.read(case.now);
    case.slots(1);
    let messages = case.transport.messages();
    assert_eq!(messages[0], Message::Pong(Bytes::from_static(b"there?")));
    assert_eq!(position(&messages[1]), Some(0));
}

#[test]
fn close_frame_is_answered_and_ends_the_connection() {
    let mut case = Case::new();
    case.slots(1);
    case.transport.messages();
    case.transport.receive(0x88, b"\x03\xe8");
    case.listener.read(case.now);
    assert_eq!(case.listener.end(), Some(End::Gone));
    assert!(!case.listener.is_done(case.now), "the answer is pending");
    case.slots(1);
    assert_eq!(case.close_frame(), (1000, String::new()));
    assert!(case.listener.is_done(case.now));
}

#[test]
fn stopping_server_awaits_the_answer() {
    let mut case = Case::new();
    case.transport.take([9]);
    case.slots(1);
    case.listener.close(End::Stopping, case.now);
    case.send();
    assert_eq!(case.close_frame(), (1001, "server is stopping".into()));
    assert!(!case.listener.is_done(case.now));
    case.transport.receive(0x88, b"\x03\xe9");
    case.listener.read(case.now);
    assert!(case.listener.is_done(case.now));
}

#[test]
fn unflushed_bytes_are_pending() {
    let mut case = Case::new();
    case.transport.set_flush_stuck(true);
    case.slots(3);
    assert_eq!(case.transport.tries(), 1, "a stuck transport gets no more");
    case.listener.close(End::Stopping, case.now);
    case.transport.receive(0x88, b"\x03\xe9");
    case.listener.read(case.now);
    case.send();
    assert!(
        !case.listener.is_done(case.now),
        "the close frame is pending"
    );
    case.transport.set_flush_stuck(false);
    case.send();
    assert!(case.listener.is_done(case.now));
    let messages = case.transport.messages();
    assert_eq!(position(&messages[0]), Some(0));
    assert!(matches!(messages.last(), Some(Message::Close(Some(_)))));
}

#[test]
fn stuck_flush_closes_the_connection() {
    let mut case = Case::new();
    case.transport.set_flush_stuck(true);
    case.slots(500);
    assert_eq!(case.listener.end(), None);
    case.slots(1);
    let reason = "nothing was read for 10 s";
    assert_eq!(case.listener.end(), Some(End::Slow(reason)));
}

#[test]
fn broken_connection_ends_at_once() {
    let mut case = Case::new();
    case.transport.break_off();
    case.slots(1);
    assert_eq!(case.listener.end(), Some(End::Gone));
    assert!(case.listener.is_done(case.now));
    let mut case = Case::new();
    case.transport.break_off();
    case.listener.read(case.now);
    assert!(case.listener.is_done(case.now));
}

#[test]
fn listener_that_ignores_answers_is_not_read() {
    let mut case = Case::new();
    case.transport.set_stuck(true);
    (0..10_000).for_each(|_| case.transport.receive(0x89, &[7; 100]));
    (0..1000).for_each(|_| _ = case.listener.read(case.now));
    assert!(
        case.transport.unread() > 1_000_000,
        "{}",
        case.transport.unread()
    );
    let pending = case.listener.pending.capacity();
    assert!(pending <= 4 * MAX_INCOMING, "{pending}");
}

#[test]
fn only_frequent_skips_exhaust_the_budget() {
    let start = Instant::now();
    let mut budget = SkipBudget::default();
    let every = SKIP_WINDOW / (MAX_SKIPS as u32 - 1) + Duration::from_millis(1);
    assert!((0..1000).all(|n| !budget.is_exhausted_by_skip(start + every * n)));
    let mut budget = SkipBudget::default();
    let every = SKIP_WINDOW / MAX_SKIPS as u32;
    let exhausted = (0..1000).find(|&n| budget.is_exhausted_by_skip(start + every * n));
    assert_eq!(exhausted, Some(MAX_SKIPS as u32 - 1));
}

#[derive(Debug, Clone)]
enum Step {
    /// A frame and a pass, whose writes take these numbers of bytes.
    Slot(Vec<usize>),
    /// This many frames before the next pass.
    Late(usize),
    /// This many frames that the server has skipped.
    Missed(u64),
    Ping(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(0..400usize, 0..4).prop_map(Step::Slot),
        2 => (1..40usize).prop_map(Step::Late),
        1 => (1..40u64).prop_map(Step::Missed),
        2 => prop::collection::vec(any::<u8>(), 0..125).prop_map(Step::Ping),
    ]
}

proptest! {
    #[test]
    fn partial_writes_keep_the_stream_whole(steps in prop::collection::vec(step(), 1..200)) {
        let mut case = Case::new();
        let (mut skipped, mut pings) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Slot(takes) => {
                    case.transport.take(takes);
                    skipped += case.slots(1);
                }
                Step::Late(frames) => (0..frames).for_each(|_| case.push()),
                Step::Missed(frames) => case.frames.skip(frames),
                Step::Ping(payload) if case.listener.end().is_none() => {
                    case.transport.receive(0x89, &payload);
                    case.listener.read(case.now);
                    pings.push(payload);
                }
                Step::Ping(_) => {}
            }
        }
        // In the end the connection takes everything.
        (0..800).for_each(|_| skipped += case.slots(1));
        let messages = case.transport.messages();
        let pongs = messages.iter().filter_map(|message| match message {
            Message::Pong(payload) => Some(payload.to_vec()),
            _ => None,
        });
        let pongs: Vec<_> = pongs.collect();
        let received: Vec<_> = messages.iter().filter_map(position).collect();
        prop_assert!(received.is_sorted_by(|a, b| a < b));
        if case.listener.end().is_none() {
            prop_assert_eq!(pongs, pings);
            prop_assert_eq!(received.len() as u64 + skipped, case.frames.end());
        } else {
            prop_assert!(matches!(messages.last(), Some(Message::Close(_))));
        }
    }
}
