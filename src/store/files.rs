//! The directory of the store and its files: whose they are and who may read them. Knows nothing of what is in them.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use log::warn;
use rustix::fs::{FlockOperation, flock, fstatvfs, statvfs};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::schema;
use crate::ops::exit::{Exit, StartError, reason};

pub const DATABASE: &str = "privmsgd.db";
/// Where a new database is made, until it is whole.
const UNFINISHED: &str = "privmsgd.db.new";
/// Where a backup is made a store again. While it is there and no database is, none is made: a restore was not finished.
pub const RESTORED: &str = "privmsgd.db.restored";
const LOG: &str = "privmsgd.db-wal";
/// What SQLite puts beside the database.
const BESIDE: &[&str] = &[LOG, "privmsgd.db-shm", "privmsgd.db-journal"];

const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The directory, made if need be and this user's alone, by a path without links: the operator may have linked to
/// it, and SQLite, which is to follow no link to the database, follows none on the way there either.
///
/// `must_exist`: fails before, if there is no store, nor what is left of one.
pub fn place(dir: &Path, must_exist: bool) -> Result<PathBuf, StartError> {
    if must_exist && !has_store(dir) {
        return Err(missing(dir));
    }
    prepare_dir(dir)?;
    dir.canonicalize().map_err(|error| unreadable(dir, &error))
}

/// Whatever else is wrong there, opening it says so.
fn has_store(dir: &Path) -> bool {
    let names = [DATABASE, UNFINISHED, RESTORED].iter().chain(BESIDE);
    let mut paths = names.map(|name| dir.join(name));
    paths.any(|path| match fs::symlink_metadata(path) {
        Err(error) => error.kind() != ErrorKind::NotFound,
        Ok(_) => true,
    })
}

pub(super) fn missing(path: &Path) -> StartError {
    let fix = "name the directory of a store: --data DIR";
    StartError::new(Exit::NoInput, "there is no store", path.display(), fix)
}

/// Nobody else's as long as the file is open.
pub fn lock(dir: &Path) -> Result<File, StartError> {
    let lock = File::open(dir).map_err(|error| unreadable(dir, &error))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(in_use(dir)),
        Err(error) => Err(unreadable(dir, &error.into())),
    }
}

/// The path of a database that is there, in a locked directory, and is a file of this user's alone.
pub fn prepare(dir: &Path) -> Result<PathBuf, StartError> {
    let path = dir.join(DATABASE);
    match fs::symlink_metadata(&path) {
        Ok(found) => check_file(&path, &found)?,
        Err(error) if error.kind() == ErrorKind::NotFound => create(dir, &path)?,
        Err(error) => return Err(unreadable(&path, &error)),
    }
    Ok(path)
}

/// Takes from others what they may do with the files that are there now, whatever the umask gave them.
pub fn close_to_others(dir: &Path) -> Result<(), StartError> {
    for name in [DATABASE].iter().chain(BESIDE) {
        let path = dir.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.mode() & 0o777 != FILE_MODE => set_mode(&path, FILE_MODE)?,
            _ => {}
        }
    }
    Ok(())
}

/// Makes it durable that a directory is there. Where this user may not look, the file system is trusted to keep the name
/// together with what is in it.
fn keep_name(dir: &Path) -> Result<(), StartError> {
    let parent = dir.parent().filter(|path| !path.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    match File::open(parent) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        _ => sync_dir(parent),
    }
}

/// What the disk of `path` has left for this user.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = statvfs(path).ok()?;
    let blocks = match geteuid().is_root() {
        true => disk.f_bfree,
        false => disk.f_bavail,
    };
    Some(blocks.saturating_mul(disk.f_frsize))
}

/// Puts zeros behind the end of a file that is there until it is so long. What is written there later changes nothing
/// but its bytes. If the disk has little room, it is as long as it was.
pub fn lengthen(path: &Path, bytes: u64) {
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return;
    };
    let has_room = fstatvfs(&file).is_ok_and(|disk| {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        free / ROOM_PARTS >= bytes
    });
    if !has_room {
        return;
    }
    let before = file.metadata().map_or(bytes, |found| found.len());
    let starts = (before..bytes).step_by(ZEROS.len());
    let wrote = starts.map(|at| {
        let length = bytes.saturating_sub(at).min(ZEROS.len() as u64);
        let zeros = ZEROS.get(..length as usize).unwrap_or_default();
        file.write_all_at(zeros, at)
    });
    if wrote.collect::<io::Result<()>>().is_err() {
        let _ = file.set_len(before);
    }
}

/// Of what is free on the disk, one is taken at most.
const ROOM_PARTS: u64 = 8;
/// Written at once: a page, so that the kernel keeps and counts what is written there later by pages too.
const ZEROS: [u8; 4_096] = [0; 4_096];

/// Makes it durable that the files are there.
pub fn sync_dir(dir: &Path) -> Result<(), StartError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|error| {
        let what = format!("cannot be synced: {}", reason(&error));
        StartError::new(Exit::Io, &what, dir.display(), "")
    })
}

fn prepare_dir(dir: &Path) -> Result<(), StartError> {
    match DirBuilder::new().mode(DIR_MODE).create(dir) {
        Ok(()) => return set_mode(dir, DIR_MODE).and_then(|()| keep_name(dir)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(uncreatable(dir, &error)),
    }
    let found = fs::metadata(dir).map_err(|error| unreadable(dir, &error))?;
    check_dir(dir, &found)?;
    check_owner(dir, &found)?;
    if found.mode() & 0o777 != DIR_MODE {
        warn!("{}: closed to other users (mode 700)", dir.display());
        set_mode(dir, DIR_MODE)?;
    }
    Ok(())
}

/// A directory that is there, whosever it is.
pub(super) fn check_dir(dir: &Path, found: &Metadata) -> Result<(), StartError> {
    if !found.is_dir() {
        return Err(wrong(dir, "this is no directory", "name a directory"));
    }
    if found.mode() & 0o022 != 0 {
        let fix = format!(
            "see what others put there, then: chmod 700 {}",
            dir.display()
        );
        let what = "others may write to the directory of the accounts";
        return Err(StartError::new(Exit::Permission, what, dir.display(), fix));
    }
    Ok(())
}

/// A database that is there, whosever it is.
pub(super) fn check_kind(path: &Path, found: &Metadata) -> Result<(), StartError> {
    if found.is_file() {
        return Ok(());
    }
    let fix = "move it away; the database is a plain file";
    Err(wrong(path, "this is no file", fix))
}

fn check_file(path: &Path, found: &Metadata) -> Result<(), StartError> {
    check_kind(path, found)?;
    check_owner(path, found)?;
    if found.mode() & 0o077 != 0 {
        warn!("{}: closed to other users (mode 600)", path.display());
        set_mode(path, FILE_MODE)?;
    }
    Ok(())
}

pub(super) fn check_owner(path: &Path, found: &Metadata) -> Result<(), StartError> {
    let (owner, us) = (found.uid(), geteuid().as_raw());
    if owner == us {
        return Ok(());
    }
    let what = format!("belongs to user {owner}, and this is user {us}");
    let fix = match OF_SERVICES.contains(&owner) {
        true => "it is of a service of systemd: systemd-run --pipe --wait -p DynamicUser=yes -p User=privmsgd -p StateDirectory=privmsgd privmsgd …".into(),
        false => format!("run privmsgd as user {owner}: setpriv --reuid {owner} --clear-groups …"),
    };
    Err(StartError::new(
        Exit::Permission,
        &what,
        path.display(),
        fix,
    ))
}

/// Users that systemd makes for DynamicUser=.
const OF_SERVICES: RangeInclusive<u32> = 61_184..=65_519;

/// Whether a database may be made where none is.
pub(super) fn check_new(dir: &Path, path: &Path) -> Result<(), StartError> {
    if dir.join(RESTORED).exists() {
        let what = "a restore was not finished, and there is no database";
        let fix = "do it again: privmsgd restore --from FILE --data DIR";
        return Err(StartError::new(Exit::Data, what, path.display(), fix));
    }
    if let Some(left) = BESIDE.iter().find(|name| dir.join(name).exists()) {
        let what = format!("the database is gone, but {left} of it is there");
        let fix = "put the database back, or move that file away to begin without accounts";
        return Err(StartError::new(Exit::Data, &what, path.display(), fix));
    }
    Ok(())
}

/// A database is made under another name, and gets its own when it is whole: half of one is never found.
fn create(dir: &Path, path: &Path) -> Result<(), StartError> {
    check_new(dir, path)?;
    let unfinished = dir.join(UNFINISHED);
    let made = remove_if_there(&unfinished).and_then(|()| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&unfinished)
    });
    made.map_err(|error| uncreatable(&unfinished, &error))?;
    set_mode(&unfinished, FILE_MODE)?;
    schema::create(&unfinished)?;
    let named = File::open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path))
        .and_then(|()| File::open(dir)?.sync_all());
    named.map_err(|error| uncreatable(path, &error))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), StartError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| uncreatable(path, &error))
}

/// Whether there is more than the database to read: what a crash left.
pub(super) fn has_log(path: &Path) -> bool {
    fs::metadata(log_of(path)).is_ok_and(|found| found.len() > 0)
}

pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

pub(super) fn journal_of(path: &Path) -> PathBuf {
    beside(path, "-journal")
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Whether there is a store, or part of one.
pub(super) fn is_occupied(dir: &Path) -> bool {
    let mut names = [DATABASE].iter().chain(BESIDE);
    names.any(|name| dir.join(name).exists())
}

/// Gives the store in `dir` another name: the database first, so that none is ever found without its log, not even after
/// a power cut. Its new place, if there was one.
pub(super) fn set_aside(dir: &Path, name: &str) -> Result<Option<PathBuf>, StartError> {
    let mut aside = None;
    for own in [DATABASE].iter().chain(BESIDE) {
        let (from, end) = (dir.join(own), own.strip_prefix(DATABASE).unwrap_or(own));
        if from.exists() {
            let to = beside(&dir.join(name), end);
            fs::rename(&from, &to).map_err(|error| uncreatable(&to, &error))?;
            sync_dir(dir)?;
            aside.get_or_insert(to);
        }
    }
    Ok(aside)
}

/// A database that is of no use, and what SQLite put beside it.
pub(super) fn remove_all(path: &Path) {
    for path in [
        path.into(),
        log_of(path),
        journal_of(path),
        beside(path, "-shm"),
    ] {
        let _ = remove_if_there(&path);
    }
}

pub(super) fn length(path: &Path) -> Result<u64, StartError> {
    let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    Ok(found.len())
}

pub(super) fn in_use(path: &Path) -> StartError {
    let what = "in use: another process, most likely the daemon, runs on this store";
    let fix = "ask that daemon, or stop it first";
    StartError::new(Exit::Unavailable, what, path.display(), fix)
}

fn wrong(path: &Path, what: &str, fix: &str) -> StartError {
    StartError::new(Exit::Data, what, path.display(), fix)
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> StartError {
    let (code, fix) = match error.kind() {
        ErrorKind::PermissionDenied => (Exit::Permission, "let this user read it"),
        _ => (Exit::NoInput, ""),
    };
    let what = format!("cannot be read: {}", reason(error));
    StartError::new(code, &what, path.display(), fix)
}

fn uncreatable(path: &Path, error: &io::Error) -> StartError {
    let parent = path.parent().unwrap_or(Path::new("/")).display();
    let (code, fix) = match error.kind() {
        ErrorKind::PermissionDenied => (
            Exit::Permission,
            format!("let this user write to {parent}, or choose another --data"),
        ),
        ErrorKind::NotFound => (Exit::CannotCreate, format!("mkdir -p {parent}")),
        ErrorKind::StorageFull => (Exit::Io, "make room on that disk".into()),
        _ => (Exit::CannotCreate, String::new()),
    };
    let what = format!("cannot be made: {}", reason(error));
    StartError::new(code, &what, path.display(), fix)
}
