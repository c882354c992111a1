//! A question that may never be answered, asked in a thread of its own.
//!
//! Always: one question at a time, so a question without an answer costs one thread; an answer that
//! comes too late is dropped.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// How long to wait for an answer.
pub(super) const LIMIT: Duration = Duration::from_secs(3);

/// At most one open question.
pub(super) struct Question<T> {
    asked: Option<Asked<T>>,
}

struct Asked<T> {
    at: Instant,
    answer: Receiver<T>,
    /// The caller has been told that there is no answer.
    is_overdue: bool,
}

/// Passes the answer on from the thread that asked.
pub(super) struct Deliver<T>(SyncSender<T>);

/// There was no answer in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoAnswer;

impl<T> Default for Question<T> {
    fn default() -> Self {
        Self { asked: None }
    }
}

impl<T> Deliver<T> {
    /// Delivers the answer; drops it here if it is no longer wanted.
    pub(super) fn deliver(self, answer: T) {
        let _ = self.0.send(answer);
    }
}

impl<T: Send + 'static> Question<T> {
    /// Asks by calling `ask` in a new thread, unless a question is already open. Returns false if
    /// the previous question is overdue: asking again would be of no use.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        ask: impl FnOnce(Deliver<T>) + Send + 'static,
    ) -> io::Result<bool> {
        self.drop_late_answer();
        if let Some(asked) = &self.asked {
            return Ok(!asked.is_overdue);
        }
        let (sender, answer) = sync_channel(1);
        std::thread::Builder::new()
            .name("question".into())
            .spawn(move || ask(Deliver(sender)))?;
        self.asked = Some(Asked {
            at: now,
            answer,
            is_overdue: false,
        });
        Ok(true)
    }

    /// Returns the answer once, or [`NoAnswer`] once when it is overdue.
    pub(super) fn answer(&mut self, now: Instant) -> Option<Result<T, NoAnswer>> {
        self.drop_late_answer();
        let asked = self.asked.as_mut().filter(|asked| !asked.is_overdue)?;
        let answer = match asked.answer.try_recv() {
            Ok(answer) => Ok(answer),
            Err(TryRecvError::Empty) if now.duration_since(asked.at) < LIMIT => return None,
            Err(TryRecvError::Empty) => {
                asked.is_overdue = true;
                return Some(Err(NoAnswer));
            }
            // The thread panicked.
            Err(TryRecvError::Disconnected) => Err(NoAnswer),
        };
        self.asked = None;
        Some(answer)
    }

    fn drop_late_answer(&mut self) {
        let has_come_late = |asked: &Asked<T>| {
            asked.is_overdue && !matches!(asked.answer.try_recv(), Err(TryRecvError::Empty))
        };
        if self.asked.as_ref().is_some_and(has_come_late) {
            self.asked = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for the answer of the thread while the simulated time stands still.
    fn wait(question: &mut Question<u32>, now: Instant) -> Result<u32, NoAnswer> {
        loop {
            if let Some(answer) = question.answer(now) {
                return answer;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_answer_is_returned_once() {
        let now = Instant::now();
        let mut question = Question::default();
        assert_eq!(question.answer(now), None, "nothing was asked");
        assert!(question.ask(now, |deliver| deliver.deliver(7)).unwrap());
        assert_eq!(wait(&mut question, now), Ok(7));
        assert_eq!(question.answer(now), None);
        assert!(question.ask(now, |deliver| deliver.deliver(8)).unwrap());
        assert_eq!(wait(&mut question, now), Ok(8));
    }

    #[test]
    fn an_overdue_question_blocks_new_ones() {
        let start = Instant::now();
        let (hold, held) = sync_channel::<()>(0);
        let mut question = Question::default();
        let stuck = move |deliver: Deliver<u32>| {
            let _ = held.recv();
            deliver.deliver(1);
        };
        assert!(question.ask(start, stuck).unwrap());
        let again = |deliver: Deliver<u32>| deliver.deliver(2);
        assert!(question.ask(start, again).unwrap(), "it is being asked");
        assert_eq!(question.answer(start + LIMIT / 2), None);
        assert_eq!(question.answer(start + LIMIT), Some(Err(NoAnswer)));
        let late = start + 10 * LIMIT;
        assert_eq!(question.answer(late), None, "reported once");
        assert!(!question.ask(late, again).unwrap(), "still stuck");
        // Now the answer comes, too late to be of use.
        drop(hold);
        while !question.ask(late, again).unwrap() {
            std::thread::yield_now();
        }
        assert_eq!(wait(&mut question, late), Ok(2));
    }

    #[test]
    fn a_panicking_thread_gives_no_answer() {
        let now = Instant::now();
        let mut question = Question::default();
        assert!(question.ask(now, drop).unwrap());
        assert_eq!(wait(&mut question, now), Err(NoAnswer));
        assert!(question.ask(now, |deliver| deliver.deliver(3)).unwrap());
        assert_eq!(wait(&mut question, now), Ok(3));
    }
}
