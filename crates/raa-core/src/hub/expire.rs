//! Clients that leave by themselves.
//!
//! Always: a configured client never leaves by itself, nor does one that is connected; the work of
//! one slot is bounded.

use std::time::Instant;

use super::{ClientEvent, Hub, Output};

/// Clients that leave within one second at most, so that thousands that become due together, as
/// after a long stop of the server, delay no slot and overflow no queue.
const MAX_PER_SECOND: usize = 100;

impl Hub {
    /// Forgets unconfigured clients that went away long ago; must be called once a second.
    pub(super) fn forget_unconfigured(&mut self, now: Instant) {
        let Some(limit) = self.config.forget_unconfigured_after else {
            return;
        };
        let due = |client: &crate::client::Client| client.is_forgotten_after(now, limit);
        let clients = self.clients.iter().filter(|(_, client)| due(client));
        let ssrcs: Vec<u32> = clients
            .map(|(&ssrc, _)| ssrc)
            .take(MAX_PER_SECOND)
            .collect();
        for ssrc in ssrcs {
            self.clients.remove(&ssrc);
            let gone = ClientEvent::Expired { ssrc };
            self.outputs.push_back(Output::Event(gone));
        }
    }
}
