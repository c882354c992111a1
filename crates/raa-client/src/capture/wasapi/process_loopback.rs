//! Process loopback, the best method: when it is requested, and when it rests.
//!
//! Always: never interrupts sound in order to use it; the reason why it is not in use is in the
//! report. If programs were chosen or left out, it is the only method and never rests: any other one
//! would send what must not be sent.

use std::time::{Duration, Instant};

use ::wasapi::AudioClient;

use super::super::programs::{self, Target};
use super::super::question::LIMIT;
use super::super::retry::{Cooldown, RetryWhen};
use super::super::{PcmInbox, SenderEnded};
use super::activation::Activation;
use super::processes::processes;
use super::report::Report;
use super::stream::Stream;
use crate::settings::Programs;
use crate::status::CaptureTrouble;

/// The pause between two looks for an answer while capturing waits for it.
const CHECK_EVERY: Duration = Duration::from_millis(10);

pub(super) struct ProcessLoopback {
    programs: Programs,
    buffer_ms: u8,
    /// The target of the latest request.
    target: Option<Target>,
    /// Why the latest request was refused.
    refusal: Option<CaptureTrouble>,
    activation: Activation,
    cooldown: Cooldown,
    retry: RetryWhen,
    /// The answer to a request that was made while another method was in use.
    ready: Option<AudioClient>,
}

impl ProcessLoopback {
    pub(super) fn new(programs: Programs, buffer_ms: u8) -> Self {
        Self {
            programs,
            buffer_ms,
            target: None,
            refusal: None,
            activation: Activation::default(),
            cooldown: Cooldown::default(),
            retry: RetryWhen::default(),
            ready: None,
        }
    }

    /// Returns why nothing can be captured if this method is the only one; `None` if others may be used.
    pub(super) fn only_method(&self) -> Option<CaptureTrouble> {
        let refusal = || self.refusal.clone();
        let is_only = self.programs != Programs::All;
        is_only.then(|| refusal().unwrap_or(CaptureTrouble::NoAnswer(LIMIT)))
    }

    /// Returns whether the program that was chosen or left out has been started or has ended, so that
    /// another process is the target.
    pub(super) fn has_other_target(&self) -> bool {
        self.programs != Programs::All && self.find_target() != self.target
    }

    /// Returns the successor of the stream in use, once it is open. Requests one at the first call.
    pub(super) fn successor(&mut self) -> Option<Result<Stream, CaptureTrouble>> {
        let now = Instant::now();
        let client = match self.activation.answer(now) {
            Some(answer) => answer,
            None => match self.request(now) {
                Ok(()) => return None,
                Err(trouble) => Err(trouble),
            },
        };
        Some(client.and_then(|client| Stream::process_loopback(client, self.buffer_ms)))
    }

    fn find_target(&self) -> Option<Target> {
        // Only a chosen program needs the list.
        let processes = match self.programs {
            Programs::All => Vec::new(),
            _ => processes(),
        };
        programs::target(&self.programs, std::process::id(), self.target, &processes)
    }

    fn request(&mut self, now: Instant) -> Result<(), CaptureTrouble> {
        self.retry.note_request(now);
        self.target = self.find_target();
        match (self.target, &self.programs) {
            (Some(target), _) => self.activation.ask(now, target),
            (None, Programs::All) => Err(CaptureTrouble::NoProgram(String::new())),
            (None, Programs::AllBut(name) | Programs::Only(name)) => {
                Err(CaptureTrouble::NoProgram(name.clone()))
            }
        }
    }

    /// Opens it, which takes up to 3 s; `None` if it is not available now.
    pub(super) fn open(
        &mut self,
        pcm: &PcmInbox,
        report: &mut Report,
    ) -> Result<Option<Stream>, SenderEnded> {
        let client = match self.ready.take() {
            Some(client) => Ok(client),
            None if self.rests(Instant::now()) => return Ok(None),
            None => self.request_and_wait(pcm)?,
        };
        let buffer_ms = self.buffer_ms;
        match client.and_then(|client| Stream::process_loopback(client, buffer_ms)) {
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
        if self.rests(now) {
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
        if !self.rests(now)
            && self.retry.is_due(now, silent_for)
            && let Err(trouble) = self.request(now)
        {
            self.note_refusal(trouble, report);
        }
        false
    }

    fn request_and_wait(
        &mut self,
        pcm: &PcmInbox,
    ) -> Result<Result<AudioClient, CaptureTrouble>, SenderEnded> {
        if let Err(trouble) = self.request(Instant::now()) {
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

    fn rests(&self, now: Instant) -> bool {
        self.programs == Programs::All && !self.cooldown.is_over(now)
    }

    fn note_refusal(&mut self, trouble: CaptureTrouble, report: &mut Report) {
        // All other refusals are quick, so it can be requested whenever the capture is opened.
        if matches!(trouble, CaptureTrouble::NoAnswer(_)) {
            self.cooldown.start(Instant::now());
        }
        self.refusal = Some(trouble.clone());
        report.note_process_loopback(Some(trouble));
    }
}
