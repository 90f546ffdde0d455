//! What is committed and does not stand in its tables yet. A commit of few messages writes one row of all its changes,
//! and not every page of every table and index that they belong to; the tables are changed later, for many commits at
//! once. Kept here as well is what is asked for each message: nobody may read those tables for anything else before
//! [`Tables::make_changes`]. Knows no rules.
//!
//! ```text
//! few messages, acknowledgements ─► a row of `tail`, and this ─┐ make_changes: in the next commit of another kind,
//! everything else ───────────────────────────────► the tables ◄┘ when it is long, and when a store is opened
//! ```

use std::cell::RefMut;
use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, ToSql, TransactionBehavior, params};

use super::changes::{self, Change};
use super::crc::Crc;
use super::{Arrived, Conversation, Cursor, Failed, Mailbox, MessageRow, Tables, to_sql};
use crate::accounts::AccountId;

/// Changes that wait, and their bytes; how long it takes to make them is what a commit may have to wait for.
const MAX_CHANGES: usize = 8_192;
const MAX_BYTES: usize = 2 * 1024 * 1024;

#[derive(Default)]
pub struct Tail {
    bytes: Vec<u8>,
    changes: usize,
    /// Messages that have a `messageId`, by their sender and its key, and in their order.
    known: HashMap<(AccountId, i64), MessageRow>,
    known_order: Vec<(AccountId, i64)>,
    /// Messages that came to an account, by their positions, and whose, in their order.
    arrived: HashMap<AccountId, Vec<(u64, Arrived)>>,
    arrived_order: Vec<AccountId>,
    /// The row of the next message; `None`: there was none since the tables were changed.
    next_id: Option<i64>,
    /// Whose next numbers were looked for in the tables, and are not there.
    free_seqs: HashSet<i64>,
    free_positions: HashSet<AccountId>,
    /// As they are since the last commit. Those of the present one are in the cache.
    mailboxes: HashMap<AccountId, Mailbox>,
    conversations: HashMap<(AccountId, AccountId), Conversation>,
    cursors: HashMap<AccountId, Vec<Cursor>>,
    /// Of the present commit, to be put there.
    rows: Rows,
    /// What is committed.
    durable: Mark,
}

/// Up to where it is long.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    bytes: usize,
    changes: usize,
    known: usize,
    arrived: usize,
    next_id: Option<i64>,
}

#[derive(Default)]
pub struct Rows {
    pub mailboxes: Vec<(AccountId, Mailbox)>,
    pub conversations: Vec<Conversation>,
    pub cursors: Vec<(AccountId, Vec<Cursor>)>,
}

impl Tail {
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn is_long(&self) -> bool {
        self.changes >= MAX_CHANGES || self.bytes.len() >= MAX_BYTES
    }

    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            changes: self.changes,
            known: self.known_order.len(),
            arrived: self.arrived_order.len(),
            next_id: self.next_id,
        }
    }

    pub fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.changes = mark.changes;
        self.next_id = mark.next_id;
        for key in self.known_order.drain(mark.known..) {
            self.known.remove(&key);
        }
        for account in self.arrived_order.drain(mark.arrived..) {
            self.arrived.get_mut(&account).map(Vec::pop);
        }
    }

    /// Nothing of the present commit has stayed.
    pub fn undo(&mut self) {
        self.rows = Rows::default();
        self.back_to(self.durable);
    }

    /// The present commit has stayed; `made`: everything stands in the tables now.
    pub fn committed(&mut self, made: bool) {
        if made {
            *self = Tail::default();
            return;
        }
        let rows = std::mem::take(&mut self.rows);
        self.mailboxes.extend(rows.mailboxes);
        let conversations = rows.conversations.into_iter();
        self.conversations
            .extend(conversations.map(|row| ((row.low, row.high), row)));
        self.cursors.extend(rows.cursors);
        self.durable = self.mark();
    }

    fn add(&mut self, change: Change, values: &[&dyn ToSql]) -> Result<(), Failed> {
        changes::put(&mut self.bytes, change, values)?;
        self.changes += 1;
        Ok(())
    }
}

impl Tables<'_> {
    /// Makes all changes that wait, with this commit; what comes after is made at once. If it fails, nothing of the
    /// batch can stay.
    pub fn make_changes(&self) -> Result<(), Failed> {
        let made = self.try_to_make_changes();
        if let Err(failed) = &made {
            self.given_up.replace(Some(failed.clone()));
        }
        made
    }

    fn try_to_make_changes(&self) -> Result<(), Failed> {
        if self.makes_at_once.replace(true) {
            return Ok(());
        }
        let tail = self.tail();
        if tail.is_empty() {
            return Ok(());
        }
        // Of these only the last of each counts.
        let is_one_of_many = |change| matches!(change, Change::Message | Change::Entry);
        changes::make(self.db, &tail.bytes, is_one_of_many)?;
        let cursors = tail.cursors.iter();
        let rows = Rows {
            mailboxes: tail.mailboxes.iter().map(|(id, row)| (*id, *row)).collect(),
            conversations: tail.conversations.values().copied().collect(),
            cursors: cursors.map(|(id, rows)| (*id, rows.clone())).collect(),
        };
        drop(tail);
        self.write(&rows)?;
        self.run("DELETE FROM tail", []).map(drop)
    }

    /// Whether what changes is written to its table at once.
    pub(super) fn makes_at_once(&self) -> bool {
        self.makes_at_once.get()
    }

    /// Before tables are read that changes may wait for. Else what asks fails, and is asked again when they are made.
    pub(super) fn needs_all_made(&self) -> Result<(), Failed> {
        match self.makes_at_once() || self.tail().is_empty() {
            true => Ok(()),
            false => Err(Failed::other("asked before changes were made")),
        }
    }

    pub(super) fn change(&self, change: Change, values: &[&dyn ToSql]) -> Result<(), Failed> {
        match self.makes_at_once() {
            true => self.run(change.sql(), values).map(drop),
            false => self.tail().add(change, values),
        }
    }

    /// Before the commit: rows that were kept and changed, and the row of all changes.
    pub(super) fn finish(&self) -> Result<(), Failed> {
        let rows = self.changed_rows();
        self.write(&rows)?;
        let mut tail = self.tail();
        if self.makes_at_once() || tail.bytes.len() == tail.durable.bytes {
            return Ok(());
        }
        tail.rows = rows;
        let fresh = tail.bytes.get(tail.durable.bytes..).unwrap_or_default();
        let values = params![i64::from(sum(fresh)), fresh];
        let sql = "INSERT INTO tail (sum, changes) VALUES (?1, ?2)";
        self.run(sql, values).map(drop)
    }

    pub(super) fn write(&self, rows: &Rows) -> Result<(), Failed> {
        for (account, row) in &rows.mailboxes {
            self.write_mailbox(*account, row)?;
        }
        for row in &rows.conversations {
            self.write_conversation(row)?;
        }
        for (account, rows) in &rows.cursors {
            for row in rows {
                self.write_cursor(*account, row)?;
            }
        }
        Ok(())
    }

    /// The row of the next message.
    pub(super) fn next_message(&self) -> Result<i64, Failed> {
        let known = self.tail().next_id;
        let id = match known {
            Some(id) => id,
            None => {
                let sql = "SELECT coalesce(max(id), 0) + 1 FROM messages";
                let mut find = self.db.prepare_cached(sql)?;
                find.query_row([], |row| row.get(0))?
            }
        };
        self.tail().next_id = Some(id.saturating_add(1));
        Ok(id)
    }

    /// Fails where the table has it or a later one: a damaged store must not fail later, with others' messages.
    pub(super) fn is_next_seq(&self, conversation: i64, seq: u64) -> Result<(), Failed> {
        if self.tail().free_seqs.contains(&conversation) {
            return Ok(());
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE conversation = ?1 AND seq >= ?2)";
        self.is_free(sql, conversation, seq)?;
        self.tail().free_seqs.insert(conversation);
        Ok(())
    }

    pub(super) fn is_next_position(&self, account: AccountId, pos: u64) -> Result<(), Failed> {
        if self.tail().free_positions.contains(&account) {
            return Ok(());
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM log WHERE account = ?1 AND pos >= ?2)";
        self.is_free(sql, account.0, pos)?;
        self.tail().free_positions.insert(account);
        Ok(())
    }

    pub(super) fn note_message(&self, key: (AccountId, i64), row: MessageRow) {
        let mut tail = self.tail();
        tail.known.insert(key, row);
        tail.known_order.push(key);
    }

    pub(super) fn noted_message(&self, key: (AccountId, i64)) -> Option<MessageRow> {
        self.tail().known.get(&key).cloned()
    }

    pub(super) fn note_arrived(&self, account: AccountId, pos: u64, arrived: Arrived) {
        let mut tail = self.tail();
        tail.arrived
            .entry(account)
            .or_default()
            .push((pos, arrived));
        tail.arrived_order.push(account);
    }

    /// Those that do not stand in the log yet.
    pub(super) fn noted_arrived(
        &self,
        account: AccountId,
        after: u64,
        upto: u64,
        found: &mut Vec<Arrived>,
    ) {
        let tail = self.tail();
        let all = tail.arrived.get(&account).map_or(&[][..], Vec::as_slice);
        let first = all.partition_point(|(pos, _)| *pos <= after);
        let wanted = all.iter().skip(first).take_while(|(pos, _)| *pos <= upto);
        found.extend(wanted.map(|(_, arrived)| *arrived));
    }

    pub(super) fn noted_mailbox(&self, account: AccountId) -> Option<Mailbox> {
        self.noted(|tail| tail.mailboxes.get(&account).copied())
    }

    pub(super) fn noted_conversation(&self, key: (AccountId, AccountId)) -> Option<Conversation> {
        self.noted(|tail| tail.conversations.get(&key).copied())
    }

    pub(super) fn noted_cursors(&self, account: AccountId) -> Option<Vec<Cursor>> {
        self.noted(|tail| tail.cursors.get(&account).cloned())
    }

    /// Once the changes are made, the tables are right and this may not be.
    fn noted<T>(&self, look: impl FnOnce(&Tail) -> Option<T>) -> Option<T> {
        match self.makes_at_once() {
            true => None,
            false => look(&self.tail()),
        }
    }

    fn is_free(&self, sql: &str, of: i64, number: u64) -> Result<(), Failed> {
        let mut find = self.db.prepare_cached(sql)?;
        match find.query_row(params![of, to_sql(number)], |row| row.get(0))? {
            true => Err(Failed::other("the next number was given out before")),
            false => Ok(()),
        }
    }

    pub(super) fn tail(&self) -> RefMut<'_, Tail> {
        self.tail.borrow_mut()
    }
}

/// Makes what a store says was still to be made.
pub fn make_all(db: &mut Connection) -> Result<(), Failed> {
    let any = "SELECT EXISTS (SELECT 1 FROM tail)";
    if !db.query_row(any, [], |row| row.get(0))? {
        return Ok(());
    }
    let batch = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    make_of(&batch)?;
    batch.execute("DELETE FROM tail", [])?;
    Ok(batch.commit()?)
}

/// The same for whoever undoes it later.
pub fn make_of(db: &Connection) -> Result<(), Failed> {
    let mut list = db.prepare("SELECT sum, changes FROM tail ORDER BY id")?;
    let mut rows = list.query([])?;
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(1)?;
        if row.get::<_, i64>(0)? != i64::from(sum(&bytes)) {
            return Err(changes::broken());
        }
        changes::make(db, &bytes, |_| true)?;
    }
    Ok(())
}

fn sum(bytes: &[u8]) -> u32 {
    Crc::new().bytes(bytes).sum()
}
