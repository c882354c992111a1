//! The watch: what happened in the room, who did it, and what pages are told of it.
//!
//! [`Watch`] is the part of the server's state that the engine does not need. Its parts are pure: [`log`]
//! has the entries in memory, [`observer`] makes entries of what clients do, [`peaks`] has the last ten
//! minutes, [`marks`] says who set what, [`groups`] where each computer has its place, and [`walls`] which
//! walls play. `keeper` drives it, `control` adds what operators do, and `store` keeps it. Always: nothing
//! here waits for a disk, and nothing here is asked by the engine.

mod budget;
pub(crate) mod entry;
pub(crate) mod groups;
mod log;
pub(crate) mod marks;
mod observer;
pub(crate) mod peaks;
pub(crate) mod walls;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use raa_core::client::ClientView;
use serde_json::Value;

use crate::clock::ServerClock;
use crate::id::ClientId;
use entry::{By, Entry, Kind};
use groups::Arrangement;
use log::Log;
use marks::{AllMarks, Marks};
pub(crate) use observer::Moment;
use observer::Observer;
use peaks::{Kept, Peaks};
use walls::{NotRemoved, TooManyWalls, Wall, WallReport, Walls};

/// Entries that a page gets when it connects.
pub(crate) const FIRST_ENTRIES: usize = 200;
/// A fader that has not moved for this long rests: the next movement is a new entry.
const FADER_RESTS_MS: i64 = 2000;
/// A desk that has not changed the groups for this long has arranged them.
const GROUPS_REST_MS: i64 = 60_000;
/// Smallest change of the server's clock against Unix time that pages are told: clocks that are kept right
/// move by less.
const CLOCK_STEP_MS: u64 = 100;

/// What an earlier run has left.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Remembered {
    /// Largest id of any entry, 0 if there is none.
    pub(crate) last_id: u64,
    /// The newest entries.
    pub(crate) recent: Vec<Entry>,
    /// The last sound of each client.
    pub(crate) last_sounds: Vec<Entry>,
    pub(crate) marks: Vec<(u32, Marks)>,
    pub(crate) groups: Vec<groups::Group>,
    pub(crate) peaks: Vec<Kept>,
}

/// The watch; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: ServerClock,
    room: Mutex<Room>,
    /// Grows with each change of the log.
    changed: tokio::sync::watch::Sender<u64>,
}

#[derive(Debug)]
struct Room {
    epoch_ms: i64,
    log: Log,
    observer: Observer,
    peaks: Peaks,
    walls: Walls,
    marks: AllMarks,
    groups: Arc<Arrangement>,
    /// The newest entry that later changes of the same kind may continue.
    unfinished: Option<Entry>,
}

/// Returns for how long later changes of the same kind by the same desk continue an entry.
fn open_ms(kind: Kind) -> i64 {
    match kind {
        Kind::Volume => FADER_RESTS_MS,
        Kind::Groups => GROUPS_REST_MS,
        _ => 0,
    }
}

/// What pages and the API show of a client in addition to its view.
#[derive(Debug, Clone, Default)]
pub(crate) struct Details {
    pub(crate) marks: Marks,
    /// Its group, and the place in it.
    pub(crate) place: Option<(u32, u32)>,
    /// Its present or last sound.
    pub(crate) last_sound: Option<Entry>,
}

impl Watch {
    /// Continues with what an earlier run has left; `clock` is the server's.
    pub(crate) fn new(remembered: Remembered, clock: ServerClock) -> Self {
        let now = Instant::now();
        let unix_ms = unix_now_ms();
        let epoch_ms = unix_ms - clock.ms(now);
        // Larger than any revision of an earlier run.
        let revision = u64::try_from(unix_ms).unwrap_or_default();
        let room = Room {
            epoch_ms,
            log: Log::new(remembered.last_id + 1, remembered.recent),
            observer: Observer::new(remembered.last_sounds),
            peaks: Peaks::new(remembered.peaks, epoch_ms),
            walls: Walls::default(),
            marks: AllMarks::new(remembered.marks, now, unix_ms),
            groups: Arc::new(Arrangement::new(revision, remembered.groups)),
            unfinished: None,
        };
        Self(Arc::new(Shared {
            clock,
            room: Mutex::new(room),
            changed: tokio::sync::watch::Sender::new(0),
        }))
    }

    /// Returns a receiver that is notified when the log has changed.
    pub(crate) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Compares the clients of a snapshot, sorted by SSRC, with those before. Returns whether a second of
    /// peaks is over.
    pub(crate) fn observe(&self, taken: Instant, clients: &[ClientView]) -> bool {
        let unix_ms = unix_at(taken);
        let mut room = self.lock();
        let epoch_ms = unix_ms - self.0.clock.ms(taken);
        if epoch_ms.abs_diff(room.epoch_ms) > CLOCK_STEP_MS {
            room.epoch_ms = epoch_ms;
        }
        let at = Moment {
            now: taken,
            unix_ms,
        };
        let Room { observer, log, .. } = &mut *room;
        observer.observe(at, clients, log);
        let is_over = room.peaks.observe(self.0.clock.ms(taken), clients);
        self.tell(&room);
        is_over
    }

    /// Returns an entry about what an operator or the server does, which is in the log once
    /// [`Watch::stored`] is called with it. A fader that still moves continues its entry, and so does a desk
    /// that arranges groups.
    pub(crate) fn act(
        &self,
        kind: Kind,
        by: By,
        client: Option<&ClientView>,
        change: [Value; 2],
    ) -> Entry {
        let now_ms = unix_now_ms();
        let mut room = self.lock();
        let id = client.map(|client| ClientId(client.ssrc));
        let [from, to] = change;
        let unfinished = room.unfinished.clone().filter(|unfinished| {
            let rested_ms = now_ms - unfinished.ended_ms.unwrap_or(unfinished.at_ms);
            (unfinished.kind, unfinished.client, unfinished.by.as_ref()) == (kind, id, Some(&by))
                && (0..open_ms(kind)).contains(&rested_ms)
                && (unfinished.to == from)
        });
        if let Some(unfinished) = unfinished {
            return Entry {
                to,
                ended_ms: Some(now_ms),
                count: unfinished.count + u64::from(kind == Kind::Groups),
                ..unfinished
            };
        }
        Entry {
            client: id,
            name: client.map_or_else(String::new, |client| client.name().to_owned()),
            by: Some(by),
            from,
            to,
            ..room.log.begin(now_ms, kind)
        }
    }

    /// Shows entries that have been stored.
    pub(crate) fn stored(&self, entries: Vec<Entry>) {
        let mut room = self.lock();
        for entry in entries {
            if open_ms(entry.kind) > 0 && !entry.undone {
                room.unfinished = Some(entry.clone());
            }
            room.log.show(entry);
        }
        self.tell(&room);
    }

    /// Finishes the newest entry: the next change makes one of its own.
    pub(crate) fn finish_entry(&self) {
        self.lock().unfinished = None;
    }

    /// Adds an entry that waits for the disk.
    pub(crate) fn put(&self, entry: Entry) {
        let mut room = self.lock();
        room.log.put(entry);
        self.tell(&room);
    }

    /// Ends what goes on, because the server stops.
    pub(crate) fn end(&self) {
        let at = Moment {
            now: Instant::now(),
            unix_ms: unix_now_ms(),
        };
        let mut room = self.lock();
        let Room { observer, log, .. } = &mut *room;
        observer.end(at, log);
        let mut stopped = log.begin(at.unix_ms, Kind::ServerStopped);
        stopped.by = Some(By::server());
        log.put(stopped);
    }

    /// Shows sounds that were stored as seen.
    pub(crate) fn show_seen(&self, stored: Vec<Entry>, by: &By, at_ms: i64) {
        let ids: BTreeSet<u64> = stored.iter().map(|entry| entry.id).collect();
        let mut room = self.lock();
        room.log.show_seen(stored, by, at_ms);
        room.observer.mark_seen(&ids, by, at_ms);
        self.tell(&room);
    }

    /// Returns the entries that the disk lacks; those that it refuses must be given back.
    pub(crate) fn take_pending(&self) -> Vec<Entry> {
        self.lock().log.take_pending()
    }

    /// Takes back what could not be stored.
    pub(crate) fn give_back(&self, entries: Vec<Entry>) {
        self.lock().log.give_back(entries);
    }

    /// Returns how many entries were lost because the disk took none for too long.
    pub(crate) fn lost(&self) -> u64 {
        self.lock().log.lost()
    }

    /// Returns the newest entries, up to `most`, the oldest first.
    pub(crate) fn newest(&self, most: usize) -> Vec<Entry> {
        self.lock().log.newest(most)
    }

    /// Returns the entries that have changed after the change with this number, and the number of the
    /// newest change.
    pub(crate) fn changed_since(&self, number: u64) -> (Vec<Entry>, u64) {
        self.lock().log.changed_since(number)
    }

    /// Returns the details of a client.
    pub(crate) fn details(&self, ssrc: u32) -> Details {
        self.lock().details(ssrc)
    }

    /// Returns the details of these clients.
    pub(crate) fn details_of(&self, clients: &[ClientView]) -> Vec<Details> {
        let room = self.lock();
        clients
            .iter()
            .map(|client| room.details(client.ssrc))
            .collect()
    }

    /// Returns the marks of a client.
    pub(crate) fn marks(&self, ssrc: u32) -> Marks {
        self.lock().marks.get(ssrc)
    }

    /// Replaces the marks of a client.
    pub(crate) fn set_marks(&self, ssrc: u32, marks: Marks) {
        self.lock()
            .marks
            .set(ssrc, marks, Instant::now(), unix_now_ms());
    }

    /// Returns the clients whose mutes are over.
    pub(crate) fn mutes_over(&self, now: Instant) -> Vec<u32> {
        self.lock().marks.over(now)
    }

    /// Forgets what is known about the settings of clients that were deleted.
    pub(crate) fn forget(&self, ssrcs: &[u32]) {
        let mut room = self.lock();
        for &ssrc in ssrcs {
            room.marks.remove(ssrc);
        }
    }

    /// Returns the groups.
    pub(crate) fn groups(&self) -> Arc<Arrangement> {
        self.lock().groups.clone()
    }

    /// Replaces the groups.
    pub(crate) fn set_groups(&self, groups: Arrangement) {
        self.lock().groups = Arc::new(groups);
    }

    /// Takes what a wall reports; see [`Walls::report`].
    pub(crate) fn report_wall(
        &self,
        id: Option<u32>,
        report: WallReport,
        address: IpAddr,
    ) -> Result<u32, TooManyWalls> {
        let now = Instant::now();
        self.lock().walls.report(id, report, address, now)
    }

    /// Takes note that a wall's connection has ended, or that it is a wall no longer.
    pub(crate) fn end_wall(&self, id: u32, is_gone: bool) {
        let mut room = self.lock();
        if is_gone {
            room.walls.end(id, Instant::now());
        } else {
            room.walls.remove(id);
        }
    }

    /// Removes a wall that is gone; see [`Walls::remove_gone`].
    pub(crate) fn remove_wall(&self, id: u32) -> Result<(), NotRemoved> {
        self.lock().walls.remove_gone(id)
    }

    /// Returns the walls, by name.
    pub(crate) fn walls(&self) -> Vec<Wall> {
        let mut room = self.lock();
        room.walls.forget_old(Instant::now());
        room.walls.list()
    }

    /// Returns the Unix time in ms at which the server's clock was 0.
    pub(crate) fn epoch_ms(&self) -> i64 {
        self.lock().epoch_ms
    }

    /// Returns the present second and the bytes of those before it; see [`Peaks::all`].
    pub(crate) fn all_peaks(&self) -> (i64, Vec<(u32, Vec<u8>)>) {
        let room = self.lock();
        (room.peaks.second(), room.peaks.all().collect())
    }

    /// Returns the present second of the peaks.
    pub(crate) fn second(&self) -> i64 {
        self.lock().peaks.second()
    }

    /// Returns the newest whole second and its bytes; see [`Peaks::newest`].
    pub(crate) fn newest_peaks(&self) -> (i64, Vec<(u32, u8)>) {
        let room = self.lock();
        (room.peaks.second() - 1, room.peaks.newest().collect())
    }

    /// Returns the peaks that are to be kept over a restart.
    pub(crate) fn keep_peaks(&self) -> Vec<Kept> {
        let room = self.lock();
        room.peaks.keep(room.epoch_ms)
    }

    fn tell(&self, room: &Room) {
        let newest = room.log.newest_change();
        self.0.changed.send_if_modified(|told| {
            let is_news = *told != newest;
            *told = newest;
            is_news
        });
    }

    fn lock(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn details(&self, ssrc: u32) -> Details {
        Details {
            marks: self.marks.get(ssrc),
            place: self.groups.place(ssrc),
            last_sound: self.observer.last_sound(ssrc).cloned(),
        }
    }
}

/// Returns the present Unix time in ms; 0 while the clock is before 1970.
pub(crate) fn unix_now_ms() -> i64 {
    unix_at(Instant::now())
}

/// Returns the Unix time in ms of a moment that was a short time ago.
fn unix_at(at: Instant) -> i64 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let unix: Duration = unix.unwrap_or_default().saturating_sub(at.elapsed());
    i64::try_from(unix.as_millis()).unwrap_or(i64::MAX)
}
