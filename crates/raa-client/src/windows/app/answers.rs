//! What threads have found out for the user interface, which cannot wait for it.
//!
//! Always: each answer is taken once, by the user interface's thread.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::ui::server_test::Found;
use crate::windows::window::{ANSWERED, Window};

/// An answer.
#[derive(Debug)]
pub(super) enum Answer {
    /// What the dialog's test of this number has found of this host.
    Tested {
        number: usize,
        host: String,
        found: Found,
    },
    /// What a test for the diagnostics has found.
    Examined(Found),
    /// This page could not be opened, and why.
    PageFailed { page: String, reason: String },
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Answers {
    window: Window,
    sender: Sender<Answer>,
    receiver: Receiver<Answer>,
}

/// Held by a thread that has an answer later.
#[derive(Debug)]
pub(super) struct Teller {
    window: Window,
    sender: Sender<Answer>,
}

impl Answers {
    /// Answers that `window` is told of.
    pub(super) fn new(window: Window) -> Self {
        // A person asks one question at a time, so there are as few answers.
        let (sender, receiver) = channel();
        Self {
            window,
            sender,
            receiver,
        }
    }

    pub(super) fn teller(&self) -> Teller {
        Teller {
            window: self.window,
            sender: self.sender.clone(),
        }
    }

    /// The next answer.
    pub(super) fn take(&self) -> Option<Answer> {
        self.receiver.try_recv().ok()
    }
}

impl Teller {
    pub(super) fn tell(&self, answer: Answer) {
        // Nobody listens any more when the program ends.
        let _ = self.sender.send(answer);
        self.window.post(ANSWERED);
    }
}
