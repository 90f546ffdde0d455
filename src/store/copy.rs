//! A copy of the store in one file, made while the store is in use. Knows no rows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Failed, Store, schema, slots};
use crate::ops::exit::{Exit, StartError, reason};
use crate::upkeep::BackedUp;

/// Copied and written to the disk at once: what a commit may have to wait for.
const SLICE_PAGES: i32 = 256;
/// In KiB; what does not fit is written to the file early.
const CACHE: i32 = 2 * 1024;

impl Store {
    /// Copies everything into the new file `to`, which has that name only when it is whole and on the disk.
    /// `between` is called between slices and may change this store: the copy has what is in it at the end. It returns
    /// whether to go on.
    pub fn back_up(
        &self,
        to: &Path,
        between: &mut dyn FnMut() -> bool,
    ) -> Result<BackedUp, StartError> {
        if fs::symlink_metadata(to).is_ok() {
            return Err(exists(to));
        }
        let unfinished = unfinished(to);
        let file = new_file(&unfinished)?;
        let copied = without_links(&unfinished)
            .and_then(|path| copy(&self.db, &path, &file, between))
            .and_then(|()| file.sync_all().map_err(|error| failed(&unfinished, &error)))
            .and_then(|()| name(&unfinished, to));
        if let Err(error) = copied {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        let length = file.metadata().map(|found| found.len());
        Ok(BackedUp {
            file: to.display().to_string(),
            bytes: length.map_err(|error| failed(to, &error))?,
        })
    }
}

fn copy(
    from: &Connection,
    path: &Path,
    file: &File,
    between: &mut dyn FnMut() -> bool,
) -> Result<(), StartError> {
    let refused = |error: rusqlite::Error| refused(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut to = Connection::open_with_flags(path, flags).map_err(refused)?;
    // Nobody reads it before it is whole, and it is synced here, slice by slice.
    to.pragma_update(None, "page_size", schema::PAGE_BYTES)
        .and_then(|()| to.pragma_update(None, "locking_mode", "EXCLUSIVE"))
        .and_then(|()| to.pragma_update(None, "journal_mode", "OFF"))
        .and_then(|()| to.pragma_update(None, "synchronous", "OFF"))
        .and_then(|()| to.pragma_update(None, "cache_size", -CACHE))
        .map_err(refused)?;
    let backup = Backup::new(from, &mut to).map_err(refused)?;
    loop {
        match backup.step(SLICE_PAGES).map_err(refused)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(busy(path)),
        }
        file.sync_data().map_err(|error| failed(path, &error))?;
        if !between() {
            let what = "given up: the daemon is ending";
            return Err(StartError::new(Exit::Unavailable, what, path.display(), ""));
        }
    }
    drop(backup);
    // What it has says how it is written: with a log, from here on.
    slots::wipe(&to)
        .and_then(|()| schema::checkpoint(&to))
        .map_err(|failed| unwiped(path, &failed))
}

/// Gives the file its name, for good; never that of another file.
fn name(unfinished: &Path, to: &Path) -> Result<(), StartError> {
    match renameat_with(CWD, unfinished, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Err(exists(to)),
        // Not every file system can tell; a link is never made over a file either.
        Err(_) => fs::hard_link(unfinished, to)
            .and_then(|()| fs::remove_file(unfinished))
            .map_err(|error| failed(to, &error))?,
    }
    sync_dir(to).map_err(|error| failed(to, &error))
}

/// Makes it durable that a file is there.
pub(super) fn sync_dir(of: &Path) -> io::Result<()> {
    File::open(of.parent().unwrap_or(Path::new("/")))?.sync_all()
}

fn unfinished(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".unfinished");
    name.into()
}

/// By no link to its directory, of which the operator may have one, and SQLite follows none: a service's own directory
/// is reached by one that systemd makes. Not to what another user put in the place of the file.
fn without_links(file: &Path) -> Result<PathBuf, StartError> {
    let dir = file.parent().unwrap_or(Path::new("/")).canonicalize();
    let dir = dir.map_err(|error| failed(file, &error))?;
    Ok(dir.join(file.file_name().unwrap_or_default()))
}

fn new_file(path: &Path) -> Result<File, StartError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let what = "a copy was begun here and not finished";
            let fix = format!("remove it: rm {}", path.display());
            StartError::new(Exit::CannotCreate, what, path.display(), fix)
        }
        _ => failed(path, &error),
    })
}

fn exists(to: &Path) -> StartError {
    let what = "this file is there already: nothing is overwritten";
    let fix = "name another file";
    StartError::new(Exit::CannotCreate, what, to.display(), fix)
}

fn failed(path: &Path, error: &io::Error) -> StartError {
    let (code, fix) = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Exit::Permission, WRITABLE.into())
        }
        ErrorKind::NotFound => {
            let parent = path.parent().unwrap_or(Path::new("/")).display();
            (Exit::CannotCreate, format!("mkdir -p {parent}"))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Exit::Io, "make room on that disk".into())
        }
        _ => (Exit::Io, String::new()),
    };
    let what = format!("the copy cannot be written: {}", reason(error));
    StartError::new(code, &what, path.display(), fix)
}

fn refused(path: &Path, error: &rusqlite::Error) -> StartError {
    let (code, fix) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (Exit::Io, "make room on that disk"),
        // Nothing was read from the copy yet.
        Some(ErrorCode::DatabaseCorrupt) => (Exit::Data, "see privmsgd check-store"),
        _ => (Exit::Io, ""),
    };
    let what = format!("the store cannot be copied: {error}");
    StartError::new(code, &what, path.display(), fix)
}

fn unwiped(path: &Path, failed: &Failed) -> StartError {
    let what = format!("the copy cannot be written: {failed}");
    StartError::new(Exit::Io, &what, path.display(), failed.fix())
}

fn busy(path: &Path) -> StartError {
    let what = "the store is busy";
    StartError::new(Exit::Unavailable, what, path.display(), "try again")
}

const WRITABLE: &str = "a daemon writes the file itself: name a place where its user may write; as a service that is \
                        its StateDirectory, /var/lib/privmsgd";
