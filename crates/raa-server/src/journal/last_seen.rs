//! Stores when clients were last seen, and drops clients that the engine has forgotten.
//!
//! Always: forged SSRCs cannot keep the disk busy; a disk that refuses costs one log line a minute,
//! and everything is stored once it works again.

use std::collections::BTreeSet;
use std::mem;
use std::time::{Duration, Instant};

use raa_core::hub::ClientEvent;
use tracing::warn;

use super::subscriber::{Subscriber, Work};
use crate::control::Control;
use crate::rate_limit::RateLimit;

/// Time between two saves while nothing urgent has happened.
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// Shortest time between two saves, for urgent events such as a disconnect.
const SAVE_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// Added to the time since the last save, because a snapshot is older than the save.
const SNAPSHOT_AGE: Duration = Duration::from_secs(1);
/// Time between two warnings about a disk that refuses.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The subscriber that writes to the store.
pub(super) struct LastSeenWriter {
    control: Control,
    schedule: Schedule,
    warnings: RateLimit,
}

impl LastSeenWriter {
    pub(super) fn new(control: Control, now: Instant) -> Self {
        Self {
            control,
            schedule: Schedule::new(now),
            warnings: RateLimit::new(1, WARN_EVERY),
        }
    }

    async fn save(&mut self, now: Instant) {
        let (window, evicted) = self.schedule.begin(now);
        match self.control.save_last_seen(window, evicted.clone()).await {
            Ok(()) => self.schedule.saved = now,
            Err(reason) => {
                self.schedule.keep(evicted);
                if self.warnings.permits(now) {
                    warn!(%reason, "cannot store when clients were last seen");
                }
            }
        }
    }
}

impl Subscriber for LastSeenWriter {
    fn handle(&mut self, event: &ClientEvent, _: Instant) {
        self.schedule.handle(event);
    }

    fn end_round(&mut self, now: Instant, is_last: bool) -> Work<'_> {
        Box::pin(async move {
            if is_last || self.schedule.is_due(now) {
                self.save(now).await;
            }
        })
    }
}

/// Decides when to save, and collects what to delete.
struct Schedule {
    /// When the last attempt was made.
    tried: Instant,
    /// When the last successful attempt was made.
    saved: Instant,
    is_urgent: bool,
    evicted: BTreeSet<u32>,
}

impl Schedule {
    fn new(now: Instant) -> Self {
        Self {
            tried: now,
            saved: now,
            is_urgent: false,
            evicted: BTreeSet::new(),
        }
    }

    fn handle(&mut self, event: &ClientEvent) {
        match *event {
            ClientEvent::Disconnected { .. } => self.is_urgent = true,
            ClientEvent::Evicted { ssrc } | ClientEvent::Expired { ssrc } => {
                self.is_urgent = true;
                self.evicted.insert(ssrc);
            }
            ClientEvent::Connected { ssrc, .. } => _ = self.evicted.remove(&ssrc),
            // After a restart the page shows this name before the sender reports it again.
            ClientEvent::SenderNamed { .. } => self.is_urgent = true,
            ClientEvent::CaptureTrouble { .. } => {}
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let wait = if self.is_urgent {
            SAVE_AT_MOST_EVERY
        } else {
            SAVE_EVERY
        };
        now.duration_since(self.tried) >= wait
    }

    /// Begins an attempt. Returns how far back to look for clients that were seen, so that it
    /// covers everything since the last success, and the clients to delete.
    fn begin(&mut self, now: Instant) -> (Duration, Vec<u32>) {
        let window = now.duration_since(self.saved) + SNAPSHOT_AGE;
        self.tried = now;
        self.is_urgent = false;
        (window, mem::take(&mut self.evicted).into_iter().collect())
    }

    /// Takes back the clients of an attempt that failed, for the next one.
    fn keep(&mut self, evicted: Vec<u32>) {
        self.evicted.extend(evicted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raa_core::hub::Origin;

    const DISCONNECTED: ClientEvent = ClientEvent::Disconnected { ssrc: 1 };

    #[test]
    fn disconnects_are_stored_soon_but_not_too_often() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut schedule = Schedule::new(start);
        assert!(!schedule.is_due(at(59)) && schedule.is_due(at(60)));
        schedule.handle(&DISCONNECTED);
        assert!(!schedule.is_due(at(4)) && schedule.is_due(at(5)));
        assert_eq!(schedule.begin(at(7)).0, Duration::from_secs(8));
        schedule.handle(&DISCONNECTED);
        assert!(!schedule.is_due(at(11)) && schedule.is_due(at(12)));
        assert_eq!(
            schedule.begin(at(12)).0,
            Duration::from_secs(13),
            "nothing has been saved so far"
        );
        schedule.saved = at(12);
        assert_eq!(schedule.begin(at(20)).0, Duration::from_secs(9));
    }

    #[test]
    fn a_failed_save_deletes_its_clients_later() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        schedule.handle(&ClientEvent::Evicted { ssrc: 1 });
        let (_, evicted) = schedule.begin(start);
        schedule.keep(evicted);
        schedule.handle(&ClientEvent::Evicted { ssrc: 2 });
        assert_eq!(schedule.begin(start).1, [1, 2]);
    }

    #[test]
    fn returning_clients_are_not_deleted() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start);
        schedule.handle(&ClientEvent::Evicted { ssrc: 1 });
        schedule.handle(&ClientEvent::Evicted { ssrc: 2 });
        schedule.handle(&ClientEvent::Connected {
            ssrc: 1,
            from: Origin::Internal,
        });
        assert_eq!(schedule.begin(start).1, [2]);
        assert_eq!(schedule.begin(start).1, [0; 0]);
    }
}
