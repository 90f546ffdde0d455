//! One look at everything that may be too old, a slice at a time. Knows no clock and no threads.

use super::clock::latest;
use super::{DAY_MS, KEYS_KEPT_DAYS, LOG_KEPT_DAYS, SLICE_ROWS, Sweep};
use crate::accounts::AccountId;
use crate::mailbox::post::Post;
use crate::store::{Age, Failed, MessageState};
use crate::time::Now;

/// One look at everything.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// What is older is trimmed; `None`: nothing is.
    trim_unix_ms: Option<u64>,
    log_unix_ms: u64,
    /// What says that it is from later was accepted while the clock was ahead: how old it is, is not known. It is at
    /// least as old as what was accepted after it.
    latest_unix_ms: u64,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Rows up to this are done, and those up to the second one are old whatever they say.
    Trim(i64, i64),
    /// Rows up to this are done; from there to the second one all are from later.
    Ahead(i64, i64),
    /// The logs of accounts before this, and its own up to the position.
    Logs(AccountId, u64),
    /// Rows up to this are done.
    Merge(i64),
}

impl Sweep {
    pub(super) fn go_on(
        &mut self,
        mut pass: Pass,
        post: &mut Post<'_>,
    ) -> Result<Option<Pass>, Failed> {
        let next = match pass.step {
            Step::Trim(after, old) => self.trim(&pass, after, old, post)?,
            Step::Ahead(after, at) => ahead(&pass, after, at, post)?,
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
        old: i64,
        post: &mut Post<'_>,
    ) -> Result<Option<Step>, Failed> {
        let logs = Step::Logs(AccountId(i64::MIN), 0);
        let Some(before) = pass.trim_unix_ms else {
            return Ok(Some(logs));
        };
        let rows = post.tables.messages_from(after, SLICE_ROWS)?;
        let is_last = rows.len() < SLICE_ROWS as usize;
        for row in rows {
            if row.id > old && row.time_unix_ms > pass.latest_unix_ms {
                return Ok(Some(Step::Ahead(after, row.id)));
            }
            if row.id > old && row.time_unix_ms >= before {
                return Ok(Some(logs));
            }
            after = row.id;
            if row.is_there {
                let message = post.tables.message(row.id, row.conversation, row.seq)?;
                post.take_away(message, MessageState::Trimmed)?;
                self.forgets(post.now);
            }
        }
        Ok(Some(if is_last {
            logs
        } else {
            Step::Trim(after, old)
        }))
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
            // Where there is no device nobody takes receipts, and they are not kept for one that may never come.
            let taken = tables.cursors(owner, |cursors| {
                let acked = cursors.iter().map(|cursor| cursor.acked);
                acked.min().unwrap_or(u64::MAX)
            })?;
            let upto = match pass.trim_unix_ms {
                Some(_) => u64::MAX,
                None => taken,
            };
            let age = Age {
                before_unix_ms: pass.log_unix_ms,
                latest_unix_ms: pass.latest_unix_ms,
                taken,
            };
            let cleaned = tables.clean_log(owner, (after, upto), &age, SLICE_ROWS)?;
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
            let is_ahead = row.time_unix_ms > pass.latest_unix_ms;
            if row.time_unix_ms >= before && !is_ahead {
                return Ok(None);
            }
            after = row.id;
            if !row.is_there && !is_ahead {
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
    pub fn new(post: &Post<'_>) -> Self {
        let days = u64::from(post.config.retention_days);
        let ago = |days: u64| post.now.unix_ms.saturating_sub(days.saturating_mul(DAY_MS));
        Pass {
            trim_unix_ms: (days > 0).then(|| ago(days)),
            log_unix_ms: ago(if days > 0 { days } else { LOG_KEPT_DAYS }),
            latest_unix_ms: latest(post.now),
            step: Step::Trim(0, 0),
        }
    }

    fn merge_unix_ms(&self, now: &Now) -> Option<u64> {
        let keys = now.unix_ms.saturating_sub(KEYS_KEPT_DAYS * DAY_MS);
        Some(self.trim_unix_ms?.min(keys))
    }
}

/// Passes over what is from later, for the first row that is not: if that is too old, so is all before it.
fn ahead(pass: &Pass, after: i64, mut at: i64, post: &Post<'_>) -> Result<Option<Step>, Failed> {
    let logs = Step::Logs(AccountId(i64::MIN), 0);
    let rows = post.tables.messages_from(at, SLICE_ROWS)?;
    let is_last = rows.len() < SLICE_ROWS as usize;
    for row in rows {
        at = row.id;
        if row.time_unix_ms <= pass.latest_unix_ms {
            let is_old = pass.trim_unix_ms.is_some_and(|old| row.time_unix_ms < old);
            return Ok(Some(if is_old { Step::Trim(after, at) } else { logs }));
        }
    }
    Ok(Some(if is_last {
        logs
    } else {
        Step::Ahead(after, at)
    }))
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
