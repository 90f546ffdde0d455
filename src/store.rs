//! Where accounts are kept: one SQLite database in a directory of its own. Names SQLite and its files, alone. Knows
//! rows and nothing of what they prove; neither the protocol nor threads.

mod accounts;
mod cache;
mod check;
mod conversations;
mod copy;
mod crc;
mod cursors;
mod devices;
mod files;
mod how;
mod known;
mod log;
mod mailboxes;
mod messages;
mod past;
mod relations;
mod restore;
mod rows;
mod schema;
mod seal;
mod survey;
mod sweeps;

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, ffi};

use crate::ops::exit::{Exit, StartError};

pub use accounts::{Row, State, Summary};
pub use check::check;
pub use conversations::{Conversation, Side};
pub use cursors::Cursor;
pub use devices::{DeviceRow, Hash};
pub use files::DATABASE;
pub use how::How;
pub use known::Known;
pub use log::{Arrived, LogKind, LogRow};
pub use mailboxes::{Gap, Mailbox};
pub use messages::{Fingerprint, Hidden, KnownBy, MessageRow, MessageState};
pub use past::{Listed, Waiting};
pub use relations::Relation;
pub use restore::restore;
pub use schema::VERSION;
pub use seal::{Part, Place, Sealer};
pub use sweeps::{Age, Cleaned, Passed};

/// The database, open, checked, and locked against every other process.
pub struct Store {
    db: Connection,
    cache: RefCell<cache::Cache>,
    epoch: u64,
    /// The number of this opening, once anything was written.
    run: u64,
    has_written: Cell<bool>,
    sealer: Option<Sealer>,
    /// Held longer than the database is open. SQLite's own lock shuts out other programs, but would be lost if
    /// this process opened and closed the file once more.
    _lock: File,
}

impl Store {
    /// Makes the directory and the database where there are none. Whatever else stands there is refused and left as
    /// it is: a store that cannot be read is never taken for an empty one.
    pub fn open(dir: &Path) -> Result<Store, StartError> {
        Store::open_as(dir, How::default())
    }

    pub fn open_as(dir: &Path, how: How) -> Result<Store, StartError> {
        let dir = files::place(dir)?;
        let lock = files::lock(&dir)?;
        let path = files::prepare(&dir)?;
        let db = schema::open(&path, &how)?;
        files::close_to_others(&dir)?;
        // SQLite syncs it too after making its log, but goes on if that fails.
        files::sync_dir(&dir)?;
        let (epoch, run) = schema::meta(&path, &db)?;
        Ok(Store {
            db,
            cache: RefCell::default(),
            epoch,
            run: run.saturating_add(1),
            has_written: Cell::new(false),
            sealer: how.sealer,
            _lock: lock,
        })
    }

    /// Everything that `work` changes becomes durable together, or, if this fails, nothing of it; then the
    /// outcome may still be found on disk if writing it failed last. One within another fails.
    pub fn batch<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let done = self.try_batch(work);
        match done {
            Ok(_) => self.cache.borrow_mut().trim(),
            Err(_) => self.cache.borrow_mut().clear(),
        }
        done
    }

    fn try_batch<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let batch = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let tables = self.tables(&batch);
        if !self.has_written.get() {
            tables.run("UPDATE meta SET run = ?1", [to_sql(self.run)])?;
        }
        let done = work(&tables);
        if let Some(failed) = tables.given_up.take() {
            return Err(failed);
        }
        tables.write_back()?;
        batch.commit()?;
        self.has_written.set(true);
        Ok(done)
    }

    /// Nothing that `work` changes stays.
    pub fn read<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let batch = Transaction::new_unchecked(&self.db, TransactionBehavior::Deferred)?;
        let done = work(&self.tables(&batch));
        batch.rollback()?;
        self.cache.borrow_mut().clear();
        Ok(done)
    }

    fn tables<'a>(&'a self, db: &'a Connection) -> Tables<'a> {
        Tables {
            db,
            cache: &self.cache,
            epoch: self.epoch,
            run: self.run,
            sealer: self.sealer.as_ref(),
            given_up: RefCell::default(),
        }
    }

    /// From now on nothing is written or flushed, not even when this is closed: whoever opens the store next finds
    /// what was durable.
    pub fn give_up(&self) {
        let _ = self
            .db
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    /// Whether the file system is told to write a commit to the disk before it counts. The log is synced before it is
    /// written back either way: what a power cut leaves is whole, but may be older.
    pub fn set_fsync(&self, fsync: bool) -> Result<(), Failed> {
        let synchronous = if fsync { "FULL" } else { "NORMAL" };
        Ok(self.db.pragma_update(None, "synchronous", synchronous)?)
    }

    /// Empties the write-ahead log, so that what was overwritten or removed stands in no file.
    pub fn forget_the_past(&self) -> Result<(), Failed> {
        schema::checkpoint(&self.db)
    }

    /// From now on a power cut may take what was committed.
    #[cfg(test)]
    pub fn hurry(&self) {
        self.db.execute_batch("PRAGMA synchronous = OFF").unwrap();
    }

    /// From now on every batch fails before it begins.
    #[cfg(test)]
    pub fn jam(&self) {
        self.db.execute_batch("BEGIN").unwrap();
    }

    /// Changes what no release changes.
    #[cfg(test)]
    pub fn break_rows(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }

    /// On the disk, the log included.
    pub fn bytes(&self) -> u64 {
        let path = self.path();
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        length(&path).saturating_add(length(&files::log_of(&path)))
    }

    /// Rows written so far, by whatever was undone too.
    pub fn changes(&self) -> u64 {
        self.db.total_changes()
    }

    /// Those removed since included: their rows stay. `None`: it cannot be read.
    pub fn accounts_created(&self) -> Option<u64> {
        let sql = "SELECT coalesce(max(id), 0) FROM accounts";
        let newest = self.db.query_row(sql, [], |row| row.get::<_, i64>(0));
        u64::try_from(newest.ok()?).ok()
    }

    pub fn path(&self) -> PathBuf {
        self.db.path().map(PathBuf::from).unwrap_or_default()
    }
}

/// The rows, within one [`Store::batch`]. Some are kept from one statement to the next, and written with the commit:
/// nobody else may write them.
pub struct Tables<'a> {
    db: &'a Connection,
    cache: &'a RefCell<cache::Cache>,
    epoch: u64,
    run: u64,
    sealer: Option<&'a Sealer>,
    /// Why nothing of the batch can stay.
    given_up: RefCell<Option<Failed>>,
}

impl Tables<'_> {
    /// What `work` changes stays only if it succeeds; the rest of the batch is as it was either way, unless the disk
    /// is what failed: then nothing of the batch stays.
    pub fn apart<T>(&self, work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
        if let Some(failed) = &*self.given_up.borrow() {
            return Err(failed.clone());
        }
        let done = self.try_apart(work);
        if let Err(failed) = &done
            && (!matches!(failed.why, Why::Other | Why::Row) || self.db.is_autocommit())
        {
            self.given_up.replace(Some(failed.clone()));
        }
        done
    }

    /// Whether the batch has failed already.
    pub fn is_given_up(&self) -> bool {
        self.given_up.borrow().is_some()
    }

    fn try_apart<T>(&self, work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
        self.run("SAVEPOINT apart", [])?;
        self.cache().begin();
        let done = work();
        if done.is_ok() {
            self.cache().settle();
        } else {
            self.cache().undo();
            if !self.db.is_autocommit() {
                self.run("ROLLBACK TO apart", [])?;
            }
        }
        if !self.db.is_autocommit() {
            self.run("RELEASE apart", [])?;
        }
        done
    }

    /// Another one after a backup was restored.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How often the store was opened and written to.
    pub fn run_number(&self) -> u64 {
        self.run
    }

    /// Writes the rows that were kept and changed, for a statement that is to see them all.
    pub fn write_back(&self) -> Result<(), Failed> {
        let (mut mailboxes, mut conversations, mut cursors) = (Vec::new(), Vec::new(), Vec::new());
        let mut cache = self.cache();
        cache
            .mailboxes
            .take_changed(|id, row| mailboxes.push((*id, *row)));
        cache
            .conversations
            .take_changed(|_, row| conversations.extend(*row));
        cache
            .cursors
            .take_changed(|id, rows| cursors.push((*id, rows.clone())));
        drop(cache);
        for (account, row) in mailboxes {
            self.write_mailbox(account, &row)?;
        }
        for row in conversations {
            self.write_conversation(&row)?;
        }
        for (account, rows) in cursors {
            for row in rows {
                self.write_cursor(account, &row)?;
            }
        }
        Ok(())
    }

    fn cache(&self) -> RefMut<'_, cache::Cache> {
        self.cache.borrow_mut()
    }
}

/// The store could not do it. Shows SQLite's words, which hold no values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub why: Why,
    text: String,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No room on the disk, now, or none that the daemon may take.
    Full,
    /// The disk did not do it: what is on it is unknown.
    Io,
    /// The database is not as it was written.
    Damaged,
    /// One row is not as any release writes it.
    Row,
    Other,
}

impl Failed {
    /// A row that no release could have written.
    pub fn damaged(what: &str) -> Self {
        Failed {
            why: Why::Row,
            text: format!("damaged: {what}"),
        }
    }

    /// How a process ends because of it.
    pub fn exit(&self) -> Exit {
        match self.why {
            Why::Damaged => Exit::Data,
            Why::Full | Why::Io | Why::Row | Why::Other => Exit::Io,
        }
    }

    /// The database itself.
    pub fn malformed(what: &str) -> Self {
        Failed {
            why: Why::Damaged,
            text: what.into(),
        }
    }

    pub fn other(text: &str) -> Self {
        Failed {
            why: Why::Other,
            text: text.into(),
        }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType};
        let is_of_row = matches!(error, FromSqlConversionFailure(..) | InvalidColumnType(..));
        let why = match error.sqlite_error_code() {
            None if is_of_row => Why::Row,
            Some(ErrorCode::DiskFull) => Why::Full,
            Some(ErrorCode::SystemIoFailure) if found_no_room(&error) => Why::Full,
            Some(ErrorCode::SystemIoFailure) => Why::Io,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Why::Damaged,
            _ => Why::Other,
        };
        Failed {
            why,
            text: error.to_string(),
        }
    }
}

/// Whether a write failed because its owner may have no more on this disk, or not in one file. SQLite knows ENOSPC only,
/// and undoes the batch the same way. Hazard: to be asked before anything else fails on this thread.
fn found_no_room(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    let is_write = matches!(
        code,
        Some(ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_TRUNCATE)
    );
    let why = io::Error::last_os_error().kind();
    is_write && matches!(why, ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// SQLite's integers are signed; a time beyond them is the last there is.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
