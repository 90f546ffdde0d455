//! One line → one [`Command`], borrowed from the line; the only reader of client JSON.
//! Knows neither who sent it nor any state.

use crate::wire::code::{Code, Status, Verb};
use crate::wire::name::Name;

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
    Typing { to: Name<'a>, to_raw: Raw<'a> },
    Watch { usernames: Vec<Name<'a>> },
    Unwatch { usernames: Vec<Name<'a>> },
    SetStatus(Status),
    Ping { data: Option<Raw<'a>> },
    Pong,
    Help { command: Option<Verb> },
    Bye,
    /// A command of mailbox mode, not looked into further.
    Mailbox(Verb),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Register<'a> {
    pub username: Name<'a>,
    pub resume_token: Option<u128>,
    /// Milliseconds, 5,000 to 600,000.
    pub heartbeat_ms: Option<u32>,
    pub status: Option<Status>,
    /// The first field given that open mode does not have (`password`, `after`, …).
    pub unavailable: Option<&'static str>,
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
    /// The first field given that open mode does not have (`expiresIn`).
    pub unavailable: Option<&'static str>,
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
    /// One sentence for a person.
    pub message: std::borrow::Cow<'static, str>,
    pub hint: Option<&'static str>,
}
