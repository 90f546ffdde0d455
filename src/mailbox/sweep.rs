//! What time takes away: messages that have expired or are too old, entries of logs that everybody has, what is left of
//! accounts that are gone. A slice at a time, so that nothing waits long for it. Knows no clock and no threads.
//!
//! How long it takes: a message expires at its time, and is shown to nobody from then on; its text is overwritten as
//! soon as the store is idle, else within [`SLICE_EVERY_MS`] a slice of [`SLICE_ROWS`]. Messages older than
//! `mailbox.retention_days` go within [`PASS_MS`]. What was overwritten or removed, edited texts too, stands in no file
//! [`FORGET_MS`] later.

use super::leaving::Leaving;
use super::post::Post;
use crate::accounts::AccountId;
use crate::store::{Failed, MessageState, Tables};
use crate::time::Now;

/// Rows of each kind that one slice looks at.
pub const SLICE_ROWS: u32 = 500;
/// While other work waits, slices come no faster.
pub const SLICE_EVERY_MS: u64 = 100;
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
    leaving: Vec<Leaving>,
    next_expiry: Option<u64>,
    pass: Option<Pass>,
    next_pass_ms: u64,
    /// Entries from before this are in no log any more.
    cleaned_unix_ms: u64,
    /// Since when something is to be forgotten.
    to_forget: Option<u64>,
    last_ms: u64,
    /// Nothing is done before, as the last slice failed.
    rests_until_ms: u64,
}

/// One look at everything.
#[derive(Clone, Copy, Debug)]
struct Pass {
    /// What is older is trimmed; `None`: nothing is.
    trim_unix_ms: Option<u64>,
    log_unix_ms: u64,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Rows up to this are done.
    Trim(i64),
    /// The logs of accounts before this, and its own up to the position.
    Logs(AccountId, u64),
    /// Rows up to this are done.
    Merge(i64),
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
        if !self.has_begun || !self.leaving.is_empty() || self.pass.is_some() {
            return 0;
        }
        let pass = self.next_pass_ms.saturating_sub(now.mono_ms);
        let expiry = self.next_expiry.map(|at| at.saturating_sub(now.unix_ms));
        let waits = [Some(pass), expiry, self.forget_in(now)];
        waits
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(0)
            .min(MAX_WAIT_MS)
    }

    /// The same while other work waits.
    pub fn wait_when_busy_ms(&self, now: &Now) -> u64 {
        let since = now.mono_ms.saturating_sub(self.last_ms);
        self.wait_ms(now).max(SLICE_EVERY_MS.saturating_sub(since))
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
        }
        self.expire(post)?;
        if let Some(mut leaving) = self.leaving.pop() {
            if !leaving.slice(post.tables, SLICE_ROWS)? {
                self.leaving.push(leaving);
            }
            self.forgets(post.now);
        }
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

    fn go_on(&mut self, mut pass: Pass, post: &mut Post<'_>) -> Result<Option<Pass>, Failed> {
        let next = match pass.step {
            Step::Trim(after) => self.trim(&pass, after, post)?,
            Step::Logs(account, pos) => self.clean(&pass, account, pos, post)?,
            Step::Merge(after) => self.merge(&pass, after, post)?,
        };
        Ok(next.map(|step| {
            pass.step = step;
            pass
        }))
    }

    fn trim(
        &mut self,
        pass: &Pass,
        mut after: i64,
        post: &mut Post<'_>,
    ) -> Result<Option<Step>, Failed> {
        let logs = Step::Logs(AccountId(i64::MIN), 0);
        let Some(before) = pass.trim_unix_ms else {
            return Ok(Some(logs));
        };
        let rows = post.tables.messages_from(after, SLICE_ROWS)?;
        let is_last = rows.len() < SLICE_ROWS as usize;
        for row in rows {
            if row.time_unix_ms >= before {
                return Ok(Some(logs));
            }
            after = row.id;
            if row.is_there {
                let message = post.tables.message(row.id, row.conversation, row.seq)?;
                post.take_away(message, MessageState::Trimmed)?;
                self.forgets(post.now);
            }
        }
        Ok(Some(if is_last { logs } else { Step::Trim(after) }))
    }

    /// What a message that is kept says stays in the log of who has not taken it.
    fn clean(
        &mut self,
        pass: &Pass,
        account: AccountId,
        pos: u64,
        post: &Post<'_>,
    ) -> Result<Option<Step>, Failed> {
        let tables = post.tables;
        let owners = match pos {
            0 => tables.mailbox_owners(account, SLICE_ROWS / 10)?,
            _ => vec![account],
        };
        let Some(last) = owners.last().copied() else {
            self.cleaned_unix_ms = pass.log_unix_ms;
            return Ok(Some(Step::Merge(0)));
        };
        let mut after = pos;
        for owner in owners {
            let taken = tables.cursors(owner, |cursors| {
                cursors.iter().map(|cursor| cursor.acked).min()
            })?;
            let upto = match pass.trim_unix_ms {
                Some(_) => u64::MAX,
                None => taken.unwrap_or(0),
            };
            let before = pass.log_unix_ms;
            let cleaned = tables.clean_log(owner, after, upto, before, SLICE_ROWS)?;
            if !cleaned.is_all {
                return Ok(Some(Step::Logs(owner, cleaned.upto)));
            }
            after = 0;
        }
        Ok(Some(Step::Logs(last, 0)))
    }

    /// Of holes side by side that are so old that no `messageId` in them counts any more, one row is left.
    fn merge(
        &mut self,
        pass: &Pass,
        mut after: i64,
        post: &Post<'_>,
    ) -> Result<Option<Step>, Failed> {
        let Some(before) = pass.merge_unix_ms(post.now) else {
            return Ok(None);
        };
        let before = before.min(self.cleaned_unix_ms);
        let rows = post.tables.messages_from(after, SLICE_ROWS)?;
        let is_last = rows.len() < SLICE_ROWS as usize;
        for row in rows {
            if row.time_unix_ms >= before {
                return Ok(None);
            }
            after = row.id;
            if !row.is_there {
                post.merge(row.id, row.conversation, row.seq, before)?;
            }
        }
        Ok(if is_last {
            None
        } else {
            Some(Step::Merge(after))
        })
    }
}

impl Pass {
    fn new(post: &Post<'_>) -> Self {
        let days = u64::from(post.config.retention_days);
        let ago = |days: u64| post.now.unix_ms.saturating_sub(days.saturating_mul(DAY_MS));
        Pass {
            trim_unix_ms: (days > 0).then(|| ago(days)),
            log_unix_ms: ago(if days > 0 { days } else { LOG_KEPT_DAYS }),
            step: Step::Trim(0),
        }
    }

    fn merge_unix_ms(&self, now: &Now) -> Option<u64> {
        let keys = now.unix_ms.saturating_sub(KEYS_KEPT_DAYS * DAY_MS);
        Some(self.trim_unix_ms?.min(keys))
    }
}

impl Post<'_> {
    /// The hole is made part of the one right before it, if there is one from before `unix_ms`.
    fn merge(&self, id: i64, conversation: i64, seq: u64, unix_ms: u64) -> Result<(), Failed> {
        let before = self.tables.messages_before(conversation, seq, 1)?.pop();
        let Some(mut before) = before else {
            return Ok(());
        };
        let reaches = before.to_seq.unwrap_or(before.seq).saturating_add(1) >= seq;
        let is_hole = !matches!(
            before.state,
            MessageState::There | MessageState::Damaged | MessageState::Lost
        );
        if !reaches || !is_hole || before.time_unix_ms >= unix_ms {
            return Ok(());
        }
        let row = self.tables.message(id, conversation, seq)?;
        let is_mergeable = !matches!(
            row.state,
            MessageState::There | MessageState::Damaged | MessageState::Lost
        );
        if !is_mergeable || !self.tables.remove_message(id)? {
            return Ok(());
        }
        if let Some(pair) = self.tables.conversation_by_id(conversation)? {
            self.tables.remove_changes(pair.low, id)?;
            self.tables.remove_changes(pair.high, id)?;
        }
        before.to_seq = Some(row.to_seq.unwrap_or(seq));
        before.state = MessageState::Trimmed;
        before.hidden = Default::default();
        before.known_by = None;
        self.tables.put_message(&before)
    }
}
