//! Stores when clients were last seen, and drops clients that the engine has forgotten.
//!
//! Always: forged SSRCs cannot keep the disk busy; a disk that refuses costs one log line a minute,
//! and everything is stored once it works again.

use std::collections::BTreeSet;
use std::mem;
use std::time::{Duration, Instant, SystemTime};

use raa_core::hub::ClientEvent;
use tracing::{info, warn};

use super::subscriber::{Subscriber, Work};
use crate::control::Control;
use crate::rate_limit::RateLimit;

/// Time between two saves while nothing urgent has happened.
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// Shortest time between two saves, for urgent events such as a disconnect.
const SAVE_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// Added to the time since the last save, because a snapshot is older than the save.
const SNAPSHOT_AGE: Duration = Duration::from_secs(1);
/// Smallest step of the system clock that counts as one; clocks that are kept right move by less.
const CLOCK_STEP: Duration = Duration::from_secs(5);
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
            schedule: Schedule::new(now, SystemTime::now()),
            warnings: RateLimit::new(1, WARN_EVERY),
        }
    }

    async fn save(&mut self, now: Instant) {
        if self.schedule.clock_was_set(now, SystemTime::now()) {
            info!("the system clock was set; storing again when clients were last seen");
        }
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
    began: Instant,
    /// Both clocks at the last attempt.
    clocks: (Instant, SystemTime),
    /// When the last attempt was made.
    tried: Instant,
    /// When the last successful attempt was made.
    saved: Instant,
    is_urgent: bool,
    evicted: BTreeSet<u32>,
}

impl Schedule {
    fn new(now: Instant, wall: SystemTime) -> Self {
        Self {
            began: now,
            clocks: (now, wall),
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

    /// Returns whether the system clock was set since the last call. Times that were stored before are
    /// wrong then, so the next attempt covers everything since the start.
    fn clock_was_set(&mut self, now: Instant, wall: SystemTime) -> bool {
        let (before, wall_before) = mem::replace(&mut self.clocks, (now, wall));
        let expected = wall_before + now.duration_since(before);
        let step = match wall.duration_since(expected) {
            Ok(forwards) => forwards,
            Err(backwards) => backwards.duration(),
        };
        let was_set = step >= CLOCK_STEP;
        if was_set {
            self.saved = self.began;
        }
        was_set
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
        let mut schedule = Schedule::new(start, SystemTime::now());
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
        let mut schedule = Schedule::new(start, SystemTime::now());
        schedule.handle(&ClientEvent::Evicted { ssrc: 1 });
        let (_, evicted) = schedule.begin(start);
        schedule.keep(evicted);
        schedule.handle(&ClientEvent::Evicted { ssrc: 2 });
        assert_eq!(schedule.begin(start).1, [1, 2]);
    }

    #[test]
    fn a_clock_that_was_set_has_all_times_stored_again() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let year_1970 = SystemTime::UNIX_EPOCH + Duration::from_secs(30);
        let right = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut schedule = Schedule::new(start, year_1970);
        assert!(!schedule.clock_was_set(at(60), year_1970 + Duration::from_secs(61)));
        schedule.saved = at(60);
        assert!(schedule.clock_was_set(at(120), right));
        assert_eq!(schedule.begin(at(120)).0, Duration::from_secs(121));
        // Everything is due until an attempt succeeds.
        assert!(!schedule.clock_was_set(at(180), right + Duration::from_secs(60)));
        assert_eq!(schedule.begin(at(180)).0, Duration::from_secs(181));
        schedule.saved = at(180);
        assert_eq!(schedule.begin(at(240)).0, Duration::from_secs(61));
        // Set back.
        assert!(schedule.clock_was_set(at(240), right));
    }

    #[test]
    fn returning_clients_are_not_deleted() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, SystemTime::now());
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
