//! Writes a line to the log for each client that connects or disconnects, and for each that reports
//! trouble of its capture.
//!
//! Always: forged SSRCs cannot flood the log; lines beyond the limit are counted and summed up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use raa_core::hub::{ClientEvent, Origin};
use raa_core::rtcp::CaptureTrouble;
use tracing::{debug, info};

use super::subscriber::{Subscriber, Work};
use crate::id::ClientId;
use crate::rate_limit::RateLimit;

/// Lines within [`WINDOW`]: enough for all computers of a site that are switched on together.
const LINES: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);

/// The subscriber that writes to the log.
pub(super) struct ClientLog {
    limit: RateLimit,
}

impl Default for ClientLog {
    fn default() -> Self {
        Self {
            limit: RateLimit::new(LINES, WINDOW),
        }
    }
}

impl Subscriber for ClientLog {
    fn handle(&mut self, event: &ClientEvent, now: Instant) {
        match event {
            ClientEvent::Connected { ssrc, from } if self.limit.permits(now) => {
                let (client, address) = (ClientId(*ssrc), address_of(from));
                info!(%client, address, "client connected");
            }
            ClientEvent::Disconnected { ssrc } if self.limit.permits(now) => {
                info!(client = %ClientId(*ssrc), "client disconnected");
            }
            ClientEvent::SenderNamed { ssrc, name } => {
                debug!(client = %ClientId(*ssrc), name = name.as_str(), "client reported its name");
            }
            ClientEvent::CaptureTrouble { ssrc, trouble } if self.limit.permits(now) => {
                let client = ClientId(*ssrc);
                match trouble.map(CaptureTrouble::word) {
                    Some(trouble) => info!(%client, trouble, "client does not hear its computer"),
                    None => info!(%client, "client hears its computer again"),
                }
            }
            ClientEvent::Evicted { ssrc } => {
                debug!(client = %ClientId(*ssrc), "client forgotten to make room for a new one");
            }
            ClientEvent::Expired { ssrc } if self.limit.permits(now) => {
                info!(client = %ClientId(*ssrc), "client forgotten: unconfigured and long gone");
            }
            ClientEvent::Connected { .. }
            | ClientEvent::Disconnected { .. }
            | ClientEvent::CaptureTrouble { .. }
            | ClientEvent::Expired { .. } => {}
        }
    }

    fn end_round(&mut self, now: Instant, _is_last: bool) -> Work<'_> {
        let suppressed = self.limit.take_suppressed(now);
        if suppressed > 0 {
            info!(
                suppressed,
                "too many clients connected, disconnected or changed to log each of them"
            );
        }
        Box::pin(std::future::ready(()))
    }
}

fn address_of(from: &Origin) -> String {
    match from {
        Origin::Network { from, .. } => SocketAddr::to_string(from),
        Origin::Internal => "built in".into(),
    }
}
