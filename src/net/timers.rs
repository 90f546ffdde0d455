//! Deadlines of connections. Does not know what they mean.
//!
//! One entry a connection at most. Entries are hints: a deadline that moved away is left where it is, and its owner
//! says, when it falls due, what it is really waiting for. So the hot path never touches the set.

use std::collections::BTreeSet;

/// Later than any deadline.
pub const NEVER: u64 = u64::MAX;

#[derive(Debug, Default)]
pub struct Timers {
    due: BTreeSet<(u64, u32)>,
}

impl Timers {
    /// Asks to be woken for `key` at `at` or before. `armed` is the owner's record of its entry, [`NEVER`] at first.
    pub fn arm(&mut self, key: u32, armed: &mut u64, at: u64) {
        if at >= *armed {
            return;
        }
        self.due.remove(&(*armed, key));
        self.due.insert((at, key));
        *armed = at;
    }

    /// Forgets the entry.
    pub fn disarm(&mut self, key: u32, armed: &mut u64) {
        self.due.remove(&(*armed, key));
        *armed = NEVER;
    }

    /// The connection whose entry is due first; the caller disarms it.
    pub fn expired(&self, now_ms: u64) -> Option<u32> {
        self.due
            .first()
            .filter(|(at, _)| *at <= now_ms)
            .map(|(_, key)| *key)
    }

    /// When the next entry falls due.
    pub fn next(&self) -> u64 {
        self.due.first().map_or(NEVER, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_entry_of_a_connection_stands() {
        let (mut timers, mut armed) = (Timers::default(), NEVER);
        timers.arm(7, &mut armed, 50);
        timers.arm(7, &mut armed, 90);
        timers.arm(7, &mut armed, 20);
        assert_eq!((timers.next(), armed), (20, 20));
        assert_eq!(timers.expired(19), None);
        assert_eq!(timers.expired(20), Some(7));
        timers.disarm(7, &mut armed);
        assert_eq!((timers.next(), armed), (NEVER, NEVER));
    }
}
