//! Whether a start would open a store, without opening it: what is checked then, with nothing made, mended or written.
//! Knows no rows.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{How, files, schema};
use crate::ops::exit::{Exit, StartError};
use crate::upkeep::Standing;

/// Fails as a start would that has this user, and this key; `how`: `None`, if the key is not to be seen from here. Holds the
/// store's lock meanwhile: who starts a daemon in that moment is told that it is in use.
pub fn standing(dir: &Path, how: Option<&How>) -> Result<Standing, StartError> {
    let mut standing = Standing::default();
    let found = match fs::metadata(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(standing),
        found => found.map_err(|error| files::unreadable(dir, &error))?,
    };
    files::check_dir(dir, &found)?;
    standing.of_another = owner(dir, &found)?;
    let _lock = match files::lock(dir) {
        Err(error) if error.code == Exit::Unavailable => {
            standing.is_in_use = true;
            return Ok(standing);
        }
        lock => lock?,
    };
    let dir = &dir
        .canonicalize()
        .map_err(|error| files::unreadable(dir, &error))?;
    let path = dir.join(files::DATABASE);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            files::check_new(dir, &path)?;
            return Ok(standing);
        }
        Err(error) => return Err(files::unreadable(&path, &error)),
        Ok(found) => {
            files::check_kind(&path, &found)?;
            standing.of_another = standing.of_another.or(owner(&path, &found)?);
        }
    }
    standing.is_made = true;
    check(&path, how)?;
    Ok(standing)
}

/// Whether what is in `dir` needs the key that it was made with, as far as that can be seen.
pub fn is_sealed(dir: &Path) -> bool {
    let Ok(dir) = dir.canonicalize() else {
        return false;
    };
    let (lock, path) = (files::lock(&dir), dir.join(files::DATABASE));
    match lock.is_ok() {
        true => look(&path).is_ok_and(has_seal),
        false => is_sealed_copy(&path),
    }
}

/// The same of a database without a log.
pub fn is_sealed_copy(path: &Path) -> bool {
    as_it_stands(path).is_ok_and(has_seal)
}

fn has_seal(db: Connection) -> bool {
    let found = db.query_row("SELECT seal IS NOT NULL FROM meta", [], |row| row.get(0));
    found.unwrap_or(false)
}

/// Root sees all the same.
fn owner(path: &Path, found: &Metadata) -> Result<Option<StartError>, StartError> {
    match files::check_owner(path, found) {
        Err(error) if rustix::process::geteuid().is_root() => Ok(Some(error)),
        checked => checked.map(|()| None),
    }
}

fn check(path: &Path, how: Option<&How>) -> Result<(), StartError> {
    // A start makes what a crash left whole; until then nothing can be said of it.
    if files::journal_of(path).exists() {
        return Ok(());
    }
    schema::check_header(path)?;
    let db = look(path)?;
    let refused = |error: rusqlite::Error| schema::refusal(path, &error);
    let version = schema::version_of(&db).map_err(refused)?;
    if version > schema::VERSION {
        return Err(schema::too_new(path, version));
    }
    let found = schema::check_pages(&db).map_err(refused)?;
    if found != "ok" {
        return Err(schema::damaged(path, &found));
    }
    if let Some(what) = schema::compare(&db, version).map_err(refused)? {
        return Err(schema::damaged(path, &what));
    }
    match how {
        Some(how) if version >= WITH_SEAL => {
            schema::to_be_sealed(path, &db, how.sealer.as_ref()).map(drop)
        }
        _ => Ok(()),
    }
}

/// A store whose lock is held.
fn look(path: &Path) -> Result<Connection, StartError> {
    match files::has_log(path) {
        true => schema::look(path),
        false => as_it_stands(path),
    }
}

/// The file alone, without what SQLite would put beside it: a log that is empty is made by whoever reads, and would be
/// root's if root looked.
fn as_it_stands(path: &Path) -> Result<Connection, StartError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let path_bytes = path.as_os_str().as_bytes();
    let escaped = path_bytes.iter().map(|byte| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    });
    let name = format!("file:{}?immutable=1", escaped.collect::<String>());
    Connection::open_with_flags(name, flags).map_err(|error| schema::refusal(path, &error))
}

/// Versions from this one on have messages, and a key or none.
const WITH_SEAL: u32 = 2;
