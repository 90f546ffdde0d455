//! Whether the time of day is to be trusted with what cannot be undone. Clocks are set: by a battery that has failed, by a
//! time server that is wrong, by hand. One that has leapt ahead would take everything away at once; so nothing goes for a
//! day after it has, in which somebody can set it right. Knows no clock.

use log::warn;

use crate::time::Now;

/// Leaps that count: ahead of the clock that only runs, while the daemon does.
const LEAP_MS: u64 = 24 * 3_600_000;
/// The same since the newest message, when the daemon starts: it may have been off.
const ABSENCE_MS: u64 = 366 * 24 * 3_600_000;
/// How long nothing is taken away after one.
const DISTRUST_MS: u64 = 24 * 3_600_000;
/// A message whose time is further ahead than this was accepted while the clock was ahead. New ones of its conversation
/// are not put behind it any more.
const MAX_AHEAD_MS: u64 = 3_600_000;

#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    last: Option<(u64, u64)>,
    /// In monotonic ms; 0: it is trusted.
    distrusted_until_ms: u64,
}

impl Clock {
    /// `newest_unix_ms`: of all messages.
    pub fn begin(&mut self, newest_unix_ms: Option<u64>, now: &Now) {
        let absence = newest_unix_ms.map_or(0, |newest| now.unix_ms.saturating_sub(newest));
        if absence > ABSENCE_MS {
            self.distrust(absence, "since the newest message", now);
        }
    }

    /// Whether it is trusted now.
    pub fn look(&mut self, now: &Now) -> bool {
        if let Some((mono_ms, unix_ms)) = self.last.replace((now.mono_ms, now.unix_ms)) {
            let expected = unix_ms.saturating_add(now.mono_ms.saturating_sub(mono_ms));
            let (ahead, back) = (
                now.unix_ms.saturating_sub(expected),
                expected.saturating_sub(now.unix_ms),
            );
            if ahead > LEAP_MS {
                self.distrust(ahead, "at once", now);
            } else if back > LEAP_MS {
                // It was set right, or is late: then nothing seems old.
                self.distrusted_until_ms = 0;
            }
        }
        self.distrusted_ms(now) == 0
    }

    /// How long it is not trusted yet.
    pub fn distrusted_ms(&self, now: &Now) -> u64 {
        self.distrusted_until_ms.saturating_sub(now.mono_ms)
    }

    fn distrust(&mut self, ms: u64, since: &str, now: &Now) {
        let days = ms / LEAP_MS;
        warn!(
            "the clock went {days} days ahead {since}: if that is wrong, set it right; nothing is removed by age for 24 hours"
        );
        self.distrusted_until_ms = now.mono_ms.saturating_add(DISTRUST_MS);
    }
}

/// The last time that a message accepted until now can have, unless the clock was ahead.
pub fn latest(now: &Now) -> u64 {
    now.unix_ms.saturating_add(MAX_AHEAD_MS)
}
