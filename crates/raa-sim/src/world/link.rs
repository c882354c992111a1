//! One direction of a network path: what becomes of each datagram, and when it arrives.
//!
//! Always: time is a `Duration` since the world's start, nothing arrives before it was sent, and
//! the same seed gives the same fate to every datagram.

use std::time::Duration;

use super::in_flight::InFlight;
use super::random::Random;

/// How a path behaves. The default is a perfect one without delay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Link {
    /// Every datagram takes at least so long.
    pub delay: Duration,
    /// What is added to it.
    pub jitter: Jitter,
    /// Share of datagrams that never arrive.
    pub loss: f64,
    /// How many are lost in a row on average, 1 or more; 0: each of them by itself.
    pub burst: f64,
    /// Share of datagrams that arrive twice, the second time up to 20 ms later.
    pub duplicate: f64,
    /// Share of datagrams that later ones overtake: they take [`OVERTAKEN_BY`] longer.
    pub reorder: f64,
}

/// An overtaken datagram arrives so much later: behind the next one of 20 ms, and in time for a
/// playout delay of 40 ms.
pub const OVERTAKEN_BY: Duration = Duration::from_millis(25);

/// A random delay, drawn anew for each datagram.
#[derive(Debug, Clone, Copy, Default)]
pub enum Jitter {
    /// None.
    #[default]
    None,
    /// From nothing to this, all alike.
    Uniform(Duration),
    /// Exponential with this mean: mostly little, now and then much.
    Exponential(Duration),
}

impl Jitter {
    /// The exponential jitter that 99 of 100 datagrams stay below; none when that is nothing.
    pub fn exponential_with_p99(p99: Duration) -> Self {
        match p99 {
            Duration::ZERO => Self::None,
            _ => Self::Exponential(p99.div_f64(100f64.ln())),
        }
    }
}

/// A [`Link`] with its dice.
#[derive(Debug)]
pub struct Path {
    /// May be changed at any time; it holds from the next datagram on.
    pub link: Link,
    random: Random,
    held_until: Duration,
    /// The last datagram was lost in a burst, which may go on.
    in_burst: bool,
}

impl Path {
    /// A path whose fate the seed decides.
    pub fn new(link: Link, seed: u64) -> Self {
        Self {
            link,
            random: Random::new(seed),
            held_until: Duration::ZERO,
            in_burst: false,
        }
    }

    /// Nothing arrives before `until`; then all of it does, in a burst.
    pub fn hold(&mut self, until: Duration) {
        self.held_until = until;
    }

    /// When a datagram sent at `sent` arrives: never, once, or twice.
    pub fn carry(&mut self, sent: Duration) -> [Option<Duration>; 2] {
        let Link {
            delay,
            duplicate,
            reorder,
            ..
        } = self.link;
        if self.loses() {
            return [None, None];
        }
        let mut arrival = sent + delay + self.draw_jitter();
        if self.random.chance(reorder) {
            arrival += OVERTAKEN_BY;
        }
        let again = self
            .random
            .chance(duplicate)
            .then(|| arrival + Duration::from_secs_f64(0.02 * self.random.unit()));
        [Some(arrival), again].map(|at| at.map(|at| at.max(self.held_until)))
    }

    /// Sends what leaves at `sent` on its way, so often as it arrives.
    pub fn send<T: Clone>(&mut self, sent: Duration, what: T, in_flight: &mut InFlight<T>) {
        let [first, again] = self.carry(sent);
        if let Some(arrival) = again {
            in_flight.send(arrival, what.clone());
        }
        if let Some(arrival) = first {
            in_flight.send(arrival, what);
        }
    }

    /// Bursts follow Gilbert's model: a good state that loses nothing, a bad one that loses all,
    /// left so often that it lasts as long as a burst and is met as often as the loss asks for.
    fn loses(&mut self) -> bool {
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
    fn shares_are_kept() {
        let link = Link {
            loss: 0.1,
            duplicate: 0.2,
            reorder: 0.3,
            delay: 5 * MS,
            ..Link::default()
        };
        let all = arrivals(link);
        let share = |what: &dyn Fn(Duration, [Option<Duration>; 2]) -> bool| {
            let count = (0..)
                .zip(&all)
                .filter(|&(n, &arrival)| what(n * 20 * MS, arrival))
                .count();
            count as f64 / all.len() as f64
        };
        assert!((share(&|_, [first, _]| first.is_none()) - 0.1).abs() < 0.01);
        assert!((share(&|_, [_, again]| again.is_some()) - 0.9 * 0.2).abs() < 0.01);
        let overtaken = share(&|sent, [first, _]| first == Some(sent + 5 * MS + OVERTAKEN_BY));
        assert!((overtaken - 0.9 * 0.3).abs() < 0.01);
    }

    #[test]
    fn bursts_have_their_share_and_their_length() {
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
    fn one_of_a_hundred_takes_longer_than_the_99th_percentile() {
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
    fn what_is_held_comes_in_one_burst() {
        let mut path = Path::new(Link::default(), 7);
        path.hold(100 * MS);
        assert_eq!(path.carry(20 * MS)[0], Some(100 * MS));
        assert_eq!(path.carry(120 * MS)[0], Some(120 * MS));
    }
}
