//! What the operator asks of a store, and what is told: words that store, worker and admin share. Knows no sockets, no
//! SQL and no rules.

use std::path::PathBuf;

use serde::Serialize;

use crate::ops::exit::StartError;
use crate::ops::metrics::Buckets;

/// Asked of a store that is in use, or of one that is not.
#[derive(Clone, Debug, PartialEq)]
pub enum Upkeep {
    Stats,
    /// All of it into one new file. An absolute path.
    Backup {
        to: PathBuf,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Stats(Box<Stats>),
    BackedUp(BackedUp),
    Failed(Box<StartError>),
}

/// How a store is, looked at from outside and without changing anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// A process runs on it; then nothing but its directory was looked at.
    pub is_in_use: bool,
    /// There is a database.
    pub is_made: bool,
    /// It is another user's, and root looked: why root cannot run on it.
    pub of_another: Option<StartError>,
}

/// Counted a part at a time while the store is in use: what changes meanwhile may be counted or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    pub accounts: u64,
    pub conversations: u64,
    /// Holes that are stated included.
    pub messages: u64,
    /// Messages that no device has taken, and the bytes of their bodies.
    pub waiting: u64,
    pub waiting_bytes: u64,
    /// RFC 3339.
    pub oldest_waiting: Option<String>,
    /// On the disk, the log of the last commits included.
    pub bytes: u64,
    pub store_version: u32,
    pub epoch: u64,
    /// `fsync` or `os`.
    pub durability: &'static str,
    /// Whether bodies are sealed with a key.
    pub sealed: bool,
    /// Only of a daemon: what waits for the store, and commits since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs_waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<u64>,
}

/// How a store in use is, as far as that is known without asking it anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// From the beginning of the work to its being on the disk, of each commit.
    pub commit: Buckets,
    /// On the disk, up to a minute ago.
    pub bytes: u64,
    /// What the disk has left, then; `None`: it does not say.
    pub free: Option<u64>,
    /// Those removed since included.
    pub accounts_created: u64,
    /// The last commit found no room on the disk, or the next may find none.
    pub is_full: bool,
    /// Nothing is written any more.
    pub has_failed: bool,
    /// Jobs of mailboxes.
    pub jobs_waiting: u64,
    /// Passwords that are being hashed or wait for it, and those done.
    pub hashing: u64,
    pub hashed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BackedUp {
    pub file: String,
    pub bytes: u64,
}

/// One thing in a store that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A word for scripts: see `check-store --help`.
    pub kind: &'static str,
    /// `conversation 3, seq 17`; never what somebody wrote.
    pub place: String,
    pub what: String,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub findings: u64,
    pub accounts: u64,
    pub conversations: u64,
    pub messages: u64,
    pub entries: u64,
    /// Bodies that were opened with the key.
    pub opened: u64,
}

/// From where to where a store is brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restore {
    pub from: PathBuf,
    pub to: PathBuf,
    /// What is there is moved aside.
    pub replace: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    pub file: String,
    pub epoch: u64,
    pub accounts: u64,
    pub conversations: u64,
    pub messages: u64,
    /// Messages that were damaged in the file; they are told as such.
    pub damaged: u64,
    /// Where the former store is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_aside: Option<String>,
}
