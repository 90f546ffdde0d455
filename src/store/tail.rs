//! What is committed and does not stand in its tables yet. A commit of few messages writes its changes one after the
//! other, and not every page of every table and index that they belong to; the tables are changed later, for many
//! commits at once. Kept here as well is what is asked for each message: nobody may read those tables for anything else
//! before [`Tables::make_changes`]. Knows no rules.
//!
//! ```text
//! few messages, acknowledgements ─► rows of `tail`, and this ──┐ make_changes: in the next commit of another kind,
//! everything else ───────────────────────────────► the tables ◄┘ when it is long, and when a store is opened
//! ```

use std::cell::RefMut;
use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, ToSql, TransactionBehavior, params};

use super::changes::{self, Change};
use super::{Arrived, Conversation, Cursor, Failed, Mailbox, Sent, Tables, slots, to_sql};
use crate::accounts::AccountId;

/// Messages and entries that wait, and the bytes of all changes; how long it takes to make them is what a commit may
/// have to wait for.
const MAX_ROWS: usize = 8_192;
const MAX_BYTES: usize = 2 * 1024 * 1024;

#[derive(Default)]
pub struct Tail {
    /// Of the rows that hold `bytes`, once it is known.
    generation: Option<u64>,
    bytes: Vec<u8>,
    /// Messages and entries; of anything else only the last change of each row counts.
    rows: usize,
    /// Messages that have a `messageId`, by their sender and its key, and in their order.
    known: HashMap<(AccountId, i64), Sent>,
    known_order: Vec<(AccountId, i64)>,
    /// Messages that came to an account, by their positions, and whose, in their order.
    arrived: HashMap<AccountId, Vec<(u64, Arrived)>>,
    arrived_order: Vec<AccountId>,
    /// The row of the next message; `None`: there was none since the tables were changed.
    next_id: Option<i64>,
    /// Whose next numbers were looked for in the tables, and are not there; of logs, from which on.
    free_seqs: HashSet<i64>,
    free_positions: HashMap<AccountId, u64>,
    /// As they are since the last commit. Those of the present one are in the cache.
    mailboxes: HashMap<AccountId, Mailbox>,
    conversations: HashMap<(AccountId, AccountId), Conversation>,
    cursors: HashMap<AccountId, Vec<Cursor>>,
    /// Of the present commit, to be put there.
    fresh: Rows,
    /// What is committed.
    durable: Mark,
}

/// Up to where it is long.
#[derive(Clone, Copy, Default)]
pub struct Mark {
    bytes: usize,
    rows: usize,
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

    fn is_durable(&self) -> bool {
        self.bytes.len() == self.durable.bytes
    }

    pub fn is_long(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes.len() >= MAX_BYTES
    }

    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            rows: self.rows,
            known: self.known_order.len(),
            arrived: self.arrived_order.len(),
            next_id: self.next_id,
        }
    }

    pub fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.rows = mark.rows;
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
        self.fresh = Rows::default();
        self.back_to(self.durable);
    }

    /// The present commit has stayed; `made`: everything stands in the tables now.
    pub fn committed(&mut self, made: bool) {
        if made {
            self.clear();
            return;
        }
        let rows = std::mem::take(&mut self.fresh);
        self.mailboxes.extend(rows.mailboxes);
        let conversations = rows.conversations.into_iter();
        self.conversations
            .extend(conversations.map(|row| ((row.low, row.high), row)));
        self.cursors.extend(rows.cursors);
        self.durable = self.mark();
    }

    /// Its room is kept, because it is filled again soon.
    fn clear(&mut self) {
        if !self.is_empty() {
            self.generation = None;
        }
        self.bytes.clear();
        self.bytes.shrink_to(MAX_BYTES);
        self.rows = 0;
        self.known.clear();
        self.known_order.clear();
        self.arrived.clear();
        self.arrived_order.clear();
        self.next_id = None;
        self.free_seqs.clear();
        self.free_positions.clear();
        self.mailboxes.clear();
        self.conversations.clear();
        self.cursors.clear();
        self.fresh = Rows::default();
        self.durable = Mark::default();
    }

    fn add(&mut self, change: Change, values: &[&dyn ToSql]) -> Result<(), Failed> {
        changes::put(&mut self.bytes, change, values)?;
        self.rows += usize::from(change.is_one_of_many());
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
        changes::make(self.db, &tail.bytes, Change::is_one_of_many)?;
        let cursors = tail.cursors.iter();
        let rows = Rows {
            mailboxes: tail.mailboxes.iter().map(|(id, row)| (*id, *row)).collect(),
            conversations: tail.conversations.values().copied().collect(),
            cursors: cursors.map(|(id, rows)| (*id, rows.clone())).collect(),
        };
        drop(tail);
        self.write(&rows)?;
        slots::begin(self.db, self.generation()?.saturating_add(1))
    }

    /// That of the rows that hold what waits.
    fn generation(&self) -> Result<u64, Failed> {
        let known = self.tail().generation;
        let generation = match known {
            Some(generation) => generation,
            None => slots::generation(self.db)?,
        };
        self.tail().generation = Some(generation);
        Ok(generation)
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

    /// Before the commit: rows that were kept and changed, and all changes.
    pub(super) fn finish(&self) -> Result<(), Failed> {
        let rows = self.changed_rows();
        self.write(&rows)?;
        if self.makes_at_once() || self.tail().is_durable() {
            return Ok(());
        }
        let generation = self.generation()?;
        let mut tail = self.tail();
        tail.fresh = rows;
        slots::write(self.db, generation, &tail.bytes, tail.durable.bytes)
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
        if self.tail().free_positions.contains_key(&account) {
            return Ok(());
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM log WHERE account = ?1 AND pos >= ?2)";
        self.is_free(sql, account.0, pos)?;
        self.tail().free_positions.insert(account, pos);
        Ok(())
    }

    /// Whether all entries of the log after `after` wait here.
    pub(super) fn has_log_after(&self, account: AccountId, after: u64) -> bool {
        self.noted(|tail| tail.free_positions.get(&account).copied())
            .is_some_and(|first| first <= after.saturating_add(1))
    }

    pub(super) fn note_message(&self, key: (AccountId, i64), sent: Sent) {
        let mut tail = self.tail();
        tail.known.insert(key, sent);
        tail.known_order.push(key);
    }

    pub(super) fn noted_message(&self, key: (AccountId, i64)) -> Option<Sent> {
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
    let stream = slots::read(db)?;
    if stream.bytes.is_empty() {
        return Ok(());
    }
    let batch = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    changes::make(&batch, &stream.bytes, |_| true)?;
    slots::remove_old(&batch)?;
    slots::begin(&batch, stream.generation.saturating_add(1))?;
    Ok(batch.commit()?)
}

/// The same for whoever undoes it later.
pub fn make_of(db: &Connection) -> Result<(), Failed> {
    changes::make(db, &slots::read(db)?.bytes, |_| true)
}
