//! What has arrived at a device: its cursor, what no longer waits, and receipts.

use std::collections::BTreeMap;

use super::post::{Post, Stop};
use super::taken::Taken;
use super::{Answer, Event, Sender};
use crate::accounts::AccountId;
use crate::planted::{self, Fault};
use crate::store::{Conversation, Cursor, Failed, Known, LogKind, LogRow, Mailbox, State};
use crate::wire::code::{Evidence, Stage};

/// How it is known that something has arrived, and whether receipts leave now.
#[derive(Clone, Copy)]
pub(super) struct Proof {
    pub by: Evidence,
    pub invisible: bool,
}

/// The messages of one sender among those that have just arrived.
#[derive(Clone, Copy, Default)]
struct Sum {
    messages: u64,
    bytes: u64,
    last_seq: u64,
    /// The last one before which no other is missing.
    up_to: u64,
    /// How many there are up to that one.
    upto_told: u64,
}

impl Post<'_> {
    pub(super) fn ack(
        &mut self,
        me: &Known,
        from: &Sender,
        pos: u64,
        by: Evidence,
    ) -> Result<Answer, Stop> {
        let proof = Proof {
            by,
            invisible: from.invisible,
        };
        let device = from.device.as_deref().unwrap_or_default();
        if let Some(cursor) = self.tables.cursor(me.id, device)? {
            self.advance(me, cursor, pos, proof)?;
        }
        Ok(Answer::Ok)
    }

    pub(super) fn left(&mut self, from: &Sender, sent: u64) -> Result<Answer, Stop> {
        let device = from.device.as_deref().unwrap_or_default();
        if let Some(mut cursor) = self.tables.cursor(from.account, device)? {
            let head = self.tables.mailbox(from.account)?.head;
            cursor.sent = cursor.sent.max(sent.min(head));
            if cursor.run == self.tables.run_number() {
                cursor.online = cursor.online.saturating_sub(1);
            }
            self.tables.put_cursor(from.account, cursor)?;
        }
        Ok(Answer::Ok)
    }

    /// The device of `cursor` has everything up to `pos`.
    pub(super) fn advance(
        &mut self,
        me: &Known,
        mut cursor: Cursor,
        pos: u64,
        proof: Proof,
    ) -> Result<(), Failed> {
        let mut mailbox = self.tables.mailbox(me.id)?;
        let pos = pos.min(mailbox.head);
        let was = cursor.acked;
        if pos <= was {
            if planted::is(Fault::CursorBack) {
                cursor.acked = pos;
                self.tables.put_cursor(me.id, cursor)?;
            }
            return Ok(());
        }
        cursor.acked = pos;
        self.tables.put_cursor(me.id, cursor)?;
        let taken = self.take(me.id, &mut mailbox, was, pos)?;
        let sums = sums(&taken);
        for sum in sums.values() {
            mailbox.waiting = mailbox.waiting.saturating_sub(sum.messages);
            mailbox.waiting_bytes = mailbox.waiting_bytes.saturating_sub(sum.bytes);
        }
        if mailbox.waiting > 0 && mailbox.gaps == 0 && mailbox.delivered == mailbox.head {
            self.tables.note_lost_entries(me.id, mailbox.waiting);
        }
        self.tables.put_mailbox(me.id, mailbox);
        for (peer, sum) in sums {
            self.arrived_from(me, &mailbox, peer, sum, proof)?;
        }
        Ok(())
    }

    /// Messages of one sender have arrived for the first time.
    fn arrived_from(
        &mut self,
        me: &Known,
        mailbox: &Mailbox,
        peer: AccountId,
        sum: Sum,
        proof: Proof,
    ) -> Result<(), Failed> {
        let Some(mut conversation) = self.tables.conversation(me.id, peer)? else {
            // What the entries said of whom they are from was damaged.
            return Ok(());
        };
        let side = conversation.side(me.id);
        let was_delivered = side.delivered;
        side.waiting = side.waiting.saturating_sub(sum.messages);
        side.waiting_bytes = side.waiting_bytes.saturating_sub(sum.bytes);
        side.delivered = side.delivered.max(sum.last_seq);
        let up_to = match sum.up_to {
            // Nothing is missing any more: all that has ever come.
            u64::MAX => side.delivered,
            up_to => up_to,
        };
        let told = side.shown_delivered;
        if up_to > told {
            let tells = me.id == peer
                || (mailbox.settings.delivery_receipts
                    && (!proof.invisible || planted::is(Fault::InvisibleTold))
                    && self.may_tell(me.id, peer)?);
            if tells {
                conversation.side(me.id).shown_delivered = up_to;
            }
            if tells && me.id != peer {
                let is_mixed =
                    was_delivered > told && self.is_mixed(me, &conversation, (told, up_to), sum)?;
                let by = match is_mixed {
                    true => Evidence::Transport,
                    false => proof.by,
                };
                self.receipt(me, &conversation, up_to, by)?;
            }
        }
        self.tables.put_conversation(conversation);
        Ok(())
    }

    /// Whether a receipt of what is after `told` up to `up_to` is also of what had arrived at other devices before, and
    /// could not be told then: how that was known is not kept, and the weaker counts. What a device had taken before, it
    /// vouches for by what it acknowledges now.
    fn is_mixed(
        &self,
        me: &Known,
        conversation: &Conversation,
        (told, up_to): (u64, u64),
        sum: Sum,
    ) -> Result<bool, Failed> {
        let is_alone = self.tables.cursors(me.id, |cursors| cursors.len() <= 1)?;
        if is_alone && up_to <= sum.last_seq {
            return Ok(false);
        }
        let limit = u32::try_from(sum.messages).unwrap_or(u32::MAX);
        let limit = limit.saturating_add(1);
        let tables = self.tables;
        let all = tables.count_received(conversation, me.id, told, up_to, limit)?;
        Ok(all > sum.upto_told)
    }

    /// Whether `peer` may be told what `me` has received, or read.
    pub(super) fn may_tell(&self, me: AccountId, peer: AccountId) -> Result<bool, Failed> {
        Ok(
            (self.knows(me, peer)? || planted::is(Fault::ReceiptsForAll))
                && !self.tables.relation(me, peer)?.blocked
                && !self.tables.relation(peer, me)?.blocked,
        )
    }

    fn receipt(
        &mut self,
        me: &Known,
        conversation: &Conversation,
        up_to_seq: u64,
        by: Evidence,
    ) -> Result<(), Failed> {
        let peer = conversation.peer(me.id);
        let peer = self.tables.known(peer)?;
        let Some(peer) = peer.filter(|peer| peer.state != State::Removed) else {
            return Ok(());
        };
        let time_unix_ms = self.now.unix_ms;
        let entry = LogRow {
            peer: Some(me.id),
            seq: Some(up_to_seq),
            time_unix_ms: Some(time_unix_ms),
            by: Some(by),
            ..LogRow::new(LogKind::Delivered)
        };
        let event = Event::Receipt {
            with: me.who.clone(),
            stage: Stage::Delivered,
            up_to_seq,
            by,
            time_unix_ms,
        };
        self.add(&peer, &entry, event)
    }
}

fn sums(taken: &Taken) -> BTreeMap<AccountId, Sum> {
    let mut sums = BTreeMap::<_, Sum>::new();
    for arrived in &taken.arrived {
        let sum = sums.entry(arrived.peer).or_default();
        sum.messages += 1;
        sum.bytes = sum.bytes.saturating_add(arrived.bytes);
        sum.last_seq = sum.last_seq.max(arrived.seq);
        let missing = taken.missing.get(&arrived.peer);
        match missing {
            Some(missing) if arrived.seq < *missing => sum.up_to = sum.up_to.max(arrived.seq),
            Some(_) => continue,
            None => sum.up_to = u64::MAX,
        }
        sum.upto_told += 1;
    }
    sums
}
