//! Asks Windows for process loopback, which may take for ever to answer.

use std::time::Instant;

use ::wasapi::AudioClient;

use super::super::question::{LIMIT, Question};
use super::thread::Com;
use super::trouble::Trouble;

#[derive(Default)]
pub(super) struct Activation(Question<Answer>);

type Answer = Result<InApartment, Trouble>;

/// A client on its way from one thread to another.
struct InApartment(AudioClient);

// SAFETY: both threads are in the multi-threaded apartment, all of whose threads may use an
// object that belongs to it (learn.microsoft.com/windows/win32/com/multithreaded-apartments); the
// one that sends it does not use it any more.
#[allow(unsafe_code)]
unsafe impl Send for InApartment {}

impl Activation {
    /// Asks, unless it is being asked already.
    pub(super) fn ask(&mut self, now: Instant) -> Result<(), Trouble> {
        let is_asked = self.0.ask(now, |answer| {
            // What nobody waits for any more is dropped by `deliver`, before COM is.
            match Com::begin() {
                Ok(com) => answer.deliver(activate(&com)),
                Err(trouble) => answer.deliver(Err(trouble)),
            }
        })?;
        is_asked.then_some(()).ok_or(Trouble::NoAnswer(LIMIT))
    }

    /// The answer, once: the client, or why there is none.
    pub(super) fn answer(&mut self, now: Instant) -> Option<Result<AudioClient, Trouble>> {
        let answer = self.0.answer(now)?;
        Some(match answer {
            Ok(answer) => answer.map(|InApartment(client)| client),
            Err(_) => Err(Trouble::NoAnswer(LIMIT)),
        })
    }
}

/// Of all programs but this one.
fn activate(_: &Com) -> Answer {
    let client = AudioClient::new_application_loopback_client(std::process::id(), false)?;
    Ok(InApartment(client))
}
