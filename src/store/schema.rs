//! The form of the database: its steps from each version to the next, and what is checked before it is trusted.
//! Knows no rows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use log::info;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Failed, How, Sealer, Why, check, files, tail};
use crate::ops::exit::{Exit, StartError};

/// The version that this release writes.
pub const VERSION: u32 = STEPS.len() as u32;

/// The step at index n makes version n + 1 of version n. A step that was released is never changed.
const STEPS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
];

/// "PMsg": says whose database this is, in the file's header.
const APPLICATION_ID: u32 = 0x504d_7367;

pub(super) const PAGE_BYTES: u32 = 4_096;
const SCHEMA_FORMAT: u32 = 4;
const UTF_8: u32 = 1;
/// Page size, and how the file is written and read: with a journal when it was just made, later with a log.
const FORMATS: [u32; 2] = [0x1000_0101, 0x1000_0202];
/// Up to this size every page is looked at when the store is opened.
const CHECKED_BYTES: i64 = 64 * 1024 * 1024;
/// Pages of the log before it is written back into the database: as many as [`LOG_BYTES`] have room for, but for those
/// of one commit.
const LOG_PAGES: i64 = 3_600;
/// How long the log is made before it is needed: a commit into a file that grows is twice as long on its way to the
/// disk.
pub(super) const LOG_BYTES: u64 = 16 * 1024 * 1024;
/// More than there are.
const STATEMENTS: usize = 256;
/// In KiB. What SQLite keeps it looks through at the end of many commits, page by page; a page that it has not kept is
/// in the file system's cache, some microseconds away.
const CACHE: i32 = 8 * 1024;

/// Fills an empty file.
pub fn create(path: &Path) -> Result<(), StartError> {
    let made = connect(path).and_then(|mut db| {
        db.pragma_update(None, "page_size", PAGE_BYTES)?;
        db.pragma_update(None, "application_id", APPLICATION_ID)?;
        migrate(&mut db, 0, VERSION)?;
        db.close().map_err(|(_, error)| error)
    });
    made.map_err(|error| refusal(path, &error))
}

/// Opens what [`create`] made, in this release or an older one.
pub fn open(path: &Path, how: &How) -> Result<Connection, StartError> {
    check_header(path)?;
    let mut db = connect(path).map_err(|error| refusal(path, &error))?;
    let version = version_of(&db).map_err(|error| refusal(path, &error))?;
    // What the log holds may be newer than what the file's header says.
    if version > VERSION {
        let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        return Err(too_new(path, version));
    }
    let ready = prepare(&mut db, version).map_err(|error| refusal(path, &error))?;
    if ready != "ok" {
        return Err(damaged(path, &ready));
    }
    check_seal(path, &db, how.sealer.as_ref())?;
    match tail::make_all(&mut db) {
        Ok(()) => Ok(db),
        Err(failed) if failed.why == Why::Damaged => Err(damaged(path, &failed.to_string())),
        Err(failed) => {
            let (what, fix) = (failed.to_string(), failed.fix());
            Err(StartError::new(failed.exit(), &what, path.display(), fix))
        }
    }
}

/// To read all of it and change nothing.
pub(super) fn look(path: &Path) -> Result<Connection, StartError> {
    connect(path)
        .and_then(|db| check::leave_as_it_is(&db).map(|()| db))
        .map_err(|error| refusal(path, &error))
}

/// Whether it is sealed; fails if it is with another key.
pub(super) fn is_sealed_with(
    path: &Path,
    db: &Connection,
    sealer: &Sealer,
) -> Result<bool, StartError> {
    let proof = "SELECT seal FROM meta";
    let proof = db.query_row(proof, [], |row| row.get::<_, Option<Vec<u8>>>(0));
    // A store that has no such row is not sealed, or the reason is found with the rest.
    match proof.ok().flatten() {
        None => Ok(false),
        Some(proof) if sealer.proves(&proof) => Ok(true),
        Some(_) => Err(other_key(path)),
    }
}

fn other_key(path: &Path) -> StartError {
    let what = "its messages are sealed with another key";
    StartError::new(Exit::Permission, what, path.display(), RIGHT_KEY)
}

pub(super) const RIGHT_KEY: &str = "find the key that this store was made with, and set mailbox.key to it: a new one opens nothing";

/// Whether the key is that of the store. One that holds no messages takes any key, and keeps it.
fn check_seal(path: &Path, db: &Connection, sealer: Option<&Sealer>) -> Result<(), StartError> {
    let Some(sealer) = to_be_sealed(path, db, sealer)? else {
        return Ok(());
    };
    let failed =
        |failed: Failed| StartError::new(Exit::Internal, &failed.to_string(), path.display(), "");
    let proof = sealer.proof().map_err(failed)?;
    db.execute("UPDATE meta SET seal = ?1", [proof])
        .map_err(|error| refusal(path, &error))?;
    info!(
        "{}: from now on its messages are sealed with mailbox.key, and nobody reads them without it: keep a copy of \
         that key, apart from the backups",
        path.display()
    );
    Ok(())
}

/// Fails unless the key is that of the store; the key, if this one has none yet and is to take it.
pub(super) fn to_be_sealed<'a>(
    path: &Path,
    db: &Connection,
    sealer: Option<&'a Sealer>,
) -> Result<Option<&'a Sealer>, StartError> {
    let refused = |error: rusqlite::Error| refusal(path, &error);
    let proof: Option<Vec<u8>> = db
        .query_row("SELECT seal FROM meta", [], |row| row.get(0))
        .map_err(refused)?;
    let wrong = |code, what: &str, fix: &str| Err(StartError::new(code, what, path.display(), fix));
    match (proof, sealer) {
        (None, None) => Ok(None),
        (Some(proof), Some(sealer)) if sealer.proves(&proof) => Ok(None),
        (Some(_), Some(_)) => Err(other_key(path)),
        (Some(_), None) => {
            let what = "its messages are sealed, and there is no key";
            wrong(Exit::Config, what, RIGHT_KEY)
        }
        (None, Some(sealer)) => {
            let any = "SELECT EXISTS (SELECT 1 FROM conversations)";
            if db.query_row(any, [], |row| row.get(0)).map_err(refused)? {
                let fix = "leave mailbox.key out, or begin another store with it: --data DIR";
                let what = "it was made without a key, and its messages are not sealed";
                return wrong(Exit::Config, what, fix);
            }
            Ok(Some(sealer))
        }
    }
}

/// Writes the whole log back and empties it.
pub fn checkpoint(db: &Connection) -> Result<(), Failed> {
    let busy: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    match busy {
        0 => Ok(()),
        _ => Err(Failed::other("the log could not be emptied")),
    }
}

/// Writes the log back once it is long; the next commit then begins it anew, in place. SQLite would do the same on its
/// own after a commit, but say nothing if it failed.
pub fn keep_log_short(db: &Connection) -> Result<(), Failed> {
    let pages = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
    let mut ask = db.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    if ask.query_row([], pages)? >= LOG_PAGES {
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(())
}

/// The store's epoch, and how often it was opened and written to.
pub fn meta(path: &Path, db: &Connection) -> Result<(u64, u64), StartError> {
    let found = db.query_row("SELECT epoch, run FROM meta", [], |row| {
        Ok((super::from_sql(row.get(0)?), super::from_sql(row.get(1)?)))
    });
    found.map_err(|error| refusal(path, &error))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(std::time::Duration::ZERO)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(db)
}

/// Brings the store to this release's version and checks it; `ok`, or what is wrong.
fn prepare(db: &mut Connection, version: u32) -> rusqlite::Result<String> {
    let found = check_pages(db)?;
    if found != "ok" {
        return Ok(found);
    }
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |r| r.get(0))?;
    if mode != "wal" {
        return Ok("cannot keep a write-ahead log".into());
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "cache_size", -CACHE)?;
    db.pragma_update(None, "foreign_keys", true)?;
    migrate(db, version, VERSION)?;
    // Takes the lock now, not with the first job.
    db.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(compare(db, VERSION)?.unwrap_or_else(|| "ok".into()))
}

/// `ok`, or what is wrong with one; those of a large database would take too long.
pub(super) fn check_pages(db: &Connection) -> rusqlite::Result<String> {
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    match pages.saturating_mul(i64::from(PAGE_BYTES)) <= CHECKED_BYTES {
        true => db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)),
        false => Ok("ok".into()),
    }
}

/// Each step is one transaction, and says itself how far it came.
fn migrate(db: &mut Connection, from: u32, to: u32) -> rusqlite::Result<()> {
    let steps = (1_u32..).zip(STEPS).take(to as usize);
    for (version, step) in steps.skip(from as usize) {
        let step_at_once = db.transaction()?;
        step_at_once.execute_batch(step)?;
        step_at_once.pragma_update(None, "user_version", version)?;
        step_at_once.commit()?;
    }
    Ok(())
}

/// Whether the tables are those that the steps up to `version` make; else the name of one that is not.
pub(super) fn compare(db: &Connection, version: u32) -> rusqlite::Result<Option<String>> {
    let mut model = Connection::open_in_memory()?;
    migrate(&mut model, 0, version)?;
    let (found, wanted) = (tables(db)?, tables(&model)?);
    let missing = wanted.iter().find(|table| !found.contains(table));
    let foreign = found.iter().find(|table| !wanted.contains(table));
    Ok(missing
        .or(foreign)
        .map(|(name, _)| format!("{name} is not as this version makes it")))
}

fn tables(db: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut found = db.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema")?;
    let rows = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub(super) fn version_of(db: &Connection) -> rusqlite::Result<u32> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// What the first bytes say, before SQLite may touch the file.
pub(super) fn check_header(path: &Path) -> Result<(), StartError> {
    let mut header = Vec::with_capacity(100);
    let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    read.map_err(|error| files::unreadable(path, &error))?;
    if !header.starts_with(b"SQLite format 3\0") || header.len() < 100 {
        return Err(damaged(path, "it is no SQLite database"));
    }
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    let (version, owner) = (number(60), number(68));
    if owner != APPLICATION_ID {
        let what = format!(
            "another program's database: application id {owner:#x}, not {APPLICATION_ID:#x}"
        );
        let fix = "choose another --data";
        return Err(StartError::new(Exit::Config, &what, path.display(), fix));
    }
    if !FORMATS.contains(&number(16)) || (number(44), number(56)) != (SCHEMA_FORMAT, UTF_8) {
        return Err(damaged(path, "its format is not one that is written here"));
    }
    let bytes = u64::from(number(28)).saturating_mul(u64::from(PAGE_BYTES));
    if !files::has_log(path) && files::length(path)? != bytes {
        return Err(damaged(path, "it is not as long as it says"));
    }
    match version {
        0 => Err(damaged(path, "it has no version")),
        _ if version > VERSION => Err(too_new(path, version)),
        _ => Ok(()),
    }
}

pub(super) fn too_new(path: &Path, version: u32) -> StartError {
    let what = format!(
        "a newer release wrote this store: it has version {version}, this release knows {VERSION}"
    );
    let fix = "install that release again, or restore a copy that this one made";
    StartError::new(Exit::Config, &what, path.display(), fix)
}

pub(super) fn damaged(path: &Path, what: &str) -> StartError {
    let what: String = what
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let what = format!("the database is damaged: {what}");
    let fix = "bring back a copy: privmsgd restore --from FILE --data DIR --replace";
    StartError::new(Exit::Data, &what, path.display(), fix)
}

pub(super) fn refusal(path: &Path, error: &rusqlite::Error) -> StartError {
    let (code, fix) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            return files::in_use(path);
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) | None => {
            return damaged(path, &error.to_string());
        }
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            (Exit::Permission, "let this user read and write it")
        }
        Some(ErrorCode::DiskFull) => (Exit::Io, "make room on that disk"),
        Some(ErrorCode::SystemIoFailure) => (Exit::Io, ""),
        Some(_) => (Exit::Data, ""),
    };
    let what = format!("the database cannot be opened: {error}");
    StartError::new(code, &what, path.display(), fix)
}
