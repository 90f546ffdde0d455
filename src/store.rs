//! Where accounts are kept: one SQLite database in a directory of its own. Names SQLite and its files, alone. Knows
//! rows and nothing of what they prove; neither the protocol nor threads.

mod accounts;
mod devices;
mod files;
mod schema;
mod seal;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use crate::ops::exit::StartError;

pub use accounts::{Row, State, Summary};
pub use devices::{DeviceRow, Hash};
pub use files::DATABASE;
pub use schema::VERSION;
pub use seal::{Part, Place, Sealer};

/// The database, open, checked, and locked against every other process.
pub struct Store {
    db: Connection,
    /// Held longer than the database is open. SQLite's own lock shuts out other programs, but would be lost if
    /// this process opened and closed the file once more.
    _lock: File,
}

impl Store {
    /// Makes the directory and the database where there are none. Whatever else stands there is refused and left as
    /// it is: a store that cannot be read is never taken for an empty one.
    pub fn open(dir: &Path) -> Result<Store, StartError> {
        let dir = files::place(dir)?;
        let lock = files::lock(&dir)?;
        let path = files::prepare(&dir)?;
        let db = schema::open(&path)?;
        files::close_to_others(&dir)?;
        Ok(Store { db, _lock: lock })
    }

    /// Everything that `work` changes becomes durable together, or, if this fails, nothing of it; then the
    /// outcome may still be found on disk if writing it failed last.
    pub fn batch<T>(&mut self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let batch = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&Tables { db: &batch });
        batch.commit()?;
        Ok(done)
    }

    /// Empties the write-ahead log, so that what was overwritten or removed stands in no file.
    pub fn forget_the_past(&self) -> Result<(), Failed> {
        schema::checkpoint(&self.db)
    }

    /// From now on every batch fails before it begins.
    #[cfg(test)]
    pub fn jam(&self) {
        self.db.execute_batch("BEGIN").unwrap();
    }

    pub fn path(&self) -> PathBuf {
        self.db.path().map(PathBuf::from).unwrap_or_default()
    }
}

/// The rows, within one [`Store::batch`].
pub struct Tables<'a> {
    db: &'a Connection,
}

impl Tables<'_> {
    /// What `work` changes stays only if it succeeds; the rest of the batch is as it was either way.
    pub fn apart<T>(&self, work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
        if self.db.is_autocommit() {
            return Err(Failed("the batch was given up".into()));
        }
        self.db.execute_batch("SAVEPOINT apart")?;
        let done = work();
        let end = match done {
            Ok(_) => "RELEASE apart",
            Err(_) => "ROLLBACK TO apart; RELEASE apart",
        };
        self.db.execute_batch(end)?;
        done
    }
}

/// The store could not do it. Shows SQLite's words, which hold no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(String);

impl Failed {
    /// A row that no release could have written.
    pub fn damaged(what: &str) -> Self {
        Failed(format!("damaged: {what}"))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Failed(error.to_string())
    }
}

/// SQLite's integers are signed; a time beyond them is the last there is.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
