//! Why something cannot be done, with the exit code of `privmsg` for it. Knows nothing of what failed.

use std::fmt;
use std::io;
use std::path::Path;

use super::event::{End, Lost};
use crate::ask::Unanswered;
use crate::ops::exit::{Exit, reason};

/// What, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    pub what: String,
    /// Empty if nothing is known to help.
    pub fix: String,
}

/// The exit code of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The server, or the other end, said no.
    Refused = 1,
    Usage = 64,
    NoConnection = 69,
    /// Standard input or output, or a disk.
    Io = 74,
    /// A file that this user must not read, that others may read, or a server that is not trusted.
    Permission = 77,
    Config = 78,
    /// Not in the time that was given.
    Timeout = 124,
}

impl Error {
    pub fn new(kind: Kind, what: impl Into<String>, fix: impl Into<String>) -> Error {
        Error {
            kind,
            what: what.into(),
            fix: fix.into(),
        }
    }

    /// `error` came from doing `what` to `path`.
    pub fn file(what: &str, path: &Path, error: &io::Error) -> Error {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            io::ErrorKind::NotFound => Kind::Config,
            _ => Kind::Io,
        };
        let why = reason(error);
        Error::new(kind, format!("{what} {}: {why}", path.display()), "")
    }
}

impl From<End> for Error {
    fn from(end: End) -> Error {
        let kind = match end {
            End::Register(_) | End::Goodbye { .. } | End::Closed => Kind::Refused,
            End::NoConnection(_) | End::WrongServer(_) => Kind::NoConnection,
            End::Trust(_) => Kind::Permission,
            End::NotKept(_) => Kind::Io,
        };
        Error::new(kind, end.to_string(), "")
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Error {
        match lost {
            Lost::Refused(refusal) => {
                let hint = refusal.hint.clone().unwrap_or_default();
                Error::new(Kind::Refused, refusal.to_string(), hint)
            }
            Lost::Disconnected => Error::new(Kind::NoConnection, lost.to_string(), ""),
        }
    }
}

impl From<Unanswered> for Error {
    fn from(unanswered: Unanswered) -> Error {
        let kind = match unanswered.code {
            Exit::Usage => Kind::Usage,
            _ => Kind::Io,
        };
        Error::new(kind, unanswered.what, "")
    }
}

/// At most two lines, unless `what` has more.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.fix.as_str() {
            "" => Ok(()),
            fix => write!(f, "\n  {fix}"),
        }
    }
}

impl std::error::Error for Error {}
