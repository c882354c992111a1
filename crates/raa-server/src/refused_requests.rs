//! Counts the requests and connections that the server refuses, by reason, and logs some of them.
//!
//! Always: any host can cause refusals, so each reason has at most one log line a minute.

use std::array;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::rate_limit::RateLimit;

const LOG_EVERY: Duration = Duration::from_secs(60);

/// Why a request or a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its address has as many connections as one may have.
    ConnectionsPerAddress,
    /// The server has as many connections as it can have.
    Connections,
    /// Its address has made as many changes as one may make.
    ChangesPerAddress,
    /// It came under a name that is not the server's.
    Host,
    /// A page of another site sent it.
    Origin,
    /// It did not read the answer.
    SlowReader,
}

impl Reason {
    const ALL: [Self; 6] = [
        Self::ConnectionsPerAddress,
        Self::Connections,
        Self::ChangesPerAddress,
        Self::Host,
        Self::Origin,
        Self::SlowReader,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::Connections => "connections",
            Self::ChangesPerAddress => "changes_per_address",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::SlowReader => "slow_reader",
        }
    }
}

/// The numbers of refusals since the server started.
#[derive(Debug)]
pub(crate) struct RefusedRequests([Counter; Reason::ALL.len()]);

#[derive(Debug)]
struct Counter {
    count: AtomicU64,
    log: Mutex<RateLimit>,
}

impl Default for RefusedRequests {
    fn default() -> Self {
        Self(array::from_fn(|_| Counter {
            count: AtomicU64::new(0),
            log: Mutex::new(RateLimit::new(1, LOG_EVERY)),
        }))
    }
}

impl RefusedRequests {
    /// Counts one refusal; `detail` tells operators what was refused.
    pub(crate) fn note(&self, reason: Reason, peer: SocketAddr, detail: &str) {
        let counter = &self.0[reason as usize];
        counter.count.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let mut log = counter.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.permits(now) {
            let suppressed = log.take_suppressed(now);
            let reason = reason.as_str();
            warn!(reason, %peer, suppressed, "refused: {detail}");
        }
    }

    /// Returns the counts by the names of the reasons.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let count = |reason: Reason| self.0[reason as usize].count.load(Ordering::Relaxed);
        let all = Reason::ALL.iter();
        all.map(|&reason| (reason.as_str(), count(reason)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_count() {
        let refused = RefusedRequests::default();
        let peer = SocketAddr::from(([192, 0, 2, 7], 1));
        for (index, &reason) in Reason::ALL.iter().enumerate() {
            for _ in 0..=index {
                refused.note(reason, peer, "test");
            }
        }
        let counts = refused.counts();
        assert_eq!(counts.len(), Reason::ALL.len());
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(counts[reason.as_str()], index as u64 + 1);
        }
    }
}
