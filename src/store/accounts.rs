//! The rows of accounts, of what their names look like, and of their public keys.

use rusqlite::{OptionalExtension, params};

use super::{Failed, Tables, from_sql, to_sql};
use crate::accounts::{AccountId, PublicKey};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    Disabled,
    /// Only its name is left.
    Removed,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub id: AccountId,
    /// As shown; empty if removed.
    pub name: String,
    pub state: State,
    /// A PHC string.
    pub password: Option<String>,
}

/// A row of a list: nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub name: String,
    pub created_unix_ms: u64,
    pub seen_unix_ms: Option<u64>,
    pub state: State,
    pub has_password: bool,
    pub keys: u32,
    pub devices: u32,
}

impl Tables<'_> {
    /// By the compared form of its name.
    pub fn account_named(&self, key: &str) -> Result<Option<Row>, Failed> {
        let sql = "SELECT id, name, state, password FROM accounts WHERE key = ?1";
        self.account_where(sql, key)
    }

    pub fn account(&self, id: AccountId) -> Result<Option<Row>, Failed> {
        let sql = "SELECT id, name, state, password FROM accounts WHERE id = ?1";
        self.account_where(sql, id.0)
    }

    /// Whether an account, removed ones too, looks like one of these.
    pub fn looks_taken(&self, skeletons: &[String]) -> Result<bool, Failed> {
        let mut find = self
            .db
            .prepare_cached("SELECT 1 FROM skeletons WHERE skeleton = ?1")?;
        for skeleton in skeletons {
            if find.exists([skeleton])? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Fails if the name is taken or looks taken.
    pub fn add_account(
        &self,
        name: &str,
        key: &str,
        skeletons: &[String],
        password: Option<&str>,
        unix_ms: u64,
    ) -> Result<AccountId, Failed> {
        let row = params![name, key, to_sql(unix_ms), GOOD, password];
        self.run(
            "INSERT INTO accounts (name, key, created, state, password) VALUES (?1, ?2, ?3, ?4, ?5)",
            row,
        )?;
        let id = AccountId(self.db.last_insert_rowid());
        self.forget_known(id, key);
        for skeleton in skeletons {
            let row = params![skeleton, id.0];
            self.run(
                "INSERT INTO skeletons (skeleton, account) VALUES (?1, ?2)",
                row,
            )?;
        }
        Ok(id)
    }

    pub fn set_password(&self, id: AccountId, password: &str) -> Result<(), Failed> {
        let sql = "UPDATE accounts SET password = ?2 WHERE id = ?1";
        self.run(sql, params![id.0, password]).map(|_| ())
    }

    pub fn set_disabled(&self, id: AccountId, disabled: bool) -> Result<(), Failed> {
        let state = if disabled { DISABLED } else { GOOD };
        let sql = "UPDATE accounts SET state = ?2 WHERE id = ?1 AND state <> 2";
        self.run(sql, params![id.0, state])?;
        self.cache().known.forget(&id);
        Ok(())
    }

    /// Leaves the name, so that nobody gets it again.
    pub fn remove_account(&self, id: AccountId) -> Result<(), Failed> {
        for sql in [
            "DELETE FROM keys WHERE account = ?1",
            "DELETE FROM devices WHERE account = ?1",
            "DELETE FROM failures WHERE account = ?1",
            "UPDATE accounts SET state = 2, name = '', password = NULL, created = 0, seen = NULL
             WHERE id = ?1",
        ] {
            self.run(sql, [id.0])?;
        }
        self.cache().known.forget(&id);
        self.forget_cursors(id)
    }

    pub fn seen(&self, id: AccountId, unix_ms: u64) -> Result<(), Failed> {
        let sql = "UPDATE accounts SET seen = ?2 WHERE id = ?1";
        self.run(sql, params![id.0, to_sql(unix_ms)]).map(|_| ())
    }

    /// All but the removed ones, by name.
    pub fn accounts(&self) -> Result<Vec<Summary>, Failed> {
        let mut list = self.db.prepare_cached(
            "SELECT name, created, seen, state, password IS NOT NULL,
                 (SELECT count(*) FROM keys WHERE account = id),
                 (SELECT count(*) FROM devices WHERE account = id)
             FROM accounts WHERE state <> 2 ORDER BY key",
        )?;
        let rows = list.query_map([], |row| {
            Ok(Summary {
                name: row.get(0)?,
                created_unix_ms: from_sql(row.get(1)?),
                seen_unix_ms: row.get::<_, Option<i64>>(2)?.map(from_sql),
                state: state(row.get(3)?),
                has_password: row.get(4)?,
                keys: row.get(5)?,
                devices: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One more failed try for this account, or, with the same work, for a name that nobody has.
    pub fn count_failure(&self, id: Option<AccountId>) -> Result<(), Failed> {
        let sql = "INSERT INTO failures (account, count) VALUES (?1, 1)
                   ON CONFLICT (account) DO UPDATE SET count = min(count + 1, 2147483647)";
        self.run(sql, [id.map_or(0, |id| id.0)]).map(|_| ())
    }

    /// How many there were; from now on none.
    pub fn take_failures(&self, id: AccountId) -> Result<u32, Failed> {
        let mut take = self
            .db
            .prepare_cached("DELETE FROM failures WHERE account = ?1 RETURNING count")?;
        let count = take.query_row([id.0], |row| row.get(0)).optional()?;
        Ok(count.unwrap_or(0))
    }

    pub fn has_key(&self, id: AccountId, key: &PublicKey) -> Result<bool, Failed> {
        let mut find = self
            .db
            .prepare_cached("SELECT 1 FROM keys WHERE account = ?1 AND key = ?2")?;
        Ok(find.exists(params![id.0, key])?)
    }

    pub fn keys(&self, id: AccountId) -> Result<u32, Failed> {
        let mut count = self
            .db
            .prepare_cached("SELECT count(*) FROM keys WHERE account = ?1")?;
        Ok(count.query_row([id.0], |row| row.get(0))?)
    }

    /// A key that is there already stays.
    pub fn add_key(&self, id: AccountId, key: &PublicKey, unix_ms: u64) -> Result<(), Failed> {
        let sql = "INSERT OR IGNORE INTO keys (account, key, created) VALUES (?1, ?2, ?3)";
        let row = params![id.0, key, to_sql(unix_ms)];
        self.run(sql, row).map(|_| ())
    }

    pub fn remove_key(&self, id: AccountId, key: &PublicKey) -> Result<(), Failed> {
        let sql = "DELETE FROM keys WHERE account = ?1 AND key = ?2";
        self.run(sql, params![id.0, key]).map(|_| ())
    }

    /// How many rows changed.
    pub(super) fn run(&self, sql: &str, row: impl rusqlite::Params) -> Result<usize, Failed> {
        Ok(self.db.prepare_cached(sql)?.execute(row)?)
    }

    fn account_where(&self, sql: &str, by: impl rusqlite::ToSql) -> Result<Option<Row>, Failed> {
        let mut find = self.db.prepare_cached(sql)?;
        let found = find.query_row([by], |row| {
            Ok(Row {
                id: AccountId(row.get(0)?),
                name: row.get(1)?,
                state: state(row.get(2)?),
                password: row.get(3)?,
            })
        });
        Ok(found.optional()?)
    }
}

const GOOD: i64 = 0;
const DISABLED: i64 = 1;
const REMOVED: i64 = 2;

/// A state that no release wrote lets nobody in.
pub(super) fn state(number: i64) -> State {
    match number {
        GOOD => State::Good,
        REMOVED => State::Removed,
        _ => State::Disabled,
    }
}
