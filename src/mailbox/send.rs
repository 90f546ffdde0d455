//! Whether a message is taken, and what taking it adds to whose mailbox.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};

use super::post::{Post, Stop, refused};
use super::sweep::latest;
use super::{Accepted, Answer, Event, Letter, Regard, Sender};
use crate::accounts::Refused;
use crate::config::MailboxConfig;
use crate::planted::{self, Fault};
use crate::store::{
    Conversation, Failed, Fingerprint, Hidden, Known, KnownBy, LogKind, LogRow, Mailbox,
    MessageRow, MessageState, Sent,
};
use crate::wire::code::{AcceptFrom, Code};

/// What one sender may hold of what waits whom the owner has neither answered nor allowed: one part of so many.
const STRANGERS_PART: u32 = 4;

impl Post<'_> {
    /// The order of the checks is part of the protocol.
    pub(super) fn send(&mut self, from: &Sender, letter: &Letter) -> Result<Answer, Stop> {
        let me = self.sender(from)?;
        let known_by = letter.message_id.as_ref().map(|message_id| KnownBy {
            sender: me.id,
            message_id: message_id.clone(),
            fingerprint: self.tables.keyed(fingerprint(letter)),
        });
        let known_by = known_by.filter(|_| !planted::is(Fault::MessageIdForgotten));
        if let Some(by) = &known_by
            && let Some(was) = self.tables.message_known_by(me.id, &by.message_id)?
        {
            return self.sent_again(letter, by, &was);
        }
        let to = self.recipient(&letter.to)?;
        let blocked = self.check(&me, &to, letter.message.len())?;
        let conversation = self.tables.conversation_of(me.id, to.id)?;
        let row = self.row(&me, letter, known_by, &conversation, blocked)?;
        self.count(&me, &to, conversation, &row)?;
        self.deliver(&me, &to, from, &row)?;
        Ok(Answer::Accepted(Accepted {
            to: to.who,
            message_id: letter.message_id.clone(),
            seq: row.seq,
            time_unix_ms: row.time_unix_ms,
            duplicate: false,
        }))
    }

    fn sent_again(&self, letter: &Letter, by: &KnownBy, was: &Sent) -> Result<Answer, Stop> {
        let is_same = was.by.as_ref().is_some_and(|was| {
            (&was.message_id, was.fingerprint) == (&by.message_id, by.fingerprint)
        });
        if !is_same && !planted::is(Fault::AnyRepeat) {
            let text = "this messageId stands for another message of yours";
            return Err(refused(Code::MessageIdReused, text, Some("messageId")));
        }
        // In whatever state it is now: the message was taken.
        let to = self.tables.known_named(&letter.to)?;
        let to = to.ok_or_else(|| Failed::damaged("whom a message was sent to"))?;
        Ok(Answer::Accepted(Accepted {
            to: to.who,
            message_id: letter.message_id.clone(),
            seq: was.seq,
            time_unix_ms: was.time_unix_ms,
            duplicate: !planted::is(Fault::RepeatUnmarked),
        }))
    }

    /// Whether the recipient has blocked the sender, if nothing else is in the way.
    fn check(&self, me: &Known, to: &Known, bytes: usize) -> Result<bool, Stop> {
        self.check_accepted(me, to)?;
        let mailbox = self.tables.mailbox(to.id)?;
        let side = self.tables.conversation(me.id, to.id)?;
        let side = side.map(|mut with| *with.side(to.id)).unwrap_or_default();
        let bytes = bytes as u64;
        let all = Room::of(self.config, 1);
        let room = match me.id == to.id || self.knows(to.id, me.id)? {
            true => all,
            false => Room::of(self.config, STRANGERS_PART),
        };
        if bytes > room.bytes {
            let text = "this is longer than all that you may have waiting there";
            return Err(refused(Code::MessageTooBig, text, Some("message")));
        }
        let fits = all.has_room(mailbox.waiting, mailbox.waiting_bytes, bytes)
            && room.has_room(side.waiting, side.waiting_bytes, bytes);
        match fits {
            true => {
                let blocked = self.tables.relation(to.id, me.id)?.blocked;
                if blocked && planted::is(Fault::BlockTold) {
                    return Err(refused(Code::NotAccepted, "you are blocked", None));
                }
                Ok(blocked && !planted::is(Fault::BlockIgnored))
            }
            false => Err(Stop::Refused(full())),
        }
    }

    /// Whether `to` takes messages of `me` at all.
    pub(super) fn check_accepted(&self, me: &Known, to: &Known) -> Result<(), Stop> {
        let Mailbox { settings, .. } = self.tables.mailbox(to.id)?;
        let accepts = me.id == to.id
            || match settings.accept_from {
                AcceptFrom::Anyone => true,
                AcceptFrom::Known => self.knows(to.id, me.id)?,
                AcceptFrom::Allowed => self.tables.relation(to.id, me.id)?.allowed,
            };
        if accepts {
            return Ok(());
        }
        let text = "this user takes messages only from people they chose";
        Err(refused(Code::NotAccepted, text, Some("toUsername")))
    }

    fn row(
        &self,
        me: &Known,
        letter: &Letter,
        known_by: Option<KnownBy>,
        conversation: &Conversation,
        blocked: bool,
    ) -> Result<MessageRow, Failed> {
        // A clock that was set back a little does not put a message before the one it answers. One that was far ahead
        // does not date what comes later.
        let last = Some(conversation.last_unix_ms).filter(|last| *last <= latest(self.now));
        let time_unix_ms = self.now.unix_ms.max(last.unwrap_or(0));
        let expires = letter
            .expires_in_s
            .map(|s| u64::from(s).saturating_mul(1_000));
        let hidden = Hidden {
            blocked,
            ..Hidden::default()
        };
        let mut row = MessageRow {
            id: 0,
            conversation: conversation.id,
            seq: conversation.last_seq.saturating_add(1),
            from_high: conversation.is_high(me.id),
            time_unix_ms,
            state: MessageState::There,
            hidden,
            reply_to: letter.reply_to,
            edited_unix_ms: None,
            expires_unix_ms: expires.map(|ms| time_unix_ms.saturating_add(ms)),
            to_seq: None,
            known_by,
            kind: letter.kind.clone(),
            body: Arc::from(&*letter.message),
        };
        row.id = self.tables.add_message(&row)?;
        Ok(row)
    }

    /// What the conversation and the recipient's mailbox say of it.
    fn count(
        &mut self,
        me: &Known,
        to: &Known,
        mut conversation: Conversation,
        row: &MessageRow,
    ) -> Result<(), Failed> {
        let bytes = row.body.len() as u64;
        conversation.note_last(me.id, row.seq, row.time_unix_ms, row.hidden.blocked);
        let first = conversation.side(me.id).sent == 0;
        conversation.side(me.id).sent = row.seq;
        if !row.hidden.blocked {
            let side = conversation.side(to.id);
            side.waiting = side.waiting.saturating_add(1);
            side.waiting_bytes = side.waiting_bytes.saturating_add(bytes);
            let mut mailbox = self.tables.mailbox(to.id)?;
            mailbox.waiting = mailbox.waiting.saturating_add(1);
            mailbox.waiting_bytes = mailbox.waiting_bytes.saturating_add(bytes);
            self.tables.put_mailbox(to.id, mailbox);
        }
        self.tables.put_conversation(conversation);
        if first && me.id != to.id {
            self.regards.push(Regard {
                owner: me.who.clone(),
                toward: to.who.clone(),
                shows_presence: self.shows_presence(me.id, to.id)?,
            });
        }
        Ok(())
    }

    /// To the recipient, and to the sender's other devices.
    fn deliver(
        &mut self,
        me: &Known,
        to: &Known,
        from: &Sender,
        row: &MessageRow,
    ) -> Result<(), Failed> {
        if !row.hidden.blocked {
            let entry = LogRow {
                message: Some(row.id),
                peer: Some(me.id),
                seq: Some(row.seq),
                bytes: Some(row.body.len() as u64),
                ..LogRow::new(LogKind::Message)
            };
            let message = whole(row, me, None);
            self.add(to, &entry, Event::Message(Arc::new(message)))?;
        }
        if me.id != to.id && self.has_others(from)? {
            let entry = LogRow {
                message: Some(row.id),
                peer: Some(to.id),
                seq: Some(row.seq),
                device: from.device.clone(),
                ..LogRow::new(LogKind::Copy)
            };
            let message = whole(row, me, Some(to));
            self.add(me, &entry, Event::Message(Arc::new(message)))?;
        }
        Ok(())
    }
}

/// How much may wait.
#[derive(Clone, Copy)]
struct Room {
    messages: u64,
    bytes: u64,
}

impl Room {
    /// One of so many parts of what the operator allows.
    fn of(config: &MailboxConfig, parts: u32) -> Self {
        Room {
            messages: u64::from((config.max_waiting / parts).max(1)),
            bytes: config.max_waiting_bytes / u64::from(parts),
        }
    }

    fn has_room(self, messages: u64, bytes: u64, more: u64) -> bool {
        messages < self.messages && bytes.saturating_add(more) <= self.bytes
    }
}

/// A message as it was sent.
fn whole(row: &MessageRow, from: &Known, to: Option<&Known>) -> super::Message {
    super::Message {
        from: from.who.clone(),
        to: to.map(|to| to.who.clone()),
        seq: row.seq,
        to_seq: None,
        time_unix_ms: row.time_unix_ms,
        body: row.body.clone(),
        message_id: row.known_by.as_ref().map(|by| by.message_id.clone()),
        kind: row.kind.clone(),
        reply_to: row.reply_to,
        edited_unix_ms: None,
        expires_unix_ms: row.expires_unix_ms,
        removed: None,
    }
}

fn full() -> Refused {
    Refused {
        code: Code::MailboxFull,
        message: "too much waits there for this user to come and take it; try again later",
        field: None,
        retry_after_ms: Some(FULL_RETRY_MS),
    }
}

/// How long to wait for somebody to take their mail.
const FULL_RETRY_MS: u32 = 60_000;

/// The same for the same bytes only.
fn fingerprint(letter: &Letter) -> Fingerprint {
    let key = letter.to.key();
    let number = |n: Option<u64>| n.map(u64::to_be_bytes);
    let (reply_to, expires) = (
        number(letter.reply_to),
        number(letter.expires_in_s.map(u64::from)),
    );
    let parts = [
        Some(key.as_bytes()),
        Some(&*letter.message),
        letter.kind.as_deref(),
        reply_to.as_ref().map(|bytes| &bytes[..]),
        expires.as_ref().map(|bytes| &bytes[..]),
    ];
    let mut sum = Context::new(&SHA256);
    for part in parts {
        // Longer than any part: what is not there.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        sum.update(&length.to_be_bytes());
        sum.update(part.unwrap_or_default());
    }
    let sum = sum.finish();
    let mut fingerprint = Fingerprint::default();
    for (to, from) in fingerprint.iter_mut().zip(sum.as_ref()) {
        *to = *from;
    }
    fingerprint
}
