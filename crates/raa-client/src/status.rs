//! The state of a running client, for a user interface or a test.
//!
//! Always: no thread holds the lock for longer than a copy takes; changes of levels and counters,
//! of which there are 50 a second, are not announced.

mod reported;
mod trouble;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raa_core::packetizer::{PacketizerStats, Reception};
use raa_core::rtcp;

#[cfg(test)]
pub(crate) use self::trouble::samples;
pub use self::trouble::{
    CaptureFault, CaptureMethod, CaptureNote, CaptureTrouble, ConversionError, SoundServerTrouble,
    Trouble, WindowsError,
};

/// Everything that is shown about a running client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// The source of the sound.
    pub capture: CaptureStatus,
    /// The path to the server.
    pub link: LinkStatus,
    /// Whether silence is sent instead of sound.
    pub muted: bool,
    /// What the packetizer has counted; `None` before the first block of sound.
    pub stats: Option<PacketizerStats>,
}

/// The source of the sound.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CaptureStatus {
    /// The method in use; `None` while nothing is captured.
    pub method: Option<CaptureMethod>,
    /// The device's display name; empty for a method without a single device.
    pub device: String,
    /// The device's own sample format, as in "48000 Hz, 2 channels, f32".
    pub format: String,
    /// Why nothing is captured now.
    pub trouble: Option<Trouble>,
    /// Why capturing is not as good as it could be.
    pub notes: Vec<CaptureNote>,
}

/// The path to the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinkStatus {
    /// The server as it was set; `None` while no server is set.
    pub server: Option<String>,
    /// The address in use.
    pub to: Option<SocketAddr>,
    /// Why nothing can be sent now.
    pub trouble: Option<Trouble>,
}

/// The client's state in a word.
#[derive(Debug, Clone, PartialEq)]
pub enum Activity {
    /// Sound is being sent.
    Active,
    /// There is no sound to send.
    Silent,
    /// The client is muted.
    Muted,
    /// Nothing can be captured or sent.
    Error(Trouble),
}

impl Status {
    /// Returns what matters most. An error comes first: a muted computer that cannot send still
    /// needs attention.
    pub fn activity(&self) -> Activity {
        if let Some(trouble) = self.trouble() {
            return Activity::Error(trouble.clone());
        }
        if self.muted {
            return Activity::Muted;
        }
        match &self.stats {
            Some(stats) if stats.sending && self.link.server.is_some() => Activity::Active,
            _ => Activity::Silent,
        }
    }

    fn trouble(&self) -> Option<&Trouble> {
        self.capture.trouble.as_ref().or(self.link.trouble.as_ref())
    }
}

/// A [`Status`] that the client's threads write and others read.
#[derive(Clone)]
pub struct SharedStatus(Arc<Shared>);

struct Shared {
    status: Mutex<Status>,
    on_change: Box<dyn Fn() + Send + Sync>,
}

impl SharedStatus {
    /// Creates a status that calls `on_change` after every change other than of levels and
    /// counters, in the thread that made the change.
    pub fn new(on_change: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            status: Mutex::default(),
            on_change: Box::new(on_change),
        }))
    }

    /// Creates a status whose changes nobody needs to know.
    pub fn unwatched() -> Self {
        Self::new(|| ())
    }

    /// Returns a copy of the current status.
    pub fn get(&self) -> Status {
        self.lock().clone()
    }

    /// Returns why the server may hear nothing of this computer; copies nothing.
    pub(crate) fn capture_trouble(&self) -> Option<rtcp::CaptureTrouble> {
        self.lock().capture_trouble()
    }

    /// Changes the status and announces it if it differs.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        let announced = |status: &Status| {
            let Status { capture, link, .. } = status.clone();
            (status.activity(), capture, link)
        };
        let has_changed = {
            let mut status = self.lock();
            let before = announced(&status);
            change(&mut status);
            before != announced(&status)
        };
        if has_changed {
            (self.0.on_change)();
        }
    }

    /// Replaces the counters; called 50 times a second, so it copies nothing. Returns whether
    /// sound has begun or ended, which is announced, as is a change of the reception.
    pub(crate) fn set_stats(&self, stats: PacketizerStats) -> bool {
        let before = self.lock().stats.replace(stats);
        let begins_or_ends = before.is_some_and(|stats| stats.sending) != stats.sending;
        let reception = before.map_or(Reception::Unknown, |stats| stats.reception);
        if begins_or_ends || reception != stats.reception {
            (self.0.on_change)();
        }
        begins_or_ends
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // After a panic in the middle of a change, the status is still the newest one.
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the counters of a client that has sent nothing yet.
#[cfg(test)]
pub(crate) fn any_stats(sending: bool) -> PacketizerStats {
    PacketizerStats {
        packets: 0,
        octets: 0,
        talkspurts: 0,
        capture_gaps: 0,
        dropped_samples: 0,
        sending,
        redundancy: 1,
        reception: Reception::Unknown,
        round_trip: None,
        level: raa_core::level::Level::SILENCE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use raa_core::level::Level;

    use super::any_stats as stats;
    use super::*;

    fn with_server() -> Status {
        let mut status = Status::default();
        status.link.server = Some("raa.example:4010".into());
        status
    }

    #[test]
    fn the_worst_state_is_shown_first() {
        let check = |change: &dyn Fn(&mut Status), expected: Activity| {
            let mut status = with_server();
            change(&mut status);
            assert_eq!(status.activity(), expected);
        };
        let link = || Trouble::NotStarted("no network".into());
        let capture = || Trouble::NotStarted("no device".into());
        check(&|_| (), Activity::Silent);
        check(&|s| s.stats = Some(stats(false)), Activity::Silent);
        check(&|s| s.stats = Some(stats(true)), Activity::Active);
        check(
            &|s| (s.muted, s.stats) = (true, Some(stats(true))),
            Activity::Muted,
        );
        check(
            &|s| (s.muted, s.link.trouble) = (true, Some(link())),
            Activity::Error(link()),
        );
        check(
            &|s| {
                s.link.trouble = Some(link());
                s.capture.trouble = Some(capture());
            },
            Activity::Error(capture()),
        );
    }

    #[test]
    fn sound_without_a_server_is_not_sent() {
        let status = Status {
            stats: Some(stats(true)),
            ..Status::default()
        };
        assert_eq!(status.activity(), Activity::Silent);
    }

    #[test]
    fn changes_are_announced_and_levels_are_not() {
        let announced = Arc::new(AtomicUsize::new(0));
        let status = SharedStatus::new({
            let announced = Arc::clone(&announced);
            move || {
                announced.fetch_add(1, Ordering::Relaxed);
            }
        });
        let update = |change: &dyn Fn(&mut Status)| {
            status.update(change);
            announced.swap(0, Ordering::Relaxed)
        };
        let set = |stats| {
            (
                status.set_stats(stats),
                announced.swap(0, Ordering::Relaxed),
            )
        };
        assert_eq!(update(&|s| s.link.server = Some("a:1".into())), 1);
        assert_eq!(set(stats(false)), (false, 0), "still silent");
        assert_eq!(set(stats(true)), (true, 1), "sound begins");
        let louder = PacketizerStats {
            packets: 1,
            level: Level {
                rms_dbfs: -20.0,
                peak_dbfs: -12.0,
            },
            ..stats(true)
        };
        assert_eq!(set(louder), (false, 0), "a level");
        let received = PacketizerStats {
            reception: Reception::Good,
            ..louder
        };
        assert_eq!(set(received), (false, 1), "the server reports");
        assert_eq!(set(received), (false, 0), "and again");
        assert_eq!(update(&|s| s.capture.device = "Headset".into()), 1);
        assert_eq!(status.get().stats, Some(received));
    }
}
