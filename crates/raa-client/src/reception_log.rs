//! What the log says of how the server hears this client.
//!
//! Always: a line when it changes and not for every report of it, nor more often than every
//! [`BETWEEN_LINES`], whatever comes from the network.

use std::time::{Duration, Instant};

use raa_core::packetizer::{Hearing, PacketizerStats};

/// Losses that come and go would fill the log otherwise.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct HearingLog {
    told: Hearing,
    told_at: Option<Instant>,
}

impl HearingLog {
    /// The line that is due at `now`, if there is one.
    pub(crate) fn news(&mut self, now: Instant, stats: &PacketizerStats) -> Option<String> {
        let line = line(stats)?;
        let is_same = std::mem::discriminant(&self.told) == std::mem::discriminant(&stats.hearing);
        let too_soon = |told_at| now.saturating_duration_since(told_at) < BETWEEN_LINES;
        if is_same || self.told_at.is_some_and(too_soon) {
            return None;
        }
        self.told = stats.hearing;
        self.told_at = Some(now);
        Some(line)
    }
}

/// `None` where there is nothing to say yet.
fn line(stats: &PacketizerStats) -> Option<String> {
    let line = match (stats.hearing, stats.round_trip) {
        (Hearing::Unknown, _) => return None,
        (Hearing::Good, None) => "the server hears this client well".into(),
        (Hearing::Good, Some(time)) => {
            let ms = time.as_millis();
            format!("the server hears this client well, {ms} ms there and back")
        }
        (Hearing::Losing { percent }, _) => {
            let earlier = stats.redundancy;
            format!(
                "the server loses {percent} % of the packets; \
                 each carries up to {earlier} earlier frames now"
            )
        }
        (Hearing::NotHeard, _) => {
            "not heard: the server has not answered; it is sent to all the same".into()
        }
    };
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::any_stats;

    #[test]
    fn a_change_is_told_once_and_not_too_often() {
        let mut log = HearingLog::default();
        let start = Instant::now();
        let mut news = |ms: u64, hearing| {
            let stats = PacketizerStats {
                hearing,
                redundancy: 2,
                ..any_stats(true)
            };
            log.news(start + Duration::from_millis(ms), &stats)
        };
        let well = Some("the server hears this client well".to_owned());
        let losing = |percent| Hearing::Losing { percent };
        assert_eq!(news(0, Hearing::Unknown), None);
        assert_eq!(news(1, Hearing::Good), well);
        assert_eq!(news(20_000, Hearing::Good), None);
        let line = news(20_001, losing(5)).unwrap();
        assert!(
            line.contains("loses 5 %") && line.contains("up to 2 earlier"),
            "{line}"
        );
        assert_eq!(news(40_000, losing(6)), None, "it goes on losing");
        assert_eq!(news(40_000, Hearing::Good), well);
        assert_eq!(news(49_999, losing(5)), None, "too soon");
        assert!(news(50_000, losing(5)).is_some());
        assert_eq!(news(70_000, Hearing::Unknown), None);
        let line = news(70_000, Hearing::NotHeard).unwrap();
        assert!(
            line.starts_with("not heard: the server has not answered"),
            "{line}"
        );
        assert_eq!(news(90_000, Hearing::NotHeard), None);
    }

    #[test]
    fn a_known_round_trip_is_told() {
        let stats = PacketizerStats {
            hearing: Hearing::Good,
            round_trip: Some(Duration::from_micros(12_800)),
            ..any_stats(true)
        };
        let line = HearingLog::default().news(Instant::now(), &stats).unwrap();
        assert!(line.ends_with("well, 12 ms there and back"), "{line}");
    }
}
