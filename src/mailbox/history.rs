//! Messages that were, a page at a time: whatever the pages, together they are the same list.

use std::sync::Arc;

use super::post::{Post, Stop};
use super::{Answer, HISTORY_BYTES, Message, Page, Who};
use crate::accounts::AccountId;
use crate::planted::{self, Fault};
use crate::store::{Conversation, Failed, MessageRow};
use crate::wire::name::Name;

/// Lines of one answer, whatever was asked for.
pub const MAX_LINES: u32 = 500;
/// Rows read at once: each may stand on a page of its own.
const ROWS: usize = 64;

impl Post<'_> {
    pub(super) fn history(
        &self,
        account: AccountId,
        with: &Name<'_>,
        page: Page,
        limit: u32,
    ) -> Result<Answer, Stop> {
        let Some(conversation) = self.with(account, with)?.1 else {
            return Ok(Answer::History {
                messages: Vec::new(),
                complete: true,
            });
        };
        let mut list = List {
            post: self,
            low: self.who(conversation.low)?,
            high: self.who(conversation.high)?,
            conversation,
            account,
            limit: limit.clamp(1, MAX_LINES) as usize,
            messages: Vec::new(),
            bytes: 0,
        };
        let complete = match page {
            Page::Before(seq) => list.back_from(seq.unwrap_or(u64::MAX))?,
            Page::After(seq) => list.on_from(seq)?,
        };
        let complete = complete || planted::is(Fault::PageComplete);
        let messages = list.messages;
        Ok(Answer::History { messages, complete })
    }
}

struct List<'a> {
    post: &'a Post<'a>,
    low: Who,
    high: Who,
    conversation: Conversation,
    account: AccountId,
    limit: usize,
    messages: Vec<Arc<Message>>,
    bytes: usize,
}

impl List<'_> {
    /// Whether there is nothing more before.
    fn back_from(&mut self, before: u64) -> Result<bool, Failed> {
        let (tables, id) = (self.post.tables, self.conversation.id);
        let mut at = before;
        let complete = 'pages: loop {
            let rows = tables.messages_before(id, at, self.wanted())?;
            if rows.is_empty() {
                break true;
            }
            for mut row in rows {
                at = row.seq;
                // A long hole may reach over the edge.
                let end = row.to_seq.map(|end| end.min(before.saturating_sub(1)));
                row.to_seq = end.filter(|end| *end > row.seq);
                if !self.take(row) {
                    break 'pages false;
                }
            }
        };
        self.messages.reverse();
        Ok(complete)
    }

    /// Whether there is nothing more behind.
    fn on_from(&mut self, after: u64) -> Result<bool, Failed> {
        let (tables, id) = (self.post.tables, self.conversation.id);
        let mut at = after;
        let around = tables.messages_before(id, after.saturating_add(1), 1)?;
        for mut row in around {
            if let Some(end) = row.to_seq.filter(|end| *end > after) {
                row.seq = after.saturating_add(1);
                row.to_seq = Some(end).filter(|end| *end > row.seq);
                at = end;
                self.take(row);
            }
        }
        loop {
            let rows = tables.messages_after(id, at, self.wanted())?;
            if rows.is_empty() {
                return Ok(true);
            }
            for row in rows {
                at = row.to_seq.unwrap_or(row.seq);
                if !self.take(row) {
                    return Ok(false);
                }
            }
        }
    }

    /// Rows to be read next: what has a place, and one that says that there are more.
    fn wanted(&self) -> u32 {
        let left = self.limit.saturating_sub(self.messages.len());
        u32::try_from(left.saturating_add(1).min(ROWS)).unwrap_or(1)
    }

    /// `false`: it has no place any more.
    fn take(&mut self, row: MessageRow) -> bool {
        let (from, to) = match row.from_high {
            true => (&self.high, &self.low),
            false => (&self.low, &self.high),
        };
        let (from, to) = (from.clone(), Some(to.clone()));
        let message = self
            .post
            .shown(&self.conversation, &row, self.account, from, to);
        let bytes = self.bytes.saturating_add(message.body.len());
        let first = self.messages.is_empty();
        if self.messages.len() >= self.limit || (!first && bytes > HISTORY_BYTES) {
            return false;
        }
        self.bytes = bytes;
        self.messages.push(Arc::new(message));
        true
    }
}
