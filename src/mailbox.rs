//! Messages that wait: what is asked about an account's mailbox, what the answer can be, and what its log holds. The
//! words that router, worker and store share. Knows no sockets, no SQL and no JSON grammar.
//!
//! An account's mailbox is a log of everything durable that happened to it, each [`Entry`] at a position `pos` that only
//! grows. A device is a cursor in that log. A question is put as an [`Ask`] and comes back as an [`Answer`], both inside
//! the `Job` and `Done` of [`crate::accounts`]; everything that a job added to anybody's log comes back with it, in
//! the order in which it was committed. What an answer says is durable.

#[cfg(feature = "mailbox")]
mod ack;
#[cfg(feature = "mailbox")]
mod changes;
#[cfg(all(test, feature = "mailbox"))]
mod checks;
#[cfg(feature = "mailbox")]
mod conversations;
#[cfg(feature = "mailbox")]
mod export;
#[cfg(feature = "mailbox")]
mod fetch;
#[cfg(feature = "mailbox")]
mod history;
#[cfg(feature = "mailbox")]
pub mod leaving;
mod listing;
#[cfg(feature = "mailbox")]
pub mod opening;
#[cfg(feature = "mailbox")]
mod past;
#[cfg(feature = "mailbox")]
mod people;
#[cfg(feature = "mailbox")]
pub mod post;
#[cfg(feature = "mailbox")]
mod regard;
#[cfg(feature = "mailbox")]
mod say;
#[cfg(feature = "mailbox")]
mod send;
#[cfg(feature = "mailbox")]
mod shown;
#[cfg(feature = "mailbox")]
pub mod sweep;
#[cfg(feature = "mailbox")]
mod taken;
#[cfg(all(test, feature = "mailbox"))]
mod tests;

use std::sync::Arc;

use crate::accounts::{AccountId, Refused};
use crate::wire::code::{AcceptFrom, Deliver, Evidence, Removed, Stage, Verb};
use crate::wire::name::Name;

pub use listing::Listing;

/// Positions begin at 1; this is before the first.
pub const START: u64 = 0;
/// Entries of one [`Ask::Fetch`], whatever the window; and bytes of the bodies in it, unless one alone is longer.
pub const FETCH_ENTRIES: u32 = 256;
pub const FETCH_BYTES: usize = 64 * 1024;
/// Bytes of the bodies in one answer to [`Ask::History`], unless one alone is longer.
pub const HISTORY_BYTES: usize = 256 * 1024;

/// An account's name as it is shown; shared, because every entry holds one or two.
pub type Who = Arc<Name<'static>>;

/// A device's name, as it stands between its quotes; shared, because every question holds one.
pub type DeviceName = Arc<str>;

/// Who asks: a session of an account. `None`: one without a device (`deliver:"none"`).
#[derive(Clone, Debug, PartialEq)]
pub struct Sender {
    pub account: AccountId,
    pub device: Option<Arc<str>>,
    /// Receipts do not leave now, and nobody is told of what it reads.
    pub invisible: bool,
}

/// One question of a session, and what its reply has to echo.
#[derive(Clone, Debug, PartialEq)]
pub struct Mail {
    pub from: Sender,
    pub reply: Option<Box<[u8]>>,
    pub verb: Verb,
    pub ask: Ask,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Send(Letter),
    /// May an `ephemeral` message, or `typing`, reach `to`? Nothing is stored.
    Reach {
        to: Name<'static>,
    },
    /// The entries after `after`, oldest first, at most `entries` and [`FETCH_BYTES`].
    Fetch {
        after: u64,
        entries: u32,
    },
    /// All up to `pos` has arrived; `pos` was sent to this device. Lower than its cursor: nothing changes.
    Ack {
        pos: u64,
        by: Evidence,
    },
    /// The session has ended; up to `sent` was written to it. Has no reply.
    Left {
        sent: u64,
    },
    MarkRead {
        with: Name<'static>,
        seq: u64,
        private: bool,
    },
    History {
        with: Name<'static>,
        page: Page,
        limit: u32,
    },
    /// [`Answer::Listing`] is to be asked again.
    Conversations(Box<Listing>),
    Edit {
        with: Name<'static>,
        seq: u64,
        message: Box<[u8]>,
    },
    Delete {
        with: Name<'static>,
        seq: u64,
        for_both: bool,
    },
    Relate {
        with: Name<'static>,
        relation: Relation,
    },
    /// What is `None` stays as it is.
    Settings {
        accept_from: Option<AcceptFrom>,
        delivery_receipts: Option<bool>,
        read_receipts: Option<bool>,
    },
    /// Whose presence may this account see?
    Watch {
        usernames: Vec<Name<'static>>,
    },
    /// Everything kept of this account, a part at a time; [`Exported::START`] first.
    Export {
        from: Exported,
    },
    DeleteAccount,
}

/// A message to be stored: `message` a JSON value as it was sent, validated; `message_id` and `kind` as they stand
/// between their quotes, here and below.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub to: Name<'static>,
    pub message: Box<[u8]>,
    /// 1 to 64 bytes.
    pub message_id: Option<Box<[u8]>>,
    pub kind: Option<Box<[u8]>>,
    pub reply_to: Option<u64>,
    pub expires_in_s: Option<u32>,
}

/// Which messages of a conversation: by `seq`, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The last ones before it; `None`: the last there are.
    Before(Option<u64>),
    /// The first ones after it.
    After(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    Block,
    Unblock,
    Allow,
    Disallow,
}

/// How far an export has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    pub part: u32,
    pub after: i64,
    /// Of a conversation.
    pub seq: u64,
}

impl Exported {
    pub const START: Exported = Exported {
        part: 0,
        after: 0,
        seq: 0,
    };
}

/// What became of an [`Ask`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Accepted(Accepted),
    /// Done, and nothing to tell.
    Ok,
    Refused(Refused),
    Reach(Reach),
    Fetched(Fetched),
    /// Ascending.
    History {
        messages: Vec<Arc<Message>>,
        /// Whether there is no more in that direction.
        complete: bool,
    },
    Conversations {
        conversations: Vec<Conversation>,
        complete: bool,
    },
    /// Not all were looked at.
    Listing(Box<Listing>),
    Settings(Settings),
    /// For each name asked for, in the same order.
    Watch(Vec<bool>),
    /// Lines to be sent as they are, without line ends; `next`: where it goes on.
    Export {
        lines: Vec<Box<[u8]>>,
        next: Option<Exported>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    pub to: Who,
    pub message_id: Option<Box<[u8]>>,
    pub seq: u64,
    pub time_unix_ms: u64,
    /// It was accepted before: this `messageId` is known.
    pub duplicate: bool,
}

/// What happens to what is not stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Reach {
    /// It goes to whichever devices are there.
    Open(Who),
    /// It looks as if it did, and goes nowhere.
    Swallowed(Who),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    pub entries: Vec<Entry>,
    /// Whether these are all there are: what comes later is told as it is committed.
    pub complete: bool,
}

/// One entry of an account's log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose log.
    pub owner: Who,
    /// The device that caused it, which does not get it.
    pub not_for: Option<Arc<str>>,
    pub pos: u64,
    pub event: Event,
    /// It may have been sent to this device before. Only in [`Fetched`].
    pub redelivered: bool,
}

/// Times: milliseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// To the owner, or, from another device of the owner, to somebody: then `to` is told.
    Message(Arc<Message>),
    Receipt {
        with: Who,
        stage: Stage,
        up_to_seq: u64,
        by: Evidence,
        time_unix_ms: u64,
    },
    /// `body`: the new one; `None`: it is removed.
    Changed {
        with: Who,
        seq: u64,
        change: Change,
        time_unix_ms: u64,
    },
    ReadElsewhere {
        with: Who,
        seq: u64,
    },
    NewDevice {
        device: Arc<str>,
        time_unix_ms: u64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Edited(Arc<[u8]>),
    Removed(Removed),
}

/// A message as somebody may see it, or, if `removed`, the hole where it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub from: Who,
    /// Told to the sender's own devices, and in history.
    pub to: Option<Who>,
    pub seq: u64,
    /// The end of a hole that is longer than one message.
    pub to_seq: Option<u64>,
    pub time_unix_ms: u64,
    /// Empty if `removed`.
    pub body: Arc<[u8]>,
    pub message_id: Option<Box<[u8]>>,
    pub kind: Option<Box<[u8]>>,
    pub reply_to: Option<u64>,
    pub edited_unix_ms: Option<u64>,
    pub expires_unix_ms: Option<u64>,
    pub removed: Option<Removed>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    pub with: Who,
    pub last_seq: u64,
    pub last_unix_ms: u64,
    pub read_seq: u64,
    pub their_delivered_seq: u64,
    pub their_read_seq: u64,
    pub unread: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub accept_from: AcceptFrom,
    pub delivery_receipts: bool,
    pub read_receipts: bool,
}

/// How a `register` wants its mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub deliver: Deliver,
    /// Everything up to `pos` has arrived, if the store's epoch is still this one.
    pub after: Option<After>,
    /// No receipt leaves for what `after` says.
    pub invisible: bool,
}

/// What netcat users want.
impl Default for Wanted {
    fn default() -> Self {
        Wanted {
            deliver: Deliver::Auto,
            after: None,
            invisible: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    pub pos: u64,
    pub epoch: u64,
}

/// Where a session begins in its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Changes when a backup is restored.
    pub epoch: u64,
    /// The last entry there is.
    pub head: u64,
    /// The device's cursor.
    pub acked: u64,
    /// Where delivery begins: the cursor, or `after` if that is lower.
    pub from: u64,
    /// Whether `after` counted; `None`: it was not given.
    pub resumed: Option<bool>,
}

/// Something about two accounts has changed that decides what is not stored: `ephemeral`, `typing`, presence.
#[derive(Clone, Debug, PartialEq)]
pub struct Regard {
    pub owner: Who,
    pub toward: Who,
    /// Whether `toward` may see the presence of `owner`.
    pub shows_presence: bool,
}
