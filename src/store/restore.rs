//! A backup becomes a store again. What was numbered after it was made is lost, and says so: every numbering goes on
//! far behind where it was, and the store gets another epoch. Knows no rules.

use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::copy::sync_dir;
use super::{
    Failed, Hidden, How, MessageRow, MessageState, Tables, check, files, from_sql, schema, to_sql,
};
use crate::ops::exit::{Exit, StartError, reason};
use crate::time::Stamp;
use crate::upkeep::{Finding, Restore, Restored};

/// How far every numbering skips: more than can have been given out since the backup.
const SKIPPED: u64 = 1 << 32;
/// Conversations read at once.
const SLICE: i64 = 1_000;

/// Either the store is there and whole, or what was there before. `warn` is told what is wrong with the backup and
/// does not keep it from being used.
pub fn restore(
    asked: &Restore,
    how: How,
    unix_ms: u64,
    warn: &mut dyn FnMut(&Finding),
) -> Result<Restored, StartError> {
    let dir = files::place(&asked.to, false)?;
    let _lock = files::lock(&dir)?;
    let path = dir.join(files::DATABASE);
    if !asked.replace && files::is_occupied(&dir) {
        let what = "there is a store already";
        let fix = "name another --data, or move it aside: --replace";
        return Err(StartError::new(
            Exit::CannotCreate,
            what,
            path.display(),
            fix,
        ));
    }
    let new = dir.join(files::RESTORED);
    let made = copy_in(&asked.from, &new).and_then(|()| renew(&asked.from, &new, &how, warn));
    let mut restored = made.inspect_err(|_| files::remove_all(&new))?;
    let aside = match asked.replace {
        true => files::set_aside(&dir, &name_aside(unix_ms))?,
        false => None,
    };
    fs::rename(&new, &path)
        .and_then(|()| sync_dir(&path))
        .map_err(|error| unwritable(&path, &error))?;
    restored.file = path.display().to_string();
    restored.moved_aside = aside.map(|aside| aside.display().to_string());
    Ok(restored)
}

/// The backup as it is, under a name that no daemon opens.
fn copy_in(from: &Path, new: &Path) -> Result<(), StartError> {
    let found = fs::metadata(from).map_err(|error| files::unreadable(from, &error))?;
    if !found.is_file() {
        let fix = "name a file that privmsgd backup made";
        let what = "this is no file";
        return Err(StartError::new(Exit::NoInput, what, from.display(), fix));
    }
    if files::has_log(from) {
        let what = "this is a store in use, or one that was copied by hand: part of it is in the log beside it";
        let fix = "make a copy of it with privmsgd backup";
        return Err(StartError::new(Exit::Data, what, from.display(), fix));
    }
    files::remove_all(new);
    let mut read = File::open(from).map_err(|error| files::unreadable(from, &error))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)
        .map_err(|error| unwritable(new, &error))?;
    io::copy(&mut read, &mut file)
        .map(drop)
        .map_err(|error| unwritable(new, &error))
}

/// Checks the copy and makes the store of it.
fn renew(
    from: &Path,
    new: &Path,
    how: &How,
    warn: &mut dyn FnMut(&Finding),
) -> Result<Restored, StartError> {
    let (mut broken, mut damaged) = (None, 0);
    let checked = check::check_file(new, how.sealer.as_ref(), &mut |finding| {
        match finding.kind == "message" {
            true => damaged += 1,
            false if broken.is_none() && is_fatal(finding.kind) => {
                broken = Some(finding.what.clone())
            }
            false => {}
        }
        warn(&finding);
    })
    .map_err(|error| of(from, error))?;
    if let Some(what) = broken {
        let fix = "use an older backup";
        let what = format!("this backup is damaged: {what}");
        return Err(StartError::new(Exit::Data, &what, from.display(), fix));
    }
    let mut db = schema::open(new, how).map_err(|error| of(from, error))?;
    let failed = |failed: Failed| StartError::new(Exit::Io, &failed.to_string(), new.display(), "");
    let epoch = skip_ahead(&mut db).map_err(failed)?;
    // Rows of those that were removed stay.
    let sql = "SELECT count(*) FROM accounts WHERE state <> 2";
    let accounts = db.query_row(sql, [], |row| row.get(0));
    let accounts = accounts.map_err(|error| failed(error.into()))?;
    schema::checkpoint(&db).map_err(failed)?;
    let closed = db.close().map_err(|(_, error)| failed(error.into()));
    closed?;
    // Its name too: while that is there, no empty store is made in its place.
    File::open(new)
        .and_then(|file| file.sync_all())
        .and_then(|()| sync_dir(new))
        .map_err(|error| unwritable(new, &error))?;
    Ok(Restored {
        file: String::new(),
        epoch,
        accounts: from_sql(accounts),
        conversations: checked.conversations,
        messages: checked.messages,
        damaged,
        moved_aside: None,
    })
}

/// Rows that disagree are served as well as they can be; pages and tables that are broken are not.
fn is_fatal(kind: &str) -> bool {
    matches!(kind, "database" | "schema" | "journal")
}

/// In one commit; the new epoch.
fn skip_ahead(db: &mut Connection) -> Result<u64, Failed> {
    let batch = db.transaction()?;
    let old: i64 = batch.query_row("SELECT epoch FROM meta", [], |row| row.get(0))?;
    let mut epoch = old;
    while epoch == old {
        epoch = batch.query_row("SELECT (random() & 0x1fffffffffffff) | 1", [], |row| {
            row.get(0)
        })?;
    }
    batch.execute("UPDATE meta SET epoch = ?1", [epoch])?;
    batch.execute("UPDATE mailboxes SET head = head + ?1", [to_sql(SKIPPED)])?;
    // One that was spent since would be good again, for whoever kept it.
    let void = "UPDATE devices SET current = NULL, previous = NULL, spent = x''";
    batch.execute(void, [])?;
    let (cache, tail) = (RefCell::default(), RefCell::default());
    let tables = Tables {
        db: &batch,
        cache: &cache,
        tail: &tail,
        makes_at_once: Cell::new(true),
        epoch: from_sql(epoch),
        run: 0,
        sealer: None,
        given_up: RefCell::default(),
    };
    let mut after = i64::MIN;
    loop {
        let slice = conversations(&batch, after)?;
        let Some(last) = slice.last() else { break };
        after = last.id;
        for conversation in &slice {
            tables.add_message(&conversation.lost())?;
        }
    }
    let sql = "UPDATE conversations SET last_seq = last_seq + ?1";
    batch.execute(sql, [to_sql(SKIPPED)])?;
    batch.commit()?;
    Ok(from_sql(epoch))
}

struct Numbered {
    id: i64,
    last_seq: u64,
    last_unix_ms: u64,
}

impl Numbered {
    /// The row that says what is gone.
    fn lost(&self) -> MessageRow {
        MessageRow {
            id: 0,
            conversation: self.id,
            seq: self.last_seq.saturating_add(1),
            from_high: false,
            time_unix_ms: self.last_unix_ms,
            state: MessageState::Lost,
            hidden: Hidden::default(),
            reply_to: None,
            edited_unix_ms: None,
            expires_unix_ms: None,
            to_seq: Some(self.last_seq.saturating_add(SKIPPED)),
            known_by: None,
            kind: None,
            body: Arc::default(),
        }
    }
}

fn conversations(db: &Connection, after: i64) -> Result<Vec<Numbered>, Failed> {
    let sql =
        "SELECT id, last_seq, last_time FROM conversations WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut list = db.prepare_cached(sql)?;
    let rows = list.query_map(params![after, SLICE], |row| {
        Ok(Numbered {
            id: row.get(0)?,
            last_seq: from_sql(row.get(1)?),
            last_unix_ms: from_sql(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// `privmsgd.db.20261122T104007412Z`
fn name_aside(unix_ms: u64) -> String {
    let stamp = Stamp::new(unix_ms);
    let digits: String = stamp
        .as_str()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    format!("{}.{digits}", files::DATABASE)
}

/// What is wrong with the copy is wrong with the backup, which the operator knows.
fn of(from: &Path, error: StartError) -> StartError {
    StartError {
        where_: from.display().to_string(),
        ..error
    }
}

fn unwritable(path: &Path, error: &io::Error) -> StartError {
    let (code, fix) = match error.kind() {
        ErrorKind::PermissionDenied => (Exit::Permission, "let this user write there"),
        ErrorKind::StorageFull => (Exit::Io, "make room on that disk"),
        _ => (Exit::Io, ""),
    };
    let what = format!("cannot be written: {}", reason(error));
    StartError::new(code, &what, PathBuf::from(path).display(), fix)
}
