//! Listeners on lines that take as much as a test says.

use bytes::Bytes;
use proptest::prelude::*;
use tungstenite::Message;

use super::super::frames::FRAMES;
use super::super::testline::{TestLine, framed};
use super::*;

const SLOT: Duration = Duration::from_millis(20);

/// One listener, the frames, and the time.
struct Case {
    line: TestLine,
    listener: Listener<TestLine>,
    frames: Frames,
    now: Instant,
}

impl Case {
    fn new() -> Self {
        let line = TestLine::default();
        Self {
            listener: Listener::new(line.clone(), &[], &[], 0),
            line,
            frames: Frames::default(),
            now: Instant::now(),
        }
    }

    /// Another frame, which tells its position.
    fn push(&mut self) {
        let frame = frame(self.frames.end());
        self.frames.push(&frame);
        self.now += SLOT;
    }

    fn send(&mut self) -> u64 {
        self.listener.send(&self.frames, self.now).skipped
    }

    /// Frames with a pass after each; returns the frames skipped.
    fn slots(&mut self, count: usize) -> u64 {
        (0..count)
            .map(|_| {
                self.push();
                self.send()
            })
            .sum()
    }

    /// A write of a single frame takes nothing, and then `count` slots pass.
    fn fall_behind(&mut self, count: usize) {
        self.line.set_stuck(true);
        assert_eq!(self.slots(count), 0, "counted when it goes on");
        self.line.set_stuck(false);
    }

    fn close_frame(&self) -> (u16, String) {
        match self.line.messages().pop() {
            Some(Message::Close(Some(frame))) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("no goodbye: {other:?}"),
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
fn on_the_calm_path_a_frame_is_one_write() {
    let mut case = Case::new();
    assert_eq!(case.slots(1000), 0);
    let frames: Vec<_> = (0..1000).map(|n| framed(&frame(n))).collect();
    assert_eq!(case.line.writes(), frames);
    assert_eq!(case.send(), 0);
    assert_eq!(case.line.tries(), 1000, "nothing is tried without need");
}

#[test]
fn a_late_pass_sends_all_frames_in_one_write() {
    let mut case = Case::new();
    for late in [2, 3, FRAMES] {
        (0..late).for_each(|_| case.push());
        assert_eq!(case.send(), 0);
        let from = case.frames.end() - late as u64;
        let both: Vec<_> = (from..case.frames.end())
            .map(|n| framed(&frame(n)))
            .collect();
        assert_eq!(case.line.writes(), [both.concat()]);
    }
}

#[test]
fn a_greeting_comes_before_the_first_frame() {
    let mut case = Case::new();
    let hello = framed(b"hello");
    case.listener = Listener::new(case.line.clone(), &hello, &[], 0);
    case.slots(2);
    let expected = [hello, framed(&frame(0)), framed(&frame(1))];
    assert_eq!(case.line.writes(), expected);
}

#[test]
fn a_frame_that_was_begun_is_finished_first() {
    let mut case = Case::new();
    case.line.takes([5, 0, 1]);
    case.slots(2);
    case.line.say(0x89, b"ping");
    case.listener.hear(case.now);
    case.slots(2);
    let messages = case.line.messages();
    assert_eq!(position(&messages[0]), Some(0));
    assert_eq!(messages[1], Message::Pong(Bytes::from_static(b"ping")));
    let later: Vec<_> = messages[2..].iter().map(position).collect();
    assert_eq!(later, [Some(1), Some(2), Some(3)]);
}

#[test]
fn who_falls_behind_goes_on_live_and_is_counted_once() {
    let mut case = Case::new();
    case.slots(10);
    case.line.messages();
    case.fall_behind(FRAMES);
    assert_eq!(
        case.slots(1),
        1 + FRAMES as u64 - 1,
        "one more would be too old"
    );
    let messages = case.line.messages();
    let heard: Vec<_> = messages.iter().map(position).collect();
    assert_eq!(heard, [Some(10 + FRAMES as u64)], "the newest");
    assert_eq!(case.slots(5), 0);
    assert_eq!(case.line.messages().len(), 5);
}

#[test]
fn who_is_just_not_too_late_gets_everything() {
    let mut case = Case::new();
    case.fall_behind(FRAMES - 1);
    assert_eq!(case.slots(1), 0);
    assert_eq!(case.line.messages().len(), FRAMES);
}

#[test]
fn who_is_skipped_too_often_is_closed_with_a_reason() {
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
fn who_takes_nothing_for_ten_seconds_is_closed_with_a_reason() {
    let mut case = Case::new();
    case.line.takes([7]);
    case.slots(1);
    case.line.set_stuck(true);
    case.slots(500);
    assert_eq!(case.listener.end(), None, "10 s after the first try");
    case.slots(1);
    let reason = "nothing was taken for 10 s";
    assert_eq!(case.listener.end(), Some(End::Slow(reason)));
    assert!(!case.listener.is_done(case.now + CLOSE_LIMIT - SLOT));
    assert!(
        case.listener.is_done(case.now + CLOSE_LIMIT),
        "stuck or not"
    );
    case.line.set_stuck(false);
    case.send();
    assert_eq!(case.close_frame(), (1013, reason.into()));
    assert!(case.listener.owed.capacity() < 1024);
}

#[test]
fn who_takes_a_little_is_not_stuck() {
    let mut case = Case::new();
    for _ in 0..100 {
        case.line.takes([1]);
        case.slots(1);
        case.fall_behind(400);
    }
    assert_eq!(case.listener.end(), None);
}

#[test]
fn a_ping_is_answered_before_the_next_frame() {
    let mut case = Case::new();
    case.line.say(0x89, b"there?");
    case.listener.hear(case.now);
    case.slots(1);
    let messages = case.line.messages();
    assert_eq!(messages[0], Message::Pong(Bytes::from_static(b"there?")));
    assert_eq!(position(&messages[1]), Some(0));
}

#[test]
fn a_goodbye_is_answered_and_then_it_is_over() {
    let mut case = Case::new();
    case.slots(1);
    case.line.messages();
    case.line.say(0x88, b"\x03\xe8");
    case.listener.hear(case.now);
    assert_eq!(case.listener.end(), Some(End::Gone));
    assert!(!case.listener.is_done(case.now), "the answer is owed");
    case.slots(1);
    assert_eq!(case.close_frame(), (1000, String::new()));
    assert!(case.listener.is_done(case.now));
}

#[test]
fn at_the_end_of_the_server_the_answer_is_awaited() {
    let mut case = Case::new();
    case.line.takes([9]);
    case.slots(1);
    case.listener.leave(End::Stopping, case.now);
    case.send();
    assert_eq!(case.close_frame(), (1001, "server is stopping".into()));
    assert!(!case.listener.is_done(case.now));
    case.line.say(0x88, b"\x03\xe9");
    case.listener.hear(case.now);
    assert!(case.listener.is_done(case.now));
}

#[test]
fn a_broken_line_is_over_at_once() {
    let mut case = Case::new();
    case.line.break_off();
    case.slots(1);
    assert_eq!(case.listener.end(), Some(End::Gone));
    assert!(case.listener.is_done(case.now));
    let mut case = Case::new();
    case.line.break_off();
    case.listener.hear(case.now);
    assert!(case.listener.is_done(case.now));
}

#[test]
fn who_does_not_take_answers_is_not_listened_to() {
    let mut case = Case::new();
    case.line.set_stuck(true);
    (0..10_000).for_each(|_| case.line.say(0x89, &[7; 100]));
    (0..1000).for_each(|_| _ = case.listener.hear(case.now));
    assert!(case.line.unheard() > 1_000_000, "{}", case.line.unheard());
    let owed = case.listener.owed.capacity();
    assert!(owed <= 4 * MAX_INCOMING, "{owed}");
}

#[test]
fn rare_skips_are_forgiven_and_frequent_ones_are_not() {
    let start = Instant::now();
    let mut patience = Patience::default();
    let every = SKIP_WINDOW / (MAX_SKIPS as u32 - 1) + Duration::from_millis(1);
    assert!((0..1000).all(|n| !patience.is_exhausted_by_skip(start + every * n)));
    let mut patience = Patience::default();
    let every = SKIP_WINDOW / MAX_SKIPS as u32;
    let exhausted = (0..1000).find(|&n| patience.is_exhausted_by_skip(start + every * n));
    assert_eq!(exhausted, Some(MAX_SKIPS as u32 - 1));
}

#[derive(Debug, Clone)]
enum Step {
    /// A frame and a pass, whose writes take so many bytes.
    Slot(Vec<usize>),
    /// So many frames at once.
    Late(usize),
    /// So many frames of which none was seen.
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
    fn whatever_a_line_takes_the_stream_stays_whole(steps in prop::collection::vec(step(), 1..200)) {
        let mut case = Case::new();
        let (mut skipped, mut pings) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Slot(takes) => {
                    case.line.takes(takes);
                    skipped += case.slots(1);
                }
                Step::Late(frames) => (0..frames).for_each(|_| case.push()),
                Step::Missed(frames) => case.frames.leave_out(frames),
                Step::Ping(payload) if case.listener.end().is_none() => {
                    case.line.say(0x89, &payload);
                    case.listener.hear(case.now);
                    pings.push(payload);
                }
                Step::Ping(_) => {}
            }
        }
        // The line takes everything in the end.
        (0..800).for_each(|_| skipped += case.slots(1));
        let messages = case.line.messages();
        let pongs = messages.iter().filter_map(|message| match message {
            Message::Pong(payload) => Some(payload.to_vec()),
            _ => None,
        });
        let pongs: Vec<_> = pongs.collect();
        let heard: Vec<_> = messages.iter().filter_map(position).collect();
        prop_assert!(heard.is_sorted_by(|a, b| a < b));
        if case.listener.end().is_none() {
            prop_assert_eq!(pongs, pings);
            prop_assert_eq!(heard.len() as u64 + skipped, case.frames.end());
        } else {
            prop_assert!(matches!(messages.last(), Some(Message::Close(_))));
        }
    }
}
