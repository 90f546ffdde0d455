//! How many log lines strangers may cause. Owns a count; reads no clock and writes nothing.

/// A token bucket: 50 lines at once, 5 a second on average. Once it is empty nothing passes until a
/// second's worth is back, so that a flood costs one summary a second and not one a line.
#[derive(Debug)]
pub struct RemoteLog {
    /// Thousandths of a line.
    tokens: u64,
    /// Of the monotonic clock.
    filled_at_ms: u64,
    suppressed: u64,
    empty: bool,
}

impl RemoteLog {
    pub fn new(now_ms: u64) -> Self {
        RemoteLog {
            tokens: BURST * SCALE,
            filled_at_ms: now_ms,
            suppressed: 0,
            empty: false,
        }
    }

    /// Whether one more line may be written. `Some(n)`: yes, and if `n` is not 0, after the line
    /// [`summary`]`(n)` about those that were not. `None`: it is counted instead.
    pub fn admit(&mut self, now_ms: u64) -> Option<u64> {
        let suppressed = self.recovered(now_ms);
        if self.empty {
            self.suppressed += 1;
            return None;
        }
        self.tokens -= SCALE;
        self.empty = self.tokens < SCALE;
        Some(suppressed)
    }

    /// How many lines were suppressed, once there is room to say so; then the count starts anew. For
    /// whoever has no line of its own to write.
    pub fn recovered(&mut self, now_ms: u64) -> u64 {
        let passed = now_ms.saturating_sub(self.filled_at_ms);
        self.filled_at_ms = self.filled_at_ms.max(now_ms);
        let gained = passed.saturating_mul(PER_SECOND * SCALE / 1_000);
        self.tokens = self.tokens.saturating_add(gained).min(BURST * SCALE);
        self.empty &= self.tokens < PER_SECOND * SCALE;
        if self.empty {
            return 0;
        }
        std::mem::take(&mut self.suppressed)
    }
}

/// The line that stands for `suppressed` others.
pub fn summary(suppressed: u64) -> String {
    format!("{suppressed} similar lines suppressed")
}

const BURST: u64 = 50;
const PER_SECOND: u64 = 5;
const SCALE: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// D9: at most 10 lines a second, summaries included, after the burst.
    #[test]
    fn a_flood_is_ten_lines_a_second_and_every_line_is_accounted_for() {
        let mut log = RemoteLog::new(7);
        let (mut lines, mut told, mut after_burst) = (0, 0, 0);
        for ms in 0..10_000 {
            for _ in 0..10 {
                let Some(suppressed) = log.admit(7 + ms) else {
                    continue;
                };
                lines += 1;
                told += suppressed;
                after_burst += u64::from(ms > 1_000) * (1 + u64::from(suppressed > 0));
            }
        }
        told += log.recovered(60_000);
        assert_eq!(lines + told, 100_000);
        assert!((9 * 5..=9 * 10).contains(&after_burst), "{after_burst}");
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let mut log = RemoteLog::new(1_000);
        assert_eq!((0..100).filter_map(|_| log.admit(1_000)).count(), 50);
        assert_eq!(log.admit(0), None);
        assert_eq!(log.recovered(1_999), 0);
        assert_eq!(log.admit(2_000), Some(51));
    }
}
