//! One direction of a network path: decides which datagrams arrive, how often and when.
//!
//! Always: times are durations since the world's start; nothing arrives before it was sent; the
//! same seed gives every datagram the same fate.

use std::time::Duration;

use super::in_flight::InFlight;
use super::random::Random;

/// The properties of a path. The default is a perfect path without delay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    /// The delay that every datagram has at least.
    pub delay: Duration,
    /// Random delay in addition to `delay`.
    pub jitter: Jitter,
    /// Share of datagrams that never arrive, 0 to 1.
    pub loss: f64,
    /// Mean length of a loss burst in datagrams, 1 or more; 0 makes losses independent.
    pub burst: f64,
    /// Share of datagrams that arrive twice, 0 to 1; the second copy comes up to 20 ms later.
    pub duplicate: f64,
    /// Share of datagrams that are delayed by [`REORDER_DELAY`], so that later ones overtake them.
    pub reorder: f64,
}

/// The additional delay of a reordered datagram: it arrives after the next packet of 20 ms, and
/// still in time for a playout delay of 40 ms.
pub const REORDER_DELAY: Duration = Duration::from_millis(25);

/// The distribution of a random delay that is drawn for each datagram.
#[derive(Debug, Clone, Copy, Default)]
pub enum Jitter {
    /// No jitter.
    #[default]
    None,
    /// Uniform from zero to this.
    Uniform(Duration),
    /// Exponential with this mean.
    Exponential(Duration),
}

impl Jitter {
    /// Returns the exponential jitter whose 99th percentile is `p99`.
    pub fn exponential_with_p99(p99: Duration) -> Self {
        match p99 {
            Duration::ZERO => Self::None,
            _ => Self::Exponential(p99.div_f64(100f64.ln())),
        }
    }
}

/// A [`Link`] with its own random numbers.
#[derive(Debug)]
pub struct Path {
    /// May be changed at any time and applies from the next datagram on.
    pub link: Link,
    random: Random,
    held_until: Duration,
    /// Whether the last datagram was lost in a burst that may continue.
    in_burst: bool,
}

impl Path {
    /// Creates a path whose random numbers come from `seed`.
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            random: Random::new(seed),
            held_until: Duration::ZERO,
            in_burst: false,
        }
    }

    /// Holds back everything until `until`, when it arrives in one burst.
    pub fn hold(&mut self, until: Duration) {
        self.held_until = until;
    }

    /// Draws the arrival times of a datagram sent at `sent`: none, one, or two.
    pub fn carry(&mut self, sent: Duration) -> [Option<Duration>; 2] {
        let Link {
            delay,
            duplicate,
            reorder,
            ..
        } = self.link;
        if self.draw_loss() {
            return [None, None];
        }
        let mut arrival = sent + delay + self.draw_jitter();
        if self.random.chance(reorder) {
            arrival += REORDER_DELAY;
        }
        let again = self
            .random
            .chance(duplicate)
            .then(|| arrival + Duration::from_secs_f64(0.02 * self.random.unit()));
        [Some(arrival), again].map(|at| at.map(|at| at.max(self.held_until)))
    }

    /// Adds an item sent at `sent` to `in_flight`, once for each time it arrives.
    pub fn send<T: Clone>(&mut self, sent: Duration, item: T, in_flight: &mut InFlight<T>) {
        let [first, again] = self.carry(sent);
        if let Some(arrival) = again {
            in_flight.send(arrival, item.clone());
        }
        if let Some(arrival) = first {
            in_flight.send(arrival, item);
        }
    }

    /// Returns whether the next datagram is lost.
    ///
    /// Bursts follow Gilbert's model: a good state loses nothing and a bad state loses everything.
    /// The probability of leaving the bad state gives the mean burst length, and that of entering
    /// it gives the share of losses.
    fn draw_loss(&mut self) -> bool {
        let Link { loss, burst, .. } = self.link;
        if burst == 0.0 || loss >= 1.0 {
            return self.random.chance(loss);
        }
        let end = 1.0 / burst.max(1.0);
        self.in_burst = if self.in_burst {
            !self.random.chance(end)
        } else {
            self.random.chance(end * loss / (1.0 - loss))
        };
        self.in_burst
    }

    fn draw_jitter(&mut self) -> Duration {
        match self.link.jitter {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform(most) => most.mul_f64(self.random.unit()),
            Jitter::Exponential(mean) => mean.mul_f64(self.random.exponential()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrivals(link: Link) -> Vec<[Option<Duration>; 2]> {
        let mut path = Path::new(link, 7);
        (0..10_000).map(|n| path.carry(n * 20 * MS)).collect()
    }

    #[test]
    fn a_perfect_link_delivers_at_once_and_once() {
        let all = arrivals(Link::default());
        assert!(
            (0..)
                .zip(all)
                .all(|(n, arrival)| arrival == [Some(n * 20 * MS), None])
        );
    }

    #[test]
    fn loss_duplication_and_reordering_have_their_shares() {
        let link = Link {
            loss: 0.1,
            duplicate: 0.2,
            reorder: 0.3,
            delay: 5 * MS,
            ..Link::default()
        };
        let all = arrivals(link);
        let share = |matches: &dyn Fn(Duration, [Option<Duration>; 2]) -> bool| {
            let count = (0..)
                .zip(&all)
                .filter(|&(n, &arrival)| matches(n * 20 * MS, arrival))
                .count();
            count as f64 / all.len() as f64
        };
        assert!((share(&|_, [first, _]| first.is_none()) - 0.1).abs() < 0.01);
        assert!((share(&|_, [_, again]| again.is_some()) - 0.9 * 0.2).abs() < 0.01);
        let reordered = share(&|sent, [first, _]| first == Some(sent + 5 * MS + REORDER_DELAY));
        assert!((reordered - 0.9 * 0.3).abs() < 0.01);
    }

    #[test]
    fn loss_bursts_have_their_share_and_length() {
        for (loss, burst) in [(0.05, 2.0), (0.2, 4.0), (0.1, 1.0)] {
            let link = Link {
                loss,
                burst,
                ..Link::default()
            };
            let mut path = Path::new(link, 3);
            let lost: Vec<bool> = (0..200_000)
                .map(|n| path.carry(n * 20 * MS)[0].is_none())
                .collect();
            let count = lost.iter().filter(|lost| **lost).count() as f64;
            let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
            let share = count / lost.len() as f64;
            assert!((share / loss - 1.0).abs() < 0.1, "{loss} {burst}: {share}");
            let length = count / bursts;
            assert!(
                (length / burst - 1.0).abs() < 0.05,
                "{loss} {burst}: {length}"
            );
        }
    }

    #[test]
    fn exponential_jitter_has_the_given_99th_percentile() {
        let link = Link {
            jitter: Jitter::exponential_with_p99(60 * MS),
            ..Link::default()
        };
        let longer = (0..)
            .zip(arrivals(link))
            .filter(|&(n, arrival)| arrival[0].unwrap() > n * 20 * MS + 60 * MS)
            .count();
        assert!((70..130).contains(&longer), "{longer} of 10,000");
        assert!(matches!(
            Jitter::exponential_with_p99(Duration::ZERO),
            Jitter::None
        ));
    }

    #[test]
    fn a_held_path_delivers_in_one_burst() {
        let mut path = Path::new(Link::default(), 7);
        path.hold(100 * MS);
        assert_eq!(path.carry(20 * MS)[0], Some(100 * MS));
        assert_eq!(path.carry(120 * MS)[0], Some(120 * MS));
    }
}
