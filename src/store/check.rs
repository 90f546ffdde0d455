//! Whether a store is as it should be: everything is read, nothing is changed. Knows no rules but those of the rows.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::files::{self, missing};
use super::{Failed, Sealer, rows, schema, tail};
use crate::ops::exit::{Exit, StartError};
use crate::upkeep::{Checked, Finding};

/// Of SQLite's own check, which may find the same damage over and over.
const MAX_PAGES_TOLD: i64 = 100;

/// Takes what is found; fails if nobody wants more.
pub type Tell<'a> = &'a mut dyn FnMut(Finding);

/// Fails if it cannot be looked at: it is in use, not there, another program's or a newer release's.
pub fn check(dir: &Path, sealer: Option<&Sealer>, tell: Tell<'_>) -> Result<Checked, StartError> {
    if !fs::metadata(dir).is_ok_and(|found| found.is_dir()) {
        return Err(missing(dir));
    }
    let dir = dir
        .canonicalize()
        .map_err(|error| files::unreadable(dir, &error))?;
    let _lock = files::lock(&dir)?;
    let path = dir.join(files::DATABASE);
    if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
        return Err(missing(&path));
    }
    if access(&dir, Access::WRITE_OK) == Err(Errno::ROFS) {
        let fix = "SQLite needs a log beside the database to read it: copy the directory, and check the copy";
        let what = "the file system is read-only";
        return Err(StartError::new(Exit::Io, what, dir.display(), fix));
    }
    let had_log = files::log_of(&path).exists();
    let checked = check_file(&path, sealer, tell);
    if !had_log {
        // SQLite leaves an empty one; what is gone is as it was.
        let _ = fs::remove_file(files::log_of(&path));
    }
    checked
}

/// The same of a database that nobody else can reach, wherever it is.
pub fn check_file(
    path: &Path,
    sealer: Option<&Sealer>,
    tell: Tell<'_>,
) -> Result<Checked, StartError> {
    let mut findings = Findings { tell, count: 0 };
    if let Some(journal) = Some(files::journal_of(path)).filter(|journal| journal.exists()) {
        let what = "what a crash left while the store was made; nothing else was looked at";
        findings.tell("journal", journal.display().to_string(), what);
        return Ok(findings.into());
    }
    if let Err(error) = schema::check_header(path) {
        if error.code != Exit::Data {
            return Err(error);
        }
        findings.tell("database", error.where_, error.what);
        return Ok(findings.into());
    }
    let db = schema::look(path)?;
    let version = match schema::version_of(&db) {
        Ok(version) if version > schema::VERSION => return Err(schema::too_new(path, version)),
        Ok(version) => version,
        Err(error) => {
            findings.tell("database", path.display().to_string(), error.to_string());
            return Ok(findings.into());
        }
    };
    let sealer = match sealer {
        Some(sealer) => schema::is_sealed_with(path, &db, sealer)?.then_some(sealer),
        None => None,
    };
    let mut checked = Checked::default();
    let done = whole(&db, version, path, &mut findings)
        .map_err(Failed::from)
        .and_then(|()| make_changes(&db, version))
        .and_then(|()| {
            let rows = rows::check(&db, version, sealer, &mut checked, &mut findings);
            rows.map_err(Failed::from)
        });
    if let Err(failed) = done {
        findings.tell("database", path.display().to_string(), failed.to_string());
    }
    checked.findings = findings.count;
    Ok(checked)
}

pub struct Findings<'a> {
    tell: Tell<'a>,
    count: u64,
}

impl Findings<'_> {
    pub fn tell(&mut self, kind: &'static str, place: String, what: impl Into<String>) {
        self.count += 1;
        (self.tell)(Finding {
            kind,
            place,
            what: what.into(),
        });
    }
}

impl From<Findings<'_>> for Checked {
    fn from(findings: Findings<'_>) -> Self {
        Checked {
            findings: findings.count,
            ..Checked::default()
        }
    }
}

/// What SQLite itself can tell, and whether the tables are those of the version.
fn whole(
    db: &Connection,
    version: u32,
    path: &Path,
    findings: &mut Findings<'_>,
) -> rusqlite::Result<()> {
    let mut pages = db.prepare(&format!("PRAGMA integrity_check({MAX_PAGES_TOLD})"))?;
    let mut found = pages.query([])?;
    while let Some(row) = found.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            findings.tell("database", path.display().to_string(), said);
        }
    }
    let mut broken = db.prepare("PRAGMA foreign_key_check")?;
    let mut found = broken.query([])?;
    while let Some(row) = found.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        let what = format!("a row names one of {parent} that is not there");
        findings.tell("reference", table, what);
    }
    if let Some(what) = schema::compare(db, version)? {
        findings.tell("schema", path.display().to_string(), what);
    }
    Ok(())
}

/// What a daemon would make first is looked at as if it were made: in memory, in a commit that never comes.
fn make_changes(db: &Connection, version: u32) -> Result<(), Failed> {
    if version < WITH_TAIL {
        return Ok(());
    }
    db.pragma_update(None, "query_only", false)?;
    db.pragma_update(None, "cache_spill", false)?;
    db.execute_batch("BEGIN")?;
    tail::make_of(db)
}

/// Versions from this one on have changes that are still to be made.
const WITH_TAIL: u32 = 3;

/// So that SQLite neither writes back the log nor removes it.
pub(super) fn leave_as_it_is(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "query_only", true)
}
