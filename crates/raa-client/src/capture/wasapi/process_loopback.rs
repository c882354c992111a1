//! Process loopback, the best method: when it is requested, and when it rests.
//!
//! Always: never interrupts sound in order to use it; the reason why it is not in use is in the
//! report.

use std::time::{Duration, Instant};

use ::wasapi::AudioClient;

use super::super::retry::{Cooldown, RetryWhen};
use super::super::{PcmInbox, SenderEnded};
use super::activation::Activation;
use super::report::Report;
use super::stream::Stream;
use crate::status::CaptureTrouble;

/// The pause between two looks for an answer while capturing waits for it.
const CHECK_EVERY: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct ProcessLoopback {
    activation: Activation,
    cooldown: Cooldown,
    retry: RetryWhen,
    /// The answer to a request that was made while another method was in use.
    ready: Option<AudioClient>,
}

impl ProcessLoopback {
    /// Opens it, which takes up to 3 s; `None` if it is not available now.
    pub(super) fn open(
        &mut self,
        pcm: &PcmInbox,
        report: &mut Report,
    ) -> Result<Option<Stream>, SenderEnded> {
        let client = match self.ready.take() {
            Some(client) => Ok(client),
            None if !self.cooldown.is_over(Instant::now()) => return Ok(None),
            None => self.request_and_wait(pcm)?,
        };
        match client.and_then(Stream::process_loopback) {
            Ok(stream) => {
                report.note_process_loopback(None);
                Ok(Some(stream))
            }
            Err(trouble) => {
                self.note_refusal(trouble, report);
                Ok(None)
            }
        }
    }

    /// Takes note of its failure after it was in use for `age`.
    pub(super) fn note_end(
        &mut self,
        trouble: &CaptureTrouble,
        age: Duration,
        report: &mut Report,
    ) {
        let now = Instant::now();
        let is_faulty = matches!(trouble, CaptureTrouble::Fault(_));
        self.cooldown.note_end(now, age, is_faulty);
        if !self.cooldown.is_over(now) {
            report.note_process_loopback(Some(trouble.clone()));
        }
    }

    /// Returns, while another method is in use, whether to change to this one now. Requests it from
    /// time to time.
    pub(super) fn should_open(&mut self, silent_for: Duration, report: &mut Report) -> bool {
        let now = Instant::now();
        match self.activation.answer(now) {
            Some(Ok(client)) => self.ready = Some(client),
            Some(Err(trouble)) => self.note_refusal(trouble, report),
            None => {}
        }
        if self.ready.is_some() {
            return RetryWhen::is_silent(silent_for);
        }
        if self.cooldown.is_over(now) && self.retry.is_due(now, silent_for) {
            self.retry.note_request(now);
            if let Err(trouble) = self.activation.ask(now) {
                self.note_refusal(trouble, report);
            }
        }
        false
    }

    fn request_and_wait(
        &mut self,
        pcm: &PcmInbox,
    ) -> Result<Result<AudioClient, CaptureTrouble>, SenderEnded> {
        let asked = Instant::now();
        self.retry.note_request(asked);
        if let Err(trouble) = self.activation.ask(asked) {
            return Ok(Err(trouble));
        }
        while !pcm.is_closed() {
            if let Some(answer) = self.activation.answer(Instant::now()) {
                return Ok(answer);
            }
            std::thread::sleep(CHECK_EVERY);
        }
        Err(SenderEnded)
    }

    fn note_refusal(&mut self, trouble: CaptureTrouble, report: &mut Report) {
        // All other refusals are quick, so it can be requested whenever the capture is opened.
        if matches!(trouble, CaptureTrouble::NoAnswer(_)) {
            self.cooldown.start(Instant::now());
        }
        report.note_process_loopback(Some(trouble));
    }
}
