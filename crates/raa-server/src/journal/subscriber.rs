//! What the journal asks of everything that records client events.

use std::pin::Pin;
use std::time::Instant;

use raa_core::hub::ClientEvent;

/// Something that records what clients do.
pub(super) trait Subscriber: Send {
    /// Takes note of one event, without waiting for anything.
    fn handle(&mut self, event: &ClientEvent, now: Instant);

    /// Does what is due after a round of events. Rounds wait for each other, so work that can take
    /// long belongs in a task of its own. `is_last` is true once, when the server stops.
    fn end_round(&mut self, now: Instant, is_last: bool) -> Work<'_>;
}

/// The asynchronous part of a subscriber's round.
pub(super) type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
