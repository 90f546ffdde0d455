//! Why the store could not do it, and what follows from that. Knows no rows.

use std::fmt;

use rusqlite::ErrorCode;

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
    /// No room on the disk, now.
    Full,
    /// The disk did not do it: what is on it is unknown.
    Io,
    /// The database is not as it was written.
    Damaged,
    Other,
}

impl Failed {
    /// A row that no release could have written.
    pub fn damaged(what: &str) -> Self {
        Failed::other(&format!("damaged: {what}"))
    }

    /// How a process ends because of it.
    pub fn exit(&self) -> Exit {
        match self.why {
            Why::Damaged => Exit::Data,
            Why::Full | Why::Io | Why::Other => Exit::Io,
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
        let why = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Why::Full,
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
