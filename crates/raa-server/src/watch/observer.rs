//! Turns what clients do into entries: sounds, coming and going, bad networks, trouble of a capture. Pure:
//! it compares each snapshot's clients with those of before.
//!
//! A client that does the same again and again, as a flapping network or a beeping device makes it, gets a
//! few entries of its own and then one that counts. Always: what a client can add in an hour is bounded,
//! and so is what all of them can add; what has no entry is counted. A sound that somebody has seen never
//! takes in a later one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use raa_core::client::{ClientView, Status};
use raa_core::quality::Quality;
use raa_core::rtcp::CaptureTrouble;

use super::budget::Budget;
use super::entry::{By, Entry, Kind};
use super::log::{Log, see};
use crate::id::ClientId;

/// Entries of a kind that one client may have at once, and the time for a further one. Twelve an hour show
/// when it began, and how it went on.
const OF_CLIENT: (u32, Duration) = (10, Duration::from_mins(5));
/// The same for all clients together. They are for clients without settings, which anybody can forge.
const OF_ALL: (u32, Duration) = (2000, Duration::from_secs(1));
/// Bad audio for this long is an entry, and good audio for this long ends it.
const BAD_FROM: Duration = Duration::from_secs(2);
const BAD_UNTIL: Duration = Duration::from_secs(10);
/// Time for which further entries that were too many are counted in the same entry.
const SUPPRESSED_TOGETHER_MS: i64 = 3_600_000;

/// The same moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// On the clock that nobody sets.
    pub(crate) now: Instant,
    /// Unix time in ms.
    pub(crate) unix_ms: i64,
}

impl Moment {
    /// Returns the Unix time of the moment `ago` before.
    fn before(self, ago: Duration) -> i64 {
        self.unix_ms - i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What of a client is noted apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Sound,
    Link,
    Network,
    Capture,
}

const MATTERS: usize = 4;

/// What is known of all clients.
#[derive(Debug)]
pub(crate) struct Observer {
    clients: BTreeMap<u32, Observed>,
    /// For sounds, and for everything else.
    budgets: [Budget; 2],
    suppressed: Option<Entry>,
}

/// What is known of one client.
#[derive(Debug)]
struct Observed {
    is_online: bool,
    is_sounding: bool,
    /// Begin of the newest sound that was noted.
    sound: Option<Instant>,
    is_bad: bool,
    /// Since when its audio is not as `is_bad` says.
    otherwise_since: Option<Instant>,
    trouble: Option<CaptureTrouble>,
    /// The newest entry of each matter.
    newest: [Option<Entry>; MATTERS],
    /// Peak of the sounds that the newest entry has counted before the present one.
    peak_dbfs: Option<f64>,
    budgets: [Budget; MATTERS],
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            is_online: false,
            is_sounding: false,
            sound: None,
            is_bad: false,
            otherwise_since: None,
            trouble: None,
            newest: [const { None }; MATTERS],
            peak_dbfs: None,
            budgets: [Budget::new(OF_CLIENT.0, OF_CLIENT.1); MATTERS],
        }
    }
}

impl Observer {
    /// Knows the last sound of each client of earlier runs.
    pub(crate) fn new(last_sounds: Vec<Entry>) -> Self {
        let mut clients: BTreeMap<u32, Observed> = BTreeMap::new();
        for sound in last_sounds {
            if let Some(ClientId(ssrc)) = sound.client {
                clients.entry(ssrc).or_default().newest[Matter::Sound as usize] = Some(sound);
            }
        }
        Self {
            clients,
            budgets: [Budget::new(OF_ALL.0, OF_ALL.1); 2],
            suppressed: None,
        }
    }

    /// Compares the clients, which are sorted by SSRC, with those of before.
    pub(crate) fn observe(&mut self, at: Moment, clients: &[ClientView], log: &mut Log) {
        for client in clients {
            let observed = self.clients.entry(client.ssrc).or_default();
            let mut noting = Noting {
                at,
                client,
                observed,
                budgets: &mut self.budgets,
                log,
                suppressed: 0,
            };
            noting.note_link();
            noting.note_sound();
            noting.note_network();
            noting.note_capture();
            let suppressed = noting.suppressed;
            if suppressed > 0 {
                self.note_suppressed(at, suppressed, log);
            }
        }
        if self.clients.len() > clients.len() {
            self.forget_gone(at, clients, log);
        }
    }

    /// Returns the entry of a client's present or last sound.
    pub(crate) fn last_sound(&self, ssrc: u32) -> Option<&Entry> {
        self.clients.get(&ssrc)?.newest[Matter::Sound as usize].as_ref()
    }

    /// Marks sounds as seen.
    pub(crate) fn mark_seen(&mut self, ids: &std::collections::BTreeSet<u64>, by: &By, at_ms: i64) {
        for observed in self.clients.values_mut() {
            let newest = observed.newest[Matter::Sound as usize].as_mut();
            if let Some(entry) = newest.filter(|entry| ids.contains(&entry.id)) {
                see(entry, by, at_ms);
            }
        }
    }

    /// Ends what goes on, because the server stops.
    pub(crate) fn end(&mut self, at: Moment, log: &mut Log) {
        for observed in self.clients.values_mut() {
            observed.end(at.unix_ms, log);
        }
    }

    fn forget_gone(&mut self, at: Moment, clients: &[ClientView], log: &mut Log) {
        let is_there = |ssrc: &u32| {
            clients
                .binary_search_by_key(ssrc, |client| client.ssrc)
                .is_ok()
        };
        self.clients.retain(|ssrc, observed| {
            let is_kept = is_there(ssrc);
            if !is_kept {
                observed.end(at.unix_ms, log);
            }
            is_kept
        });
    }

    fn note_suppressed(&mut self, at: Moment, count: u64, log: &mut Log) {
        let together = at.unix_ms - SUPPRESSED_TOGETHER_MS;
        let newest = self
            .suppressed
            .take()
            .filter(|entry| entry.at_ms > together);
        let mut entry = newest.unwrap_or_else(|| {
            let mut entry = log.begin(at.unix_ms, Kind::Suppressed);
            entry.count = 0;
            entry
        });
        entry.count += count;
        entry.ended_ms = Some(at.unix_ms);
        log.put(entry.clone());
        self.suppressed = Some(entry);
    }
}

impl Observed {
    /// Ends a sound and a time of bad audio.
    fn end(&mut self, at_ms: i64, log: &mut Log) {
        for matter in [Matter::Sound, Matter::Network] {
            if let Some(entry) = &mut self.newest[matter as usize]
                && entry.ended_ms.is_none()
            {
                entry.ended_ms = Some(at_ms.max(entry.at_ms));
                log.put(entry.clone());
            }
        }
        (self.is_sounding, self.is_bad) = (false, false);
    }
}

/// The comparison of one client with what is known of it.
struct Noting<'a> {
    at: Moment,
    client: &'a ClientView,
    observed: &'a mut Observed,
    budgets: &'a mut [Budget; 2],
    log: &'a mut Log,
    suppressed: u64,
}

impl Noting<'_> {
    fn note_link(&mut self) {
        let is_online = self.client.status != Status::Offline;
        if std::mem::replace(&mut self.observed.is_online, is_online) == is_online {
            return;
        }
        let kind = if is_online {
            Kind::Connected
        } else {
            Kind::Offline
        };
        self.add(Matter::Link, kind, self.at.unix_ms);
    }

    fn note_sound(&mut self) {
        let is_sounding = self.client.status == Status::Sounding;
        let began = self.client.sound_began_ago.zip(self.at.began(self.client));
        if let Some((ago, began)) = began
            && self.observed.sound != Some(began)
        {
            self.end_sound();
            self.observed.sound = Some(began);
            let newest = self.observed.newest[Matter::Sound as usize].as_ref();
            self.observed.peak_dbfs = newest.and_then(|entry| entry.peak_dbfs);
            if !self.add(Matter::Sound, Kind::Sound, self.at.before(ago)) {
                self.observed.peak_dbfs = None;
            }
            self.observed.is_sounding = true;
        }
        if self.observed.is_sounding && !is_sounding {
            self.end_sound();
        }
    }

    /// Ends the present sound, whose end and peak the core knows.
    fn end_sound(&mut self) {
        let was_sounding = std::mem::replace(&mut self.observed.is_sounding, false);
        let Some(entry) = &mut self.observed.newest[Matter::Sound as usize] else {
            return;
        };
        if !was_sounding || entry.ended_ms.is_some() {
            return;
        }
        let ended = self.client.last_sound_ago.unwrap_or_default();
        entry.ended_ms = Some(self.at.before(ended).max(entry.at_ms));
        let peak = self
            .client
            .sound_peak_dbfs
            .map(|dbfs| (f64::from(dbfs) * 10.0).round() / 10.0);
        let peaks = [peak, self.observed.peak_dbfs].into_iter().flatten();
        entry.peak_dbfs = peaks.reduce(f64::max);
        self.log.put(entry.clone());
    }

    fn note_network(&mut self) {
        let quality = self.client.quality.map(|report| report.quality);
        let is_bad = quality == Some(Quality::Bad);
        let observed = &mut *self.observed;
        if is_bad == observed.is_bad {
            observed.otherwise_since = None;
            return;
        }
        let now = self.at.now;
        let since = *observed.otherwise_since.get_or_insert(now);
        let lasts = now.saturating_duration_since(since);
        let least = if is_bad { BAD_FROM } else { BAD_UNTIL };
        if lasts < least && self.client.status != Status::Offline {
            return;
        }
        let changed_ms = self.at.before(lasts);
        (observed.is_bad, observed.otherwise_since) = (is_bad, None);
        if is_bad {
            self.add(Matter::Network, Kind::NetworkBad, changed_ms);
        } else if let Some(entry) = &mut observed.newest[Matter::Network as usize]
            && entry.ended_ms.is_none()
        {
            entry.ended_ms = Some(changed_ms.max(entry.at_ms));
            self.log.put(entry.clone());
        }
    }

    fn note_capture(&mut self) {
        let trouble = self.client.capture_trouble;
        if std::mem::replace(&mut self.observed.trouble, trouble) == trouble {
            return;
        }
        // A client that went offline reports nothing, which does not mean that it hears again.
        if trouble.is_some() || self.client.status != Status::Offline {
            self.add(Matter::Capture, Kind::Capture, self.at.unix_ms);
        }
    }

    /// Adds an entry, or counts it in the newest one of its matter. Returns whether it was counted.
    fn add(&mut self, matter: Matter, kind: Kind, at_ms: i64) -> bool {
        let (now, place) = (self.at.now, matter as usize);
        let newest = self.observed.newest[place].take();
        let newest = newest.filter(|entry| entry.client.is_some());
        let of_all = &mut self.budgets[usize::from(matter != Matter::Sound)];
        let is_seen = newest.as_ref().is_some_and(|entry| entry.seen_by.is_some());
        let is_affordable = self.observed.budgets[place].take(now)
            && (self.client.settings.is_configured() || of_all.take(now));
        let counted = newest.filter(|_| !is_affordable && !is_seen);
        let is_counted = counted.is_some();
        let entry = match counted {
            Some(mut entry) => {
                entry.count += 1;
                entry.kind = kind;
                entry
            }
            None if is_affordable || is_seen => self.log.begin(at_ms, kind),
            None => {
                self.suppressed += 1;
                return false;
            }
        };
        let has_end = matches!(kind, Kind::Sound | Kind::NetworkBad);
        let entry = Entry {
            client: Some(ClientId(self.client.ssrc)),
            name: self.client.name().to_owned(),
            ended_ms: (is_counted && !has_end).then_some(at_ms),
            peak_dbfs: None,
            to: match (kind, self.client.capture_trouble) {
                (Kind::Capture, Some(trouble)) => trouble.word().into(),
                _ => serde_json::Value::Null,
            },
            ..entry
        };
        self.log.put(entry.clone());
        self.observed.newest[place] = Some(entry);
        is_counted
    }
}

impl Moment {
    /// Returns when a client's present or last sound began.
    fn began(self, client: &ClientView) -> Option<Instant> {
        self.now.checked_sub(client.sound_began_ago?)
    }
}

#[cfg(test)]
mod tests;
