//! How long things took, as counts by length. Shared by threads; observing takes no lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper ends of the buckets but the last, which has none: 50 µs to 5 s.
pub const BOUNDS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
];
const BUCKETS: usize = BOUNDS_US.len() + 1;

#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, length: Duration) {
        let us = length.as_micros();
        let bucket = BOUNDS_US.partition_point(|bound| u128::from(*bound) < us);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        let ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    pub fn read(&self) -> Buckets {
        Buckets {
            counts: std::array::from_fn(|at| {
                self.counts.get(at).map_or(0, |count| count.load(Relaxed))
            }),
            sum_ns: self.sum_ns.load(Relaxed),
        }
    }
}

/// What a [`Histogram`] held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// By [`BOUNDS_US`], each without those below it.
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Buckets {
    /// Upper ends in seconds, `None` for the last, and how many were not longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> + '_ {
        let bounds = BOUNDS_US.iter().map(|us| Some(*us as f64 / 1e6));
        let sums = self.counts.iter().scan(0_u64, |sum, count| {
            *sum = sum.saturating_add(*count);
            Some(*sum)
        });
        bounds.chain([None]).zip(sums)
    }

    pub fn sum_seconds(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 5_000_000, 5_000_001, 60_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let buckets = histogram.read();
        let found: Vec<u64> = buckets.cumulative().map(|(_, count)| count).collect();
        assert_eq!(found, [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 6]);
        assert_eq!(buckets.count(), 6);
        assert_eq!(buckets.sum_seconds(), 70.000102);
        let ends: Vec<Option<f64>> = buckets.cumulative().map(|(end, _)| end).collect();
        assert_eq!(
            (ends[0], ends[11], ends[12]),
            (Some(0.00005), Some(5.0), None)
        );
    }
}
