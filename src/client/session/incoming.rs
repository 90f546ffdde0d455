//! What comes in a session: frames become events.

use std::time::Instant;

use super::{Next, Session, Stage};
use crate::client::command::{Command, Status};
use crate::client::event::Event;
use crate::client::frame::{Accepted, Frame, Message, Refusal, Tagged};
use crate::client::outbox;

impl Session {
    pub(super) fn frame(&mut self, frame: Frame, line: &str, now: Instant) -> Next {
        match frame {
            Frame::Goodbye(goodbye) => return self.goodbye(goodbye),
            Frame::Registered(registered) => {
                if matches!(self.stage, Stage::Registering { .. }) {
                    return self.registered(registered);
                }
            }
            Frame::Error(error) => return self.error(error, now),
            Frame::Ping => self.out.extend_from_slice(b"{\"type\":\"pong\"}\n"),
            Frame::Accepted(accepted) => self.accepted(accepted),
            Frame::Message(mut message) => {
                message.line = line.into();
                self.message(message);
            }
            Frame::Receipt(receipt) => self.entry(receipt.pos, Event::Receipt(receipt)),
            Frame::Changed(changed) => self.entry(changed.pos, Event::Changed(changed)),
            Frame::ReadElsewhere(read) => self.entry(read.pos, Event::ReadElsewhere(read)),
            Frame::Notice(notice) => match notice.pos {
                Some(pos) => self.entry(pos, Event::Notice(notice)),
                None => self.tell(Event::Notice(notice)),
            },
            Frame::Synced(synced) => {
                // What of it was no message is not to come again either.
                self.positions.take(synced.pos);
                self.events.push_back((Some(synced.pos), Event::Synced));
            }
            Frame::Typing(typing) => self.tell(Event::Typing { from: typing.from }),
            Frame::Presence(presence) => self.tell(Event::Presence(presence)),
            Frame::Exported(line) => self.tell(Event::Exported(line)),
            other => self.answering(other),
        }
        Next::Go
    }

    fn answering(&mut self, frame: Frame) {
        match frame {
            Frame::Conversation(Tagged {
                id: Some(id),
                frame,
            }) => self.conversation(id, frame),
            Frame::Device(Tagged {
                id: Some(id),
                frame,
            }) => self.device(id, frame),
            Frame::Done(Tagged {
                id: Some(id),
                frame,
            }) => self.done(id, frame),
            Frame::Ok(Tagged {
                id: Some(id),
                frame,
            }) => self.ok(id, frame),
            Frame::Pong(Tagged {
                id: Some(id),
                frame,
            }) => self.pong(id, frame.time),
            _ => {}
        }
    }

    fn message(&mut self, message: Message) {
        match (message.id, message.pos) {
            (Some(id), _) if message.replay => self.history_line(id, message),
            (_, Some(pos)) => self.entry(pos, Event::Message(message)),
            _ if self.seen.take(&message) => self.tell(Event::Message(message)),
            _ => {}
        }
    }

    /// An entry of the mailbox, unless it came before.
    fn entry(&mut self, pos: u64, event: Event) {
        if self.positions.take(pos) {
            self.events.push_back((Some(pos), event));
        }
    }

    fn accepted(&mut self, accepted: Accepted) {
        let Some(id) = accepted.id else {
            return;
        };
        match self.outbox.answered(id) {
            Some(entry) => self.tell(Event::Accepted {
                message_id: entry.message_id,
                to: accepted.to_username,
                seq: accepted.seq,
                time: accepted.time,
                duplicate: accepted.duplicate,
            }),
            None => self.edited(id, accepted),
        }
    }

    fn error(&mut self, error: Tagged<Refusal>, now: Instant) -> Next {
        let mut refusal = error.frame;
        refusal.message = crate::escape::plain(&refusal.message, 500);
        refusal.code = crate::escape::plain(&refusal.code, 64);
        refusal.hint = refusal.hint.map(|hint| crate::escape::plain(&hint, 500));
        if matches!(self.stage, Stage::Registering { .. }) {
            return self.not_registered(refusal);
        }
        let Some(id) = error.id else {
            self.tell(Event::Error(refusal));
            return Next::Go;
        };
        if outbox::is_passing(&refusal)
            && let Some(entry) = self.outbox.delay(id, &refusal, now)
        {
            let (message_id, to) = (entry.message_id.clone(), entry.to.clone());
            let error = refusal;
            self.tell(Event::Delayed {
                message_id,
                to,
                error,
            });
            return Next::Go;
        }
        if self.refused(id, &refusal) {
            return Next::Go;
        }
        match self.outbox.answered(id) {
            Some(entry) => self.tell(Event::Refused {
                message_id: entry.message_id,
                to: entry.to,
                error: refusal,
            }),
            None => self.tell(Event::Error(refusal)),
        }
        Next::Go
    }

    /// What has to be said again on the next connection.
    pub(super) fn remember(&mut self, command: &Command) {
        match command {
            Command::Watch { usernames } => self.watched.extend(usernames.iter().cloned()),
            Command::Unwatch { usernames } => {
                for name in usernames {
                    self.watched.remove(name);
                }
            }
            Command::SetStatus { status } => self.status = *status,
            _ => {}
        }
    }

    pub(super) fn pump_acks(&mut self) {
        if let Some(pos) = self.positions.ack() {
            let line = format!("{{\"type\":\"ack\",\"pos\":{pos}}}\n");
            self.out.extend_from_slice(line.as_bytes());
        }
    }

    /// As it is set now.
    pub fn status(&self) -> Status {
        self.status
    }
}
