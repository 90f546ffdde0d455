//! Each verb's fields → [`Command`]. Knows which fields a verb has and what they may be, not what they do.

use super::fields::{Fields, bad_value};
use super::scalar::MAX_INTEGER;
use super::{Command, PrivateMessage, Refusal, Register, account, mail, proof};
use crate::wire::code::{Code, Deliver, Mode, Status, Verb};

pub(super) fn command<'a>(
    verb: Verb,
    fields: &Fields<'a>,
    mode: Mode,
) -> Result<Command<'a>, Refusal<'a>> {
    Ok(match verb {
        Verb::Register => Command::Register(register(fields, mode)?),
        Verb::PrivateMessage => Command::PrivateMessage(private_message(fields)?),
        Verb::Typing => {
            let (to, to_raw) = fields.name("toUsername")?;
            Command::Typing { to, to_raw }
        }
        Verb::Watch => Command::Watch {
            usernames: fields.names("usernames")?,
        },
        Verb::Unwatch => Command::Unwatch {
            usernames: fields.names("usernames")?,
        },
        Verb::SetStatus => Command::SetStatus(set_status(fields, mode)?),
        Verb::Ping => Command::Ping {
            data: fields.raw("data"),
        },
        Verb::Pong => Command::Pong,
        Verb::Help => Command::Help {
            command: help(fields)?,
        },
        Verb::Bye => Command::Bye,
        Verb::Account if mode == Mode::Mailbox => {
            Command::Account(Box::new(account::account(fields)?))
        }
        Verb::Ack if mode == Mode::Mailbox => mail::ack(fields)?,
        _ if mode == Mode::Mailbox && mail::is_mail(verb) => {
            Command::Mail(Box::new(mail::mail(verb, fields)?))
        }
        Verb::Ack
        | Verb::MarkRead
        | Verb::History
        | Verb::Conversations
        | Verb::EditMessage
        | Verb::DeleteMessage
        | Verb::Block
        | Verb::Unblock
        | Verb::Allow
        | Verb::Disallow
        | Verb::Settings
        | Verb::Account => Command::Mailbox(verb),
    })
}

fn private_message<'a>(fields: &Fields<'a>) -> Result<PrivateMessage<'a>, Refusal<'a>> {
    let (to, to_raw) = fields.name("toUsername")?;
    let message = fields.required_raw("message")?;
    let message_id = fields.short_string("messageId", 1)?;
    let kind = fields.short_string("kind", 0)?;
    fields.integer("replyTo", 1..=MAX_INTEGER)?;
    let ephemeral = fields.boolean("ephemeral")?.unwrap_or(false);
    let expires_in = fields.integer("expiresIn", 1..=MOST_EXPIRES_IN_S)?;
    let expires_in_s = expires_in.and_then(|seconds| u32::try_from(seconds).ok());
    let reply_to = fields.raw("replyTo");
    Ok(PrivateMessage {
        to,
        to_raw,
        message,
        message_id,
        kind,
        reply_to,
        ephemeral,
        expires_in_s,
    })
}

/// The version first: in another one the other fields may mean something else.
fn register<'a>(fields: &Fields<'a>, mode: Mode) -> Result<Register<'a>, Refusal<'a>> {
    if fields
        .integer("protocol", -MAX_INTEGER..=MAX_INTEGER)?
        .is_some_and(|version| version != 1)
    {
        return Err(unsupported_version());
    }
    let (username, _) = fields.name("username")?;
    let resume_token = proof::resume_token(fields)?;
    let proof = match mode {
        Mode::Open => None,
        Mode::Mailbox => proof::credential(fields)?.map(Box::new),
    };
    let heartbeat_ms = fields
        .integer("heartbeatMs", 5_000..=600_000)?
        .and_then(|ms| u32::try_from(ms).ok());
    let (status, invisible) = match fields.word("status")? {
        None => (None, None),
        Some(word) => {
            status(&word, mode)?.map_or((None, Some("status")), |status| (Some(status), None))
        }
    };
    let device = match mode {
        Mode::Open => fields.short_string("device", 1).map(|_| None)?,
        Mode::Mailbox => proof::device(fields)?,
    };
    let window = fields
        .integer("window", 1..=MAX_WINDOW)?
        .map_or(DEFAULT_WINDOW, |window| window as u32);
    let (mail, unavailable) = match mode {
        Mode::Open => {
            deliver(fields)?;
            (mail::UNUSED, fields.first_of(MAILBOX_FIELDS).or(invisible))
        }
        Mode::Mailbox => (mail::wanted(fields, deliver(fields)?)?, None),
    };
    Ok(Register {
        username,
        resume_token,
        heartbeat_ms,
        status,
        unavailable,
        proof,
        device,
        mail,
        window,
    })
}

fn set_status<'a>(fields: &Fields<'a>, mode: Mode) -> Result<Status, Refusal<'a>> {
    status(&fields.required_word("status")?, mode)?.ok_or_else(|| {
        Refusal::of_field(
            Code::NotAvailable,
            "status",
            "this server has no status invisible",
        )
    })
}

fn deliver<'a>(fields: &Fields<'a>) -> Result<Deliver, Refusal<'a>> {
    match fields.word("deliver")? {
        None => Ok(Deliver::Auto),
        Some(word) => {
            Deliver::parse(&word).ok_or_else(|| bad_value("deliver", "must be auto, ack or none"))
        }
    }
}

/// As others see it. None: `invisible`, which only a server with mailboxes has.
fn status(word: &str, mode: Mode) -> Result<Option<Status>, Refusal<'static>> {
    match (word, mode) {
        ("online", _) => Ok(Some(Status::Online)),
        ("away", _) => Ok(Some(Status::Away)),
        ("invisible", Mode::Open) => Ok(None),
        ("invisible", Mode::Mailbox) => Ok(Some(Status::Offline)),
        (_, Mode::Open) => Err(bad_value("status", "must be online or away")),
        (_, Mode::Mailbox) => Err(bad_value("status", "must be online, away or invisible")),
    }
}

fn help<'a>(fields: &Fields<'a>) -> Result<Option<Verb>, Refusal<'a>> {
    let Some(word) = fields.word("command")? else {
        return Ok(None);
    };
    match Verb::parse(&word) {
        Some(verb) => Ok(Some(verb)),
        None => Err(bad_value(
            "command",
            "is not a command; without it all are listed",
        )),
    }
}

fn unsupported_version() -> Refusal<'static> {
    Refusal {
        hint: Some("supported: 1"),
        ..Refusal::of_field(
            Code::UnsupportedVersion,
            "protocol",
            "this version of the protocol is not spoken here",
        )
    }
}

/// What only a server with mailboxes has.
const MAILBOX_FIELDS: &[&str] = &[
    "password",
    "token",
    "publicKey",
    "signature",
    "after",
    "epoch",
];

/// Ten years.
const MOST_EXPIRES_IN_S: i64 = 10 * 366 * 86_400;
const MAX_WINDOW: i64 = 1_024;
const DEFAULT_WINDOW: u32 = 256;
