//! The peak of each second of the last ten minutes, of each client: one byte a second. Pure.
//!
//! Always: 600 bytes a client, and nothing for a client that is unknown to the engine.

use std::collections::BTreeMap;
use std::time::Duration;

use raa_core::client::{ClientView, Status};

/// Seconds that are kept.
pub(crate) const SECONDS: usize = 600;
/// The byte of a second is its peak in dBFS plus this; 1 means that the client did not sound, and 0 that no
/// packet came.
const OFFSET: f32 = 121.0;
/// Set in the byte of a second in which sound was missing.
const MISSING: u8 = 0x80;
/// A snapshot's level is that of the 100 ms before it.
const MIDDLE: Duration = Duration::from_millis(50);
/// How long ago a sound may have begun that no snapshot has shown.
const UNNOTICED: Duration = Duration::from_secs(2);

/// The peaks of all clients.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// The present second on the server's clock.
    second: i64,
    clients: BTreeMap<u32, Ring>,
}

#[derive(Debug)]
struct Ring {
    /// The byte of second `s` is at `s` modulo the length.
    bytes: Box<[u8; SECONDS]>,
    /// Frames that were concealed up to the last snapshot.
    concealed: u64,
}

impl Ring {
    fn new(concealed: u64) -> Self {
        Self {
            bytes: Box::new([0; SECONDS]),
            concealed,
        }
    }

    fn raise(&mut self, second: i64, to: u8) {
        let byte = &mut self.bytes[place(second)];
        *byte = (*byte & MISSING) | (*byte & !MISSING).max(to);
    }
}

/// The peaks of one client, as they are kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) ssrc: u32,
    /// Unix time in ms of the end of the last second.
    pub(crate) end_ms: i64,
    pub(crate) bytes: Vec<u8>,
}

impl Peaks {
    /// Continues with what was kept; `epoch_ms` is the Unix time at which the server's clock was 0.
    pub(crate) fn new(kept: Vec<Kept>, epoch_ms: i64) -> Self {
        let mut clients: BTreeMap<u32, Ring> = BTreeMap::new();
        for Kept {
            ssrc,
            end_ms,
            bytes,
        } in kept
        {
            let end = (end_ms - epoch_ms).div_euclid(1000).min(0);
            let ring = clients.entry(ssrc).or_insert_with(|| Ring::new(0));
            for (ago, &byte) in (1..).zip(bytes.iter().rev()) {
                if end - ago > -(SECONDS as i64) {
                    ring.bytes[place(end - ago)] = byte;
                }
            }
        }
        Self { second: 0, clients }
    }

    /// Takes the levels of a snapshot at this time on the server's clock. Returns whether a second is over.
    pub(crate) fn observe(&mut self, now_ms: i64, clients: &[ClientView]) -> bool {
        let second = (now_ms - MIDDLE.as_millis() as i64).div_euclid(1000);
        let is_over = self.advance(second);
        for client in clients {
            let concealed = client.stats.concealed;
            let ring = self
                .clients
                .entry(client.ssrc)
                .or_insert_with(|| Ring::new(concealed));
            if client.status == Status::Offline {
                ring.concealed = concealed;
                continue;
            }
            // What is below its sounding level is noise, and would reach every open page each second.
            let is_loud = f64::from(client.level.peak_dbfs) >= client.sounding_from.dbfs();
            let byte = if is_loud {
                byte(client.level.peak_dbfs)
            } else {
                1
            };
            ring.raise(self.second, byte);
            if concealed > ring.concealed {
                ring.bytes[place(self.second)] |= MISSING;
            }
            ring.concealed = concealed;
            note_unnoticed(ring, now_ms, client);
        }
        if self.clients.len() > clients.len() {
            let is_there = |ssrc: &u32| clients.binary_search_by_key(ssrc, |client| client.ssrc);
            self.clients.retain(|ssrc, _| is_there(ssrc).is_ok());
        }
        is_over
    }

    /// Returns the present second, which is not over.
    pub(crate) fn second(&self) -> i64 {
        self.second
    }

    /// Returns the bytes of the seconds before the present one, without zeros at their begin, of the
    /// clients that have any.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u32, Vec<u8>)> {
        self.clients.iter().filter_map(|(&ssrc, ring)| {
            let seconds = self.second - SECONDS as i64 + 1..self.second;
            let bytes = seconds.map(|second| ring.bytes[place(second)]);
            let bytes: Vec<u8> = bytes.skip_while(|&byte| byte == 0).collect();
            (!bytes.is_empty()).then_some((ssrc, bytes))
        })
    }

    /// Returns the bytes of the newest whole second, of the clients that were not silent in it.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (u32, u8)> {
        let at = place(self.second - 1);
        let bytes = self
            .clients
            .iter()
            .map(move |(&ssrc, ring)| (ssrc, ring.bytes[at]));
        bytes.filter(|&(_, byte)| byte > 1)
    }

    /// Returns what is to be kept over a restart.
    pub(crate) fn keep(&self, epoch_ms: i64) -> Vec<Kept> {
        let end_ms = epoch_ms + self.second * 1000;
        let kept = |(ssrc, bytes)| Kept {
            ssrc,
            end_ms,
            bytes,
        };
        self.all().map(kept).collect()
    }

    fn advance(&mut self, second: i64) -> bool {
        if second <= self.second {
            return false;
        }
        let first_new = (self.second + 1).max(second - SECONDS as i64 + 1);
        for ring in self.clients.values_mut() {
            for new in first_new..=second {
                ring.bytes[place(new)] = 0;
            }
        }
        self.second = second;
        true
    }
}

/// Notes the peak of a sound of which no snapshot came in time, as on a busy machine.
fn note_unnoticed(ring: &mut Ring, now_ms: i64, client: &ClientView) {
    let sound = client.sound_began_ago.zip(client.sound_peak_dbfs);
    if let Some((ago, peak)) = sound.filter(|(ago, _)| *ago < UNNOTICED) {
        let began = (now_ms - ago.as_millis() as i64).div_euclid(1000);
        if ring.bytes[place(began)] & !MISSING <= 1 {
            ring.raise(began, byte(peak));
        }
    }
}

fn place(second: i64) -> usize {
    second.rem_euclid(SECONDS as i64) as usize
}

fn byte(peak_dbfs: f32) -> u8 {
    // The conversion saturates.
    ((peak_dbfs + OFFSET).round() as u8).clamp(1, MISSING - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_client::{client, sounding};

    /// Ten snapshots of a second.
    fn second(peaks: &mut Peaks, second: i64, clients: &[ClientView]) {
        for tenth in 1..=10 {
            peaks.observe(second * 1000 + tenth * 100, clients);
        }
    }

    fn bytes(peaks: &Peaks, ssrc: u32) -> Vec<u8> {
        peaks.all().find(|all| all.0 == ssrc).unwrap_or_default().1
    }

    #[test]
    fn each_second_has_its_peak() {
        let mut peaks = Peaks::new(Vec::new(), 0);
        second(&mut peaks, 0, &[client(1), client(2)]);
        second(&mut peaks, 1, &[sounding(1, -12.0), client(2)]);
        second(&mut peaks, 2, &[client(1), client(2)]);
        second(&mut peaks, 3, &[client(1), client(2)]);
        assert_eq!(bytes(&peaks, 1), [1, 109, 1]);
        assert_eq!(bytes(&peaks, 2), [1, 1, 1]);
    }

    #[test]
    fn missing_sound_and_absence_are_marked() {
        let mut peaks = Peaks::new(Vec::new(), 0);
        let mut lossy = sounding(1, 0.0);
        second(&mut peaks, 0, &[lossy.clone()]);
        lossy.stats.concealed = 1;
        second(&mut peaks, 1, &[lossy.clone()]);
        lossy.status = Status::Offline;
        second(&mut peaks, 2, &[lossy.clone()]);
        second(&mut peaks, 3, &[lossy]);
        assert_eq!(bytes(&peaks, 1), [121, 121 | MISSING, 0]);
        second(&mut peaks, 4, &[]);
        assert_eq!(bytes(&peaks, 1), [0; 0], "it is no longer known");
    }

    #[test]
    fn only_loud_clients_are_in_the_newest_second() {
        let mut peaks = Peaks::new(Vec::new(), 0);
        let hissing = ClientView {
            status: Status::Connected,
            ..sounding(1, -75.0)
        };
        second(&mut peaks, 0, &[hissing, sounding(2, -20.0)]);
        assert!(peaks.observe(1100, &[client(1), client(2)]));
        assert_eq!(peaks.newest().collect::<Vec<_>>(), [(2, 101)]);
    }

    #[test]
    fn ten_minutes_are_kept() {
        let mut peaks = Peaks::new(Vec::new(), 0);
        second(&mut peaks, 0, &[sounding(1, -12.0)]);
        for quiet in 1..599 {
            second(&mut peaks, quiet, &[client(1)]);
        }
        second(&mut peaks, 599, &[client(1)]);
        assert_eq!((bytes(&peaks, 1).len(), bytes(&peaks, 1)[0]), (599, 109));
        second(&mut peaks, 600, &[client(1)]);
        assert_eq!(bytes(&peaks, 1)[0], 1);
        // A server that stood still for an hour.
        second(&mut peaks, 5000, &[client(1)]);
        assert_eq!(bytes(&peaks, 1), [0; 0]);
    }

    #[test]
    fn a_restart_keeps_the_seconds_in_their_places() {
        let mut peaks = Peaks::new(Vec::new(), 1_000_000);
        second(&mut peaks, 0, &[sounding(1, -12.0)]);
        second(&mut peaks, 1, &[client(1)]);
        second(&mut peaks, 2, &[client(1)]);
        let kept = peaks.keep(1_000_000);
        assert_eq!(
            (kept[0].end_ms, kept[0].bytes.as_slice()),
            (1_002_000, &[109, 1][..])
        );
        // The next run begins 3 s after the end.
        let mut peaks = Peaks::new(kept.clone(), 1_005_000);
        second(&mut peaks, 0, &[client(1)]);
        second(&mut peaks, 1, &[client(1)]);
        assert_eq!(bytes(&peaks, 1), [109, 1, 0, 0, 0, 1]);
        // One that begins much later shows nothing.
        let mut peaks = Peaks::new(kept, 5_000_000);
        second(&mut peaks, 0, &[client(1)]);
        second(&mut peaks, 1, &[client(1)]);
        assert_eq!(bytes(&peaks, 1), [1]);
    }

    #[test]
    fn a_sound_between_two_snapshots_is_in_its_second() {
        let mut peaks = Peaks::new(Vec::new(), 0);
        peaks.observe(900, &[client(1)]);
        let mut later = client(1);
        later.sound_began_ago = Some(Duration::from_millis(1300));
        later.sound_peak_dbfs = Some(-12.0);
        peaks.observe(2200, &[later]);
        assert_eq!(bytes(&peaks, 1), [109, 0]);
    }
}
