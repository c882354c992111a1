//! Says how capture is doing, on the board and in the log.
//!
//! Always: what was said is not said again before it has changed.

use tracing::{info, warn};

use super::stream::Stream;
use super::trouble::Trouble;
use crate::status::{Board, CaptureStatus};

pub(super) struct Report<'a> {
    board: &'a Board,
    said: CaptureStatus,
    /// Why a better way is not in use.
    way_note: Option<String>,
    /// Why the thread has no better priority.
    thread_note: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(board: &'a Board) -> Self {
        Self {
            board,
            said: CaptureStatus::default(),
            way_note: None,
            thread_note: None,
        }
    }

    pub(super) fn capturing(&mut self, stream: &Stream) {
        self.say(CaptureStatus {
            path: Some(stream.way().name().into()),
            device: stream.device_name().into(),
            format: stream.format().into(),
            ..CaptureStatus::default()
        });
    }

    /// `what` cannot be captured, or not any more.
    pub(super) fn failing(&mut self, what: &str, trouble: &Trouble) {
        self.say(CaptureStatus {
            trouble: Some(format!("{what}: {trouble}")),
            ..CaptureStatus::default()
        });
    }

    pub(super) fn note_way(&mut self, note: Option<String>) {
        self.way_note = note;
        // Before something is captured, or not, there is nothing to add it to.
        if self.said != CaptureStatus::default() {
            self.say(self.said.clone());
        }
    }

    pub(super) fn note_thread(&mut self, trouble: &Trouble) {
        self.thread_note = Some(format!("thread priority: {trouble}"));
    }

    fn say(&mut self, status: CaptureStatus) {
        let notes = self.way_note.iter().chain(&self.thread_note);
        let status = CaptureStatus {
            notes: notes.cloned().collect(),
            ..status
        };
        self.log(&status);
        self.board.update(|shown| shown.capture.clone_from(&status));
        self.said = status;
    }

    fn log(&self, status: &CaptureStatus) {
        let said = &self.said;
        for note in status
            .notes
            .iter()
            .filter(|note| !said.notes.contains(note))
        {
            info!("{note}");
        }
        match (&status.path, &status.trouble) {
            (_, Some(trouble)) if status.trouble != said.trouble => {
                warn!("nothing is captured: {trouble}; trying again and again");
            }
            (Some(path), None) if is_another(status, said) => {
                let CaptureStatus { device, format, .. } = status;
                let of = if device.is_empty() { "" } else { " of " };
                info!("capturing by {path}{of}{device}, {format}");
            }
            _ => {}
        }
    }
}

fn is_another(status: &CaptureStatus, said: &CaptureStatus) -> bool {
    (&status.path, &status.device, &status.format) != (&said.path, &said.device, &said.format)
}
