//! What an account sees of a message: its text, or the hole where it was. Knows no log.

use std::sync::Arc;

use super::{Message, Who};
use crate::accounts::AccountId;
use crate::store::{Conversation, Failed, MessageRow, MessageState, Tables};
use crate::wire::code::Removed;

/// Why `account`, one of the two, does not see the message; `None`: it does. What has expired is not shown, whether it
/// was swept away or not.
pub fn hole(
    conversation: &Conversation,
    row: &MessageRow,
    account: AccountId,
    unix_ms: u64,
) -> Option<Removed> {
    if row.hidden.blocked && !is_from(conversation, row, account) {
        return Some(Removed::Blocked);
    }
    if is_hidden(conversation, row, account) {
        return Some(Removed::Deleted);
    }
    match row.state {
        MessageState::There => {
            let expired = row.expires_unix_ms.is_some_and(|at| at <= unix_ms);
            expired.then_some(Removed::Expired)
        }
        MessageState::Deleted => Some(Removed::Deleted),
        MessageState::Expired => Some(Removed::Expired),
        MessageState::Trimmed => Some(Removed::Trimmed),
        MessageState::Damaged => Some(Removed::Damaged),
        MessageState::Lost => Some(Removed::Lost),
    }
}

pub fn is_from(conversation: &Conversation, row: &MessageRow, account: AccountId) -> bool {
    conversation.is_high(account) == row.from_high
}

/// Whether it was deleted for `account` alone.
pub fn is_hidden(conversation: &Conversation, row: &MessageRow, account: AccountId) -> bool {
    match conversation.is_high(account) {
        true => row.hidden.from_high,
        false => row.hidden.from_low,
    }
}

/// The names of the two.
pub struct Pair {
    low: Who,
    high: Who,
}

impl Pair {
    pub fn of(tables: &Tables<'_>, conversation: &Conversation) -> Result<Self, Failed> {
        Ok(Pair {
            low: name(tables, conversation.low)?,
            high: name(tables, conversation.high)?,
        })
    }

    pub fn sender(&self, row: &MessageRow) -> &Who {
        if row.from_high { &self.high } else { &self.low }
    }

    pub fn recipient(&self, row: &MessageRow) -> &Who {
        if row.from_high { &self.low } else { &self.high }
    }

    /// For a history: with `to`. Of a hole nothing is told but where it is and why.
    pub fn show(&self, row: MessageRow, removed: Option<Removed>) -> Message {
        let there = removed.is_none();
        Message {
            from: self.sender(&row).clone(),
            to: Some(self.recipient(&row).clone()),
            seq: row.seq,
            to_seq: row.to_seq,
            time_unix_ms: row.time_unix_ms,
            message_id: row.known_by.map(|by| by.message_id).filter(|_| there),
            kind: row.kind.filter(|_| there),
            reply_to: row.reply_to.filter(|_| there),
            edited_unix_ms: row.edited_unix_ms.filter(|_| there),
            expires_unix_ms: row.expires_unix_ms.filter(|_| there),
            body: if there { row.body } else { Arc::default() },
            removed,
        }
    }
}

fn name(tables: &Tables<'_>, account: AccountId) -> Result<Who, Failed> {
    let known = tables.known(account)?;
    let known = known.ok_or_else(|| Failed::damaged("an account of a conversation"))?;
    Ok(known.who)
}
