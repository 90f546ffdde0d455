//! What is taken away in time: bodies that have expired or are too old, entries of logs that everybody has, and all
//! that was kept for an account that is removed. Each call looks at a bounded number of rows.

use rusqlite::{OptionalExtension, params};

use super::messages::MessageRow;
use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::AccountId;

/// A message as a sweep passes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    pub id: i64,
    pub conversation: i64,
    pub seq: u64,
    pub time_unix_ms: u64,
    pub is_there: bool,
}

/// Of an account's log: up to where it was looked at, and whether that was all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned {
    pub upto: u64,
    pub is_all: bool,
}

/// Which entries of a log are old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    pub before_unix_ms: u64,
    /// What says that it is from later is as old as what comes after it; or old, if all devices have taken it.
    pub latest_unix_ms: u64,
    /// Up to there all devices have taken the log.
    pub taken: u64,
}

impl Tables<'_> {
    /// Of the message that was accepted last.
    pub fn newest_unix_ms(&self) -> Result<Option<u64>, Failed> {
        let sql = "SELECT time FROM messages ORDER BY id DESC LIMIT 1";
        let mut find = self.db.prepare_cached(sql)?;
        let time: Option<i64> = find.query_row([], |row| row.get(0)).optional()?;
        Ok(time.map(from_sql))
    }

    /// When the next message expires.
    pub fn next_expiry(&self) -> Result<Option<u64>, Failed> {
        let mut find = self
            .db
            .prepare_cached("SELECT min(expires) FROM messages WHERE expires IS NOT NULL")?;
        let next: Option<i64> = find.query_row([], |row| row.get(0))?;
        Ok(next.map(from_sql))
    }

    /// Messages whose time has come, the first first.
    pub fn expired(&self, unix_ms: u64, limit: u32) -> Result<Vec<MessageRow>, Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT id, conversation, seq FROM messages
             WHERE expires IS NOT NULL AND expires <= ?1 ORDER BY expires LIMIT ?2",
        )?;
        let rows = list.query_map(params![to_sql(unix_ms), limit], |row| {
            Ok((row.get(0)?, row.get(1)?, from_sql(row.get(2)?)))
        })?;
        let found: Vec<(i64, i64, u64)> = rows.collect::<Result<_, _>>()?;
        let message = |(id, conversation, seq)| self.message(id, conversation, seq);
        found.into_iter().map(message).collect()
    }

    /// In the order in which they were accepted, those behind the row `after`.
    pub fn messages_from(&self, after: i64, limit: u32) -> Result<Vec<Passed>, Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT id, conversation, seq, time, state = 0 FROM messages
             WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = list.query_map(params![after, limit], |row| {
            Ok(Passed {
                id: row.get(0)?,
                conversation: row.get(1)?,
                seq: from_sql(row.get(2)?),
                time_unix_ms: from_sql(row.get(3)?),
                is_there: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Unless it is the last one of all, whose number the next message would get; whether it is gone.
    pub fn remove_message(&self, id: i64) -> Result<bool, Failed> {
        let sql = "DELETE FROM messages WHERE id = ?1 AND id < (SELECT max(id) FROM messages)";
        Ok(self.run(sql, [id])? > 0)
    }

    /// Accounts that have a mailbox, those behind `after`.
    pub fn mailbox_owners(&self, after: AccountId, limit: u32) -> Result<Vec<AccountId>, Failed> {
        self.write_back()?;
        let mut list = self.db.prepare_cached(
            "SELECT account FROM mailboxes WHERE account > ?1 ORDER BY account LIMIT ?2",
        )?;
        let rows = list.query_map(params![after.0, limit], |row| Ok(AccountId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Of the account's log after `after`, the old entries up to `upto` go, but for messages that no device has taken.
    /// Looks at `limit` entries.
    pub fn clean_log(
        &self,
        account: AccountId,
        (after, upto): (u64, u64),
        age: &Age,
        limit: u32,
    ) -> Result<Cleaned, Failed> {
        let delivered = self.mailbox(account)?.delivered;
        let mut list = self.db.prepare_cached(
            "SELECT pos, coalesce(log.time, messages.time, 0) FROM log
                 LEFT JOIN messages ON messages.id = log.message
             WHERE account = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos LIMIT ?4",
        )?;
        let mut rows = list.query(params![account.0, to_sql(after), to_sql(upto), limit])?;
        let (mut cleaned, mut looked_at, mut seen) = (after, after, 0_u32);
        while let Some(row) = rows.next()? {
            // A damaged one is as old as those around it.
            let time = from_sql(row.get(1).unwrap_or_default());
            let is_ahead = time > age.latest_unix_ms;
            if time >= age.before_unix_ms && !is_ahead {
                break;
            }
            looked_at = from_sql(row.get(0)?);
            if !is_ahead || looked_at <= age.taken {
                cleaned = looked_at;
            }
            seen += 1;
        }
        let sql = "DELETE FROM log WHERE account = ?1 AND pos > ?2 AND pos <= ?3
                   AND (kind <> 0 OR (pos <= ?4 AND NOT EXISTS (SELECT 1 FROM gaps
                       WHERE gaps.account = ?1 AND gaps.after < log.pos AND log.pos <= gaps.upto)))";
        let which = params![account.0, to_sql(after), to_sql(cleaned), to_sql(delivered)];
        self.run(sql, which)?;
        Ok(Cleaned {
            upto: looked_at,
            is_all: seen < limit,
        })
    }

    /// Accounts that are removed and of which something is kept.
    pub fn leaving(&self) -> Result<Vec<AccountId>, Failed> {
        self.write_back()?;
        let mut list = self.db.prepare_cached(
            "SELECT account FROM mailboxes JOIN accounts ON accounts.id = account WHERE state = 2",
        )?;
        let rows = list.query_map([], |row| Ok(AccountId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// At most `limit` entries; how many there were of these.
    pub fn remove_log(&self, account: AccountId, limit: u32) -> Result<u32, Failed> {
        let sql = "DELETE FROM log WHERE account = ?1 AND pos <= coalesce(
                       (SELECT pos FROM log WHERE account = ?1 ORDER BY pos LIMIT 1 OFFSET ?2 - 1),
                       9223372036854775807)";
        let removed = self.run(sql, params![account.0, limit])?;
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }

    /// At most `limit` messages, and, if those were all, the conversation. How many there were, and whether they were
    /// all. Nobody's log may name them.
    pub fn remove_conversation(&self, id: i64, limit: u32) -> Result<(u32, bool), Failed> {
        let sql = "DELETE FROM messages WHERE id IN
                       (SELECT id FROM messages WHERE conversation = ?1 ORDER BY seq LIMIT ?2)";
        let removed = u32::try_from(self.run(sql, params![id, limit])?).unwrap_or(u32::MAX);
        if removed >= limit {
            return Ok((removed, false));
        }
        let mut find = self
            .db
            .prepare_cached("DELETE FROM conversations WHERE id = ?1 RETURNING low, high")?;
        let pair = find.query_row([id], |row| {
            Ok((AccountId(row.get(0)?), AccountId(row.get(1)?)))
        });
        if let Some(pair) = pair.optional()? {
            self.cache().conversations.forget(&pair);
        }
        Ok((removed, true))
    }

    /// What it decided about others, at once: a bounded number.
    pub fn remove_relations(&self, account: AccountId) -> Result<(), Failed> {
        let sql = "DELETE FROM relations WHERE account = ?1 RETURNING peer";
        let mut remove = self.db.prepare_cached(sql)?;
        let rows = remove.query_map([account.0], |row| Ok(AccountId(row.get(0)?)))?;
        for peer in rows {
            self.cache().relations.forget(&(account, peer?));
        }
        Ok(())
    }

    pub fn remove_mailbox(&self, account: AccountId) -> Result<(), Failed> {
        self.run("DELETE FROM gaps WHERE account = ?1", [account.0])?;
        self.run("DELETE FROM mailboxes WHERE account = ?1", [account.0])?;
        self.cache().mailboxes.forget(&account);
        Ok(())
    }
}
