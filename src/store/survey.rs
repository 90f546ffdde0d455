//! What is in the store, counted. Every statement looks at a bounded number of rows, so that a store in use can be
//! counted between its commits. Knows no rules.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Failed, Store, from_sql, schema};
use crate::ops::exit::StartError;
use crate::time::Stamp;
use crate::upkeep::{Stats, Told, Upkeep};

/// Rows of one statement: of small ones that are read in their order, and of mailboxes, each of which may need more.
const SLICE: i64 = 20_000;
const MAILBOXES: i64 = 500;
/// Entries of one mailbox that are looked at for a message that waits.
const ENTRIES: i64 = 100;

impl Store {
    /// What is asked of the store as a whole. `between` as below.
    pub fn tell(&self, asked: &Upkeep, fsync: bool, between: &mut dyn FnMut() -> bool) -> Told {
        let failed = |failed: Failed| {
            let path = self.path();
            StartError::new(failed.exit(), &failed.to_string(), path.display(), "")
        };
        // What is not in its tables is not counted; a copy has it either way.
        let _ = self.make_changes();
        let told = match asked {
            Upkeep::Stats => self.survey(between).map_err(failed).map(|mut stats| {
                stats.durability = if fsync { "fsync" } else { "os" };
                Told::Stats(Box::new(stats))
            }),
            Upkeep::Backup { to } => self.back_up(to, between).map(Told::BackedUp),
        };
        told.unwrap_or_else(|error| Told::Failed(Box::new(error)))
    }

    /// All but what only the worker knows. `between` is called between slices and may change the store; it returns
    /// whether to go on.
    pub fn survey(&self, between: &mut dyn FnMut() -> bool) -> Result<Stats, Failed> {
        let db = &self.db;
        let (epoch, sealed) =
            db.query_row("SELECT epoch, seal IS NOT NULL FROM meta", [], |r| {
                Ok((from_sql(r.get(0)?), r.get(1)?))
            })?;
        let (waiting, oldest) = waiting(db, between)?;
        Ok(Stats {
            accounts: count(db, ACCOUNTS, between)?,
            conversations: count(db, CONVERSATIONS, between)?,
            messages: messages(db, between)?,
            waiting: waiting.0,
            waiting_bytes: waiting.1,
            oldest_waiting: oldest.map(|unix_ms| Stamp::new(unix_ms).as_str().into()),
            bytes: self.bytes(),
            store_version: schema::VERSION,
            epoch,
            sealed,
            ..Stats::default()
        })
    }
}

/// Those of a slice, and the last of it.
const ACCOUNTS: &str = "SELECT total(state <> 2), max(id), count(*) FROM
    (SELECT id, state FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2)";
const CONVERSATIONS: &str = "SELECT count(*), max(id), count(*) FROM
    (SELECT id FROM conversations WHERE id > ?1 ORDER BY id LIMIT ?2)";

fn count(db: &Connection, sql: &str, between: &mut dyn FnMut() -> bool) -> Result<u64, Failed> {
    let (mut sum, mut after) = (0, i64::MIN);
    loop {
        let slice = db.prepare_cached(sql)?.query_row([after, SLICE], |row| {
            Ok((row.get::<_, f64>(0)?, row.get(1)?, row.get::<_, i64>(2)?))
        });
        let (counted, last, rows): (f64, Option<i64>, i64) = slice?;
        sum += counted as u64;
        match last {
            Some(last) if rows == SLICE => after = last,
            _ => return Ok(sum),
        }
        go_on(between)?;
    }
}

/// In the order of the index, which is a tenth of the messages' size.
fn messages(db: &Connection, between: &mut dyn FnMut() -> bool) -> Result<u64, Failed> {
    let (mut sum, mut after) = (0, (i64::MIN, i64::MIN));
    loop {
        let jump = "SELECT conversation, seq FROM messages INDEXED BY messages_by_seq
            WHERE (conversation, seq) > (?1, ?2) ORDER BY conversation, seq LIMIT 1 OFFSET ?3";
        let next = db
            .prepare_cached(jump)?
            .query_row(params![after.0, after.1, SLICE - 1], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some(next) = next else { break };
        sum += SLICE;
        after = next;
        go_on(between)?;
    }
    let rest = "SELECT count(*) FROM messages INDEXED BY messages_by_seq
        WHERE (conversation, seq) > (?1, ?2)";
    let rest: i64 = db
        .prepare_cached(rest)?
        .query_row(params![after.0, after.1], |row| row.get(0))?;
    Ok(from_sql(sum + rest))
}

/// How many and their bytes; and when the oldest was sent.
fn waiting(
    db: &Connection,
    between: &mut dyn FnMut() -> bool,
) -> Result<((u64, u64), Option<u64>), Failed> {
    let slice = "SELECT account, waiting, waiting_bytes,
            min(delivered, coalesce((SELECT min(after) FROM gaps g WHERE g.account = m.account), delivered))
        FROM mailboxes m WHERE account > ?1 ORDER BY account LIMIT ?2";
    let (mut sum, mut oldest, mut after) = ((0_u64, 0_u64), None::<u64>, i64::MIN);
    loop {
        let mut rows = 0;
        let mut list = db.prepare_cached(slice)?;
        let mut found = list.query([after, MAILBOXES])?;
        while let Some(row) = found.next()? {
            let (count, bytes, taken) = (row.get(1)?, row.get(2)?, row.get(3)?);
            after = row.get(0)?;
            rows += 1;
            sum.0 = sum.0.saturating_add(from_sql(count));
            sum.1 = sum.1.saturating_add(from_sql(bytes));
            if count > 0 {
                let first = first_waiting(db, after, taken)?;
                oldest = oldest.into_iter().chain(first).min();
            }
        }
        if rows < MAILBOXES {
            return Ok((sum, oldest));
        }
        go_on(between)?;
    }
}

fn first_waiting(db: &Connection, account: i64, after: i64) -> Result<Option<u64>, Failed> {
    let sql = "SELECT m.time FROM
        (SELECT pos, message, kind FROM log WHERE account = ?1 AND pos > ?2 ORDER BY pos LIMIT ?3) l
        JOIN messages m ON m.id = l.message WHERE l.kind = 0 ORDER BY l.pos LIMIT 1";
    let mut find = db.prepare_cached(sql)?;
    let time = find.query_row([account, after, ENTRIES], |row| row.get(0));
    Ok(time.optional()?.map(from_sql))
}

fn go_on(between: &mut dyn FnMut() -> bool) -> Result<(), Failed> {
    match between() {
        true => Ok(()),
        false => Err(Failed::other("given up: the daemon is ending")),
    }
}
