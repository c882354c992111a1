//! The client behind the user interface: started, muted, restarted with other settings.
//!
//! Always: a client that cannot be started is shown with its trouble, and the user interface continues;
//! while it is paused, nothing is captured, and the server has been told goodbye.

use super::results::{Outcome, ResultSender};
use crate::settings::{Settings, Ssrc};
use crate::status::{SharedStatus, Status, Trouble};
use crate::windows::handle::Window;
use crate::windows::ids::STATUS_CHANGED;
use crate::{Client, Stopped};

/// The client and its settings.
pub(super) struct Sending {
    window: Window,
    results: ResultSender,
    settings: Settings,
    muted: bool,
    is_paused: bool,
    client: Option<Client>,
    /// Earlier clients whose capture may not have ended yet.
    stopped: Vec<Stopped>,
    status: SharedStatus,
}

impl Sending {
    /// Prepares a client, paused; changes of its status are posted to `window`, and a new SSRC to
    /// `results`.
    pub(super) fn new(
        settings: Settings,
        muted: bool,
        window: Window,
        results: ResultSender,
    ) -> Self {
        let mut sending = Self {
            window,
            results,
            settings,
            muted,
            is_paused: true,
            client: None,
            stopped: Vec::new(),
            status: SharedStatus::unwatched(),
        };
        sending.mute(muted);
        sending
    }

    /// Changes to other settings, if they differ.
    pub(super) fn change(&mut self, settings: Settings) {
        if settings != self.settings {
            self.settings = settings;
            self.stop();
            self.begin();
        }
    }

    /// Takes note of the SSRC that the client has chosen.
    pub(super) fn note_ssrc(&mut self, ssrc: Ssrc) {
        self.settings.ssrc = ssrc;
    }

    /// Ends the client, or starts it again; returns whether that changes anything.
    pub(super) fn pause(&mut self, is_paused: bool) -> bool {
        if is_paused == self.is_paused {
            return false;
        }
        self.is_paused = is_paused;
        if is_paused {
            self.stop();
        } else {
            self.begin();
        }
        true
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.muted = muted;
        if let Some(client) = &self.client {
            client.mute(muted);
        }
        // The client does the same a little later.
        self.status.update(|status| status.muted = muted);
    }

    pub(super) fn status(&self) -> Status {
        self.status.get()
    }

    /// Ends the client and waits for all its capturing threads.
    pub(super) fn end(&mut self) {
        self.stop();
        self.stopped.drain(..).for_each(Stopped::wait);
    }

    fn stop(&mut self) {
        self.stopped.retain(|stopped| !stopped.has_ended());
        self.stopped.extend(self.client.take().map(Client::stop));
    }

    /// Starts a client with a status of its own: threads of earlier clients may still write to theirs.
    fn begin(&mut self) {
        let window = self.window;
        self.status = SharedStatus::new(move || window.post(STATUS_CHANGED));
        if self.is_paused {
            return self.mute(self.muted);
        }
        let results = self.results.clone();
        let keep = move |ssrc| results.send(Outcome::NewSsrc(ssrc));
        match Client::start(&self.settings, self.status.clone(), keep) {
            Ok(client) => self.client = Some(client),
            Err(error) => {
                tracing::error!("cannot send: {error:#}");
                let trouble = Trouble::NotStarted(format!("{error:#}"));
                self.status
                    .update(|status| status.capture.trouble = Some(trouble));
            }
        }
        self.mute(self.muted);
        self.window.post(STATUS_CHANGED);
    }
}
