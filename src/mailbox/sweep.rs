//! What time takes away: messages that have expired or are too old, entries of logs that everybody has, what is left of
//! accounts that are gone. A slice at a time, so that nothing waits long for it. Knows no clock and no threads.
//!
//! How long it takes: a message expires at its time, and is shown to nobody from then on; its text is overwritten as
//! soon as the store is idle, else within [`SLICE_EVERY_MS`] a slice of [`SLICE_ROWS`]. Messages older than
//! `mailbox.retention_days` go within [`PASS_MS`]. What was overwritten or removed, edited texts too, stands in no file
//! [`FORGET_MS`] later. While the clock is not to be trusted ([`Clock`]) what has expired is hidden, and nothing goes.

mod clock;
mod pass;

use self::clock::Clock;
pub(super) use self::clock::latest;
use self::pass::Pass;
use super::leaving::Leaving;
use super::post::Post;
use crate::store::{Failed, MessageState, Tables};
use crate::time::Now;

/// Rows of each kind that one slice looks at: a quarter of a millisecond, which whoever asks then waits longer.
pub const SLICE_ROWS: u32 = 125;
/// While other work waits, slices come no faster.
pub const SLICE_EVERY_MS: u64 = 25;
/// Other work is taken to go on for so long after the last of it.
const QUIET_MS: u64 = 10;
/// From one look at everything that may be too old to the next.
pub const PASS_MS: u64 = 3_600_000;
/// After something was taken away, until the store's write-ahead log is emptied.
pub const FORGET_MS: u64 = 60_000;
/// How long entries of logs that all devices have taken are kept for `after:0`, if messages are kept for ever.
pub const LOG_KEPT_DAYS: u64 = 30;
/// How long a `messageId` is known at least.
pub const KEYS_KEPT_DAYS: u64 = 30;
/// Clocks are set: nothing is awaited longer than this.
const MAX_WAIT_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// How far it has come. If a slice fails, what it was before counts.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    has_begun: bool,
    clock: Clock,
    leaving: Vec<Leaving>,
    next_expiry: Option<u64>,
    pass: Option<Pass>,
    next_pass_ms: u64,
    /// Entries from before this are in no log any more.
    cleaned_unix_ms: u64,
    /// Since when something is to be forgotten.
    to_forget: Option<u64>,
    last_ms: u64,
    /// More jobs may come until then.
    quiet_at_ms: u64,
    /// Nothing is done before, as the last slice failed.
    rests_until_ms: u64,
}

impl Sweep {
    /// What is left of an account that is removed goes from now on.
    pub fn leaves(&mut self, leaving: Leaving) {
        self.leaving.push(leaving);
    }

    /// Something was taken away, or overwritten, at `now`.
    pub fn forgets(&mut self, now: &Now) {
        self.to_forget.get_or_insert(now.mono_ms);
    }

    /// There were jobs, and more may come soon.
    pub fn makes_way(&mut self, now: &Now) {
        self.quiet_at_ms = now.mono_ms.saturating_add(QUIET_MS);
    }

    /// After jobs, which may have brought what expires sooner.
    pub fn look(&mut self, tables: &Tables<'_>) -> Result<(), Failed> {
        self.next_expiry = tables.next_expiry()?;
        Ok(())
    }

    /// Whether the write-ahead log is to be emptied now; if so, that counts as done.
    pub fn takes_forgetting(&mut self, now: &Now) -> bool {
        let due = self.forget_in(now) == Some(0);
        if due {
            self.to_forget = None;
        }
        due
    }

    /// The last slice failed.
    pub fn rests(&mut self, now: &Now) {
        self.rests_until_ms = now.mono_ms.saturating_add(MAX_WAIT_MS);
    }

    /// Milliseconds until there is something to do.
    pub fn wait_ms(&self, now: &Now) -> u64 {
        let rest = self.rests_until_ms.saturating_sub(now.mono_ms);
        if rest > 0 {
            return rest;
        }
        let goes_on = self.pass.is_some() && self.clock.distrusted_ms(now) == 0;
        if !self.has_begun || !self.leaving.is_empty() || goes_on {
            let quiet = self.quiet_at_ms.saturating_sub(now.mono_ms);
            return quiet.min(self.due_ms(now));
        }
        let distrust = self.clock.distrusted_ms(now);
        let pass = self.next_pass_ms.saturating_sub(now.mono_ms);
        let expiry = self.next_expiry.map(|at| at.saturating_sub(now.unix_ms));
        let expiry = expiry.map(|wait| wait.max(distrust));
        let waits = [Some(pass.max(distrust)), expiry, self.forget_in(now)];
        waits
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(0)
            .min(MAX_WAIT_MS)
    }

    /// The same while other work waits.
    pub fn wait_when_busy_ms(&self, now: &Now) -> u64 {
        self.wait_ms(now).max(self.due_ms(now))
    }

    /// Until it is time for a slice, whatever else there is to do.
    fn due_ms(&self, now: &Now) -> u64 {
        let since = now.mono_ms.saturating_sub(self.last_ms);
        SLICE_EVERY_MS.saturating_sub(since)
    }

    /// What is to be told of what it took away, `post` holds.
    pub fn slice(&mut self, post: &mut Post<'_>) -> Result<(), Failed> {
        self.last_ms = post.now.mono_ms;
        if !self.has_begun {
            let accounts = post.tables.leaving()?;
            self.leaving = accounts.into_iter().map(Leaving::new).collect();
            self.has_begun = true;
            // What was taken away before may have left traces, if the process ended soon after.
            self.forgets(post.now);
            self.clock.begin(post.tables.newest_unix_ms()?, post.now);
        }
        let is_trusted = self.clock.look(post.now);
        if let Some(mut leaving) = self.leaving.pop() {
            if !leaving.slice(post.tables, SLICE_ROWS)? {
                self.leaving.push(leaving);
            }
            self.forgets(post.now);
        }
        if !is_trusted {
            self.pass = None;
            return self.look(post.tables);
        }
        self.expire(post)?;
        if self.pass.is_none() && post.now.mono_ms >= self.next_pass_ms {
            self.pass = Some(Pass::new(post));
        }
        if let Some(pass) = self.pass {
            self.pass = self.go_on(pass, post)?;
            if self.pass.is_none() {
                self.next_pass_ms = post.now.mono_ms.saturating_add(PASS_MS);
            }
        }
        self.look(post.tables)
    }

    fn forget_in(&self, now: &Now) -> Option<u64> {
        let due = self.to_forget?.saturating_add(FORGET_MS);
        Some(due.saturating_sub(now.mono_ms))
    }

    fn expire(&mut self, post: &mut Post<'_>) -> Result<(), Failed> {
        for row in post.tables.expired(post.now.unix_ms, SLICE_ROWS)? {
            post.take_away(row, MessageState::Expired)?;
            self.forgets(post.now);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Now {
        Now::new(ms, 1_800_000_000_000 + ms)
    }

    #[test]
    fn slices_wait_until_it_is_quiet_or_time_for_one() {
        let mut sweep = Sweep::default();
        assert_eq!(sweep.wait_ms(&at(1_000)), 0, "there was nothing else yet");
        sweep.last_ms = 1_000;
        sweep.makes_way(&at(1_001));
        assert_eq!(
            (sweep.wait_ms(&at(1_001)), sweep.wait_ms(&at(1_010))),
            (10, 1)
        );
        assert_eq!(sweep.wait_ms(&at(1_011)), 0, "nothing more came");
        for ms in 1_001..1_000 + SLICE_EVERY_MS {
            sweep.makes_way(&at(ms));
            assert!(sweep.wait_ms(&at(ms)) > 0 && sweep.wait_when_busy_ms(&at(ms)) > 0);
        }
        let due = at(1_000 + SLICE_EVERY_MS);
        sweep.makes_way(&due);
        assert_eq!((sweep.wait_ms(&due), sweep.wait_when_busy_ms(&due)), (0, 0));
    }
}
