//! Results of threads, for the user interface, which cannot wait for them.
//!
//! Always: the user interface's thread takes each result once.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::settings::Ssrc;
use crate::ui::server_test::TestResult;
use crate::windows::handle::Window;
use crate::windows::ids;

/// The result of a thread.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The dialog's test with this number has ended.
    Tested {
        number: usize,
        host: String,
        tested: TestResult,
    },
    /// The server test for the diagnostics has ended.
    Diagnosed(TestResult),
    /// The server test for the diagnostics that this window has asked for has ended.
    Asked { by: Window, tested: TestResult },
    /// The client goes on with another SSRC.
    NewSsrc(Ssrc),
    /// The browser could not be started.
    PageFailed { page: String, reason: String },
}

/// The receiving side, owned by the user interface.
#[derive(Debug)]
pub(super) struct Results {
    window: Window,
    sender: Sender<Outcome>,
    receiver: Receiver<Outcome>,
}

/// The sending side, owned by a thread.
#[derive(Debug, Clone)]
pub(super) struct ResultSender {
    window: Window,
    sender: Sender<Outcome>,
}

impl Results {
    /// Creates a queue that announces results to `window`.
    pub(super) fn new(window: Window) -> Self {
        // The queue stays short, because a person starts one task at a time.
        let (sender, receiver) = channel();
        Self {
            window,
            sender,
            receiver,
        }
    }

    pub(super) fn sender(&self) -> ResultSender {
        ResultSender {
            window: self.window,
            sender: self.sender.clone(),
        }
    }

    /// Returns the next result.
    pub(super) fn take(&self) -> Option<Outcome> {
        self.receiver.try_recv().ok()
    }
}

impl ResultSender {
    pub(super) fn send(&self, outcome: Outcome) {
        // Fails when the program is ending.
        let _ = self.sender.send(outcome);
        self.window.post(ids::RESULT_READY);
    }
}
