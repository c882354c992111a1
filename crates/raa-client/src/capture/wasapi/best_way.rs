//! Process loopback: when it is asked for, and when it is left alone.
//!
//! Always: never breaks off sound to have it; why it is not in use is in the report.

use std::time::{Duration, Instant};

use ::wasapi::AudioClient;

use super::super::retry::{Leave, Occasion};
use super::super::watchdog::Way;
use super::super::{Gone, PcmInbox};
use super::activation::Activation;
use super::end::Failed;
use super::report::Report;
use super::stream::Stream;
use super::trouble::Trouble;

/// How often an answer is looked for that capture waits for.
const STEP: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct BestWay {
    activation: Activation,
    leave: Leave,
    occasion: Occasion,
    /// Answered while another way was in use.
    ready: Option<AudioClient>,
}

impl BestWay {
    /// Opens it, which takes 3 s at most; `None` when it is not to be had now.
    pub(super) fn open(
        &mut self,
        pcm: &PcmInbox,
        report: &mut Report,
    ) -> Result<Option<Stream>, Gone> {
        let client = match self.ready.take() {
            Some(client) => Ok(client),
            None if !self.leave.is_over(Instant::now()) => return Ok(None),
            None => self.ask_and_wait(pcm)?,
        };
        match client.and_then(Stream::process_loopback) {
            Ok(stream) => {
                report.note_best_way(None);
                Ok(Some(stream))
            }
            Err(trouble) => {
                self.refused(&trouble, report);
                Ok(None)
            }
        }
    }

    /// It was in use and broke off.
    pub(super) fn broke_off(&mut self, failed: &Failed, report: &mut Report) {
        let now = Instant::now();
        let is_faulty = matches!(failed.trouble, Trouble::Fault(_));
        self.leave.broke_off(now, failed.age, is_faulty);
        if !self.leave.is_over(now) {
            report.note_best_way(Some(&failed.trouble));
        }
    }

    /// While another way is in use: whether the time has come to open this one.
    pub(super) fn is_to_be_opened(&mut self, silent_for: Duration, report: &mut Report) -> bool {
        let now = Instant::now();
        match self.activation.answer(now) {
            Some(Ok(client)) => self.ready = Some(client),
            Some(Err(trouble)) => self.refused(&trouble, report),
            None => {}
        }
        if self.ready.is_some() {
            return Occasion::is_silent(silent_for);
        }
        if self.leave.is_over(now) && self.occasion.has_come(now, silent_for) {
            self.occasion.take(now);
            if let Err(trouble) = self.activation.ask(now) {
                self.refused(&trouble, report);
            }
        }
        false
    }

    fn ask_and_wait(&mut self, pcm: &PcmInbox) -> Result<Result<AudioClient, Trouble>, Gone> {
        let asked = Instant::now();
        self.occasion.take(asked);
        if let Err(trouble) = self.activation.ask(asked) {
            return Ok(Err(trouble));
        }
        while !pcm.is_gone() {
            if let Some(answer) = self.activation.answer(Instant::now()) {
                return Ok(answer);
            }
            std::thread::sleep(STEP);
        }
        Err(Gone)
    }

    fn refused(&mut self, trouble: &Trouble, report: &mut Report) {
        // Every refusal but this one is quick, so that it can be asked for at every opening.
        if matches!(trouble, Trouble::NoAnswer(_)) {
            self.leave.begin(Instant::now());
        }
        report.note_best_way(Some(trouble));
    }
}

impl Report<'_> {
    fn note_best_way(&mut self, trouble: Option<&Trouble>) {
        let name = Way::ProcessLoopback.name();
        self.note_way(trouble.map(|trouble| format!("{name}: {trouble}")));
    }
}
