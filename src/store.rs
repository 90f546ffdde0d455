//! Where accounts are kept: one SQLite database in a directory of its own. Names SQLite and its files, alone. Knows
//! rows and nothing of what they prove; neither the protocol nor threads.

mod accounts;
mod cache;
mod changes;
mod check;
mod conversations;
mod copy;
mod crc;
mod cursors;
mod devices;
mod failed;
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
mod slots;
mod standing;
mod state;
mod survey;
mod sweeps;
mod tail;
#[cfg(test)]
pub mod testing;

use std::cell::{Cell, RefCell, RefMut};
use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::ops::exit::StartError;

pub use accounts::{Row, State, Summary};
pub use check::check;
pub use conversations::{Conversation, Side};
pub use cursors::Cursor;
pub use devices::{DeviceRow, Hash};
pub use failed::{Failed, Why};
pub use files::DATABASE;
pub use how::How;
pub use known::Known;
pub use log::{Arrived, LogKind, LogRow};
pub use mailboxes::{Gap, Mailbox};
pub use messages::{Fingerprint, KnownBy, MessageRow, Sent};
pub use past::{Along, Waiting};
pub use relations::Relation;
pub use restore::restore;
pub use schema::VERSION;
pub use seal::{Part, Place, Sealer, is_out_of_sight};
pub use standing::standing;
pub use state::{Hidden, MessageState};
pub use sweeps::{Age, Cleaned, Passed};

/// The database, open, checked, and locked against every other process.
pub struct Store {
    db: Connection,
    cache: RefCell<cache::Cache>,
    tail: RefCell<tail::Tail>,
    epoch: u64,
    /// The number of this opening, once anything was written.
    run: u64,
    has_written: Cell<bool>,
    /// Whether the log is made as long as it will be.
    reserves: Cell<bool>,
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
        let dir = files::place(dir, how.must_exist)?;
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
            tail: RefCell::default(),
            epoch,
            run: run.saturating_add(1),
            has_written: Cell::new(false),
            reserves: Cell::new(false),
            sealer: how.sealer,
            _lock: lock,
        })
    }

    /// Everything that `work` changes becomes durable together, or, if this fails, nothing of it; then the
    /// outcome may still be found on disk if writing it failed last. One within another fails.
    pub fn batch<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        self.batch_in(Pace::AtOnce, work)
    }

    /// The same; at [`Pace::Later`] what messages and acknowledgements change in tables may be changed there later.
    pub fn batch_in<T>(
        &self,
        pace: Pace,
        work: impl FnOnce(&Tables<'_>) -> T,
    ) -> Result<T, Failed> {
        let done = self.try_batch(pace, work);
        match done {
            Ok(_) => self.cache.borrow_mut().trim(),
            Err(_) => {
                self.cache.borrow_mut().clear();
                self.tail.borrow_mut().undo();
            }
        }
        done
    }

    fn try_batch<T>(&self, pace: Pace, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let batch = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        let tables = self.tables(&batch);
        if !self.has_written.get() {
            tables.run("UPDATE meta SET run = ?1", [to_sql(self.run)])?;
        }
        if pace == Pace::AtOnce || self.tail.borrow().is_long() {
            tables.make_changes()?;
        }
        let done = work(&tables);
        if let Some(failed) = tables.given_up.take() {
            return Err(failed);
        }
        tables.finish()?;
        let made = tables.makes_at_once();
        batch.commit()?;
        self.tail.borrow_mut().committed(made);
        self.has_written.set(true);
        Ok(done)
    }

    /// Nothing that `work` changes stays.
    pub fn read<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        // There may be no room for pages that would not fit in memory.
        self.db.pragma_update(None, "cache_spill", false)?;
        let done = self.try_read(work);
        self.db.pragma_update(None, "cache_spill", true)?;
        done
    }

    fn try_read<T>(&self, work: impl FnOnce(&Tables<'_>) -> T) -> Result<T, Failed> {
        let batch = Transaction::new_unchecked(&self.db, TransactionBehavior::Deferred)?;
        let tables = self.tables(&batch);
        tables.make_changes()?;
        let done = work(&tables);
        batch.rollback()?;
        self.cache.borrow_mut().clear();
        Ok(done)
    }

    fn tables<'a>(&'a self, db: &'a Connection) -> Tables<'a> {
        Tables {
            db,
            cache: &self.cache,
            tail: &self.tail,
            makes_at_once: Cell::new(false),
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

    /// Empties the write-ahead log and wipes the tail, so that what was overwritten or removed stands in no file.
    pub fn forget_the_past(&self) -> Result<(), Failed> {
        self.wipe_tail()?;
        schema::checkpoint(&self.db)?;
        self.reserve();
        Ok(())
    }

    /// Puts everything that is committed into its table, and leaves it nowhere else but in the log, which closing
    /// empties.
    pub fn settle(&self) -> Result<(), Failed> {
        match self.has_written.get() {
            true => self.wipe_tail(),
            false => Ok(()),
        }
    }

    fn wipe_tail(&self) -> Result<(), Failed> {
        self.batch(|tables| slots::wipe(tables.db))?
    }

    /// After a commit, which stands whatever becomes of this: makes changes that are many, and keeps the log short, so
    /// that no commit has to.
    pub fn tidy(&self) -> Result<(), Failed> {
        let is_long = self.tail.borrow().is_long();
        if is_long {
            self.make_changes()?;
        }
        schema::keep_log_short(&self.db)
    }

    /// Makes room for what commits write, so that none has to; what there is no room for is made later.
    pub fn make_room(&self) {
        self.reserves.set(true);
        self.reserve();
    }

    /// Puts everything that is committed into its table.
    pub fn make_changes(&self) -> Result<(), Failed> {
        let is_empty = self.tail.borrow().is_empty();
        match is_empty {
            true => Ok(()),
            false => self.batch(|_| ()),
        }
    }

    fn reserve(&self) {
        if self.reserves.get() {
            files::lengthen(&files::log_of(&self.path()), schema::LOG_BYTES);
        }
    }

    /// On the disk, the log included.
    pub fn bytes(&self) -> u64 {
        let path = self.path();
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
        length(&path).saturating_add(length(&files::log_of(&path)))
    }

    /// What its disk has left; `None`: that does not say.
    pub fn free_bytes(&self) -> Option<u64> {
        files::free_bytes(&self.path())
    }

    /// Commits something that changes nothing: it fails where there is no room.
    pub fn probe(&self) -> Result<(), Failed> {
        self.batch(|tables| {
            tables
                .run("UPDATE meta SET run = ?1", [to_sql(self.run)])
                .map(drop)
        })?
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

/// When tables are changed. Durable is either way the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    AtOnce,
    /// For few messages and acknowledgements; whatever else is asked fails, and is to be asked again after
    /// [`Tables::make_changes`].
    Later,
}

/// The rows, within one [`Store::batch`]. Some are kept from one statement to the next, and written with the commit:
/// nobody else may write them.
pub struct Tables<'a> {
    db: &'a Connection,
    cache: &'a RefCell<cache::Cache>,
    tail: &'a RefCell<tail::Tail>,
    /// Nothing waits in the tail any more, and nothing is put there.
    makes_at_once: Cell<bool>,
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
        let mark = self.tail().mark();
        let done = work();
        if done.is_ok() {
            self.cache().settle();
        } else {
            self.cache().undo();
            self.tail().back_to(mark);
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
        self.needs_all_made()?;
        self.write(&self.changed_rows())
    }

    fn changed_rows(&self) -> tail::Rows {
        let mut rows = tail::Rows::default();
        let mut cache = self.cache();
        cache
            .mailboxes
            .take_changed(|id, row| rows.mailboxes.push((*id, *row)));
        cache
            .conversations
            .take_changed(|_, row| rows.conversations.extend(*row));
        cache
            .cursors
            .take_changed(|id, all| rows.cursors.push((*id, all.clone())));
        rows
    }

    fn cache(&self) -> RefMut<'_, cache::Cache> {
        self.cache.borrow_mut()
    }
}

/// SQLite's integers are signed; a time beyond them is the last there is.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
