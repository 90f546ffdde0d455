//! What a session tells its user. Knows no socket.

use std::fmt;
use std::time::Duration;

use super::frame::{
    Conversation, Device, Hello, Message, MessageChanged, Notice, Presence, ReadElsewhere, Receipt,
    Refusal, Settings,
};
use super::session::RequestId;

#[derive(Clone, Debug)]
pub enum Event {
    /// Registered, for the first time or again. Watches are made again by the session itself.
    Connected(Connected),
    /// The connection is gone; the next try comes in about `retry_in`. Nothing is lost: messages that were not accepted are
    /// sent again, and what was asked is answered with [`Lost`].
    Disconnected {
        why: String,
        retry_in: Duration,
    },
    /// The last event: there will be no further try.
    Ended(End),

    /// To this name; or, with `to`, from another device of it. Each comes once.
    Message(Message),
    /// What was given to `send`, by its `messageId`. `seq` in mailbox mode.
    Accepted {
        message_id: String,
        to: String,
        seq: Option<u64>,
        time: String,
        /// It had been accepted before: an answer was lost.
        duplicate: bool,
    },
    /// It will not be tried again.
    Refused {
        message_id: String,
        to: String,
        error: Refusal,
    },
    /// It is not accepted yet, and tried again.
    Delayed {
        message_id: String,
        to: String,
        error: Refusal,
    },
    Receipt(Receipt),
    Changed(MessageChanged),
    ReadElsewhere(ReadElsewhere),
    Notice(Notice),
    /// All that waited has been given out.
    Synced,
    Presence(Presence),
    /// `from` is writing; forget it after a few seconds.
    Typing {
        from: String,
    },

    /// A line of `export`, as it came.
    Exported(String),
    /// The end of a request.
    Answer {
        id: RequestId,
        answer: Result<Answer, Lost>,
    },
    /// An error that belongs to nothing that was asked.
    Error(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The name as others see it.
    pub name: String,
    pub hello: Hello,
    /// The store was restored from a backup: what comes may have come before, and something may be lost.
    pub restored: bool,
    /// It is not the first time.
    pub again: bool,
}

/// What a request brought.
#[derive(Clone, Debug)]
pub enum Answer {
    Ok,
    Settings(Settings),
    Pong {
        time: String,
    },
    /// Ascending by `seq`. `complete`: there are no more in that direction.
    History {
        messages: Vec<Message>,
        complete: bool,
    },
    Conversations {
        list: Vec<Conversation>,
        complete: bool,
    },
    Devices(Vec<Device>),
    /// `count` lines were given out as [`Event::Exported`].
    Exported {
        count: u64,
    },
    /// The edit is stored.
    Edited {
        time: String,
    },
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    Refused(Refusal),
    /// The connection was lost between: whether it was done is not known.
    Disconnected,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Refused(refusal) => refusal.fmt(f),
            Lost::Disconnected => f.write_str("the connection was lost before the answer came"),
        }
    }
}

/// Why there is no further try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The server does not let this name in.
    Register(Refusal),
    /// The server ended it, and says that connecting again is of no use: `replaced`, `revoked`, …
    Goodbye { code: String, message: String },
    /// It never was there: refused, not found, no answer.
    NoConnection(String),
    /// TLS: the server is not the one it was, or cannot be trusted.
    Trust(String),
    /// It is no server of this protocol, or another one than was meant.
    WrongServer(String),
    /// What was dealt with cannot be remembered: going on would show it twice.
    NotKept(String),
    /// By [`super::Client::close`].
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Register(refusal) => {
                write!(f, "not registered: {refusal}")?;
                match &refusal.hint {
                    Some(hint) => write!(f, "; {hint}"),
                    None => Ok(()),
                }
            }
            End::Goodbye { code, message } => write!(f, "the server ended it: {message} ({code})"),
            End::NoConnection(why)
            | End::Trust(why)
            | End::WrongServer(why)
            | End::NotKept(why) => f.write_str(why),
            End::Closed => f.write_str("closed"),
        }
    }
}

impl std::error::Error for End {}
