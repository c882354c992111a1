//! The frames that a jitter buffer holds, in the order of their timestamps.
//!
//! Always: at most [`CAPACITY`] packets and [`CAPACITY_BYTES`] bytes, beyond which the oldest go;
//! payload buffers are reused, so that in the steady state nothing is allocated.

use std::collections::VecDeque;

use crate::sequence::Place;

/// Packets held at most: over half a second of the shortest, which last 2.5 ms.
pub(super) const CAPACITY: usize = 256;
/// Bytes held at most: a second at the highest bitrate of Opus.
pub(super) const CAPACITY_BYTES: usize = 64 << 10;
/// Provisional frames held at most: 160 ms of the usual 20 ms.
const MAX_PROVISIONAL: usize = 8;
/// Size above which a buffer is not kept for reuse, so that huge packets do not stay in memory.
const REUSED_BUFFER_BYTES: usize = 1500;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) samples: i64,
    /// Lateness in samples of a frame that came in another packet; `None` once its own has come.
    pub(super) repairs: Option<f64>,
    /// Whether it is played only if its place stays empty.
    is_provisional: bool,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    spare: Vec<Vec<u8>>,
    /// False only if no frame is provisional.
    has_provisional: bool,
}

impl Entry {
    /// Whether all of it lies before `cursor`.
    pub(super) fn is_before(&self, cursor: i64) -> bool {
        self.place.timestamp + self.samples <= cursor
    }

    fn overlaps(&self, timestamp: i64, samples: i64) -> bool {
        !self.is_before(timestamp) && self.place.timestamp < timestamp + samples
    }
}

impl Queue {
    #[cfg(test)]
    pub(super) fn buffered_bytes(&self) -> usize {
        let held = self.entries.iter().map(|entry| entry.payload.capacity());
        let spare = self.spare.iter().map(Vec::capacity);
        let own = self.entries.capacity() * size_of::<Entry>();
        own + self.spare.capacity() * size_of::<Vec<u8>>() + held.chain(spare).sum::<usize>()
    }

    /// Stores a frame. A frame that is already there stays, and notes whether its own packet came.
    pub(super) fn insert(
        &mut self,
        place: Place,
        samples: i64,
        repairs: Option<f64>,
        payload: &[u8],
    ) {
        if self.has_provisional {
            self.drop_provisional(|entry| entry.overlaps(place.timestamp, samples));
        }
        let at = self.place_of(place.timestamp);
        if at == self.entries.len() {
            let entry = self.entry(place, samples, repairs, payload);
            return self.entries.push_back(entry);
        }
        if let Some(there) = self.entries.get_mut(at)
            && there.place.timestamp == place.timestamp
        {
            if repairs.is_none() {
                (there.repairs, there.place) = (None, place);
            }
            return;
        }
        let entry = self.entry(place, samples, repairs, payload);
        self.entries.insert(at, entry);
    }

    /// Copies a frame into a spare buffer and counts its bytes.
    fn entry(&mut self, place: Place, samples: i64, repairs: Option<f64>, payload: &[u8]) -> Entry {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        self.bytes += payload.len();
        Entry {
            place,
            samples,
            repairs,
            is_provisional: false,
            payload: buffer,
        }
    }

    /// Stores a frame that every other one displaces, if its place is empty or if it `displaces` another
    /// provisional one. At most [`MAX_PROVISIONAL`] are held, and no other frame leaves to make room for one.
    pub(super) fn insert_provisional(
        &mut self,
        place: Place,
        samples: i64,
        late: f64,
        payload: &[u8],
        displaces: bool,
    ) {
        if displaces && self.has_provisional {
            self.drop_provisional(|entry| entry.overlaps(place.timestamp, samples));
        }
        let held = self.entries.iter().filter(|entry| entry.is_provisional);
        let is_full = held.count() >= MAX_PROVISIONAL
            || self.entries.len() >= CAPACITY / 2
            || self.bytes + payload.len() > CAPACITY_BYTES / 2;
        let mut others = self.entries.iter();
        if is_full || others.any(|entry| entry.overlaps(place.timestamp, samples)) {
            return;
        }
        self.insert(place, samples, Some(late), payload);
        let at = self
            .entries
            .partition_point(|entry| entry.place.timestamp < place.timestamp);
        if let Some(entry) = self.entries.get_mut(at) {
            (entry.is_provisional, self.has_provisional) = (true, true);
        }
    }

    /// Drops the provisional frames that meet a condition.
    #[cold]
    pub(super) fn drop_provisional(&mut self, is_dropped: impl Fn(&Entry) -> bool) {
        let bytes = &mut self.bytes;
        self.entries.retain(|entry| {
            let is_kept = !(entry.is_provisional && is_dropped(entry));
            *bytes -= if is_kept { 0 } else { entry.payload.len() };
            is_kept
        });
        self.has_provisional = self.entries.iter().any(|entry| entry.is_provisional);
    }

    /// Returns the index for a frame of this timestamp, which nearly always is the end.
    fn place_of(&self, timestamp: i64) -> usize {
        match self.entries.back() {
            Some(last) if last.place.timestamp >= timestamp => self
                .entries
                .partition_point(|e| e.place.timestamp < timestamp),
            _ => self.entries.len(),
        }
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.entries.len() > CAPACITY || self.bytes > CAPACITY_BYTES
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes the oldest packet; [`Queue::recycle`] takes its buffer back.
    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.payload.len();
        Some(entry)
    }

    pub(super) fn drop_front(&mut self) {
        if let Some(entry) = self.pop_front() {
            self.recycle(entry.payload);
        }
    }

    pub(super) fn clear(&mut self) {
        while !self.is_empty() {
            self.drop_front();
        }
    }

    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() <= REUSED_BUFFER_BYTES && self.spare.len() < CAPACITY {
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_packets_are_limited_and_their_buffers_freed() {
        let mut queue = Queue::default();
        for n in 0..100 {
            let place = Place {
                sequence: n,
                timestamp: n * 960,
            };
            queue.insert(place, 960, None, &[0; 8000]);
            if queue.is_overfull() {
                queue.drop_front();
            }
        }
        assert_eq!(queue.len(), 8);
        queue.clear();
        assert_eq!((queue.bytes, queue.spare.len()), (0, 0));
    }
}
