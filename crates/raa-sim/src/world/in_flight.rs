//! What is on its way: in the order of arrival, whatever the order of sending was.
//!
//! Always: of two that arrive together the one sent earlier comes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// See the module's text.
#[derive(Debug)]
pub struct InFlight<T> {
    heap: BinaryHeap<Reverse<Sent<T>>>,
    sent: u64,
}

#[derive(Debug)]
struct Sent<T> {
    arrival: Duration,
    number: u64,
    what: T,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            sent: 0,
        }
    }
}

impl<T> InFlight<T> {
    /// Sends it on its way.
    pub fn send(&mut self, arrival: Duration, what: T) {
        self.sent += 1;
        self.heap.push(Reverse(Sent {
            arrival,
            number: self.sent,
            what,
        }));
    }

    /// When the next one arrives.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(next)| next.arrival)
    }

    /// The next one that has arrived by `now`, and when it did.
    pub fn take_arrived(&mut self, now: Duration) -> Option<(Duration, T)> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(next) = self.heap.pop()?;
        Some((next.arrival, next.what))
    }

    /// How many are on their way.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Sent<T> {
    fn rank(&self) -> (Duration, u64) {
        (self.arrival, self.number)
    }
}

impl<T> Ord for Sent<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<T> PartialOrd for Sent<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Sent<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Sent<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_arrives_together_comes_in_the_order_of_sending() {
        let mut in_flight = InFlight::default();
        for (arrival_ms, what) in [(30, "c"), (10, "a"), (30, "d"), (20, "b")] {
            in_flight.send(arrival_ms * MS, what);
        }
        assert_eq!(in_flight.next_arrival(), Some(10 * MS));
        assert_eq!(in_flight.take_arrived(9 * MS), None);
        let arrived: Vec<_> = std::iter::from_fn(|| in_flight.take_arrived(30 * MS)).collect();
        let expected = [(10, "a"), (20, "b"), (30, "c"), (30, "d")];
        assert_eq!(arrived, expected.map(|(ms, what)| (ms * MS, what)));
        assert!(in_flight.is_empty());
    }
}
