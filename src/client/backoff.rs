//! How long to wait before connecting again: longer each time, with full jitter, so that the clients of a server that comes
//! back do not all come at once. Knows no clock.

use std::time::Duration;

pub struct Backoff {
    first: Duration,
    longest: Duration,
    tries: u32,
    /// splitmix64; seeded from the system.
    random: u64,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        let mut seed = [0; 8];
        // Without randomness all is as before, but for the jitter.
        let _ = getrandom::fill(&mut seed);
        Backoff {
            first,
            longest,
            tries: 0,
            random: u64::from_ne_bytes(seed),
        }
    }

    /// It went well: the next wait is short again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }

    /// Up to twice as long as the time before, at most the longest, and not before `at_least`, which is the server's word.
    pub fn wait(&mut self, at_least: Duration) -> Duration {
        let most = self.first.saturating_mul(1 << self.tries.min(16));
        self.tries = self.tries.saturating_add(1);
        let most = most.min(self.longest);
        let share = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        at_least.min(LONGEST_ASKED) + most.mul_f64(share)
    }

    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.random;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(250), Duration::from_secs(30))
    }
}

/// A server that asks for more is not heard further.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_not_all_alike() {
        let mut backoff = Backoff::default();
        let mut longest = Duration::ZERO;
        for n in 0..200 {
            let wait = backoff.wait(Duration::ZERO);
            let bound = Duration::from_millis(250 << n.min(7)).min(Duration::from_secs(30));
            assert!(wait <= bound, "{n}: {wait:?}");
            longest = longest.max(wait);
        }
        assert!(longest > Duration::from_secs(20), "{longest:?}");
        backoff.reset();
        assert!(backoff.wait(Duration::ZERO) <= Duration::from_millis(250));
    }

    #[test]
    fn what_the_server_asks_is_the_least_within_reason() {
        let mut backoff = Backoff::default();
        let asked = Duration::from_secs(5);
        assert!(backoff.wait(asked) >= asked);
        let unreasonable = Duration::from_secs(u64::MAX);
        assert!(backoff.wait(unreasonable) < Duration::from_secs(700));
    }
}
