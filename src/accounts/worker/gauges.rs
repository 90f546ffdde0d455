//! What the store thread shows of itself to whoever watches. Knows no rules and waits for nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::super::bench::Bench;
use crate::ops::metrics::Histogram;
use crate::store::Store;
use crate::time::Now;
use crate::upkeep::Vitals;

/// How often it is looked at: while there are commits, while there are none, while the disk is full, and if somebody asked.
const LOOK_MS: u64 = 5_000;
const IDLE_MS: u64 = 60_000;
const FULL_MS: u64 = 1_000;
const ASKED_MS: u64 = 1_000;

/// Bytes that a disk has left when it is full: a few pages.
const NO_ROOM: u64 = 64 * 1024;

#[derive(Default)]
pub struct Gauges {
    commit: Histogram,
    is_full: AtomicBool,
    hashing: AtomicU64,
    bytes: AtomicU64,
    accounts_created: AtomicU64,
    /// On the disk, and one more; 0: it does not say.
    free: AtomicU64,
    /// Somebody wants to know, and a letter says so.
    is_asked: AtomicBool,
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
        self.note_room(bench);
        self.hashing.store(bench.hashing() as u64, Relaxed);
    }

    pub fn look(&self, store: &Store) {
        self.bytes.store(store.bytes(), Relaxed);
        let free = store.free_bytes().map_or(0, |free| free.saturating_add(1));
        self.free.store(free, Relaxed);
        if let Some(created) = store.accounts_created() {
            self.accounts_created.store(created, Relaxed);
        }
    }

    /// Somebody reads this: it should not be old. Whether that is news.
    pub fn ask(&self) -> bool {
        !self.is_asked.swap(true, Relaxed)
    }

    /// Returns how long to wait until that is due. Where there may be no room, whether there is.
    pub fn look_if_due(&self, bench: &mut Bench, looked: &mut Looked, now: &Now) -> u64 {
        let wait = match looked {
            _ if bench.is_full() => FULL_MS,
            _ if self.is_asked.load(Relaxed) => ASKED_MS,
            Looked { commits, .. } if bench.commits() != *commits => LOOK_MS,
            _ => IDLE_MS,
        };
        let due_ms = looked.at_ms.saturating_add(wait);
        if now.mono_ms < due_ms {
            return due_ms - now.mono_ms;
        }
        self.is_asked.store(false, Relaxed);
        self.look(&bench.store());
        bench.probe(self.free());
        self.note_room(bench);
        (looked.at_ms, looked.commits) = (now.mono_ms, bench.commits());
        if bench.is_full() { FULL_MS } else { IDLE_MS }
    }

    /// A disk that others have filled is full, though a commit may still find room in the log.
    fn note_room(&self, bench: &Bench) {
        let has_none = self.free().is_some_and(|free| free < NO_ROOM);
        self.is_full.store(bench.is_full() || has_none, Relaxed);
    }

    fn free(&self) -> Option<u64> {
        self.free.load(Relaxed).checked_sub(1)
    }

    /// All but what others know.
    pub fn read(&self) -> Vitals {
        Vitals {
            commit: self.commit.read(),
            bytes: self.bytes.load(Relaxed),
            free: self.free(),
            accounts_created: self.accounts_created.load(Relaxed),
            is_full: self.is_full.load(Relaxed),
            hashing: self.hashing.load(Relaxed),
            ..Vitals::default()
        }
    }
}
