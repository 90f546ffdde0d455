//! Where devices are in their account's log: some columns of their rows, kept apart because every `ack` moves one.

use std::sync::Arc;

use rusqlite::params;

use super::changes::Change;
use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::AccountId;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub device: Arc<str>,
    pub acked: u64,
    /// Up to where the log may have been sent to it in sessions before.
    pub sent: u64,
    /// Its sessions in the run `run`.
    pub online: u64,
    pub run: u64,
}

impl Tables<'_> {
    /// Of all devices of the account, in no order.
    pub fn cursors<T>(
        &self,
        account: AccountId,
        look: impl FnOnce(&[Cursor]) -> T,
    ) -> Result<T, Failed> {
        if let Some(cursors) = self.cache().cursors.find(&account) {
            return Ok(look(cursors));
        }
        if let Some(cursors) = self.noted_cursors(account) {
            let seen = look(&cursors);
            self.cache().cursors.keep(account, cursors);
            return Ok(seen);
        }
        let sql = "SELECT device, acked, sent, online, run FROM devices WHERE account = ?1";
        let mut list = self.db.prepare_cached(sql)?;
        let rows = list.query_map([account.0], |row| {
            Ok(Cursor {
                device: row.get(0)?,
                acked: from_sql(row.get(1)?),
                sent: from_sql(row.get(2)?),
                online: from_sql(row.get(3)?),
                run: from_sql(row.get(4)?),
            })
        })?;
        let cursors: Vec<Cursor> = rows.collect::<Result<_, _>>()?;
        let seen = look(&cursors);
        self.cache().cursors.keep(account, cursors);
        Ok(seen)
    }

    pub fn cursor(&self, account: AccountId, device: &str) -> Result<Option<Cursor>, Failed> {
        self.cursors(account, |cursors| {
            let mut cursors = cursors.iter();
            cursors.find(|cursor| &*cursor.device == device).cloned()
        })
    }

    /// Nothing happens if there is no such device.
    pub fn put_cursor(&self, account: AccountId, row: Cursor) -> Result<(), Failed> {
        let mut cursors = self.cursors(account, |cursors| cursors.to_vec())?;
        let found = cursors.iter_mut().find(|known| known.device == row.device);
        if let Some(found) = found {
            *found = row;
            self.cache().cursors.change(account, cursors);
        }
        Ok(())
    }

    pub(super) fn write_cursor(&self, account: AccountId, row: &Cursor) -> Result<(), Failed> {
        let values = params![
            account.0,
            row.device,
            to_sql(row.acked),
            to_sql(row.sent),
            to_sql(row.online),
            to_sql(row.run),
        ];
        self.change(Change::Cursor, values)
    }

    /// Before devices come or go: what was changed is written, and they are read again.
    pub(super) fn forget_cursors(&self, account: AccountId) -> Result<(), Failed> {
        self.needs_all_made()?;
        let cursors = self.cache().cursors.find(&account).cloned();
        for cursor in cursors.unwrap_or_default() {
            self.write_cursor(account, &cursor)?;
        }
        self.cache().cursors.forget(&account);
        Ok(())
    }
}
