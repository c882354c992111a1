//! Drives the watch: shows it each snapshot, stores its entries once a second, and ends mutes whose time is
//! over.
//!
//! Observing never waits for the disk, so a stuck one delays no page and no sound. Always: at most one
//! write is under way; when the server stops, what happened and the last ten minutes are stored if the
//! disk takes them in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::control::Control;
use crate::engine::EngineHandle;
use crate::rate_limit::RateLimit;
use crate::store::log::Limits;
use crate::watch::entry::{By, Entry, Kind};
use crate::watch::{Watch, unix_now_ms};

/// Time between two writes: what kill -9 can cost of the clients' entries.
const STORE_EVERY: Duration = Duration::from_secs(1);
/// Time after which the log is cut to its limits, and the number of new entries after which it is, too.
const CUT_EVERY: Duration = Duration::from_mins(1);
const CUT_AFTER: usize = 200;
/// Time between two warnings about a disk that refuses.
const WARN_EVERY: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 86_400_000;
/// Time for which a server that has just started deletes nothing because of its age: until the network sets
/// it, the clock of a computer may be wrong by years.
const CLOCK_SETTLES: Duration = Duration::from_hours(1);

/// How much of the log is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// Days after which entries are deleted.
    pub(crate) days: u16,
    /// The most entries.
    pub(crate) count: u32,
}

impl Retention {
    /// Returns the limits at this Unix time, after the server has run this long. Up to [`CUT_AFTER`] entries
    /// and one write come before the next cut, so there is room for them.
    fn limits(self, unix_ms: i64, running: Duration) -> Limits {
        Limits {
            count: self.count - CUT_AFTER as u32,
            since_ms: if running < CLOCK_SETTLES {
                i64::MIN
            } else {
                unix_ms - i64::from(self.days) * DAY_MS
            },
        }
    }
}

/// Keeps the watch until `stop`.
pub(crate) async fn run(
    engine: EngineHandle,
    watch: Watch,
    control: Control,
    retention: Retention,
    stop: CancellationToken,
) {
    watch.put(started(&watch));
    let observing = observe(engine, watch.clone(), control.clone(), stop.clone());
    let storing = store(control.clone(), retention, stop);
    tokio::join!(observing, storing);
    watch.end();
    let stored = control.flush_log(None).await.map(drop);
    if let Err(reason) = stored.and(control.save_peaks().await) {
        warn!(%reason, "what happened last cannot be stored");
    }
}

fn started(watch: &Watch) -> Entry {
    let change = [serde_json::Value::Null, env!("CARGO_PKG_VERSION").into()];
    watch.act(Kind::ServerStarted, By::server(), None, change)
}

async fn observe(engine: EngineHandle, watch: Watch, control: Control, stop: CancellationToken) {
    let mut snapshots = engine.watch();
    let is_ending = Arc::new(AtomicBool::new(false));
    loop {
        let snapshot = snapshots.borrow_and_update().clone();
        watch.observe(snapshot.taken, &snapshot.clients);
        end_mutes(&watch, &control, &is_ending);
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            () = stop.cancelled() => return,
        }
    }
}

/// Ends the mutes that are over in a task of its own, one after the other.
fn end_mutes(watch: &Watch, control: &Control, is_ending: &Arc<AtomicBool>) {
    let over = watch.mutes_over(Instant::now());
    if over.is_empty() || is_ending.swap(true, Ordering::AcqRel) {
        return;
    }
    let (control, is_ending) = (control.clone(), is_ending.clone());
    tokio::spawn(async move {
        // What fails is tried again with the next snapshot.
        let _ = control.end_mutes(over).await;
        is_ending.store(false, Ordering::Release);
    });
}

async fn store(control: Control, retention: Retention, stop: CancellationToken) {
    let mut ticks = interval(STORE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut warnings = RateLimit::new(1, WARN_EVERY);
    let mut cuts = Cuts::default();
    let started = Instant::now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let now = Instant::now();
        let limits = || retention.limits(unix_now_ms(), now - started);
        let limits = cuts.is_due(now).then(limits);
        let stored = tokio::select! {
            stored = control.flush_log(limits) => stored,
            () = stop.cancelled() => return,
        };
        match stored {
            Ok(count) => cuts.note(now, count, limits.is_some()),
            Err(reason) if warnings.permits(now) => {
                warn!(%reason, "cannot store what happened; the newest entries are kept in memory");
            }
            Err(_) => {}
        }
    }
}

/// Decides when the log is cut.
#[derive(Debug, Default)]
struct Cuts {
    last: Option<Instant>,
    /// Entries that were stored since.
    stored: usize,
}

impl Cuts {
    fn is_due(&self, now: Instant) -> bool {
        let is_long_ago = |last: Instant| now.saturating_duration_since(last) >= CUT_EVERY;
        self.stored >= CUT_AFTER || self.last.is_none_or(is_long_ago)
    }

    fn note(&mut self, now: Instant, stored: usize, was_cut: bool) {
        if was_cut {
            *self = Self {
                last: Some(now),
                stored: 0,
            };
        } else {
            self.stored += stored;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_by_time_and_by_number() {
        let start = Instant::now();
        let mut cuts = Cuts::default();
        assert!(cuts.is_due(start));
        cuts.note(start, 500, true);
        assert!(!cuts.is_due(start + CUT_EVERY / 2));
        assert!(cuts.is_due(start + CUT_EVERY));
        cuts.note(start, CUT_AFTER - 1, false);
        assert!(!cuts.is_due(start));
        cuts.note(start, 1, false);
        assert!(cuts.is_due(start));
    }

    #[test]
    fn limits_leave_room_until_the_next_cut() {
        let retention = Retention {
            days: 30,
            count: 1000,
        };
        let limits = retention.limits(30 * DAY_MS + 5, CLOCK_SETTLES);
        assert_eq!((limits.count, limits.since_ms), (800, 5));
    }

    #[test]
    fn a_wrong_clock_at_the_start_deletes_nothing() {
        let retention = Retention {
            days: 30,
            count: 1000,
        };
        let limits = retention.limits(i64::MAX, CLOCK_SETTLES / 2);
        assert_eq!((limits.count, limits.since_ms), (800, i64::MIN));
    }
}
