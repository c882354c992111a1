//! Asks Windows for process loopback, which may never answer.

use std::time::Instant;

use ::wasapi::AudioClient;

use super::super::programs::Target;
use super::super::question::{LIMIT, Question};
use super::thread::Com;
use crate::status::CaptureTrouble;

#[derive(Default)]
pub(super) struct Activation(Question<Answer>);

type Answer = Result<InApartment, CaptureTrouble>;

/// An audio client on its way from one thread to another.
struct InApartment(AudioClient);

// SAFETY: both threads are in the multi-threaded apartment, all of whose threads may use an
// object that belongs to it (learn.microsoft.com/windows/win32/com/multithreaded-apartments); the
// sending thread no longer uses it.
#[allow(unsafe_code)]
unsafe impl Send for InApartment {}

impl Activation {
    /// Asks, unless a question is already open.
    pub(super) fn ask(&mut self, now: Instant, target: Target) -> Result<(), CaptureTrouble> {
        let is_asked = self.0.ask(now, move |answer| {
            // `deliver` drops an answer that is no longer wanted, before COM ends.
            match Com::begin() {
                Ok(com) => answer.deliver(activate(&com, target)),
                Err(trouble) => answer.deliver(Err(trouble)),
            }
        })?;
        is_asked
            .then_some(())
            .ok_or(CaptureTrouble::NoAnswer(LIMIT))
    }

    /// Returns the answer once: the audio client, or why there is none.
    pub(super) fn answer(&mut self, now: Instant) -> Option<Result<AudioClient, CaptureTrouble>> {
        let answer = self.0.answer(now)?;
        Some(match answer {
            Ok(answer) => answer.map(|InApartment(client)| client),
            Err(_) => Err(CaptureTrouble::NoAnswer(LIMIT)),
        })
    }
}

/// Activates the loopback of all programs except the target, or of the target only.
fn activate(_: &Com, target: Target) -> Answer {
    let Target { id, is_included } = target;
    let client = AudioClient::new_application_loopback_client(id, is_included)?;
    Ok(InApartment(client))
}
