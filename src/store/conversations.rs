//! The rows of conversations: two accounts, one numbering, and how far each side has come.

use rusqlite::{OptionalExtension, Row, params};

use super::changes::Change;
use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::AccountId;

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, low, high, last_seq, last_time,
                 low_sent, low_delivered, low_read, low_shown_delivered, low_shown_read,
                 low_waiting, low_waiting_bytes,
                 high_sent, high_delivered, high_read, high_shown_delivered, high_shown_read,
                 high_waiting, high_waiting_bytes,
                 low_last, low_last_time, high_last, high_last_time
             FROM conversations WHERE ",
            $which
        )
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    pub id: i64,
    pub low: AccountId,
    pub high: AccountId,
    pub last_seq: u64,
    pub last_unix_ms: u64,
    pub of_low: Side,
    /// Of no account if both are the same.
    pub of_high: Side,
}

/// One account's side; sequence numbers, 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// The last it sent.
    pub sent: u64,
    /// The last of the other's that it took, and that it read.
    pub delivered: u64,
    pub read: u64,
    /// What of that the other was told.
    pub shown_delivered: u64,
    pub shown_read: u64,
    /// Messages of the other that no device of this one has taken, and the bytes of their bodies.
    pub waiting: u64,
    pub waiting_bytes: u64,
    /// The last message that was not blocked for this side.
    pub last: u64,
    pub last_unix_ms: u64,
}

impl Conversation {
    /// The side of `account`, which is one of the two.
    pub fn side(&mut self, account: AccountId) -> &mut Side {
        match account == self.low {
            true => &mut self.of_low,
            false => &mut self.of_high,
        }
    }

    /// Message `seq` is the last one, and, unless it is `blocked`, the last that the one it was sent to sees.
    pub fn note_last(&mut self, sender: AccountId, seq: u64, unix_ms: u64, blocked: bool) {
        (self.last_seq, self.last_unix_ms) = (seq, unix_ms);
        let (peer, sender) = (self.peer(sender), sender);
        for account in [sender, peer] {
            if account == sender || !blocked {
                let side = self.side(account);
                (side.last, side.last_unix_ms) = (seq, unix_ms);
            }
        }
    }

    /// Whether what `account` sends is from the high side.
    pub fn is_high(&self, account: AccountId) -> bool {
        account != self.low
    }

    /// Who is the other to `account`.
    pub fn peer(&self, account: AccountId) -> AccountId {
        match account == self.low {
            true => self.high,
            false => self.low,
        }
    }
}

impl Tables<'_> {
    /// In whichever order.
    pub fn conversation(&self, a: AccountId, b: AccountId) -> Result<Option<Conversation>, Failed> {
        let (low, high) = (a.min(b), a.max(b));
        if let Some(conversation) = self.cache().conversations.find(&(low, high)) {
            return Ok(*conversation);
        }
        if let Some(found) = self.noted_conversation((low, high)) {
            self.cache().conversations.keep((low, high), Some(found));
            return Ok(Some(found));
        }
        let sql = select!("low = ?1 AND high = ?2");
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_row(params![low.0, high.0], conversation_row);
        let found = found.optional()?;
        self.cache().conversations.keep((low, high), found);
        Ok(found)
    }

    /// The one there is, or a new one.
    pub fn conversation_of(&self, a: AccountId, b: AccountId) -> Result<Conversation, Failed> {
        if let Some(conversation) = self.conversation(a, b)? {
            return Ok(conversation);
        }
        let mut new = Conversation {
            id: 0,
            low: a.min(b),
            high: a.max(b),
            last_seq: 0,
            last_unix_ms: 0,
            of_low: Side::default(),
            of_high: Side::default(),
        };
        let sql = "INSERT INTO conversations VALUES
            (NULL, ?1, ?2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
             0, 0, 0, 0)";
        self.run(sql, params![new.low.0, new.high.0])?;
        new.id = self.db.last_insert_rowid();
        self.cache()
            .conversations
            .keep((new.low, new.high), Some(new));
        Ok(new)
    }

    pub fn put_conversation(&self, row: Conversation) {
        let key = (row.low, row.high);
        self.cache().conversations.change(key, Some(row));
    }

    pub(super) fn write_conversation(&self, row: &Conversation) -> Result<(), Failed> {
        let (low, high) = (numbers(&row.of_low), numbers(&row.of_high));
        let values = params![
            row.id,
            to_sql(row.last_seq),
            to_sql(row.last_unix_ms),
            low[0],
            low[1],
            low[2],
            low[3],
            low[4],
            low[5],
            low[6],
            high[0],
            high[1],
            high[2],
            high[3],
            high[4],
            high[5],
            high[6],
            to_sql(row.of_low.last),
            to_sql(row.of_low.last_unix_ms),
            to_sql(row.of_high.last),
            to_sql(row.of_high.last_unix_ms),
        ];
        self.change(Change::Conversation, values)
    }
}

fn numbers(side: &Side) -> [i64; 7] {
    [
        side.sent,
        side.delivered,
        side.read,
        side.shown_delivered,
        side.shown_read,
        side.waiting,
        side.waiting_bytes,
    ]
    .map(to_sql)
}

fn conversation_row(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        low: AccountId(row.get(1)?),
        high: AccountId(row.get(2)?),
        last_seq: from_sql(row.get(3)?),
        last_unix_ms: from_sql(row.get(4)?),
        of_low: side(row, 5, 19)?,
        of_high: side(row, 12, 21)?,
    })
}

/// From the columns `at` and `last` on.
fn side(row: &Row<'_>, at: usize, last: usize) -> rusqlite::Result<Side> {
    let number = |n: usize| row.get(at + n).map(from_sql);
    Ok(Side {
        sent: number(0)?,
        delivered: number(1)?,
        read: number(2)?,
        shown_delivered: number(3)?,
        shown_read: number(4)?,
        waiting: number(5)?,
        waiting_bytes: number(6)?,
        last: row.get(last).map(from_sql)?,
        last_unix_ms: row.get(last + 1).map(from_sql)?,
    })
}
