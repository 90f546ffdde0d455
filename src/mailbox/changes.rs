//! Messages that are changed or taken away: by who sent them, by who got them, by time.
//!
//! What was taken away is overwritten in the store at once. Older states of the store's pages may stand in its
//! write-ahead log: at most [`super::sweep::FORGET_MS`] longer.

use std::sync::Arc;

use super::post::{Post, Stop, refused};
use super::say::{Say, no_message};
use super::{Accepted, Answer, Change, Sender};
use crate::accounts::AccountId;
use crate::planted::{self, Fault};
use crate::store::{Conversation, Failed, Known, MessageRow, MessageState, State};
use crate::wire::code::{Code, Removed};
use crate::wire::name::Name;

impl Post<'_> {
    /// Only what one sent oneself and what is still there. There is one text for both: if the other has blocked the
    /// sender meanwhile, it sees neither the old nor the new one.
    pub(super) fn edit(
        &mut self,
        me: &Known,
        from: &Sender,
        with: &Name<'_>,
        seq: u64,
        message: &[u8],
    ) -> Result<Answer, Stop> {
        let (peer, mut conversation) = self.within(me.id, with, seq)?;
        let row = self.tables.message_at(conversation.id, seq)?;
        let mut row = self.seen(&conversation, row, me.id)?;
        if !is_from(&conversation, &row, me.id) && !planted::is(Fault::EditsForAll) {
            return Err(not_yours());
        }
        let reaches = self.reaches(&conversation, &row, &peer, me.id)?;
        if peer.id != me.id && !reaches {
            row.hidden.blocked |= self.tables.relation(peer.id, me.id)?.blocked;
            self.unwait(&mut conversation, peer.id, &row)?;
        } else {
            self.resize(&mut conversation, &peer, &row, message.len() as u64)?;
        }
        row.body = message.into();
        row.edited_unix_ms = Some(self.now.unix_ms);
        self.tables.put_message(&row)?;
        self.forgets = true;
        let change = Change::Edited(row.body.clone());
        if reaches {
            self.tell_change(&peer, me, &row, change.clone())?;
        }
        self.tell_devices(me, from, &peer, &row, change)?;
        self.tables.put_conversation(conversation);
        Ok(Answer::Accepted(Accepted {
            to: peer.who,
            message_id: None,
            seq,
            time_unix_ms: self.now.unix_ms,
            duplicate: false,
        }))
    }

    /// What is gone already is gone: nothing happens. What nobody sees any more is not kept.
    pub(super) fn delete(
        &mut self,
        me: &Known,
        from: &Sender,
        with: &Name<'_>,
        seq: u64,
        for_both: bool,
    ) -> Result<Answer, Stop> {
        let (peer, mut conversation) = self.within(me.id, with, seq)?;
        let row = self.tables.message_at(conversation.id, seq)?;
        let Some(mut row) = row.filter(|row| row.state == MessageState::There) else {
            return Ok(Answer::Ok);
        };
        if for_both && !is_from(&conversation, &row, me.id) {
            return match self.removed(&conversation, &row, me.id) {
                Some(_) => Ok(Answer::Ok),
                None => Err(not_yours()),
            };
        }
        if !for_both && self.removed(&conversation, &row, me.id).is_some() {
            return Ok(Answer::Ok);
        }
        let reaches = for_both && self.reaches(&conversation, &row, &peer, me.id)?;
        let was_seen = self.removed(&conversation, &row, me.id).is_none();
        self.unwait_if(&mut conversation, &peer, &row, from, for_both)?;
        match conversation.is_high(me.id) {
            true => row.hidden.from_high = true,
            false => row.hidden.from_low = true,
        }
        if for_both || !self.is_seen_by(&conversation, &row, &peer, me.id) {
            row.empty(MessageState::Deleted);
            self.forgets = true;
        }
        self.tables.put_message(&row)?;
        let change = Change::Removed(Removed::Deleted);
        if reaches {
            self.tell_change(&peer, me, &row, change.clone())?;
        }
        if was_seen {
            self.tell_devices(me, from, &peer, &row, change)?;
        }
        self.tables.put_conversation(conversation);
        Ok(Answer::Ok)
    }

    /// By time. Told to who sent it; to the other if it had come, or may have been shown.
    pub(super) fn take_away(
        &mut self,
        mut row: MessageRow,
        state: MessageState,
    ) -> Result<(), Failed> {
        let Some(mut conversation) = self.tables.conversation_by_id(row.conversation)? else {
            if row.state == MessageState::Damaged {
                return self.tables.empty_damaged(row.id, state);
            }
            row.empty(state);
            return self.tables.put_message(&row);
        };
        if row.state == MessageState::Damaged {
            return self.take_away_damaged(conversation, &row, state);
        }
        let (sender, recipient) = match row.from_high {
            true => (conversation.high, conversation.low),
            false => (conversation.low, conversation.high),
        };
        let (sender, recipient) = (self.known(sender)?, self.known(recipient)?);
        let never_came = match self.unwait(&mut conversation, recipient.id, &row)? {
            Some(pos) => !self.may_have_been_sent(recipient.id, pos)?,
            None => false,
        };
        let was_there = row.state == MessageState::There;
        let (kept, told_of) = (row.hidden, was_there && state == MessageState::Expired);
        row.empty(state);
        self.forgets = true;
        self.tables.put_message(&row)?;
        self.tables.put_conversation(conversation);
        if !told_of {
            return Ok(());
        }
        let change = Change::Removed(Removed::Expired);
        let is_high = conversation.is_high(sender.id);
        let hidden = |high| if high { kept.from_high } else { kept.from_low };
        if !hidden(is_high) {
            self.tell_change(&sender, &recipient, &row, change.clone())?;
        }
        if sender.id != recipient.id && !never_came && !kept.blocked && !hidden(!is_high) {
            self.tell_change(&recipient, &sender, &row, change)?;
        }
        Ok(())
    }

    /// Who sent it is not known, nor to whom it was shown.
    fn take_away_damaged(
        &mut self,
        mut conversation: Conversation,
        row: &MessageRow,
        state: MessageState,
    ) -> Result<(), Failed> {
        for account in [conversation.low, conversation.high] {
            self.unwait(&mut conversation, account, row)?;
        }
        self.tables.put_conversation(conversation);
        self.forgets = true;
        self.tables.empty_damaged(row.id, state)
    }

    /// A message that its place in a conversation shows to `account`.
    fn seen(
        &self,
        conversation: &Conversation,
        row: Option<MessageRow>,
        account: AccountId,
    ) -> Result<MessageRow, Stop> {
        let seen = row.filter(|row| self.removed(conversation, row, account).is_none());
        seen.ok_or_else(no_message)
    }

    /// Whether a change that `account` makes is told to `peer`.
    fn reaches(
        &self,
        conversation: &Conversation,
        row: &MessageRow,
        peer: &Known,
        account: AccountId,
    ) -> Result<bool, Failed> {
        let is_seen = self.is_seen_by(conversation, row, peer, account);
        Ok(is_seen && !self.tables.relation(peer.id, account)?.blocked)
    }

    /// Whether `peer`, another account than `account`, may have the text.
    fn is_seen_by(
        &self,
        conversation: &Conversation,
        row: &MessageRow,
        peer: &Known,
        account: AccountId,
    ) -> bool {
        let is_blocked = row.hidden.blocked && !is_from(conversation, row, peer.id);
        let is_there = peer.id != account && peer.state != State::Removed;
        is_there && !is_blocked && !is_hidden(conversation, row, peer.id)
    }

    /// One that is deleted waits no more: for both, or for who it was sent to.
    fn unwait_if(
        &self,
        conversation: &mut Conversation,
        peer: &Known,
        row: &MessageRow,
        from: &Sender,
        for_both: bool,
    ) -> Result<(), Failed> {
        let recipient = match is_from(conversation, row, from.account) {
            true if for_both || peer.id == from.account => peer.id,
            true => return Ok(()),
            false => from.account,
        };
        self.unwait(conversation, recipient, row).map(|_| ())
    }

    /// If no device of `recipient` has taken it, it does not come any more; then where it waited.
    pub(super) fn unwait(
        &self,
        conversation: &mut Conversation,
        recipient: AccountId,
        row: &MessageRow,
    ) -> Result<Option<u64>, Failed> {
        let Some(waiting) = self.tables.waits(recipient, row.id)? else {
            return Ok(None);
        };
        let mut mailbox = self.tables.mailbox(recipient)?;
        mailbox.waiting = mailbox.waiting.saturating_sub(1);
        mailbox.waiting_bytes = mailbox.waiting_bytes.saturating_sub(waiting.bytes);
        self.tables.put_mailbox(recipient, mailbox);
        let side = conversation.side(recipient);
        side.waiting = side.waiting.saturating_sub(1);
        side.waiting_bytes = side.waiting_bytes.saturating_sub(waiting.bytes);
        self.tables.remove_entry(recipient, waiting.pos)?;
        Ok(Some(waiting.pos))
    }

    /// A message that waits takes as much of the quota as its new text.
    fn resize(
        &self,
        conversation: &mut Conversation,
        peer: &Known,
        row: &MessageRow,
        bytes: u64,
    ) -> Result<(), Stop> {
        let Some(waiting) = self.tables.waits(peer.id, row.id)? else {
            return Ok(());
        };
        let mut mailbox = self.tables.mailbox(peer.id)?;
        let side = conversation.side(peer.id);
        let resized = |all: u64| all.saturating_sub(waiting.bytes).saturating_add(bytes);
        mailbox.waiting_bytes = resized(mailbox.waiting_bytes);
        side.waiting_bytes = resized(side.waiting_bytes);
        let max = self.config.max_waiting_bytes;
        let is_known = side.sent > 0;
        let sender = conversation.peer(peer.id);
        let is_known = is_known || self.tables.relation(peer.id, sender)?.allowed;
        let share = if is_known { max } else { max / 4 };
        let of_sender = conversation.side(peer.id).waiting_bytes;
        if bytes > waiting.bytes && (mailbox.waiting_bytes > max || of_sender > share) {
            let text = "the recipient's mailbox is full: this text is too long for it";
            return Err(refused(Code::MailboxFull, text, None));
        }
        self.tables.put_mailbox(peer.id, mailbox);
        self.tables.set_entry_bytes(peer.id, waiting.pos, bytes)?;
        Ok(())
    }

    /// In `owner`'s log one entry says what the message has become, however often that was said.
    fn tell_change(
        &mut self,
        owner: &Known,
        with: &Known,
        row: &MessageRow,
        change: Change,
    ) -> Result<(), Failed> {
        self.tables.remove_changes(owner.id, row.id)?;
        let say = Say::changed(row.id, with, row.seq, change, self.now.unix_ms);
        self.say(owner, say)
    }

    /// To the other devices of who asked.
    fn tell_devices(
        &mut self,
        me: &Known,
        from: &Sender,
        peer: &Known,
        row: &MessageRow,
        change: Change,
    ) -> Result<(), Failed> {
        if !self.has_others(from)? {
            return Ok(());
        }
        self.tables.remove_changes(me.id, row.id)?;
        let say = Say::changed(row.id, peer, row.seq, change, self.now.unix_ms);
        self.say(me, say.but_for(from))
    }
}

pub(super) fn is_from(conversation: &Conversation, row: &MessageRow, account: AccountId) -> bool {
    conversation.is_high(account) == row.from_high
}

/// Whether it was deleted for `account` alone.
pub(super) fn is_hidden(conversation: &Conversation, row: &MessageRow, account: AccountId) -> bool {
    match conversation.is_high(account) {
        true => row.hidden.from_high,
        false => row.hidden.from_low,
    }
}

impl MessageRow {
    /// Nothing of what it said is left; what it is known by stays.
    pub fn empty(&mut self, state: MessageState) {
        self.state = state;
        self.body = Arc::default();
        self.kind = None;
        self.reply_to = None;
        self.edited_unix_ms = None;
        self.expires_unix_ms = None;
    }
}

fn not_yours() -> Stop {
    let text = "only who sent a message may do this";
    refused(Code::NotAllowed, text, Some("seq"))
}
