//! The client at work behind the face: started, muted, started anew with other settings.
//!
//! Always: a client that cannot be started is shown as one with a trouble, and the face lives on.

use crate::settings::Settings;
use crate::status::{Board, Status};
use crate::windows::window::{STATUS_CHANGED, Window};
use crate::{Client, Stopped};

/// See the module's text.
pub(super) struct Sending {
    window: Window,
    settings: Settings,
    muted: bool,
    client: Option<Client>,
    /// Those before it whose capture may not have ended yet.
    stopped: Vec<Stopped>,
    board: Board,
}

impl Sending {
    /// Sends; `window` hears of changes.
    pub(super) fn start(settings: Settings, muted: bool, window: Window) -> Self {
        let mut sending = Self {
            window,
            settings,
            muted,
            client: None,
            stopped: Vec::new(),
            board: Board::unattended(),
        };
        sending.begin();
        sending
    }

    /// Goes over to these settings, if they are others.
    pub(super) fn change(&mut self, settings: Settings) {
        if settings != self.settings {
            self.settings = settings;
            self.stop();
            self.begin();
        }
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if let Some(client) = &self.client {
            client.mute(muted);
        }
        // The client says so itself a little later.
        self.board.update(|status| status.muted = muted);
    }

    pub(super) fn status(&self) -> Status {
        self.board.status()
    }

    /// Says goodbye to the server, and leaves no thread that captures.
    pub(super) fn end(&mut self) {
        self.stop();
        self.stopped.drain(..).for_each(Stopped::wait);
    }

    fn stop(&mut self) {
        self.stopped.retain(|stopped| !stopped.has_ended());
        self.stopped.extend(self.client.take().map(Client::stop));
    }

    /// With a board of its own: the threads of the client before may still write on theirs.
    fn begin(&mut self) {
        let window = self.window;
        self.board = Board::new(move || window.post(STATUS_CHANGED));
        match Client::start(&self.settings, self.board.clone()) {
            Ok(client) => self.client = Some(client),
            Err(error) => {
                tracing::error!("cannot send: {error:#}");
                let trouble = format!("{error:#}");
                self.board
                    .update(|status| status.capture.trouble = Some(trouble));
            }
        }
        self.mute(self.muted);
        self.window.post(STATUS_CHANGED);
    }
}
