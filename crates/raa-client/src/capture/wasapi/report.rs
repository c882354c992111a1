//! Reports the state of the capture to the status and the log.
//!
//! Always: a report is not repeated before something has changed.

use tracing::{info, warn};

use super::super::audibility::Inaudible;
use super::stream::Stream;
use crate::status::{
    CaptureMethod, CaptureNote, CaptureStatus, CaptureTrouble, SharedStatus, Trouble,
};

pub(super) struct Report<'a> {
    status: &'a SharedStatus,
    last: CaptureStatus,
    /// Why process loopback is not in use.
    method_note: Option<CaptureNote>,
    /// Why the thread has an ordinary priority.
    priority_note: Option<CaptureNote>,
    /// Whether no stream is open because nothing plays.
    rest_note: Option<CaptureNote>,
}

impl<'a> Report<'a> {
    pub(super) fn new(status: &'a SharedStatus) -> Self {
        Self {
            status,
            last: CaptureStatus::default(),
            method_note: None,
            priority_note: None,
            rest_note: None,
        }
    }

    pub(super) fn capturing(&mut self, stream: &Stream) {
        self.rest_note = None;
        self.set(CaptureStatus {
            method: Some(stream.method()),
            device: stream.device_name().into(),
            format: stream.format().into(),
            ..CaptureStatus::default()
        });
    }

    /// Reports whether somebody muted the device in use or turned it down.
    pub(super) fn audible(&mut self, inaudible: Option<Inaudible>) {
        let trouble = inaudible.map(|inaudible| inaudible.trouble(&self.last.device));
        if trouble != self.last.trouble {
            self.set(CaptureStatus {
                trouble,
                ..self.last.clone()
            });
        }
    }

    /// Reports that the capture rests; what it captured before is still shown.
    pub(super) fn resting(&mut self) {
        self.rest_note = Some(CaptureNote::Resting);
        self.set(self.last.clone());
    }

    pub(super) fn failing(&mut self, trouble: Trouble) {
        self.rest_note = None;
        self.set(CaptureStatus {
            trouble: Some(trouble),
            ..CaptureStatus::default()
        });
    }

    /// Notes why process loopback is not in use; `None` if it is.
    pub(super) fn note_process_loopback(&mut self, reason: Option<CaptureTrouble>) {
        let method = CaptureMethod::ProcessLoopback;
        self.method_note = reason.map(|reason| CaptureNote::Method { method, reason });
        // Before the first report there is nothing to add a note to.
        if self.last != CaptureStatus::default() {
            self.set(self.last.clone());
        }
    }

    pub(super) fn note_priority(&mut self, trouble: CaptureTrouble) {
        self.priority_note = Some(CaptureNote::Priority(trouble));
    }

    fn set(&mut self, status: CaptureStatus) {
        let notes = self.method_note.iter().chain(&self.priority_note);
        let notes = notes.chain(&self.rest_note);
        let status = CaptureStatus {
            notes: notes.cloned().collect(),
            ..status
        };
        self.log(&status);
        self.status
            .update(|shown| shown.capture.clone_from(&status));
        self.last = status;
    }

    fn log(&self, status: &CaptureStatus) {
        let last = &self.last;
        let notes = status.notes.iter();
        for note in notes.filter(|note| !last.notes.contains(note)) {
            info!("{note}");
        }
        match (&status.method, &status.trouble) {
            (Some(_), Some(trouble)) => {
                // Not for every step of a slider.
                let kind = |trouble: &Trouble| std::mem::discriminant(trouble);
                if last.trouble.as_ref().map(kind) != Some(kind(trouble)) {
                    warn!("{trouble}; this may be what the server hears, too");
                }
            }
            (Some(_), None) if last.method.is_some() && last.trouble.is_some() => {
                info!("{} is no longer muted or turned down", status.device);
            }
            (_, Some(trouble)) if status.trouble != last.trouble => {
                warn!("nothing is captured: {trouble}; retrying");
            }
            (Some(method), None) if is_another(status, last) => {
                let CaptureStatus { device, format, .. } = status;
                let of = if device.is_empty() { "" } else { " of " };
                info!("capturing by {method}{of}{device}, {format}");
            }
            _ => {}
        }
    }
}

fn is_another(status: &CaptureStatus, last: &CaptureStatus) -> bool {
    (&status.method, &status.device, &status.format) != (&last.method, &last.device, &last.format)
}
