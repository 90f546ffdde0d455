//! Why the store could not do it, and what follows from that. Knows no rows.

use std::fmt;
use std::io::{self, ErrorKind};

use rusqlite::{ErrorCode, ffi};

use crate::ops::exit::Exit;

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

    /// What the operator can do; empty: nothing that is known here.
    pub fn fix(&self) -> &'static str {
        match self.why {
            Why::Full => "make room on that disk",
            Why::Io | Why::Damaged | Why::Row | Why::Other => "",
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
