//! What is asked of messages that have come and gone: lists, counts, and where in a log a message stands.

use rusqlite::{OptionalExtension, params};

use super::conversations::Conversation;
use super::mailboxes::Gap;
use super::relations::Relation;
use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::{AccountId, PublicKey};

/// Where a message waits in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub pos: u64,
    pub bytes: u64,
}

/// A conversation: the time of its last message, and its row.
pub type Dated = (u64, i64);

/// How far through all conversations of an account one has come, in the order in which each is found without looking at
/// others: those of which it is the lower account, by the other; then the rest, as they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Along(
    /// After this other account, or, below 0, after the row of this number.
    pub i64,
);

impl Along {
    pub const START: Along = Along(0);
    const FIRST_AS_HIGHER: Along = Along(-1);

    /// After this one of the account's.
    pub fn after(conversation: &Conversation, account: AccountId) -> Along {
        match account == conversation.low {
            true => Along(conversation.high.0),
            false => Along::as_higher(conversation.id),
        }
    }

    fn as_higher(row: i64) -> Along {
        Along(-1 - row)
    }

    /// The last row, or 0, if those of the lower account are done.
    fn row(self) -> Option<i64> {
        (self.0 < 0).then_some(-1 - self.0)
    }
}

/// Of those of which ?1 is the lower account, so much of those after ?2, in the order of [`Along`].
macro_rules! as_lower {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM conversations WHERE low = ?1 AND high > ?2 ORDER BY high LIMIT ?3"
        )
    };
}

/// The same of the rest.
macro_rules! as_higher {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM conversations WHERE high = ?1 AND id > ?2 AND low < ?1 ORDER BY id LIMIT ?3"
        )
    };
}

impl Tables<'_> {
    /// Of the account's next `rows` conversations those in which it sees anything. And where the others begin, if there
    /// are more.
    pub fn times_along(
        &self,
        account: AccountId,
        after: Along,
        rows: u32,
    ) -> Result<(Vec<Dated>, Option<Along>), Failed> {
        self.write_back()?;
        let (mut times, mut at, mut left) = (Vec::new(), after, rows);
        let lower = as_lower!("high, id, low_last, low_last_time");
        let higher = as_higher!("-1 - id, id, high_last, high_last_time");
        while left > 0 {
            let sql = if at.row().is_some() { higher } else { lower };
            let mut list = self.db.prepare_cached(sql)?;
            let mut found = list.query(params![account.0, at.row().unwrap_or(at.0), left])?;
            while let Some(row) = found.next()? {
                (at, left) = (Along(row.get(0)?), left.saturating_sub(1));
                if row.get::<_, i64>(2)? > 0 {
                    times.push((from_sql(row.get(3)?), row.get(1)?));
                }
            }
            match at.row() {
                _ if left == 0 => {}
                Some(_) => return Ok((times, None)),
                None => at = Along::FIRST_AS_HIGHER,
            }
        }
        Ok((times, Some(at)))
    }

    /// Of the account, those behind `after`; none if there are no more.
    pub fn conversations_along(
        &self,
        account: AccountId,
        after: Along,
        limit: u32,
    ) -> Result<Vec<Conversation>, Failed> {
        let (lower, higher) = (as_lower!("low, high"), as_higher!("low, high"));
        let some = |sql, after| {
            let mut list = self.db.prepare_cached(sql)?;
            let rows = list.query_map(params![account.0, after, limit], |row| {
                Ok((AccountId(row.get(0)?), AccountId(row.get(1)?)))
            })?;
            let pairs: Vec<_> = rows.collect::<Result<_, _>>()?;
            self.all_of(pairs)
        };
        let found = match after.row() {
            Some(row) => return some(higher, row),
            None => some(lower, after.0)?,
        };
        match found.is_empty() {
            true => some(higher, 0),
            false => Ok(found),
        }
    }

    /// The one after which `along` stands.
    pub fn conversation_at(
        &self,
        account: AccountId,
        along: Along,
    ) -> Result<Option<Conversation>, Failed> {
        match along.row() {
            Some(row) => self.conversation_by_id(row),
            None => self.conversation(account, AccountId(along.0)),
        }
    }

    pub fn conversation_by_id(&self, id: i64) -> Result<Option<Conversation>, Failed> {
        let mut find = self
            .db
            .prepare_cached("SELECT low, high FROM conversations WHERE id = ?1")?;
        let pair = find.query_row([id], |row| {
            Ok((AccountId(row.get(0)?), AccountId(row.get(1)?)))
        });
        match pair.optional()? {
            Some((low, high)) => self.conversation(low, high),
            None => Ok(None),
        }
    }

    /// How many of the first `limit` messages after `after` are there, came from the given side and were not hidden
    /// from the other; and how many messages were looked at.
    pub fn count_unread(
        &self,
        conversation: &Conversation,
        reader: AccountId,
        after: u64,
        limit: u32,
        unix_ms: u64,
    ) -> Result<(u64, u32), Failed> {
        let is_high = conversation.is_high(reader);
        let hidden = if is_high { 2 | 4 } else { 1 | 4 };
        let mut count = self.db.prepare_cached(
            "SELECT count(*), coalesce(sum(from_high = ?3 AND state = 0 AND hidden & ?4 = 0
                 AND (expires IS NULL OR expires > ?5)), 0)
             FROM (SELECT from_high, state, hidden, expires FROM messages
                   WHERE conversation = ?1 AND seq > ?2 ORDER BY seq LIMIT ?6)",
        )?;
        let which = params![
            conversation.id,
            to_sql(after),
            !is_high,
            hidden,
            to_sql(unix_ms),
            limit
        ];
        Ok(count.query_row(which, |row| Ok((from_sql(row.get(1)?), row.get(0)?)))?)
    }

    /// How many messages after `after` up to `upto` are there that came to `reader`; `limit` if there are more.
    pub fn count_received(
        &self,
        conversation: &Conversation,
        reader: AccountId,
        after: u64,
        upto: u64,
        limit: u32,
    ) -> Result<u64, Failed> {
        let mut count = self.db.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM messages
                 WHERE conversation = ?1 AND seq > ?2 AND seq <= ?3 AND from_high = ?4
                     AND hidden & 4 = 0 AND state = 0 LIMIT ?5)",
        )?;
        let from_high = !conversation.is_high(reader);
        let (after, upto) = (to_sql(after), to_sql(upto));
        let which = params![conversation.id, after, upto, from_high, limit];
        Ok(count.query_row(which, |row| row.get(0).map(from_sql))?)
    }

    /// The last message up to `upto`, of the last `limit`, that came to `reader` and was not blocked.
    pub fn last_readable(
        &self,
        conversation: &Conversation,
        reader: AccountId,
        upto: u64,
        limit: u32,
    ) -> Result<Option<u64>, Failed> {
        let mut find = self.db.prepare_cached(
            "SELECT max(seq) FROM (SELECT seq, from_high, hidden, state FROM messages
                 WHERE conversation = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT ?4)
             WHERE from_high = ?3 AND hidden & 4 = 0 AND state < 4",
        )?;
        let from_high = !conversation.is_high(reader);
        let which = params![conversation.id, to_sql(upto), from_high, limit];
        let found: Option<i64> = find.query_row(which, |row| row.get(0))?;
        Ok(found.map(from_sql))
    }

    /// Where `message` stands in the account's log, if no device has taken it.
    pub fn waits(&self, account: AccountId, message: i64) -> Result<Option<Waiting>, Failed> {
        let mailbox = self.mailbox(account)?;
        let mut parts = match mailbox.gaps {
            0 => Vec::new(),
            _ => self.gaps(account)?,
        };
        parts.push(Gap {
            after: mailbox.delivered,
            upto: mailbox.head,
        });
        for part in parts {
            let found = self.first_from(account, message, part)?;
            if let Some((_, waiting)) = found.filter(|(id, _)| *id == message) {
                return Ok(waiting);
            }
        }
        Ok(None)
    }

    /// It never came; its place in the log is left empty.
    pub fn remove_entry(&self, account: AccountId, pos: u64) -> Result<(), Failed> {
        let sql = "DELETE FROM log WHERE account = ?1 AND pos = ?2";
        self.run(sql, params![account.0, to_sql(pos)]).map(|_| ())
    }

    /// The body of the message at `pos` has another length now.
    pub fn set_entry_bytes(&self, account: AccountId, pos: u64, bytes: u64) -> Result<(), Failed> {
        let sql = "UPDATE log SET bytes = ?3 WHERE account = ?1 AND pos = ?2";
        let which = params![account.0, to_sql(pos), to_sql(bytes)];
        self.run(sql, which).map(|_| ())
    }

    /// What its log said before of changes to `message`: what it is now, is said by one entry.
    pub fn remove_changes(&self, account: AccountId, message: i64) -> Result<(), Failed> {
        let sql = "DELETE FROM log WHERE message = ?2 AND kind = 4 AND account = ?1";
        self.run(sql, params![account.0, message]).map(|_| ())
    }

    /// Those whose peer comes after `after`, in the order of the peers.
    pub fn relations(
        &self,
        account: AccountId,
        after: AccountId,
        limit: u32,
    ) -> Result<Vec<(AccountId, Relation)>, Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT peer, blocked, allowed FROM relations
             WHERE account = ?1 AND peer > ?2 ORDER BY peer LIMIT ?3",
        )?;
        let rows = list.query_map(params![account.0, after.0, limit], |row| {
            let relation = Relation {
                blocked: row.get(1)?,
                allowed: row.get(2)?,
            };
            Ok((AccountId(row.get(0)?), relation))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// With when each was added.
    pub fn key_list(&self, account: AccountId) -> Result<Vec<(PublicKey, u64)>, Failed> {
        let mut list = self
            .db
            .prepare_cached("SELECT key, created FROM keys WHERE account = ?1 ORDER BY created")?;
        let rows = list.query_map([account.0], |row| {
            Ok((row.get::<_, PublicKey>(0)?, from_sql(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When the account was made.
    pub fn created(&self, account: AccountId) -> Result<u64, Failed> {
        let mut find = self
            .db
            .prepare_cached("SELECT created FROM accounts WHERE id = ?1")?;
        let created = find.query_row([account.0], |row| row.get(0)).optional()?;
        Ok(created.map_or(0, from_sql))
    }

    fn all_of(&self, pairs: Vec<(AccountId, AccountId)>) -> Result<Vec<Conversation>, Failed> {
        let mut found = Vec::with_capacity(pairs.len());
        for (low, high) in pairs {
            found.extend(self.conversation(low, high)?);
        }
        Ok(found)
    }

    /// Of the messages in a part of a log, the first whose row is not before `message`: rows and positions rise
    /// together. With its place if it came to the account.
    fn first_from(
        &self,
        account: AccountId,
        message: i64,
        part: Gap,
    ) -> Result<Option<(i64, Option<Waiting>)>, Failed> {
        let mut probe = self.db.prepare_cached(
            "SELECT pos, message, kind, bytes FROM log
             WHERE account = ?1 AND pos > ?2 AND pos <= ?3 AND kind IN (0, 1)
                 AND message IS NOT NULL
             ORDER BY pos LIMIT 1",
        )?;
        let mut at = |after: u64| {
            let which = params![account.0, to_sql(after), to_sql(part.upto)];
            let found = probe.query_row(which, |row| {
                let pos = from_sql(row.get(0)?);
                let bytes: Option<i64> = row.get(3)?;
                let waiting = (row.get::<_, i64>(2)? == 0).then_some(Waiting {
                    pos,
                    bytes: bytes.map_or(0, from_sql),
                });
                Ok((pos, row.get::<_, i64>(1)?, waiting))
            });
            found.optional()
        };
        let (mut low, mut high) = (part.after, part.upto);
        let mut best = None;
        while low < high {
            let middle = low.midpoint(high);
            match at(middle)? {
                Some((pos, id, _)) if id < message => low = pos,
                Some((_, id, waiting)) => {
                    best = Some((id, waiting));
                    high = middle;
                }
                None => high = middle,
            }
        }
        Ok(best)
    }
}
