//! What a running client is doing, for whoever shows it.
//!
//! The client's threads write their part of it; a tray icon, a dialog or a test reads all of it.
//! Always: no thread holds it for longer than a copy takes; whoever shows it is told of every
//! change except those of levels and counters, which would be told 50 times a second.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raa_core::packetizer::{Hearing, PacketizerStats};

/// Everything that is shown of a running client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Where the sound comes from.
    pub capture: CaptureStatus,
    /// Where it goes.
    pub link: LinkStatus,
    /// The person at this computer wants nothing of it sent.
    pub muted: bool,
    /// How sending goes; `None` before the first block of sound.
    pub stats: Option<PacketizerStats>,
}

/// Where the sound comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureStatus {
    /// The way of capture in use, as in "process loopback"; `None` while nothing is captured.
    pub path: Option<String>,
    /// The device's name for people; empty where there is none.
    pub device: String,
    /// As the device delivers it, as in "48000 Hz, 2 channels, f32".
    pub format: String,
    /// Why nothing is captured now.
    pub trouble: Option<String>,
    /// Why a better way is not in use, a sentence each.
    pub notes: Vec<String>,
}

/// Where the sound goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// The server as it was set; `None` while nobody has set one.
    pub server: Option<String>,
    /// The address in use.
    pub to: Option<SocketAddr>,
    /// Why nothing can be sent now.
    pub trouble: Option<String>,
}

/// All of it in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Sound is being sent.
    Active,
    /// There is no sound to send.
    Silent,
    /// Nothing is sent because the person wants it so.
    Muted,
    /// Nothing can be captured or sent: why.
    Error(String),
}

impl Status {
    /// What a person needs to see first. An error comes before all else, because a muted
    /// computer that cannot send is still one to look after.
    pub fn activity(&self) -> Activity {
        let trouble = self.capture.trouble.as_ref().or(self.link.trouble.as_ref());
        if let Some(reason) = trouble {
            return Activity::Error(reason.clone());
        }
        if self.muted {
            return Activity::Muted;
        }
        match &self.stats {
            Some(stats) if stats.sending && self.link.server.is_some() => Activity::Active,
            _ => Activity::Silent,
        }
    }
}

/// A [`Status`] that the client's threads and whoever shows it share.
#[derive(Clone)]
pub struct Board(Arc<Shared>);

struct Shared {
    status: Mutex<Status>,
    on_change: Box<dyn Fn() + Send + Sync>,
}

impl Board {
    /// A board that calls `on_change` after every change but those of levels and counters, from
    /// the thread that made it.
    pub fn new(on_change: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared {
            status: Mutex::default(),
            on_change: Box::new(on_change),
        }))
    }

    /// One that nobody looks at.
    pub fn unattended() -> Self {
        Self::new(|| ())
    }

    /// A copy of what it says now.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Changes what it says.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        let is_news = {
            let mut status = self.lock();
            let before = (
                status.activity(),
                status.capture.clone(),
                status.link.clone(),
            );
            change(&mut status);
            before
                != (
                    status.activity(),
                    status.capture.clone(),
                    status.link.clone(),
                )
        };
        if is_news {
            (self.0.on_change)();
        }
    }

    /// Shows how sending goes: 50 times a second, so nothing is copied. Whether sound has begun or
    /// ended; that, and how the server hears it, is told.
    pub fn show_stats(&self, stats: PacketizerStats) -> bool {
        let before = self.lock().stats.replace(stats);
        let begins_or_ends = before.is_some_and(|stats| stats.sending) != stats.sending;
        let hearing = before.map_or(Hearing::Unknown, |stats| stats.hearing);
        if begins_or_ends || hearing != stats.hearing {
            (self.0.on_change)();
        }
        begins_or_ends
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // A change that panicked half-way is still the newest there is.
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those of a client that has sent nothing yet.
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
        hearing: Hearing::Unknown,
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
    fn the_worst_is_told_first() {
        let check = |change: &dyn Fn(&mut Status), expected: Activity| {
            let mut status = with_server();
            change(&mut status);
            assert_eq!(status.activity(), expected);
        };
        let error = |reason: &str| Activity::Error(reason.into());
        check(&|_| (), Activity::Silent);
        check(&|s| s.stats = Some(stats(false)), Activity::Silent);
        check(&|s| s.stats = Some(stats(true)), Activity::Active);
        check(
            &|s| (s.muted, s.stats) = (true, Some(stats(true))),
            Activity::Muted,
        );
        check(
            &|s| (s.muted, s.link.trouble) = (true, Some("no way".into())),
            error("no way"),
        );
        check(
            &|s| {
                s.link.trouble = Some("no way".into());
                s.capture.trouble = Some("no device".into());
            },
            error("no device"),
        );
    }

    #[test]
    fn sound_without_a_server_is_not_being_sent() {
        let status = Status {
            stats: Some(stats(true)),
            ..Status::default()
        };
        assert_eq!(status.activity(), Activity::Silent);
    }

    #[test]
    fn news_is_told_and_levels_are_not() {
        let told = Arc::new(AtomicUsize::new(0));
        let board = Board::new({
            let told = Arc::clone(&told);
            move || {
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
        let tell = |change: &dyn Fn(&mut Status)| {
            board.update(change);
            told.swap(0, Ordering::Relaxed)
        };
        let show = |stats| (board.show_stats(stats), told.swap(0, Ordering::Relaxed));
        assert_eq!(tell(&|s| s.link.server = Some("a:1".into())), 1);
        assert_eq!(show(stats(false)), (false, 0), "still silent");
        assert_eq!(show(stats(true)), (true, 1), "sound begins");
        let louder = PacketizerStats {
            packets: 1,
            level: Level {
                rms_dbfs: -20.0,
                peak_dbfs: -12.0,
            },
            ..stats(true)
        };
        assert_eq!(show(louder), (false, 0), "a level");
        let heard = PacketizerStats {
            hearing: Hearing::Good,
            ..louder
        };
        assert_eq!(show(heard), (false, 1), "the server answers");
        assert_eq!(show(heard), (false, 0), "and again");
        assert_eq!(tell(&|s| s.capture.device = "Headset".into()), 1);
        assert_eq!(board.status().stats, Some(heard));
    }
}
