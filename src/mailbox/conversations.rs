//! An account's conversations, the latest first, and how far it has read them.

use super::listing::{Latest, Listing};
use super::post::{Post, Stop, refused};
use super::say::Say;
use super::{Answer, Conversation, Sender};
use crate::accounts::AccountId;
use crate::store::{self, Along, Failed, Known};
use crate::wire::code::Code;
use crate::wire::name::Name;

/// Messages behind the last one read that are looked at to count the unread: what comes later is not counted.
pub const MAX_COUNTED: u32 = 1_000;
/// The same for one answer, which ends when it has looked at so many.
const MAX_LOOKED_AT: u32 = 20_000;
/// Messages that are passed over at most to find what a receipt says.
const MAX_PASSED: u32 = 1_000;

/// Conversations that one job looks at: what comes meanwhile waits no longer for them.
const AT_ONCE: u32 = 2_000;

impl Post<'_> {
    /// Looks at no more than it may at once. Accepted cost: for every page all conversations of the account are looked
    /// at, in so many jobs; an order by time in the store would be changed by every message.
    pub(super) fn conversations(
        &self,
        account: AccountId,
        asked: &Listing,
    ) -> Result<Answer, Stop> {
        let mut latest = match &asked.latest {
            Some(latest) => latest.clone(),
            None => self.begin_list(account, asked)?,
        };
        let along = Along(latest.next);
        let (some, next) = self.tables.times_along(account, along, AT_ONCE)?;
        latest.add(some);
        match next {
            None => self.list(account, &latest, asked.limit),
            Some(next) => {
                latest.next = next.0;
                Ok(Answer::Listing(Box::new(Listing {
                    before: asked.before.clone(),
                    limit: asked.limit,
                    latest: Some(latest),
                })))
            }
        }
    }

    fn begin_list(&self, account: AccountId, asked: &Listing) -> Result<Latest, Stop> {
        let after = match &asked.before {
            Some(name) => match self.with(account, name)?.1 {
                Some(mut found) => Some((found.side(account).last_unix_ms, found.id)),
                None => return Err(no_such_conversation()),
            },
            None => None,
        };
        // One more tells whether there are more.
        Ok(Latest::new(after, asked.limit + 1, Along::START.0))
    }

    /// The first `limit` of them.
    fn list(&self, account: AccountId, latest: &Latest, limit: usize) -> Result<Answer, Stop> {
        let mut complete = latest.rows().len() <= limit;
        let (mut conversations, mut looked_at) = (Vec::with_capacity(limit), 0);
        for row in latest.rows().take(limit) {
            if looked_at > MAX_LOOKED_AT {
                complete = false;
                break;
            }
            // It may be gone since it was found.
            if let Some(row) = self.tables.conversation_by_id(row)? {
                let (listed, looked) = self.listed(row, account)?;
                conversations.push(listed);
                looked_at = looked.saturating_add(looked_at);
            }
        }
        Ok(Answer::Conversations {
            conversations,
            complete,
        })
    }

    /// As `account` sees it; and how many messages were looked at.
    pub(super) fn listed(
        &self,
        mut conversation: store::Conversation,
        account: AccountId,
    ) -> Result<(Conversation, u32), Failed> {
        let peer = conversation.peer(account);
        let with = self.who(peer)?;
        let mine = *conversation.side(account);
        let theirs = match peer == account {
            true => Default::default(),
            false => *conversation.side(peer),
        };
        let (unread, looked) = match peer == account || mine.read >= theirs.sent {
            true => (0, 1),
            false => {
                let now = self.now.unix_ms;
                let tables = self.tables;
                tables.count_unread(&conversation, account, mine.read, MAX_COUNTED, now)?
            }
        };
        let listed = Conversation {
            with,
            last_seq: mine.last,
            last_unix_ms: mine.last_unix_ms,
            read_seq: mine.read,
            their_delivered_seq: theirs.shown_delivered,
            their_read_seq: theirs.shown_read,
            unread,
        };
        Ok((listed, looked))
    }

    /// All of the other's up to `seq` is read. `private`: the other is not told. What is below the last mark marks
    /// nothing.
    pub(super) fn mark_read(
        &mut self,
        me: &Known,
        from: &Sender,
        with: &Name<'_>,
        seq: u64,
        private: bool,
    ) -> Result<Answer, Stop> {
        let (peer, mut conversation) = self.within(me.id, with, seq)?;
        let side = conversation.side(me.id);
        if seq > side.read {
            side.read = seq;
            if self.has_others(from)? {
                let say = Say::read_elsewhere(&peer, seq, from);
                self.say(me, say)?;
            }
        }
        let upto = seq.min(conversation.side(peer.id).sent);
        let is_new = upto > conversation.side(me.id).shown_read;
        if !private && is_new && self.tells_reading(from, &peer)? {
            let tables = self.tables;
            let upto = tables.last_readable(&conversation, me.id, upto, MAX_PASSED)?;
            let side = conversation.side(me.id);
            if let Some(upto) = upto.filter(|upto| *upto > side.shown_read) {
                side.shown_read = upto;
                let say = Say::read(me, upto, self.now.unix_ms);
                self.say(&peer, say)?;
            }
        }
        self.tables.put_conversation(conversation);
        Ok(Answer::Ok)
    }

    /// Whether `peer` may learn now what `from` has read.
    fn tells_reading(&self, from: &Sender, peer: &Known) -> Result<bool, Failed> {
        let me = from.account;
        if peer.id == me || from.invisible || !self.tables.mailbox(me)?.settings.read_receipts {
            return Ok(false);
        }
        self.may_tell(me, peer.id)
    }
}

fn no_such_conversation() -> Stop {
    let text = "there is no conversation with before";
    refused(Code::NotFound, text, Some("before"))
}
