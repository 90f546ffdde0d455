//! The rows of mailboxes' logs.

use std::sync::Arc;

use log::error;
use rusqlite::{Row, ToSql, params};

use super::changes::Change;
use super::{Failed, Tables, Why, from_sql, to_sql};
use crate::accounts::AccountId;
use crate::wire::code::Evidence;

#[derive(Clone, Debug, PartialEq)]
pub struct LogRow {
    /// Given by [`Tables::append`].
    pub pos: u64,
    pub kind: LogKind,
    /// The row of a message.
    pub message: Option<i64>,
    pub peer: Option<AccountId>,
    pub seq: Option<u64>,
    pub time_unix_ms: Option<u64>,
    /// Of the body.
    pub bytes: Option<u64>,
    pub by: Option<Evidence>,
    /// The device that caused it, which does not get it.
    pub device: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// To the account: has `message`, `peer`, `seq`, `bytes`.
    Message,
    /// By another device of the account: has `message`, `peer`, `seq`.
    Copy,
    /// Have `peer`, `seq`, `time_unix_ms`, `by`.
    Delivered,
    Read,
    /// What it is now stands in the message: has `message`, `peer`, `seq`, `time_unix_ms`.
    Changed,
    /// Has `peer`, `seq`.
    ReadElsewhere,
    /// Has `device`, `time_unix_ms`.
    NewDevice,
}

impl LogRow {
    pub fn new(kind: LogKind) -> Self {
        LogRow {
            pos: 0,
            kind,
            message: None,
            peer: None,
            seq: None,
            time_unix_ms: None,
            bytes: None,
            by: None,
            device: None,
        }
    }

    /// What it says of a message to the account.
    fn arrived(&self) -> Option<Arrived> {
        let is_message = self.kind == LogKind::Message;
        let peer = self.peer.filter(|_| is_message)?;
        Some(Arrived {
            peer,
            seq: self.seq.unwrap_or_default(),
            bytes: self.bytes.unwrap_or_default(),
        })
    }
}

/// A message that is in a log: who sent it, its number, and the bytes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub peer: AccountId,
    pub seq: u64,
    pub bytes: u64,
}

impl Tables<'_> {
    /// At the next position of the account's log, which it gives.
    pub fn append(&self, account: AccountId, row: &LogRow) -> Result<u64, Failed> {
        let mut mailbox = self.mailbox(account)?;
        if mailbox.run != self.run {
            (mailbox.run, mailbox.run_head) = (self.run, mailbox.head);
        }
        mailbox.head = mailbox.head.saturating_add(1);
        let values: &[&dyn ToSql] = params![
            account.0,
            to_sql(mailbox.head),
            row.kind as i64,
            row.message,
            row.peer.map(|peer| peer.0),
            row.seq.map(to_sql),
            row.time_unix_ms.map(to_sql),
            row.bytes.map(to_sql),
            row.by.map(|by| by as i64),
            row.device,
        ];
        if self.makes_at_once() {
            self.change(Change::Entry, values)?;
        } else {
            self.is_next_position(account, mailbox.head)?;
            self.change(Change::Entry, values)?;
            if let Some(arrived) = row.arrived() {
                self.note_arrived(account, mailbox.head, arrived);
            }
        }
        self.put_mailbox(account, mailbox);
        Ok(mailbox.head)
    }

    /// Those after `after` for `device`, in their order, as long as `take` wants more. Damaged ones are passed over.
    pub fn log_after(
        &self,
        account: AccountId,
        after: u64,
        device: &str,
        mut take: impl FnMut(LogRow) -> Result<bool, Failed>,
    ) -> Result<(), Failed> {
        self.needs_all_made()?;
        let mut list = self.db.prepare_cached(
            "SELECT pos, kind, message, peer, seq, time, bytes, by, device
             FROM log WHERE account = ?1 AND pos > ?2 AND device IS NOT ?3 ORDER BY pos",
        )?;
        let mut rows = list.query(params![account.0, to_sql(after), device])?;
        while let Some(row) = rows.next()? {
            let entry = match log_row(row) {
                Err(failed) if failed.why == Why::Row => {
                    self.note_damaged_entry(account, from_sql(row.get(0)?));
                    continue;
                }
                entry => entry?,
            };
            if !take(entry)? {
                break;
            }
        }
        Ok(())
    }

    /// Says it in the log, once.
    pub fn note_damaged_entry(&self, account: AccountId, pos: u64) {
        if self.cache().damaged_entries.insert((account, pos)) {
            let account = account.0;
            error!("store: entry {pos} in the log of account {account} is damaged and passed over");
        }
    }

    /// All of the log was taken, and `count` messages that wait were not in it: what named them was damaged, so that they
    /// are delivered to nobody. History has them. Says it in the log, once.
    pub fn note_lost_entries(&self, account: AccountId, count: u64) {
        if self.cache().incomplete_logs.insert(account) {
            let account = account.0;
            error!(
                "store: {count} messages wait for account {account}, and its log does not name them: see privmsgd check-store"
            );
        }
    }

    /// The messages that came to the account after `after` up to `upto`, but for damaged entries.
    pub fn arrived(
        &self,
        account: AccountId,
        after: u64,
        upto: u64,
    ) -> Result<Vec<Arrived>, Failed> {
        let mut all = Vec::new();
        if !self.has_log_after(account, after) {
            self.read_arrived(account, after, upto, &mut all)?;
        }
        if !self.makes_at_once() {
            self.noted_arrived(account, after, upto, &mut all);
        }
        Ok(all)
    }

    fn read_arrived(
        &self,
        account: AccountId,
        after: u64,
        upto: u64,
        all: &mut Vec<Arrived>,
    ) -> Result<(), Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT peer, seq, bytes, pos FROM log
             WHERE account = ?1 AND pos > ?2 AND pos <= ?3 AND kind = 0",
        )?;
        let mut rows = list.query(params![account.0, to_sql(after), to_sql(upto)])?;
        while let Some(row) = rows.next()? {
            match arrived(row) {
                Ok(arrived) => all.push(arrived),
                Err(_) => self.note_damaged_entry(account, from_sql(row.get(3)?)),
            }
        }
        Ok(())
    }
}

fn arrived(row: &Row<'_>) -> rusqlite::Result<Arrived> {
    Ok(Arrived {
        peer: AccountId(row.get(0)?),
        seq: from_sql(row.get(1)?),
        bytes: from_sql(row.get(2)?),
    })
}

fn log_row(row: &Row<'_>) -> Result<LogRow, Failed> {
    let option = |at| row.get::<_, Option<i64>>(at).map(|n| n.map(from_sql));
    Ok(LogRow {
        pos: from_sql(row.get(0)?),
        kind: kind(row.get(1)?)?,
        message: row.get(2)?,
        peer: row.get::<_, Option<i64>>(3)?.map(AccountId),
        seq: option(4)?,
        time_unix_ms: option(5)?,
        bytes: option(6)?,
        by: row.get::<_, Option<i64>>(7)?.map(|by| match by {
            1 => Evidence::Client,
            _ => Evidence::Transport,
        }),
        device: row.get(8)?,
    })
}

fn kind(number: i64) -> Result<LogKind, Failed> {
    [
        LogKind::Message,
        LogKind::Copy,
        LogKind::Delivered,
        LogKind::Read,
        LogKind::Changed,
        LogKind::ReadElsewhere,
        LogKind::NewDevice,
    ]
    .into_iter()
    .find(|kind| *kind as i64 == number)
    .ok_or_else(|| Failed::damaged("an entry of a log"))
}
