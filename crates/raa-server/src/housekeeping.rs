//! What happens beside the sound, twice a second: the log of who comes and goes, and
//! storing when clients were last heard.
//!
//! Always: forged SSRCs can neither flood the log nor keep the disk busy; a disk that refuses
//! costs a log line a minute and nothing else.

use std::collections::BTreeSet;
use std::mem;
use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use raa_core::hub::{ClientEvent, Origin};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::control::Control;
use crate::id::ClientId;

/// Last-heard times are stored this often while clients are heard,
const SAVE_EVERY: Duration = Duration::from_secs(60);
/// and sooner when one goes away, but not more often than this.
const SAVE_AT_MOST_EVERY: Duration = Duration::from_secs(5);
/// How often a disk that refuses is complained about.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// Lines about comings and goings in one window; a room full of computers switched on at once
/// fits in.
const LOG_LINES: u32 = 100;
const LOG_WINDOW: Duration = Duration::from_secs(10);
/// How often the engine's events are looked at: soon enough for the log, and before a flood of
/// forged SSRCs fills their queue.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs until `stop`, then stores a last time.
pub(crate) async fn run(events: Receiver<ClientEvent>, control: Control, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut log = LogLimit::new(Instant::now());
    let mut saves = Saves::new(Instant::now());
    loop {
        let is_over = tokio::select! {
            () = stop.cancelled() => true,
            _ = looks.tick() => false,
        };
        let now = Instant::now();
        for event in events.try_iter() {
            saves.take(&event);
            log_event(&event, &mut log, now);
        }
        if let Some(suppressed) = log.close_window(now) {
            info!(
                suppressed,
                "more clients connected and disconnected than are logged"
            );
        }
        if is_over || saves.is_due(now) {
            save(&control, &mut saves, now).await;
        }
        if is_over {
            return;
        }
    }
}

async fn save(control: &Control, saves: &mut Saves, now: Instant) {
    let (window, evicted) = saves.begin(now);
    match control.save_last_seen(window, evicted).await {
        Ok(()) => saves.saved = now,
        Err(reason) if saves.may_complain(now) => {
            warn!(%reason, "when clients were last heard cannot be stored");
        }
        Err(_said_already) => {}
    }
}

fn log_event(event: &ClientEvent, limit: &mut LogLimit, now: Instant) {
    match event {
        ClientEvent::Connected { ssrc, from } if limit.permits(now) => {
            let (client, address) = (ClientId(*ssrc), address_of(from));
            info!(%client, address, "client connected");
        }
        ClientEvent::Disconnected { ssrc } if limit.permits(now) => {
            info!(client = %ClientId(*ssrc), "client disconnected");
        }
        ClientEvent::SenderNamed { ssrc, name } => {
            debug!(client = %ClientId(*ssrc), name = name.as_str(), "client says its name");
        }
        ClientEvent::Evicted { ssrc } => {
            debug!(client = %ClientId(*ssrc), "client forgotten in favour of a new one");
        }
        ClientEvent::Connected { .. } | ClientEvent::Disconnected { .. } => {}
    }
}

fn address_of(from: &Origin) -> String {
    match from {
        Origin::Network(address) => SocketAddr::to_string(address),
        Origin::Internal => "built in".into(),
    }
}

/// When to store, and what has gathered meanwhile.
struct Saves {
    tried: Instant,
    saved: Instant,
    is_pressing: bool,
    evicted: BTreeSet<u32>,
    complained: Option<Instant>,
}

impl Saves {
    fn new(now: Instant) -> Self {
        Self {
            tried: now,
            saved: now,
            is_pressing: false,
            evicted: BTreeSet::new(),
            complained: None,
        }
    }

    fn take(&mut self, event: &ClientEvent) {
        match *event {
            ClientEvent::Disconnected { .. } => self.is_pressing = true,
            ClientEvent::Evicted { ssrc } => {
                self.is_pressing = true;
                self.evicted.insert(ssrc);
            }
            ClientEvent::Connected { ssrc, .. } => _ = self.evicted.remove(&ssrc),
            // After a restart the page shows this name before the sender says it again.
            ClientEvent::SenderNamed { .. } => self.is_pressing = true,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let wait = if self.is_pressing {
            SAVE_AT_MOST_EVERY
        } else {
            SAVE_EVERY
        };
        now.duration_since(self.tried) >= wait
    }

    /// Everything since the last success: how far back to look for clients that were heard, and
    /// whom to forget. A little more than that, because snapshots are older than `now`.
    fn begin(&mut self, now: Instant) -> (Duration, Vec<u32>) {
        let window = now.duration_since(self.saved) + Duration::from_secs(1);
        self.tried = now;
        self.is_pressing = false;
        (window, mem::take(&mut self.evicted).into_iter().collect())
    }

    fn may_complain(&mut self, now: Instant) -> bool {
        let is_time = self
            .complained
            .is_none_or(|at| now.duration_since(at) >= COMPLAIN_EVERY);
        if is_time {
            self.complained = Some(now);
        }
        is_time
    }
}

/// So many lines in one window; the rest is counted.
struct LogLimit {
    window: Instant,
    lines: u32,
    suppressed: u64,
}

impl LogLimit {
    fn new(now: Instant) -> Self {
        Self {
            window: now,
            lines: 0,
            suppressed: 0,
        }
    }

    fn permits(&mut self, now: Instant) -> bool {
        if self.suppressed == 0 && now.duration_since(self.window) >= LOG_WINDOW {
            *self = Self::new(now);
        }
        let permitted = self.lines < LOG_LINES;
        if permitted {
            self.lines += 1;
        } else {
            self.suppressed += 1;
        }
        permitted
    }

    /// How many lines were suppressed in a window that is over, if any.
    fn close_window(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.window) < LOG_WINDOW {
            return None;
        }
        let suppressed = mem::replace(self, Self::new(now)).suppressed;
        (suppressed > 0).then_some(suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISCONNECTED: ClientEvent = ClientEvent::Disconnected { ssrc: 1 };

    #[test]
    fn a_flood_is_logged_as_a_number() {
        let start = Instant::now();
        let mut limit = LogLimit::new(start);
        let permitted = (0..1000).filter(|_| limit.permits(start)).count();
        assert_eq!(permitted, LOG_LINES as usize);
        assert_eq!(limit.close_window(start + LOG_WINDOW / 2), None);
        assert_eq!(limit.close_window(start + LOG_WINDOW), Some(900));
        assert_eq!(limit.close_window(start + 2 * LOG_WINDOW), None);
        assert!(limit.permits(start + 2 * LOG_WINDOW));
    }

    #[test]
    fn a_quiet_log_is_never_suppressed() {
        let start = Instant::now();
        let mut limit = LogLimit::new(start);
        for minute in 0..LOG_LINES * 3 {
            assert!(limit.permits(start + Duration::from_secs(60) * minute));
        }
    }

    #[test]
    fn a_disconnect_is_stored_soon_and_a_flood_of_them_not_more_often() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut saves = Saves::new(start);
        assert!(!saves.is_due(at(59)) && saves.is_due(at(60)));
        saves.take(&DISCONNECTED);
        assert!(!saves.is_due(at(4)) && saves.is_due(at(5)));
        assert_eq!(saves.begin(at(7)).0, Duration::from_secs(8));
        saves.take(&DISCONNECTED);
        assert!(!saves.is_due(at(11)) && saves.is_due(at(12)));
        assert_eq!(
            saves.begin(at(12)).0,
            Duration::from_secs(13),
            "nothing was saved so far"
        );
        saves.saved = at(12);
        assert_eq!(saves.begin(at(20)).0, Duration::from_secs(9));
    }

    #[test]
    fn who_was_forgotten_and_came_back_is_not_deleted() {
        let start = Instant::now();
        let mut saves = Saves::new(start);
        saves.take(&ClientEvent::Evicted { ssrc: 1 });
        saves.take(&ClientEvent::Evicted { ssrc: 2 });
        saves.take(&ClientEvent::Connected {
            ssrc: 1,
            from: Origin::Internal,
        });
        assert_eq!(saves.begin(start).1, [2]);
        assert_eq!(saves.begin(start).1, [0; 0]);
    }

    #[test]
    fn a_full_disk_is_complained_about_once_a_minute() {
        let start = Instant::now();
        let mut saves = Saves::new(start);
        assert!(saves.may_complain(start));
        assert!(!saves.may_complain(start + Duration::from_secs(59)));
        assert!(saves.may_complain(start + Duration::from_secs(60)));
    }
}
