//! The log in memory: its newest entries, numbered by their changes for pages, and those that wait for the
//! disk. Pure: time is an argument, and the disk is somebody else's.
//!
//! Always: each list is bounded; an entry that waits for the disk waits in its newest form; a disk that is
//! stuck costs entries, which are counted, and never memory.

use std::collections::BTreeMap;

use super::entry::{By, Entry, Kind};

/// Entries that are kept in memory; a page gets the newest of them when it connects.
pub(super) const RECENT: usize = 500;
/// Entries that can wait for the disk: hours of a calm room, and minutes of the worst.
const MAX_PENDING: usize = 10_000;

/// An entry with the number of its newest change.
#[derive(Debug)]
struct Numbered {
    entry: Entry,
    change: u64,
}

/// The log in memory.
#[derive(Debug)]
pub(crate) struct Log {
    next_id: u64,
    recent: BTreeMap<u64, Numbered>,
    /// Number of the newest change.
    newest_change: u64,
    /// Entries that the disk does not have in this form.
    pending: BTreeMap<u64, Entry>,
    lost: u64,
}

impl Log {
    /// Continues the log of an earlier run: `next_id` is larger than any id in it.
    pub(crate) fn new(next_id: u64, recent: Vec<Entry>) -> Self {
        let recent = recent
            .into_iter()
            .map(|entry| (entry.id, Numbered { entry, change: 0 }));
        Self {
            next_id,
            recent: recent.collect(),
            newest_change: 0,
            pending: BTreeMap::new(),
            lost: 0,
        }
    }

    /// Returns an entry with the next id, which is in no list yet.
    pub(super) fn begin(&mut self, at_ms: i64, kind: Kind) -> Entry {
        let id = self.next_id;
        self.next_id += 1;
        Entry::new(id, at_ms, kind)
    }

    /// Takes a new or changed entry that the disk lacks.
    pub(super) fn put(&mut self, entry: Entry) {
        self.show(entry.clone());
        if self.pending.len() < MAX_PENDING || self.pending.contains_key(&entry.id) {
            self.pending.insert(entry.id, entry);
        } else {
            self.lost += 1;
        }
    }

    /// Takes a new or changed entry that the disk has.
    pub(super) fn show(&mut self, entry: Entry) {
        self.newest_change += 1;
        let change = self.newest_change;
        self.recent.insert(entry.id, Numbered { entry, change });
        // Not the one with the smallest id, which may have changed just now.
        while self.recent.len() > RECENT {
            let oldest = self.recent.values().min_by_key(|numbered| numbered.change);
            let Some(id) = oldest.map(|numbered| numbered.entry.id) else {
                return;
            };
            self.recent.remove(&id);
        }
    }

    /// Shows sounds that were stored as seen. One in memory keeps its form, because it may have ended
    /// since.
    pub(super) fn show_seen(&mut self, stored: Vec<Entry>, by: &By, at_ms: i64) {
        for mut entry in stored {
            if let Some(numbered) = self.recent.get(&entry.id) {
                entry = numbered.entry.clone();
            }
            if let Some(waiting) = self.pending.get_mut(&entry.id) {
                see(waiting, by, at_ms);
                entry = waiting.clone();
            }
            see(&mut entry, by, at_ms);
            self.show(entry);
        }
    }

    /// Returns the newest entries, up to `most`, the oldest first.
    pub(super) fn newest(&self, most: usize) -> Vec<Entry> {
        let skipped = self.recent.len().saturating_sub(most);
        let newest = self.recent.values().skip(skipped);
        newest.map(|numbered| numbered.entry.clone()).collect()
    }

    /// Returns the entries that have changed after the change with this number, and the number of the
    /// newest change. A page that is far behind gets the newest ones only.
    pub(super) fn changed_since(&self, number: u64) -> (Vec<Entry>, u64) {
        let changed = self
            .recent
            .values()
            .filter(|numbered| numbered.change > number);
        let changed = changed.map(|numbered| numbered.entry.clone());
        (changed.collect(), self.newest_change)
    }

    /// Returns the number of the newest change.
    pub(super) fn newest_change(&self) -> u64 {
        self.newest_change
    }

    /// Returns the entries that the disk lacks. Those that it refuses must be given back.
    pub(super) fn take_pending(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.pending).into_values().collect()
    }

    /// Takes back what could not be stored. Entries that have changed since stay as they are.
    pub(super) fn give_back(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if self.pending.len() < MAX_PENDING {
                self.pending.entry(entry.id).or_insert(entry);
            } else {
                self.lost += 1;
            }
        }
    }

    /// Returns how many entries were lost because the disk took none for too long.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

/// Marks a sound as seen, unless it is already.
pub(super) fn see(entry: &mut Entry, by: &By, at_ms: i64) {
    if entry.kind == Kind::Sound && entry.seen_by.is_none() {
        (entry.seen_by, entry.seen_at_ms) = (Some(by.clone()), Some(at_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(log: &mut Log, at_ms: i64) -> u64 {
        let entry = log.begin(at_ms, Kind::Connected);
        let id = entry.id;
        log.put(entry);
        id
    }

    #[test]
    fn every_list_is_bounded() {
        let mut log = Log::new(7, Vec::new());
        for n in 0..MAX_PENDING as i64 + 500 {
            put(&mut log, n);
        }
        assert_eq!(log.recent.len(), RECENT);
        assert_eq!((log.pending.len(), log.lost()), (MAX_PENDING, 500));
        let newest = log.newest(2);
        assert_eq!(newest[1].id, 7 + MAX_PENDING as u64 + 499);
        assert_eq!(newest[0].id + 1, newest[1].id);
    }

    #[test]
    fn a_refused_entry_waits_in_its_newest_form() {
        let mut log = Log::new(1, Vec::new());
        let mut entry = log.begin(0, Kind::Sound);
        log.put(entry.clone());
        let refused = log.take_pending();
        entry.ended_ms = Some(5);
        log.put(entry.clone());
        log.give_back(refused);
        assert_eq!(log.take_pending(), [entry]);
        assert_eq!(log.take_pending(), []);
    }

    #[test]
    fn pages_get_each_change_once() {
        let mut log = Log::new(1, Vec::new());
        let mut first = log.begin(3, Kind::Sound);
        log.put(first.clone());
        let second = put(&mut log, 4);
        let (changed, number) = log.changed_since(0);
        assert_eq!(
            changed.iter().map(|entry| entry.id).collect::<Vec<_>>(),
            [first.id, second]
        );
        assert_eq!(log.changed_since(number), (vec![], number));
        first.ended_ms = Some(9);
        log.put(first.clone());
        assert_eq!(log.changed_since(number), (vec![first.clone()], number + 1));
        // The end of an old sound reaches pages, however much has happened since.
        (0..RECENT as i64).for_each(|n| _ = put(&mut log, n));
        let (_, number) = log.changed_since(0);
        first.count = 2;
        log.put(first.clone());
        assert_eq!(log.changed_since(number).0, [first]);
    }

    #[test]
    fn only_sounds_are_seen_and_only_once() {
        let mut log = Log::new(1, Vec::new());
        put(&mut log, 3);
        let sound = log.begin(4, Kind::Sound);
        log.put(sound);
        let by = |desk| By::host([192, 0, 2, 7].into(), Some(desk));
        let stored = log.newest(2);
        log.show_seen(stored.clone(), &by("first"), 10);
        log.show_seen(stored, &by("second"), 11);
        let pending = log.take_pending();
        assert_eq!(pending, log.newest(2));
        assert_eq!(pending[0].seen_by, None);
        assert_eq!(pending[1].seen_by, Some(by("first")));
        assert_eq!(pending[1].seen_at_ms, Some(10));
    }

    #[test]
    fn a_sound_that_ended_meanwhile_stays_ended() {
        let by = By::host([192, 0, 2, 7].into(), None);
        let mut log = Log::new(1, Vec::new());
        let sound = log.begin(4, Kind::Sound);
        log.put(sound.clone());
        let (_, number) = log.changed_since(0);
        let mut ended = sound.clone();
        ended.ended_ms = Some(9);
        for is_stored in [false, true] {
            log.put(ended.clone());
            if is_stored {
                log.take_pending();
            }
            log.show_seen(vec![sound.clone()], &by, 10);
            let shown = log.changed_since(number).0;
            assert_eq!(
                (shown[0].ended_ms, &shown[0].seen_by),
                (Some(9), &Some(by.clone()))
            );
        }
    }
}
