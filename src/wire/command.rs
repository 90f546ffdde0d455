//! One line → one [`Command`], borrowed from the line; the only reader of client JSON.
//! Knows neither who sent it nor any state.
//!
//! A `privateMessage` in its usual form is read by `hot` in one pass. Whatever that does not accept is judged by
//! `cold`: the rules, and the answers to their breach, stand there.
mod account;
mod cold;
mod fields;
mod hot;
mod mail;
mod prescan;
mod proof;
mod reader;
mod scalar;
mod verbs;

use std::borrow::Cow;

pub use account::Account;
pub use hot::{Like, Shape};

use crate::accounts::Credential;
use crate::mailbox::{Page, Relation, Wanted};
use crate::wire::code::{AcceptFrom, Code, Mode, Status, Verb};
use crate::wire::name::Name;

/// Reads one line: without its line end, without a leading BOM, not blank.
///
/// Unknown fields are ignored; a known field must have its type, and `null` is no type of any: leave the field out.
pub fn decode(line: &[u8]) -> Result<Request<'_>, Refusal<'_>> {
    decode_in(Mode::Open, line)
}

/// The same in either mode: what a mode does not have is known, and not looked into.
#[inline]
pub fn decode_in(mode: Mode, line: &[u8]) -> Result<Request<'_>, Refusal<'_>> {
    match hot::private_message(line) {
        Some(request) => Ok(request),
        None => cold::decode(line, mode),
    }
}

/// [`decode`] without its short cut, for tests that compare both.
#[doc(hidden)]
pub fn decode_cold(line: &[u8]) -> Result<Request<'_>, Refusal<'_>> {
    decode_cold_in(Mode::Open, line)
}

/// The same of [`decode_in`].
#[doc(hidden)]
pub fn decode_cold_in(mode: Mode, line: &[u8]) -> Result<Request<'_>, Refusal<'_>> {
    cold::decode(line, mode)
}

/// The short cut alone.
#[doc(hidden)]
pub fn decode_hot(line: &[u8]) -> Option<Request<'_>> {
    hot::private_message(line)
}

/// Names in one `watch` or `unwatch`: beyond ASCII each takes microseconds to map.
pub const MAX_NAMES: usize = 128;

/// Objects and arrays within each other, the line's own object included.
pub const MAX_DEPTH: usize = 16;

/// A JSON value exactly as the client wrote it, already validated: relayed, never decoded and encoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a [u8]);

/// A line that parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    /// Echoed in the terminal reply.
    pub id: Option<Raw<'a>>,
    pub command: Command<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    Register(Register<'a>),
    PrivateMessage(PrivateMessage<'a>),
    Typing {
        to: Name<'a>,
        to_raw: Raw<'a>,
    },
    Watch {
        usernames: Vec<Name<'a>>,
    },
    Unwatch {
        usernames: Vec<Name<'a>>,
    },
    SetStatus(Status),
    Ping {
        data: Option<Raw<'a>>,
    },
    Pong,
    Help {
        command: Option<Verb>,
    },
    Bye,
    Account(Box<Account<'a>>),
    Ack {
        pos: u64,
    },
    Mail(Box<Mail<'a>>),
    /// A command that this mode does not have, not looked into further.
    Mailbox(Verb),
}

impl Command<'_> {
    pub const fn verb(&self) -> Verb {
        match self {
            Command::Register(_) => Verb::Register,
            Command::PrivateMessage(_) => Verb::PrivateMessage,
            Command::Typing { .. } => Verb::Typing,
            Command::Watch { .. } => Verb::Watch,
            Command::Unwatch { .. } => Verb::Unwatch,
            Command::SetStatus(_) => Verb::SetStatus,
            Command::Ping { .. } => Verb::Ping,
            Command::Pong => Verb::Pong,
            Command::Help { .. } => Verb::Help,
            Command::Bye => Verb::Bye,
            Command::Account(_) => Verb::Account,
            Command::Ack { .. } => Verb::Ack,
            Command::Mail(mail) => mail.verb(),
            Command::Mailbox(verb) => *verb,
        }
    }

    /// What it takes from the bucket of commands: answers and acknowledgements are free, so that nobody who is slowed
    /// down is also unable to say that it lives.
    pub const fn cost(&self) -> u32 {
        match self.verb() {
            Verb::Ack | Verb::Ping | Verb::Pong | Verb::MarkRead => 0,
            Verb::History | Verb::Conversations => 5,
            _ => 1,
        }
    }
}

/// What is asked of the session's mailbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Mail<'a> {
    MarkRead {
        with: Name<'a>,
        seq: u64,
        private: bool,
    },
    History {
        with: Name<'a>,
        page: Page,
        limit: u32,
    },
    Conversations {
        before: Option<Name<'a>>,
        limit: u32,
    },
    Edit {
        with: Name<'a>,
        seq: u64,
        message: Raw<'a>,
    },
    Delete {
        with: Name<'a>,
        seq: u64,
        for_both: bool,
    },
    Relate {
        username: Name<'a>,
        relation: Relation,
    },
    Settings {
        accept_from: Option<AcceptFrom>,
        delivery_receipts: Option<bool>,
        read_receipts: Option<bool>,
    },
}

impl Mail<'_> {
    pub const fn verb(&self) -> Verb {
        match self {
            Mail::MarkRead { .. } => Verb::MarkRead,
            Mail::History { .. } => Verb::History,
            Mail::Conversations { .. } => Verb::Conversations,
            Mail::Edit { .. } => Verb::EditMessage,
            Mail::Delete { .. } => Verb::DeleteMessage,
            Mail::Settings { .. } => Verb::Settings,
            Mail::Relate { relation, .. } => match relation {
                Relation::Block => Verb::Block,
                Relation::Unblock => Verb::Unblock,
                Relation::Allow => Verb::Allow,
                Relation::Disallow => Verb::Disallow,
            },
        }
    }
}

#[derive(Clone, PartialEq)]
pub struct Register<'a> {
    pub username: Name<'a>,
    /// Zero, which is never issued, if what was given has not the form of a token: it matches nothing.
    pub resume_token: Option<u128>,
    /// Milliseconds, 5,000 to 600,000.
    pub heartbeat_ms: Option<u32>,
    /// As others are to see it: offline if it is to be invisible.
    pub status: Option<Status>,
    /// The first field given that this mode does not have (`password`, `after`, …).
    pub unavailable: Option<&'static str>,
    /// What proves the name: mailbox mode.
    pub proof: Option<Box<Credential>>,
    /// As it stands between its quotes: mailbox mode.
    pub device: Option<&'a str>,
    pub mail: Wanted,
    /// Frames of the mailbox that may be out unacknowledged, 1 to 1,024.
    pub window: u32,
}

/// Shows no token.
impl std::fmt::Debug for Register<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Register")
            .field("username", &self.username)
            .field("heartbeat_ms", &self.heartbeat_ms)
            .field("status", &self.status)
            .field("unavailable", &self.unavailable)
            .field("proof", &self.proof)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PrivateMessage<'a> {
    pub to: Name<'a>,
    /// `toUsername` as sent, with its quotes: errors echo it.
    pub to_raw: Raw<'a>,
    pub message: Raw<'a>,
    pub message_id: Option<Raw<'a>>,
    pub kind: Option<Raw<'a>>,
    pub reply_to: Option<Raw<'a>>,
    pub ephemeral: bool,
    /// Seconds, 1 or more; not in open mode.
    pub expires_in_s: Option<u32>,
}

/// A line that was refused, with what could be read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal<'a> {
    pub id: Option<Raw<'a>>,
    pub verb: Option<Verb>,
    pub code: Code,
    pub field: Option<&'static str>,
    /// `toUsername` as sent, if that is what was wrong.
    pub to_raw: Option<Raw<'a>>,
    /// One sentence for a person, at most 200 bytes, without anything the client wrote.
    pub message: Cow<'static, str>,
    pub hint: Option<&'static str>,
}

impl Refusal<'_> {
    /// What the framing found, which never saw the whole line. `limit`: bytes without the line end.
    pub fn line_too_long(limit: usize) -> Self {
        Refusal::new(
            Code::LineTooLong,
            format!("the line is longer than {limit} bytes; the rest of it was skipped"),
        )
    }

    fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal {
            id: None,
            verb: None,
            code,
            field: None,
            to_raw: None,
            message: message.into(),
            hint: None,
        }
    }

    fn of_field(code: Code, field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal {
            field: Some(field),
            ..Refusal::new(code, message)
        }
    }
}

#[cfg(test)]
mod tests;
