//! A queue of items on their way, in order of arrival.
//!
//! Always: items that arrive at the same time come out in the order in which they were sent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Items that were sent and have not been taken out at their arrival.
#[derive(Debug)]
pub struct InFlight<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    sent: u64,
}

#[derive(Debug)]
struct Entry<T> {
    arrival: Duration,
    /// Position in the order of sending.
    number: u64,
    item: T,
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
    /// Adds an item that arrives at `arrival`.
    pub fn send(&mut self, arrival: Duration, item: T) {
        self.sent += 1;
        self.heap.push(Reverse(Entry {
            arrival,
            number: self.sent,
            item,
        }));
    }

    /// The arrival time of the next item.
    pub fn next_arrival(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse(next)| next.arrival)
    }

    /// Takes out the next item that has arrived by `now`, with its arrival time.
    pub fn take_arrived(&mut self, now: Duration) -> Option<(Duration, T)> {
        if self.next_arrival()? > now {
            return None;
        }
        let Reverse(next) = self.heap.pop()?;
        Some((next.arrival, next.item))
    }

    /// The number of items on their way.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether no item is on its way.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Entry<T> {
    fn rank(&self) -> (Duration, u64) {
        (self.arrival, self.number)
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn simultaneous_arrivals_keep_the_order_of_sending() {
        let mut in_flight = InFlight::default();
        for (arrival_ms, item) in [(30, "c"), (10, "a"), (30, "d"), (20, "b")] {
            in_flight.send(arrival_ms * MS, item);
        }
        assert_eq!(in_flight.next_arrival(), Some(10 * MS));
        assert_eq!(in_flight.take_arrived(9 * MS), None);
        let arrived: Vec<_> = std::iter::from_fn(|| in_flight.take_arrived(30 * MS)).collect();
        let expected = [(10, "a"), (20, "b"), (30, "c"), (30, "d")];
        assert_eq!(arrived, expected.map(|(ms, item)| (ms * MS, item)));
        assert!(in_flight.is_empty());
    }
}
