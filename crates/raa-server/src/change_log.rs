//! Writes to the log what operators change: of which client, from which address, from what to what.
//!
//! A person who moves a fader changes the volume many times a second. One line follows when the fader
//! rests, with the volume before the movement and after it; everything else is logged at once.
//! Always: the number of lines and of moving faders is bounded; lines beyond the limit are counted
//! and summed up.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raa_core::client::ClientView;
use raa_core::settings::ClientSettings;
use tracing::info;

use crate::id::ClientId;
use crate::rate_limit::RateLimit;

/// Lines within [`WINDOW`]: more than people can cause by hand.
const LINES: u32 = 100;
const WINDOW: Duration = Duration::from_secs(10);
/// A fader that has not moved for this long rests.
const RESTS_AFTER: Duration = Duration::from_secs(1);
/// Longest time without a line about a fader that keeps moving.
const LONGEST: Duration = Duration::from_secs(10);
/// Faders that can move at the same time; the changes of further ones are logged at once.
const MAX_FADERS: usize = 256;

/// The log of changes; clones share it.
#[derive(Clone)]
pub(crate) struct ChangeLog(Arc<Mutex<State>>);

struct State {
    limit: RateLimit,
    /// By who moves it, and whose it is.
    faders: BTreeMap<(IpAddr, u32), Fader>,
}

/// A fader that moves.
struct Fader {
    name: String,
    peer: SocketAddr,
    from: u8,
    to: u8,
    began: Instant,
    moved: Instant,
}

impl Default for ChangeLog {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            limit: RateLimit::new(LINES, WINDOW),
            faders: BTreeMap::new(),
        })))
    }
}

impl ChangeLog {
    /// Takes note of a change of `old` to `settings` that the host at `peer` has made.
    pub(crate) fn note_change(
        &self,
        now: Instant,
        peer: SocketAddr,
        old: &ClientView,
        settings: &ClientSettings,
    ) {
        let mut state = self.lock();
        let (before, client) = (&old.settings, ClientId(old.ssrc));
        let name = old.name();
        if before.volume != settings.volume {
            let (from, to) = (before.volume.percent(), settings.volume.percent());
            state.move_fader(now, peer, old, from, to);
        }
        if before.muted != settings.muted && state.limit.permits(now) {
            let what = if settings.muted { "muted" } else { "unmuted" };
            let (from, to) = (before.muted, settings.muted);
            info!(%client, name, %peer, from, to, "client {what}");
        }
        if before.name != settings.name && state.limit.permits(now) {
            // Without an operator's name people see the one that the sender reports.
            let (own, reported) = (settings.name.as_ref(), old.sender_name.as_ref());
            let to = own.or(reported).map_or("", |name| name.as_str());
            info!(%client, %peer, from = name, to, "client renamed");
        }
        if before.sounding_from != settings.sounding_from && state.limit.permits(now) {
            let text = |level: Option<raa_core::settings::SoundingFrom>| {
                level.map_or("the server's".into(), |level| level.dbfs().to_string())
            };
            let (from, to) = (text(before.sounding_from), text(settings.sounding_from));
            info!(%client, name, %peer, from, to, "client's sounding_from_dbfs changed");
        }
    }

    /// Takes note of clients that the host at `peer` has deleted.
    pub(crate) fn note_deletion(&self, now: Instant, peer: SocketAddr, clients: &[ClientId]) {
        let Some(client) = clients.first() else {
            return;
        };
        if self.lock().limit.permits(now) {
            info!(%client, %peer, deleted = clients.len(), "clients deleted");
        }
    }

    /// Writes the lines about faders that rest at `now`, or about all of them at the end.
    pub(crate) fn write_rested(&self, now: Instant, is_last: bool) {
        let mut state = self.lock();
        let rests = |fader: &Fader| {
            is_last
                || now.saturating_duration_since(fader.moved) >= RESTS_AFTER
                || now.saturating_duration_since(fader.began) >= LONGEST
        };
        let all = std::mem::take(&mut state.faders);
        let (rested, moving) = all.into_iter().partition(|(_, fader)| rests(fader));
        state.faders = moving;
        for ((_, ssrc), fader) in BTreeMap::into_iter(rested) {
            state.write(now, ssrc, &fader);
        }
        let suppressed = state.limit.take_suppressed(now);
        if suppressed > 0 {
            info!(suppressed, "too many changes to log each of them");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn move_fader(&mut self, now: Instant, peer: SocketAddr, old: &ClientView, from: u8, to: u8) {
        let key = (peer.ip(), old.ssrc);
        if let Some(fader) = self.faders.get_mut(&key) {
            (fader.peer, fader.to, fader.moved) = (peer, to, now);
            return;
        }
        let fader = Fader {
            name: old.name().to_owned(),
            peer,
            from,
            to,
            began: now,
            moved: now,
        };
        if self.faders.len() < MAX_FADERS {
            self.faders.insert(key, fader);
        } else {
            self.write(now, old.ssrc, &fader);
        }
    }

    fn write(&mut self, now: Instant, ssrc: u32, fader: &Fader) {
        let Fader {
            name,
            peer,
            from,
            to,
            ..
        } = fader;
        // A fader that is back where it was has changed nothing.
        if from != to && self.limit.permits(now) {
            let client = ClientId(ssrc);
            info!(%client, name, %peer, from, to, "client's volume changed");
        }
    }
}
