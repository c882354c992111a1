//! Gives the log of operators' changes its rounds.

use std::time::Instant;

use raa_core::hub::ClientEvent;

use super::subscriber::{Subscriber, Work};
use crate::change_log::ChangeLog;

impl Subscriber for ChangeLog {
    fn handle(&mut self, _: &ClientEvent, _: Instant) {}

    fn end_round(&mut self, now: Instant, is_last: bool) -> Work<'_> {
        self.write_rested(now, is_last);
        Box::pin(std::future::ready(()))
    }
}
