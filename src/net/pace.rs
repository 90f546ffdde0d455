//! How fast one connection may go on: commands a second, refused lines in ten. Knows no connection.

use crate::config::Limits;

/// A token bucket as one number (GCRA): the time at which the bucket is full again, in monotonic µs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace(u64);

impl Pace {
    /// Takes `cost` tokens. More than are there may be taken: then [`Pace::open_at_ms`] lies ahead.
    pub fn charge(&mut self, cost: u32, limits: &Limits, now_ms: u64) {
        let token_us = 1_000_000 / u64::from(limits.commands_per_second.max(1));
        self.0 = self
            .0
            .max(now_ms * 1_000)
            .saturating_add(token_us * u64::from(cost));
    }

    /// When the bucket holds a token again, in monotonic ms; the past if it does.
    pub fn open_at_ms(&self, limits: &Limits) -> u64 {
        let token_us = 1_000_000 / u64::from(limits.commands_per_second.max(1));
        let room_us = token_us * u64::from(limits.command_burst.saturating_sub(1));
        self.0.saturating_sub(room_us).div_ceil(1_000)
    }
}

/// The span over which `max_errors` counts.
const SPAN_MS: u64 = 10_000;

/// Refused lines of one connection, counted from the first of a span.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    since_ms: u64,
    count: u32,
}

impl Errors {
    /// Counts one more; whether that is too many.
    pub fn add(&mut self, limits: &Limits, now_ms: u64) -> bool {
        if self.count == 0 || now_ms.saturating_sub(self.since_ms) >= SPAN_MS {
            *self = Errors {
                since_ms: now_ms,
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        self.count >= limits.max_errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_a_steady_rate() {
        let (mut pace, limits) = (Pace::default(), Limits::default());
        let mut now = 5_000;
        for _ in 0..50 {
            assert!(pace.open_at_ms(&limits) <= now);
            pace.charge(1, &limits, now);
        }
        for _ in 0..100 {
            let open = pace.open_at_ms(&limits);
            assert_eq!(open, now + 50);
            now = open;
            pace.charge(1, &limits, now);
        }
    }

    #[test]
    fn the_tenth_error_in_ten_seconds_is_too_many() {
        let (mut errors, limits) = (Errors::default(), Limits::default());
        for _ in 0..9 {
            assert!(!errors.add(&limits, 7));
        }
        assert!(!errors.add(&limits, 10_007));
        for _ in 0..8 {
            assert!(!errors.add(&limits, 20_006));
        }
        assert!(errors.add(&limits, 20_006));
    }
}
