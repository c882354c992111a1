//! Log lines about how the server receives this client.
//!
//! Always: one line per change, not per report, and at most one every [`BETWEEN_LINES`], whatever
//! arrives from the network.

use std::time::{Duration, Instant};

use raa_core::packetizer::{PacketizerStats, Reception};

/// Otherwise, losses that come and go would fill the log.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Remembers what was logged last.
#[derive(Debug, Default)]
pub(crate) struct ReceptionLog {
    logged: Reception,
    logged_at: Option<Instant>,
}

impl ReceptionLog {
    /// Returns the line that is due at `now`, if any.
    pub(crate) fn line(&mut self, now: Instant, stats: &PacketizerStats) -> Option<String> {
        let line = text(stats)?;
        let is_same =
            std::mem::discriminant(&self.logged) == std::mem::discriminant(&stats.reception);
        let is_recent = |logged_at| now.saturating_duration_since(logged_at) < BETWEEN_LINES;
        if is_same || self.logged_at.is_some_and(is_recent) {
            return None;
        }
        self.logged = stats.reception;
        self.logged_at = Some(now);
        Some(line)
    }
}

/// Returns the line about `stats`; `None` while nothing is known.
fn text(stats: &PacketizerStats) -> Option<String> {
    match (stats.reception, stats.round_trip) {
        (Reception::Unknown, _) => None,
        (Reception::Good, None) => Some("reception is good".into()),
        (Reception::Good, Some(time)) => {
            let ms = time.as_millis();
            Some(format!("reception is good, round trip {ms} ms"))
        }
        (Reception::Losing { percent }, _) => {
            let earlier = stats.redundancy;
            Some(format!(
                "the server loses {percent} % of the packets; \
                 each now carries up to {earlier} earlier frames"
            ))
        }
        // The link logs it at once.
        (Reception::SsrcTaken, _) => None,
        (Reception::NoReports, _) => Some("no reports from the server; sending anyway".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::any_stats;

    #[test]
    fn changes_are_logged_once_and_rarely() {
        let mut log = ReceptionLog::default();
        let start = Instant::now();
        let mut line = |ms: u64, reception| {
            let stats = PacketizerStats {
                reception,
                redundancy: 2,
                ..any_stats(true)
            };
            log.line(start + Duration::from_millis(ms), &stats)
        };
        let good = Some("reception is good".to_owned());
        let losing = |percent| Reception::Losing { percent };
        let loss = "the server loses 5 % of the packets; each now carries up to 2 earlier frames";
        assert_eq!(line(0, Reception::Unknown), None);
        assert_eq!(line(1, Reception::Good), good);
        assert_eq!(line(20_000, Reception::Good), None);
        assert_eq!(line(20_001, losing(5)).as_deref(), Some(loss));
        assert_eq!(line(40_000, losing(6)), None, "still losing");
        assert_eq!(line(40_000, Reception::Good), good);
        assert_eq!(line(49_999, losing(5)), None, "too soon");
        assert_eq!(line(50_000, losing(5)).as_deref(), Some(loss));
        assert_eq!(line(70_000, Reception::Unknown), None);
        let missing = "no reports from the server; sending anyway";
        assert_eq!(line(70_000, Reception::NoReports).as_deref(), Some(missing));
        assert_eq!(line(90_000, Reception::NoReports), None);
    }

    #[test]
    fn the_round_trip_is_logged() {
        let stats = PacketizerStats {
            reception: Reception::Good,
            round_trip: Some(Duration::from_micros(12_800)),
            ..any_stats(true)
        };
        let line = ReceptionLog::default().line(Instant::now(), &stats);
        assert_eq!(line.as_deref(), Some("reception is good, round trip 12 ms"));
    }
}
