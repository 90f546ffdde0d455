//! An account that goes. Its name stays reserved, and what it sent stays with those who got it, as what they sent it
//! stays with them; all else that was kept of it is taken away: its devices, keys and credentials, its settings, its
//! log, what waited for it, what it decided about others, and every message that only it could see. Where both
//! accounts of a conversation are gone, nothing of it is kept.
//!
//! An account with much is taken away in slices: the account itself, with all that proves it, at once, the rest as the
//! store finds time. While that goes on it has a mailbox still: so it is found again after a restart.

use super::changes::{is_from, is_hidden};
use super::post::Post;
use super::{Answer, Regard};
use crate::accounts::{AccountId, Ends, Which};
use crate::store::{Along, Conversation, Failed, Known, MessageState, State, Tables};

/// Rows that go together with the account.
const AT_ONCE: u32 = 4_000;
/// Conversations, and messages of one, read at once.
const ROWS: u32 = 64;

/// An account is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// What did not go at once.
    pub rest: Option<Leaving>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving {
    pub account: AccountId,
    /// Conversations up to here are done.
    along: Along,
    /// Of the next one, messages up to this.
    seq: u64,
}

impl Leaving {
    pub fn new(account: AccountId) -> Self {
        Leaving {
            account,
            along: Along::START,
            seq: 0,
        }
    }

    /// The account is gone when this returns, and, unless it has much, everything else.
    pub fn remove(tables: &Tables<'_>, account: AccountId) -> Result<Left, Failed> {
        let mailbox = tables.mailbox(account)?;
        tables.put_mailbox(account, mailbox);
        tables.remove_account(account)?;
        let mut leaving = Leaving::new(account);
        let is_all = leaving.slice(tables, AT_ONCE)?;
        let rest = Some(leaving).filter(|_| !is_all);
        Ok(Left { rest })
    }

    /// Looks at about `rows` rows; whether nothing is left.
    pub fn slice(&mut self, tables: &Tables<'_>, rows: u32) -> Result<bool, Failed> {
        let owner = tables.known(self.account)?;
        if owner.is_none_or(|owner| owner.state != State::Removed) {
            // Its removal was not committed.
            return Ok(true);
        }
        let mut room = rows.saturating_sub(tables.remove_log(self.account, rows)?);
        if room == 0 {
            return Ok(false);
        }
        loop {
            let some = tables.conversations_along(self.account, self.along, ROWS)?;
            if some.is_empty() {
                tables.remove_relations(self.account)?;
                tables.remove_mailbox(self.account)?;
                return Ok(true);
            }
            for conversation in some {
                let peer = tables.known(conversation.peer(self.account))?;
                let keeper = peer.filter(|peer| peer.state != State::Removed);
                let done = match keeper {
                    Some(keeper) => self.wipe(tables, &conversation, &keeper, &mut room)?,
                    None => {
                        let (removed, is_all) =
                            tables.remove_conversation(conversation.id, room)?;
                        room = room.saturating_sub(removed);
                        is_all
                    }
                };
                if !done || room == 0 {
                    return Ok(false);
                }
                self.take_back_waiting(tables, conversation.id)?;
                room = room.saturating_sub(1);
                (self.along, self.seq) = (Along::after(&conversation, self.account), 0);
            }
        }
    }

    /// Nothing waits for nobody.
    fn take_back_waiting(&self, tables: &Tables<'_>, id: i64) -> Result<(), Failed> {
        if let Some(mut conversation) = tables.conversation_by_id(id)? {
            let side = conversation.side(self.account);
            (side.waiting, side.waiting_bytes) = (0, 0);
            tables.put_conversation(conversation);
        }
        Ok(())
    }

    /// What `keeper` does not see goes; whether that was all.
    fn wipe(
        &mut self,
        tables: &Tables<'_>,
        conversation: &Conversation,
        keeper: &Known,
        room: &mut u32,
    ) -> Result<bool, Failed> {
        while *room > 0 {
            let rows = tables.messages_after(conversation.id, self.seq, ROWS)?;
            if rows.is_empty() {
                return Ok(true);
            }
            for mut row in rows {
                self.seq = row.seq;
                *room = room.saturating_sub(1);
                let blocked = row.hidden.blocked && !is_from(conversation, &row, keeper.id);
                let unseen = blocked || is_hidden(conversation, &row, keeper.id);
                if unseen && row.state == MessageState::There {
                    row.empty(MessageState::Deleted);
                    tables.put_message(&row)?;
                }
            }
        }
        Ok(false)
    }
}

impl Post<'_> {
    /// [`super::sweep::Sweep::leaves`] takes up what does not go at once.
    pub fn delete_account(&mut self, me: &Known) -> Result<Answer, Failed> {
        self.left = Some(Leaving::remove(self.tables, me.id)?);
        self.regards.push(Regard::of_all(&me.who));
        self.ends = Some(Ends {
            username: me.who.as_ref().clone(),
            which: Which::All,
        });
        Ok(Answer::Ok)
    }
}
