//! How a stored message looks to one of the two it is of.

use super::post::Post;
use super::{Message, Who};
use crate::accounts::AccountId;
use crate::store::{Conversation, Hidden, MessageRow, MessageState};
use crate::wire::code::Removed;

impl Post<'_> {
    /// To `viewer`. `to`: if it is to be told.
    pub(super) fn shown(
        &self,
        conversation: &Conversation,
        row: &MessageRow,
        viewer: AccountId,
        from: Who,
        to: Option<Who>,
    ) -> Message {
        let removed = self.removed(conversation, row, viewer);
        let is_there = removed.is_none();
        // What somebody blocked chose to write is in no hole either.
        let is_blocked = removed == Some(Removed::Blocked);
        Message {
            from,
            to,
            seq: row.seq,
            to_seq: row.to_seq,
            time_unix_ms: row.time_unix_ms,
            body: if is_there {
                row.body.clone()
            } else {
                Default::default()
            },
            message_id: row
                .known_by
                .as_ref()
                .filter(|_| !is_blocked)
                .map(|by| by.message_id.clone()),
            kind: row.kind.clone().filter(|_| is_there),
            reply_to: row.reply_to.filter(|_| is_there),
            edited_unix_ms: row.edited_unix_ms.filter(|_| is_there),
            expires_unix_ms: row.expires_unix_ms.filter(|_| !is_blocked),
            removed,
        }
    }

    /// Why `viewer` is not shown the message.
    pub(super) fn removed(
        &self,
        conversation: &Conversation,
        row: &MessageRow,
        viewer: AccountId,
    ) -> Option<Removed> {
        let is_high = conversation.is_high(viewer);
        // Whatever becomes of it: what it was is nothing to who did not want it.
        if row.hidden.blocked && row.from_high != is_high {
            return Some(Removed::Blocked);
        }
        match row.state {
            MessageState::Deleted => return Some(Removed::Deleted),
            MessageState::Expired => return Some(Removed::Expired),
            MessageState::Trimmed => return Some(Removed::Trimmed),
            MessageState::Damaged => return Some(Removed::Damaged),
            MessageState::Lost => return Some(Removed::Lost),
            MessageState::There => {}
        }
        let Hidden {
            from_low,
            from_high,
            ..
        } = row.hidden;
        let hides = if is_high { from_high } else { from_low };
        // What the sweep has not come to yet is gone nonetheless.
        let expired = row.expires_unix_ms.is_some_and(|at| at <= self.now.unix_ms);
        if hides {
            Some(Removed::Deleted)
        } else {
            expired.then_some(Removed::Expired)
        }
    }
}
