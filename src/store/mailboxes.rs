//! The rows of mailboxes: an account's counters and settings, and which parts of its log nobody has taken.

use rusqlite::{OptionalExtension, Row, params};

use super::changes::Change;
use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::AccountId;
use crate::mailbox::Settings;
use crate::wire::code::AcceptFrom;

/// The columns of v2.sql.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub head: u64,
    pub delivered: u64,
    /// How many rows there are in `gaps`.
    pub gaps: u64,
    pub waiting: u64,
    pub waiting_bytes: u64,
    pub run: u64,
    pub run_head: u64,
    pub settings: Settings,
}

/// Of an account that has had no mail and chosen nothing.
impl Default for Mailbox {
    fn default() -> Self {
        Mailbox {
            head: 0,
            delivered: 0,
            gaps: 0,
            waiting: 0,
            waiting_bytes: 0,
            run: 0,
            run_head: 0,
            settings: Settings {
                accept_from: AcceptFrom::Anyone,
                delivery_receipts: true,
                read_receipts: false,
            },
        }
    }
}

/// Positions after `after` up to `upto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub after: u64,
    pub upto: u64,
}

impl Tables<'_> {
    pub fn mailbox(&self, account: AccountId) -> Result<Mailbox, Failed> {
        if let Some(mailbox) = self.cache().mailboxes.find(&account) {
            return Ok(*mailbox);
        }
        if let Some(mailbox) = self.noted_mailbox(account) {
            self.cache().mailboxes.keep(account, mailbox);
            return Ok(mailbox);
        }
        let mut find = self.db.prepare_cached(
            "SELECT head, delivered, gaps, waiting, waiting_bytes, run, run_head,
                 accept_from, delivery_receipts, read_receipts
             FROM mailboxes WHERE account = ?1",
        )?;
        let found = find.query_row([account.0], mailbox).optional()?;
        let mailbox = found.unwrap_or_default();
        self.cache().mailboxes.keep(account, mailbox);
        Ok(mailbox)
    }

    pub fn put_mailbox(&self, account: AccountId, row: Mailbox) {
        self.cache().mailboxes.change(account, row);
    }

    /// By their positions.
    pub fn gaps(&self, account: AccountId) -> Result<Vec<Gap>, Failed> {
        let sql = "SELECT after, upto FROM gaps WHERE account = ?1 ORDER BY after";
        let mut list = self.db.prepare_cached(sql)?;
        let rows = list.query_map([account.0], |row| {
            Ok(Gap {
                after: from_sql(row.get(0)?),
                upto: from_sql(row.get(1)?),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All of the account's; [`Mailbox::gaps`] has to say how many.
    pub fn put_gaps(&self, account: AccountId, gaps: &[Gap]) -> Result<(), Failed> {
        self.run("DELETE FROM gaps WHERE account = ?1", [account.0])?;
        for gap in gaps {
            let row = params![account.0, to_sql(gap.after), to_sql(gap.upto)];
            let sql = "INSERT INTO gaps (account, after, upto) VALUES (?1, ?2, ?3)";
            self.run(sql, row)?;
        }
        Ok(())
    }

    pub(super) fn write_mailbox(&self, account: AccountId, row: &Mailbox) -> Result<(), Failed> {
        let values = params![
            account.0,
            to_sql(row.head),
            to_sql(row.delivered),
            to_sql(row.gaps),
            to_sql(row.waiting),
            to_sql(row.waiting_bytes),
            to_sql(row.run),
            to_sql(row.run_head),
            accept_from_number(row.settings.accept_from),
            row.settings.delivery_receipts,
            row.settings.read_receipts,
        ];
        self.change(Change::Mailbox, values)
    }
}

fn mailbox(row: &Row<'_>) -> rusqlite::Result<Mailbox> {
    Ok(Mailbox {
        head: from_sql(row.get(0)?),
        delivered: from_sql(row.get(1)?),
        gaps: from_sql(row.get(2)?),
        waiting: from_sql(row.get(3)?),
        waiting_bytes: from_sql(row.get(4)?),
        run: from_sql(row.get(5)?),
        run_head: from_sql(row.get(6)?),
        settings: Settings {
            accept_from: accept_from(row.get(7)?),
            delivery_receipts: row.get(8)?,
            read_receipts: row.get(9)?,
        },
    })
}

fn accept_from_number(accept_from: AcceptFrom) -> i64 {
    match accept_from {
        AcceptFrom::Anyone => 0,
        AcceptFrom::Known => 1,
        AcceptFrom::Allowed => 2,
    }
}

/// What no release wrote lets the fewest in.
fn accept_from(number: i64) -> AcceptFrom {
    match number {
        0 => AcceptFrom::Anyone,
        1 => AcceptFrom::Known,
        _ => AcceptFrom::Allowed,
    }
}
