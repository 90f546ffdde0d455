//! What the store thread shows of itself to whoever watches. Knows no rules and waits for nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::super::bench::Bench;
use crate::ops::metrics::Histogram;
use crate::store::Store;
use crate::time::Now;
use crate::upkeep::Vitals;

/// How often sizes are looked at, while there are commits.
const LOOK_MS: u64 = 5_000;

#[derive(Default)]
pub struct Gauges {
    commit: Histogram,
    is_full: AtomicBool,
    hashing: AtomicU64,
    bytes: AtomicU64,
    accounts_created: AtomicU64,
}

/// When sizes were looked at last, and after how many commits.
#[derive(Default)]
pub struct Looked {
    at_ms: u64,
    commits: u64,
}

impl Gauges {
    /// One batch was done, whatever became of it.
    pub fn worked(&self, took: Duration, bench: &Bench) {
        self.commit.observe(took);
        self.is_full.store(bench.is_full(), Relaxed);
        self.hashing.store(bench.hashing() as u64, Relaxed);
    }

    pub fn look(&self, store: &Store) {
        self.bytes.store(store.bytes(), Relaxed);
        if let Some(created) = store.accounts_created() {
            self.accounts_created.store(created, Relaxed);
        }
    }

    /// Returns how long to wait until that is due; for ever while nothing is committed.
    pub fn look_if_due(&self, bench: &Bench, looked: &mut Looked, now: &Now) -> u64 {
        if bench.commits() == looked.commits {
            return u64::MAX;
        }
        let due_ms = looked.at_ms.saturating_add(LOOK_MS);
        if now.mono_ms < due_ms {
            return due_ms - now.mono_ms;
        }
        self.look(&bench.store());
        (looked.at_ms, looked.commits) = (now.mono_ms, bench.commits());
        u64::MAX
    }

    /// All but what others know.
    pub fn read(&self) -> Vitals {
        Vitals {
            commit: self.commit.read(),
            bytes: self.bytes.load(Relaxed),
            accounts_created: self.accounts_created.load(Relaxed),
            is_full: self.is_full.load(Relaxed),
            hashing: self.hashing.load(Relaxed),
            ..Vitals::default()
        }
    }
}
