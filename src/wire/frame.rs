//! [`Frame`] → bytes; the only writer of JSON. Knows no recipient.
//!
//! Every frame is one line: `type` first, the documented key order, no spaces, raw UTF-8. What a client sent is
//! copied as it was sent ([`Raw`]); names and times need no escaping; only sentences made here are escaped.

mod examples;
mod export;
mod hello;
mod json;
mod mail;
mod message;

pub use examples::examples;
pub use export::ExportLine;
pub use hello::{Greeting, Hello};
pub use message::Envelope;

use json::{flag, key, open, optional_number, optional_text, raw, string, text};

use crate::accounts::Nonce;
use crate::mailbox::{Accepted, Conversation, Entry, Message, Opening, Settings};
use crate::time::Stamp;
use crate::wire::code::{Code, Goodbye, Mode, NoticeKind, Status, Verb};
use crate::wire::command::{PrivateMessage, Raw};

/// One line to a client.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    Hello {
        line: &'a Hello,
        nonce: Option<Nonce>,
    },
    Registered {
        id: Option<Raw<'a>>,
        username: &'a str,
        /// `None`: the session has no device.
        resume_token: Option<u128>,
        /// As it stands between its quotes.
        device: Option<&'a str>,
        mail: Option<&'a Opening>,
        heartbeat_ms: Option<u32>,
    },
    Accepted {
        id: Option<Raw<'a>>,
        message_id: Option<Raw<'a>>,
        to: &'a str,
        time: Stamp,
    },
    /// What was stored.
    Stored {
        id: Option<Raw<'a>>,
        accepted: &'a Accepted,
    },
    /// One entry of the mailbox of who gets it.
    Entry(&'a Entry),
    /// One message of a history.
    Replay {
        id: Option<Raw<'a>>,
        message: &'a Message,
    },
    Synced {
        pos: u64,
    },
    Conversation {
        id: Option<Raw<'a>>,
        conversation: &'a Conversation,
    },
    Settings {
        id: Option<Raw<'a>>,
        settings: &'a Settings,
    },
    /// Of an export: a line without its end.
    Line(&'a [u8]),
    PrivateMessage {
        envelope: &'a Envelope,
        message: &'a PrivateMessage<'a>,
    },
    /// What the same account sent from another of its devices.
    Copy {
        from: &'a str,
        message: &'a PrivateMessage<'a>,
        time: Stamp,
        to: &'a str,
    },
    Typing {
        from: &'a str,
    },
    Presence {
        username: &'a str,
        status: Status,
        since: Stamp,
    },
    Ok {
        id: Raw<'a>,
        command: Verb,
    },
    /// The end of a list.
    Done {
        id: Option<Raw<'a>>,
        command: Verb,
        count: u32,
        complete: bool,
    },
    /// One device of a list; `device` as it stands between its quotes.
    Device {
        id: Option<Raw<'a>>,
        device: &'a str,
        created_at: Stamp,
        seen_at: Stamp,
        is_current: bool,
    },
    /// All commands of a mode, or the one asked for, each with an example line.
    Help {
        id: Option<Raw<'a>>,
        command: Option<Verb>,
        mode: Mode,
    },
    Ping {
        time: Stamp,
    },
    Pong {
        id: Option<Raw<'a>>,
        data: Option<Raw<'a>>,
        time: Stamp,
    },
    SessionNotice {
        kind: NoticeKind,
        count: Option<u32>,
        /// As it stands between its quotes.
        device: Option<&'a str>,
        time: Stamp,
    },
    Error(ErrorMessage<'a>),
    Goodbye {
        id: Option<Raw<'a>>,
        code: Goodbye,
        after_ms: Option<u32>,
        /// Ends the sentence that the code has.
        instead: Option<&'a str>,
    },
}

/// `errorMessage`, in the order of its keys.
#[derive(Clone, Copy, Debug)]
pub struct ErrorMessage<'a> {
    pub id: Option<Raw<'a>>,
    pub command: Option<Verb>,
    pub code: Code,
    pub message: &'a str,
    pub field: Option<&'static str>,
    pub to_raw: Option<Raw<'a>>,
    pub hint: Option<&'static str>,
    pub retry_after_ms: Option<u32>,
}

/// What a frame may be longer than the longest line that caused it, in bytes.
pub const FRAME_OVERHEAD: usize = 1_024;

impl Frame<'_> {
    /// Appends the line, its newline included.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Frame::PrivateMessage { envelope, message } => {
                message::private_message(out, envelope, message)
            }
            Frame::Accepted {
                id,
                message_id,
                to,
                time,
            } => message::accepted(out, *id, *message_id, to, time),
            other => other.write_rare(out),
        }
    }

    fn write_rare(&self, out: &mut Vec<u8>) {
        match *self {
            Frame::PrivateMessage { .. } | Frame::Accepted { .. } => {}
            Frame::Hello { line, nonce } => return line.write(out, nonce),
            Frame::Typing { from } => {
                open(out, "typing", None);
                text(out, "from", from);
            }
            Frame::Presence {
                username,
                status,
                since,
            } => {
                open(out, "presence", None);
                text(out, "username", username);
                text(out, "status", status.as_str());
                text(out, "since", since.as_str());
            }
            Frame::Ok { id, command } => {
                open(out, "ok", Some(id));
                text(out, "command", command.as_str());
            }
            Frame::Help { id, command, mode } => help(out, id, command, mode),
            Frame::Ping { time } => {
                open(out, "ping", None);
                text(out, "time", time.as_str());
            }
            Frame::Pong { id, data, time } => {
                open(out, "pong", id);
                raw(out, "data", data);
                text(out, "time", time.as_str());
            }
            Frame::Error(ref error) => error_message(out, error),
            Frame::Goodbye {
                id,
                code,
                after_ms,
                instead,
            } => goodbye(out, id, code, after_ms, instead),
            Frame::Copy { .. }
            | Frame::Done { .. }
            | Frame::Device { .. }
            | Frame::SessionNotice { .. } => self.write_notice(out),
            Frame::Line(line) => {
                out.extend_from_slice(line);
                return out.push(b'\n');
            }
            Frame::Registered { .. }
            | Frame::Stored { .. }
            | Frame::Entry(_)
            | Frame::Replay { .. }
            | Frame::Synced { .. }
            | Frame::Conversation { .. }
            | Frame::Settings { .. } => mail::write(out, self),
        }
        out.extend_from_slice(b"}\n");
    }

    /// What is about one's own account, without its end.
    fn write_notice(&self, out: &mut Vec<u8>) {
        match *self {
            Frame::Copy {
                from,
                message,
                time,
                to,
            } => message::copy(out, from, message, &time, to),
            Frame::Done {
                id,
                command,
                count,
                complete,
            } => {
                open(out, "done", id);
                text(out, "command", command.as_str());
                optional_number(out, "count", Some(count));
                flag(out, "complete", complete);
            }
            Frame::Device {
                id,
                device,
                created_at,
                seen_at,
                is_current,
            } => {
                open(out, "device", id);
                text(out, "device", device);
                text(out, "createdAt", created_at.as_str());
                text(out, "seenAt", seen_at.as_str());
                if is_current {
                    flag(out, "current", true);
                }
            }
            Frame::SessionNotice {
                kind,
                count,
                device,
                time,
            } => {
                open(out, "sessionNotice", None);
                text(out, "kind", kind.as_str());
                optional_number(out, "count", count);
                optional_text(out, "device", device);
                text(out, "time", time.as_str());
            }
            _ => {}
        }
    }
}

fn error_message(out: &mut Vec<u8>, error: &ErrorMessage<'_>) {
    open(out, "errorMessage", error.id);
    if let Some(verb) = error.command {
        text(out, "command", verb.as_str());
    }
    text(out, "code", error.code.as_str());
    key(out, "message");
    string(out, error.message);
    if let Some(field) = error.field {
        text(out, "field", field);
    }
    raw(out, "toUsername", error.to_raw);
    if let Some(hint) = error.hint {
        key(out, "hint");
        string(out, hint);
    }
    flag(out, "retryable", error.code.retryable());
    optional_number(out, "retryAfterMs", error.retry_after_ms);
}

fn goodbye(
    out: &mut Vec<u8>,
    id: Option<Raw<'_>>,
    code: Goodbye,
    after_ms: Option<u32>,
    instead: Option<&str>,
) {
    open(out, "goodbye", id);
    text(out, "code", code.as_str());
    key(out, "message");
    match instead {
        Some(instead) => string(out, &format!("{}{instead}", code.message())),
        None => string(out, code.message()),
    }
    flag(out, "reconnect", code.reconnect());
    optional_number(out, "afterMs", after_ms);
}

fn help(out: &mut Vec<u8>, id: Option<Raw<'_>>, only: Option<Verb>, mode: Mode) {
    open(out, "help", id);
    key(out, "commands");
    out.push(b'[');
    let asked = |(verb, _): &(Verb, &str)| only.is_none_or(|only| only == *verb);
    for (index, (verb, example)) in examples(mode).filter(asked).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"command\":\"");
        out.extend_from_slice(verb.as_str().as_bytes());
        out.extend_from_slice(b"\",\"example\":");
        string(out, example);
        out.push(b'}');
    }
    out.push(b']');
}
