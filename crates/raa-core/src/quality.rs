//! The quality of a client's audio in one word, from the counters of the last ten seconds.
//!
//! The word depends on the audio that repair could not save, since that is what a person hears;
//! the network's loss is reported separately.
//! Always: nothing from before the client's last connect counts.

use crate::SLOT_SAMPLES;
use crate::source::SourceStats;

/// Readings in the window, one per second: the first and the last are ten seconds apart.
const READINGS: usize = 11;
/// Share of concealed frames from which the quality is at most fair, in percent.
pub const FAIR_FROM_PERCENT: f64 = 0.5;
/// Share of concealed frames from which the quality is bad, in percent.
const BAD_FROM_PERCENT: f64 = 3.0;
/// The longest delay with good quality. A person who both sees and hears the computer notices a longer one.
const LONGEST_GOOD_DELAY_MS: f64 = 250.0;
/// Shares are of at least this many frames, a second of audio. In silence a client sends two or
/// three packets per second, and a single lost one would otherwise decide the word.
const MIN_FRAMES: f64 = 50.0;

/// The quality of a client's audio as a person hears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Less than 0.5 % of the audio is missing, and the delay is at most 250 ms.
    Good,
    /// Less than 3 % of the audio is missing.
    Fair,
    /// 3 % of the audio or more is missing.
    Bad,
}

/// The quality of a client's audio over the last ten seconds. Both shares are of at least one
/// second of audio, even if less arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityReport {
    /// The quality in one word.
    pub quality: Quality,
    /// Packets that the network lost, before any repair: percent of those expected, 0 to 100.
    pub loss_percent: f64,
    /// Frames of 20 ms that were lost or late and not repaired: percent of all, 0 to 100.
    pub concealed_percent: f64,
}

/// The counters of the last ten seconds; a report is about their growth.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// A ring whose oldest entry is replaced next.
    readings: [Reading; READINGS],
    oldest: usize,
    /// Samples in all packets received.
    samples: u64,
}

/// Counters at one instant, or their growth.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    received: u64,
    duplicate: u64,
    lost: u64,
    concealed: u64,
    repaired: u64,
    samples: u64,
}

impl Window {
    /// Counts a received packet of this many samples.
    pub(crate) fn count(&mut self, samples: usize) {
        self.samples += samples as u64;
    }

    /// Takes a reading; must be called once a second.
    pub(crate) fn tick(&mut self, stats: &SourceStats) {
        self.readings[self.oldest] = self.reading(stats);
        self.oldest = (self.oldest + 1) % READINGS;
    }

    /// Forgets everything before now.
    pub(crate) fn restart(&mut self, stats: &SourceStats) {
        self.readings = [self.reading(stats); READINGS];
    }

    /// Returns the report about the window; `None` if nothing arrived in it.
    pub(crate) fn report(&self, stats: &SourceStats) -> Option<QualityReport> {
        let grown = self.reading(stats).since(self.readings[self.oldest]);
        if grown.received == 0 {
            return None;
        }
        let (loss_percent, concealed_percent) = (grown.loss_percent(), grown.concealed_percent());
        Some(QualityReport {
            quality: judge(concealed_percent, stats.delay_ms),
            loss_percent,
            concealed_percent,
        })
    }

    fn reading(&self, stats: &SourceStats) -> Reading {
        Reading {
            received: stats.received,
            duplicate: stats.duplicate,
            lost: stats.lost,
            concealed: stats.concealed,
            repaired: stats.repaired,
            samples: self.samples,
        }
    }
}

impl Reading {
    fn since(self, before: Self) -> Self {
        Self {
            received: self.received.saturating_sub(before.received),
            duplicate: self.duplicate.saturating_sub(before.duplicate),
            // A packet that was counted as lost may still arrive.
            lost: self.lost.saturating_sub(before.lost),
            concealed: self.concealed.saturating_sub(before.concealed),
            repaired: self.repaired.saturating_sub(before.repaired),
            samples: self.samples.saturating_sub(before.samples),
        }
    }

    fn loss_percent(self) -> f64 {
        let arrived = self.received.saturating_sub(self.duplicate);
        percent(self.lost as f64, (arrived + self.lost) as f64)
    }

    /// A late packet counts both as samples and as concealed frames; shares large enough for this
    /// to matter are bad anyway.
    fn concealed_percent(self) -> f64 {
        let received = self.samples as f64 / SLOT_SAMPLES as f64 + self.repaired as f64;
        percent(self.concealed as f64, received + self.concealed as f64)
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    100.0 * part / whole.max(MIN_FRAMES).max(part)
}

fn judge(concealed_percent: f64, delay_ms: f64) -> Quality {
    if concealed_percent >= BAD_FROM_PERCENT {
        Quality::Bad
    } else if concealed_percent >= FAIR_FROM_PERCENT || delay_ms > LONGEST_GOOD_DELAY_MS {
        Quality::Fair
    } else {
        Quality::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client with 50 packets per second, some of them lost and some of those repaired.
    struct Client {
        window: Window,
        stats: SourceStats,
    }

    impl Client {
        fn new() -> Self {
            let stats = SourceStats {
                delay_ms: 40.0,
                ..Default::default()
            };
            Self {
                window: Window::default(),
                stats,
            }
        }

        fn second(&mut self, lost: u64, repaired: u64) {
            (lost..50).for_each(|_| self.window.count(SLOT_SAMPLES));
            self.stats.received += 50 - lost;
            self.stats.lost += lost;
            self.stats.repaired += repaired;
            self.stats.concealed += lost - repaired;
            self.window.tick(&self.stats);
        }

        fn report(&self) -> QualityReport {
            self.window.report(&self.stats).unwrap()
        }
    }

    #[test]
    fn quality_depends_on_unrepaired_frames() {
        let cases = [
            (0, 0, Quality::Good),
            (10, 10, Quality::Good),
            (10, 9, Quality::Fair),
            (1, 0, Quality::Fair),
            (2, 0, Quality::Bad),
        ];
        for (lost, repaired, quality) in cases {
            let mut client = Client::new();
            (0..15).for_each(|_| client.second(lost, repaired));
            let report = client.report();
            assert_eq!(report.quality, quality, "{lost} lost, {repaired} repaired");
            let percent = |frames: u64| frames as f64 * 2.0;
            assert!((report.loss_percent - percent(lost)).abs() < 1e-9);
            assert!((report.concealed_percent - percent(lost - repaired)).abs() < 1e-9);
        }
    }

    #[test]
    fn losses_count_for_ten_seconds() {
        let mut client = Client::new();
        client.second(25, 0);
        assert_eq!(client.report().quality, Quality::Bad);
        (0..9).for_each(|_| client.second(0, 0));
        // 25 concealed frames of 500.
        assert_eq!(client.report().quality, Quality::Bad);
        (0..2).for_each(|_| client.second(0, 0));
        let expected = QualityReport {
            quality: Quality::Good,
            loss_percent: 0.0,
            concealed_percent: 0.0,
        };
        assert_eq!(client.report(), expected);
    }

    #[test]
    fn quality_without_packets_is_unknown() {
        let mut client = Client::new();
        assert_eq!(client.window.report(&client.stats), None);
        client.second(0, 0);
        (0..10).for_each(|_| client.window.tick(&client.stats));
        assert_eq!(client.window.report(&client.stats), None);
    }

    #[test]
    fn long_delay_is_fair_at_best() {
        for (delay_ms, quality) in [(250.0, Quality::Good), (251.0, Quality::Fair)] {
            let mut client = Client::new();
            client.stats.delay_ms = delay_ms;
            client.second(0, 0);
            assert_eq!(client.report().quality, quality);
            client.second(10, 0);
            assert_eq!(client.report().quality, Quality::Bad);
        }
    }

    #[test]
    fn long_packets_count_as_several_frames() {
        let mut client = Client::new();
        // One of 200 packets of 60 ms is lost: three of 600 frames.
        for _ in 0..199 {
            client.window.count(3 * SLOT_SAMPLES);
        }
        client.stats.received += 199;
        (client.stats.lost, client.stats.concealed) = (1, 3);
        let report = client.report();
        assert!((report.concealed_percent - 0.5).abs() < 1e-9, "{report:?}");
        assert!((report.loss_percent - 0.5).abs() < 1e-9, "{report:?}");
    }

    #[test]
    fn one_lost_packet_in_silence_is_not_bad() {
        let mut client = Client::new();
        for _ in 0..24 {
            client.window.count(SLOT_SAMPLES);
        }
        client.stats.received += 24;
        (client.stats.lost, client.stats.concealed) = (1, 1);
        assert_eq!(client.report().quality, Quality::Fair);
        assert!((client.report().concealed_percent - 2.0).abs() < 1e-9);
    }

    #[test]
    fn restart_forgets_earlier_losses() {
        let mut client = Client::new();
        client.second(50, 0);
        client.second(25, 0);
        client.window.restart(&client.stats);
        assert_eq!(client.window.report(&client.stats), None);
        client.second(0, 0);
        assert_eq!(client.report().quality, Quality::Good);
    }

    #[test]
    fn shares_never_exceed_100_percent() {
        let mut client = Client::new();
        client.stats = SourceStats {
            received: 1,
            lost: 3000,
            concealed: 60_000,
            duplicate: 9,
            ..Default::default()
        };
        let report = client.report();
        assert!(report.loss_percent <= 100.0 && report.concealed_percent <= 100.0);
        // A reordered packet takes back a loss of an earlier reading.
        client.window.restart(&client.stats);
        client.stats.lost -= 1;
        client.stats.received += 1;
        assert!((client.report().loss_percent).abs() < 1e-9);
    }
}
