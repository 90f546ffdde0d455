//! The frames of a mailbox. Knows no recipient.
//!
//! What is kept of a message is written in one order whoever gets it; what only this delivery of it has comes last.

use super::Frame;
use super::json::{flag, key, number, open, optional_number, optional_text, quoted, raw, text};
use crate::mailbox::{
    Accepted, Change, Conversation, Entry, Event, Message, Opening, Settings, Who,
};
use crate::time::Stamp;
use crate::wire::code::{NoticeKind, Verb};
use crate::wire::command::Raw;

/// Without its end.
pub(super) fn write(out: &mut Vec<u8>, frame: &Frame<'_>) {
    match *frame {
        Frame::Registered {
            id,
            username,
            resume_token,
            device,
            mail,
            heartbeat_ms,
        } => {
            open(out, "registered", id);
            text(out, "username", username);
            if let Some(token) = resume_token {
                text(out, "resumeToken", &format!("{token:032x}"));
            }
            optional_text(out, "device", device);
            if let Some(mail) = mail {
                opening(out, mail);
            }
            optional_number(out, "heartbeatMs", heartbeat_ms);
        }
        Frame::Stored { id, accepted } => stored(out, id, accepted),
        Frame::Entry(written) => entry(out, written),
        Frame::Replay { id, message } => replay(out, id, message),
        Frame::Synced { pos } => {
            open(out, "synced", None);
            count(out, "pos", pos);
        }
        Frame::Conversation {
            id,
            conversation: listed,
        } => conversation(out, id, listed),
        Frame::Settings {
            id,
            settings: chosen,
        } => settings(out, id, chosen),
        _ => {}
    }
}

/// What `registered` says of the mailbox.
fn opening(out: &mut Vec<u8>, mail: &Opening) {
    count(out, "epoch", mail.epoch);
    count(out, "pos", mail.head);
    count(out, "ackedPos", mail.acked);
    if let Some(resumed) = mail.resumed {
        flag(out, "resumed", resumed);
    }
}

fn stored(out: &mut Vec<u8>, id: Option<Raw<'_>>, accepted: &Accepted) {
    open(out, "accepted", id);
    optional_quoted(out, "messageId", accepted.message_id.as_deref());
    text(out, "toUsername", accepted.to.as_str());
    count(out, "seq", accepted.seq);
    time(out, "time", accepted.time_unix_ms);
    if accepted.duplicate {
        flag(out, "duplicate", true);
    }
}

/// Where `redelivered` stands depends on the frame: see [`message`].
fn entry(out: &mut Vec<u8>, entry: &Entry) {
    match &entry.event {
        Event::Message(sent) => {
            message(out, sent, Some(entry.pos));
            marks(out, entry.redelivered);
            return removed(out, sent);
        }
        Event::Receipt {
            with,
            stage,
            up_to_seq,
            by,
            time_unix_ms,
        } => {
            about(out, "receipt", with);
            text(out, "stage", stage.as_str());
            count(out, "upToSeq", *up_to_seq);
            text(out, "by", by.as_str());
            time(out, "time", *time_unix_ms);
        }
        Event::Changed {
            with,
            seq,
            change,
            time_unix_ms,
        } => {
            about(out, "messageChanged", with);
            count(out, "seq", *seq);
            match change {
                Change::Edited(body) => raw(out, "message", Some(Raw(body))),
                Change::Removed(why) => text(out, "removed", why.as_str()),
            }
            time(out, "time", *time_unix_ms);
        }
        Event::ReadElsewhere { with, seq } => {
            about(out, "readElsewhere", with);
            count(out, "seq", *seq);
        }
        Event::NewDevice {
            device,
            time_unix_ms,
        } => {
            open(out, "sessionNotice", None);
            text(out, "kind", NoticeKind::NewDevice.as_str());
            text(out, "device", device);
            time(out, "time", *time_unix_ms);
        }
    }
    count(out, "pos", entry.pos);
    marks(out, entry.redelivered);
}

/// All but what only one delivery of it has, and `removed`. A hole has `message` too, `null`: so every `privateMessage`
/// has the same keys in front, and a client that looks for `removed` is the only one that needs to know of holes.
fn message(out: &mut Vec<u8>, message: &Message, pos: Option<u64>) {
    open(out, "privateMessage", None);
    message_keys(out, message, pos);
}

/// Those behind `type`.
pub(super) fn message_keys(out: &mut Vec<u8>, message: &Message, pos: Option<u64>) {
    text(out, "from", message.from.as_str());
    let body: &[u8] = match message.removed {
        None => &message.body,
        Some(_) => b"null",
    };
    raw(out, "message", Some(Raw(body)));
    time(out, "time", message.time_unix_ms);
    optional_text(out, "to", message.to.as_deref().map(|to| to.as_str()));
    count(out, "seq", message.seq);
    optional_count(out, "toSeq", message.to_seq);
    optional_count(out, "pos", pos);
    optional_quoted(out, "messageId", message.message_id.as_deref());
    optional_quoted(out, "kind", message.kind.as_deref());
    optional_count(out, "replyTo", message.reply_to);
    optional_time(out, "editedAt", message.edited_unix_ms);
    optional_time(out, "expiresAt", message.expires_unix_ms);
}

fn marks(out: &mut Vec<u8>, redelivered: bool) {
    if redelivered {
        flag(out, "redelivered", true);
    }
}

pub(super) fn removed(out: &mut Vec<u8>, message: &Message) {
    optional_text(out, "removed", message.removed.map(|why| why.as_str()));
}

fn replay(out: &mut Vec<u8>, id: Option<Raw<'_>>, replayed: &Message) {
    message(out, replayed, None);
    flag(out, "replay", true);
    raw(out, "id", id);
    removed(out, replayed);
}

fn conversation(out: &mut Vec<u8>, id: Option<Raw<'_>>, listed: &Conversation) {
    open(out, "conversation", id);
    conversation_keys(out, listed);
}

/// Those behind `type` and `id`.
pub(super) fn conversation_keys(out: &mut Vec<u8>, listed: &Conversation) {
    text(out, "withUsername", listed.with.as_str());
    count(out, "lastSeq", listed.last_seq);
    time(out, "lastTime", listed.last_unix_ms);
    count(out, "readSeq", listed.read_seq);
    count(out, "theirDeliveredSeq", listed.their_delivered_seq);
    count(out, "theirReadSeq", listed.their_read_seq);
    count(out, "unread", listed.unread);
}

fn settings(out: &mut Vec<u8>, id: Option<Raw<'_>>, settings: &Settings) {
    open(out, "ok", id);
    text(out, "command", Verb::Settings.as_str());
    text(out, "acceptFrom", settings.accept_from.as_str());
    flag(out, "deliveryReceipts", settings.delivery_receipts);
    flag(out, "readReceipts", settings.read_receipts);
}

fn about(out: &mut Vec<u8>, kind: &'static str, with: &Who) {
    open(out, kind, None);
    text(out, "withUsername", with.as_str());
}

pub(super) fn time(out: &mut Vec<u8>, name: &'static str, unix_ms: u64) {
    text(out, name, Stamp::new(unix_ms).as_str());
}

fn optional_time(out: &mut Vec<u8>, name: &'static str, unix_ms: Option<u64>) {
    if let Some(unix_ms) = unix_ms {
        time(out, name, unix_ms);
    }
}

/// `value` is a string as it stands between its quotes.
fn optional_quoted(out: &mut Vec<u8>, name: &'static str, value: Option<&[u8]>) {
    if let Some(value) = value {
        quoted(out, name, value);
    }
}

fn count(out: &mut Vec<u8>, name: &'static str, value: u64) {
    key(out, name);
    number(out, value);
}

fn optional_count(out: &mut Vec<u8>, name: &'static str, value: Option<u64>) {
    if let Some(value) = value {
        count(out, name, value);
    }
}

#[cfg(test)]
mod tests;
