//! The app's part of the PC's sessions and its sleep: pauses the client while it is not its turn.
//!
//! Sound needs no news of sleep, because a capture that fails is reopened. The goodbye is for the page,
//! which shows the PC as offline at once instead of as silent. A computer that is awake although nothing
//! has said so sends again after some seconds: timers stand still while it sleeps.
//!
//! Always: a client that is not sure captures.

use super::App;
use crate::ui::turn::{LOOK_EVERY_MS, Place, Turn};
use crate::windows::handle::Window;
use crate::windows::ids::{AWAKE_TIMER, TURN_TIMER};
use crate::windows::session::{self, GlobalMarks};

/// Longer than Windows waits for programs before it sleeps: about 2 s
/// (learn.microsoft.com/windows/win32/power/pbt-apmsuspend).
const AWAKE_AFTER_MS: u32 = 10_000;

/// Returns the turn of this session, and whether its client must pause now.
pub(super) fn begin(window: Window) -> (Turn<GlobalMarks>, bool) {
    let mut turn = Turn::new(GlobalMarks::new(), session::place());
    let is_paused = !turn.captures();
    if turn.must_look() {
        window.set_timer(TURN_TIMER, LOOK_EVERY_MS);
    }
    if is_paused {
        tracing::info!("paused: another session of this computer is in front and sends");
    }
    (turn, is_paused)
}

impl App {
    pub(super) fn move_session(&mut self, place: Place) {
        tracing::info!("this session is now {}", words(place));
        self.turn.set_place(place);
        if self.turn.must_look() {
            self.window.set_timer(TURN_TIMER, LOOK_EVERY_MS);
            // The session that takes its place needs a moment to appear.
        } else {
            self.window.kill_timer(TURN_TIMER);
            self.take_turn();
        }
    }

    pub(super) fn fall_asleep(&mut self) {
        tracing::info!("the computer falls asleep");
        self.turn.set_asleep(true);
        self.window.set_timer(AWAKE_TIMER, AWAKE_AFTER_MS);
        self.take_turn();
    }

    pub(super) fn wake(&mut self) {
        self.window.kill_timer(AWAKE_TIMER);
        self.turn.set_asleep(false);
        self.take_turn();
    }

    /// Pauses or continues, as it is this session's turn or not.
    pub(super) fn take_turn(&mut self) {
        let is_paused = !self.turn.captures();
        if self.sending.pause(is_paused) {
            tracing::info!("{}", if is_paused { "paused" } else { "sending again" });
        }
    }
}

fn words(place: Place) -> &'static str {
    match place {
        Place::Front => "connected to a screen",
        Place::Back => "behind, connected to no screen",
    }
}
