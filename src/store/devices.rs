//! The rows of devices, with the hashes of their resume tokens.

use rusqlite::{OptionalExtension, Row, params};

use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::AccountId;

/// SHA-256.
pub type Hash = [u8; 32];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    pub device: String,
    pub created_unix_ms: u64,
    pub seen_unix_ms: u64,
    pub current: Option<Hash>,
    pub previous: Option<Hash>,
    /// The oldest first.
    pub spent: Vec<Hash>,
}

impl Tables<'_> {
    pub fn device(&self, id: AccountId, device: &str) -> Result<Option<DeviceRow>, Failed> {
        let mut find = self.db.prepare_cached(
            "SELECT device, created, seen, current, previous, spent
             FROM devices WHERE account = ?1 AND device = ?2",
        )?;
        let found = find.query_row(params![id.0, device], device_row);
        Ok(found.optional()?)
    }

    /// By name.
    pub fn devices(&self, id: AccountId) -> Result<Vec<DeviceRow>, Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT device, created, seen, current, previous, spent
             FROM devices WHERE account = ?1 ORDER BY created, device",
        )?;
        let rows = list.query_map([id.0], device_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn device_count(&self, id: AccountId) -> Result<u32, Failed> {
        let mut count = self
            .db
            .prepare_cached("SELECT count(*) FROM devices WHERE account = ?1")?;
        Ok(count.query_row([id.0], |row| row.get(0))?)
    }

    /// Writes the row, whether it was there or not; its [`super::Cursor`] stays as it is, or begins at 0.
    pub fn put_device(&self, id: AccountId, row: &DeviceRow) -> Result<(), Failed> {
        let values = params![
            id.0,
            row.device,
            to_sql(row.created_unix_ms),
            to_sql(row.seen_unix_ms),
            row.current,
            row.previous,
            row.spent.concat(),
        ];
        let sql = "INSERT INTO devices (account, device, created, seen, current, previous, spent)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (account, device) DO UPDATE SET created = ?3, seen = ?4,
                       current = ?5, previous = ?6, spent = ?7";
        self.forget_cursors(id)?;
        self.run(sql, values).map(|_| ())
    }

    /// Whether there was one.
    pub fn remove_device(&self, id: AccountId, device: &str) -> Result<bool, Failed> {
        let sql = "DELETE FROM devices WHERE account = ?1 AND device = ?2";
        self.forget_cursors(id)?;
        Ok(self.run(sql, params![id.0, device])? > 0)
    }

    /// No resume token of the account is good any more, except those of `kept`.
    pub fn void_tokens(&self, id: AccountId, kept: Option<&str>) -> Result<(), Failed> {
        let sql = "UPDATE devices SET current = NULL, previous = NULL, spent = x''
                   WHERE account = ?1 AND device IS NOT ?2";
        self.run(sql, params![id.0, kept]).map(|_| ())
    }
}

fn device_row(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    let spent: Vec<u8> = row.get(5)?;
    let (spent, rest) = spent.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    Ok(DeviceRow {
        device: row.get(0)?,
        created_unix_ms: from_sql(row.get(1)?),
        seen_unix_ms: from_sql(row.get(2)?),
        current: row.get(3)?,
        previous: row.get(4)?,
        spent: spent.to_vec(),
    })
}
