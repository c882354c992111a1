//! How many changes an address may make: a token bucket for each.
//!
//! Always: pure; the table is bounded, and an address that rests leaves it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::access::Address;

/// Addresses with a bucket that is not full. More can't make changes within the seconds that a bucket
/// takes to fill, unless somebody has a large part of the Internet.
const MAX_BUCKETS: usize = 10_000;

/// The buckets of all addresses.
#[derive(Debug)]
pub(crate) struct Changes {
    per_second: f64,
    burst: f64,
    buckets: HashMap<Address, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Changes {
    /// Lets each address make `burst` changes at once and `per_second` in the long run.
    pub(crate) fn new(per_second: u16, burst: u16) -> Self {
        Self {
            per_second: per_second.into(),
            burst: burst.into(),
            buckets: HashMap::new(),
        }
    }

    /// Counts a change of this address.
    ///
    /// # Errors
    /// The time after which the next one is permitted; this one is not counted.
    pub(crate) fn take(&mut self, address: Address, now: Instant) -> Result<(), Duration> {
        let tokens = self.tokens(address, now);
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second));
        }
        if !self.buckets.contains_key(&address) {
            self.make_room(now);
        }
        let tokens = tokens - 1.0;
        self.buckets.insert(address, Bucket { tokens, at: now });
        Ok(())
    }

    fn tokens(&self, address: Address, now: Instant) -> f64 {
        self.buckets
            .get(&address)
            .map_or(self.burst, |bucket| self.filled(bucket, now))
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(self.burst)
    }

    fn make_room(&mut self, now: Instant) {
        // Full buckets say nothing, and those that are nearly full say little.
        for share in [1.0, 0.5] {
            if self.buckets.len() < MAX_BUCKETS {
                return;
            }
            let limit = self.burst * share;
            let mut buckets = std::mem::take(&mut self.buckets);
            buckets.retain(|_, bucket| self.filled(bucket, now) < limit);
            self.buckets = buckets;
        }
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn host(number: u32) -> Address {
        IpAddr::V4(Ipv4Addr::from_bits(number)).into()
    }

    fn permitted(changes: &mut Changes, address: Address, tries: u32, now: Instant) -> usize {
        (0..tries)
            .filter(|_| changes.take(address, now).is_ok())
            .count()
    }

    #[test]
    fn an_address_has_a_burst_then_a_rate() {
        let start = Instant::now();
        let mut changes = Changes::new(5, 20);
        assert_eq!(permitted(&mut changes, host(1), 100, start), 20);
        let wait = changes
            .take(host(1), start)
            .expect_err("the bucket is empty");
        assert_eq!(wait, Duration::from_millis(200));
        let second = start + Duration::from_secs(1);
        assert_eq!(permitted(&mut changes, host(1), 100, second), 5);
        let later = start + Duration::from_secs(60);
        assert_eq!(
            permitted(&mut changes, host(1), 100, later),
            20,
            "no more than a burst"
        );
    }

    #[test]
    fn a_flood_does_not_slow_other_addresses() {
        let start = Instant::now();
        let mut changes = Changes::new(5, 20);
        permitted(&mut changes, host(1), 1000, start);
        assert_eq!(permitted(&mut changes, host(2), 20, start), 20);
    }

    #[test]
    fn the_table_of_addresses_is_bounded() {
        let start = Instant::now();
        let mut changes = Changes::new(5, 20);
        for number in 0..100_000 {
            // A third of the buckets is far from full.
            let tries = if number % 3 == 0 { 15 } else { 1 };
            assert_eq!(
                permitted(&mut changes, host(number), tries, start),
                tries as usize
            );
            assert!(changes.buckets.len() <= MAX_BUCKETS, "{number}");
        }
        let rested = start + Duration::from_secs(5);
        permitted(&mut changes, host(200_000), 1, start);
        while changes.buckets.len() < MAX_BUCKETS {
            let next = host(300_000 + changes.buckets.len() as u32);
            permitted(&mut changes, next, 1, start);
        }
        assert_eq!(permitted(&mut changes, host(7), 1, rested), 1);
        assert_eq!(changes.buckets.len(), 1, "rested addresses leave");
    }
}
